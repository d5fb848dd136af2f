//! Substrate's `chain_*` and `chainSpec_v1_*`: the upgrade log as a chain of blocks.

use crate::{BlockShape, HeaderShape};
use jsonrpsee::{
    core::{RpcResult, SubscriptionResult},
    proc_macros::rpc,
};
use serde_json::{Map, Value};

/// Blocks. A hash that is left out, null or empty means the newest block.
#[rpc(server)]
pub trait Chain {
    /// A header, or null.
    #[method(name = "chain_getHeader")]
    fn header(&self, hash: Option<Value>) -> RpcResult<Option<HeaderShape>>;

    /// A block, or null. There are no extrinsics in it.
    #[method(name = "chain_getBlock")]
    fn block(&self, hash: Option<Value>) -> RpcResult<Option<BlockShape>>;

    /// The hash at a height, which is a number or hex; the newest without one; a list for a list.
    #[method(name = "chain_getBlockHash", aliases = ["chain_getHead"])]
    fn block_hash(&self, number: Option<Value>) -> RpcResult<Value>;

    /// The hash of the newest final block: the newest block.
    #[method(name = "chain_getFinalizedHead", aliases = ["chain_getFinalisedHead"])]
    fn finalized_head(&self) -> RpcResult<String>;

    /// The newest header, and every later one.
    #[subscription(name = "chain_subscribeNewHeads" => "chain_newHead", unsubscribe = "chain_unsubscribeNewHeads",
        aliases = ["chain_subscribeNewHead", "subscribe_newHead"],
        unsubscribe_aliases = ["chain_unsubscribeNewHead", "unsubscribe_newHead"], item = HeaderShape)]
    async fn subscribe_new_heads(&self) -> SubscriptionResult;

    /// The same: every block is on the one chain.
    #[subscription(name = "chain_subscribeAllHeads" => "chain_allHead", unsubscribe = "chain_unsubscribeAllHeads", item = HeaderShape)]
    async fn subscribe_all_heads(&self) -> SubscriptionResult;

    /// The same: every block is final at once.
    #[subscription(name = "chain_subscribeFinalizedHeads" => "chain_finalizedHead", unsubscribe = "chain_unsubscribeFinalizedHeads",
        aliases = ["chain_subscribeFinalisedHeads"], unsubscribe_aliases = ["chain_unsubscribeFinalisedHeads"], item = HeaderShape)]
    async fn subscribe_finalized_heads(&self) -> SubscriptionResult;

    /// The chain's name.
    #[method(name = "chainSpec_v1_chainName")]
    fn spec_name(&self) -> RpcResult<String>;

    /// The hash of the first block.
    #[method(name = "chainSpec_v1_genesisHash")]
    fn spec_genesis_hash(&self) -> RpcResult<String>;

    /// The chain specification's `properties`.
    #[method(name = "chainSpec_v1_properties")]
    fn spec_properties(&self) -> RpcResult<Map<String, Value>>;
}
