//! What the node says about itself.

use crate::{Health, MethodList};
use jsonrpsee::{core::RpcResult, proc_macros::rpc};
use serde_json::{Map, Value};

/// Substrate's `system_*`, and the description of the runtime's functions in JSON.
#[cfg_attr(not(feature = "client"), rpc(server))]
#[cfg_attr(feature = "client", rpc(server, client))]
pub trait System {
    /// Everything one needs to call the runtime by hand: `{version, spec_name, spec_version,
    /// metadata_hash, functions: [{name, api, params, returns, stream, description}]}`.
    #[method(name = "system_metadata", with_extensions)]
    async fn metadata(&self) -> RpcResult<Value>;

    /// Whether the node is well. Answers without touching the runtime.
    #[method(name = "system_health")]
    fn health(&self) -> RpcResult<Health>;

    /// The chain's name.
    #[method(name = "system_chain")]
    fn chain(&self) -> RpcResult<String>;

    /// The program's name.
    #[method(name = "system_name")]
    fn name(&self) -> RpcResult<String>;

    /// The program's version.
    #[method(name = "system_version")]
    fn version(&self) -> RpcResult<String>;

    /// The chain specification's `properties`.
    #[method(name = "system_properties")]
    fn properties(&self) -> RpcResult<Map<String, Value>>;
}

/// What can be called.
#[cfg_attr(not(feature = "client"), rpc(server))]
#[cfg_attr(feature = "client", rpc(server, client))]
pub trait Discovery {
    /// The names of all methods.
    #[method(name = "rpc_methods")]
    fn methods(&self) -> RpcResult<MethodList>;

    /// An OpenRPC document of the node's methods and the runtime's functions.
    #[method(name = "rpc.discover", with_extensions)]
    async fn discover(&self) -> RpcResult<Value>;
}
