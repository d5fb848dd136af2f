//! Substrate's `chainHead_v1_*`: following the newest blocks and calling at those one holds.

use crate::OperationStarted;
use jsonrpsee::{
    ResponsePayload,
    core::{RpcResult, SubscriptionResult},
    proc_macros::rpc,
};
use serde_json::Value;

/// Following. `follow` is the subscription's id; a block is named by its hash.
#[rpc(server)]
pub trait ChainHead {
    /// The newest block, and every later one; with the runtime of each if `with_runtime`.
    #[subscription(name = "chainHead_v1_follow" => "chainHead_v1_followEvent", unsubscribe = "chainHead_v1_unfollow",
        item = crate::FollowEventShape, with_extensions)]
    async fn follow(&self, with_runtime: bool) -> SubscriptionResult;

    /// A held block's header, SCALE hex.
    #[method(name = "chainHead_v1_header", with_extensions)]
    async fn header(&self, follow: String, hash: String) -> RpcResult<Option<String>>;

    /// Begins an operation that ends with the extrinsics of a held block: none.
    #[method(name = "chainHead_v1_body", with_extensions)]
    async fn body(&self, follow: String, hash: String) -> ResponsePayload<'static, OperationStarted>;

    /// Begins an operation that ends with a runtime function's answer.
    #[method(name = "chainHead_v1_call", with_extensions)]
    async fn call(
        &self,
        follow: String,
        hash: String,
        function: String,
        arguments: String,
    ) -> ResponsePayload<'static, OperationStarted>;

    /// Begins an operation that ends with values of storage, `[{key, type}]`.
    #[method(name = "chainHead_v1_storage", with_extensions)]
    async fn storage(
        &self,
        follow: String,
        hash: String,
        items: Vec<Value>,
        child_trie: Option<String>,
    ) -> ResponsePayload<'static, OperationStarted>;

    /// Lets go of held blocks: a hash, or a list of them.
    #[method(name = "chainHead_v1_unpin", with_extensions)]
    async fn unpin(&self, follow: String, hashes: Value) -> RpcResult<()>;

    /// Goes on with an operation that waits; none ever does.
    #[method(name = "chainHead_v1_continue", with_extensions)]
    async fn continue_operation(&self, follow: String, operation: String) -> RpcResult<()>;

    /// Ends an operation early. Nothing is said about one that has ended.
    #[method(name = "chainHead_v1_stopOperation", with_extensions)]
    async fn stop_operation(&self, follow: String, operation: String) -> RpcResult<()>;
}
