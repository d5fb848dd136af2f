//! Substrate's `state_*`: the same functions, with SCALE.

use crate::VersionShape;
use jsonrpsee::{core::RpcResult, proc_macros::rpc};
use serde_json::Value;

/// Raw calls, metadata, version. A block hash may be given and null means now.
#[cfg_attr(not(feature = "client"), rpc(server))]
#[cfg_attr(feature = "client", rpc(server, client))]
pub trait State {
    /// Calls the export `method` (for example `Core_version`) with hex SCALE arguments, with or
    /// without `0x`, and answers with hex SCALE.
    #[method(name = "state_call", aliases = ["state_callAt"], with_extensions)]
    async fn call(&self, method: String, data: String, at: Option<Value>) -> RpcResult<String>;

    /// The runtime's metadata, hex.
    #[method(name = "state_getMetadata", with_extensions)]
    async fn metadata(&self, at: Option<Value>) -> RpcResult<String>;

    /// The runtime's version.
    #[method(name = "state_getRuntimeVersion", aliases = ["chain_getRuntimeVersion"], with_extensions)]
    async fn runtime_version(&self, at: Option<Value>) -> RpcResult<VersionShape>;
}
