//! Calling the runtime's functions by name, with JSON.

use jsonrpsee::{
    core::{RpcResult, SubscriptionResult},
    proc_macros::rpc,
};
use serde_json::Value;

/// Calls and streams.
#[cfg_attr(not(feature = "client"), rpc(server))]
#[cfg_attr(feature = "client", rpc(server, client))]
pub trait Realm {
    /// Calls `function` and answers with its result. `params` is a JSON object or array, or the
    /// SCALE encoding as `"0x.."`, and then so is the result. `options` is a [`crate::CallOptions`].
    #[method(name = "realm_call", with_extensions)]
    async fn call(&self, function: String, params: Option<Value>, options: Option<Value>) -> RpcResult<Value>;

    /// Calls `function` and sends what it emits, then its result or error, as [`crate::Event`]s.
    /// A call that cannot begin (unknown function, wrong parameters) is refused at once.
    #[subscription(name = "realm_subscribe" => "realm_event", unsubscribe = "realm_unsubscribe", item = crate::Event, with_extensions)]
    async fn subscribe_events(
        &self,
        function: String,
        params: Option<Value>,
        options: Option<Value>,
    ) -> SubscriptionResult;
}

/// Taking up streams again. A trait of its own, because jsonrpsee wants every subscription of a trait to have
/// notifications of its own, and these are [`Realm`]'s.
#[cfg_attr(not(feature = "client"), rpc(server))]
#[cfg_attr(feature = "client", rpc(server, client))]
pub trait Resume {
    /// Follows a stream that was subscribed with the option `resumable`, from event `from_seq` on. `id` is its
    /// `options.id`, else the id of its first subscription. Of `options` only `tenant_id` is read.
    ///
    /// `realm_unsubscribe` ends this subscription too; its own method is for clients that pair the two.
    #[subscription(name = "realm_resume" => "realm_event", unsubscribe = "realm_unresume", item = crate::Event, with_extensions)]
    async fn resume(&self, id: String, from_seq: u64, options: Option<Value>) -> SubscriptionResult;
}
