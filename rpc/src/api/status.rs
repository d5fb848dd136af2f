//! How a node is doing.

use crate::NodeStatus;
use jsonrpsee::{core::RpcResult, proc_macros::rpc};

/// For those who administer the node: what `/metrics` tells a machine that keeps books, told to one who looks.
#[cfg_attr(not(feature = "client"), rpc(server))]
#[cfg_attr(feature = "client", rpc(server, client))]
pub trait Status {
    /// What the node holds and does at this moment. Changes nothing and waits for no call.
    #[method(name = "realm_status", with_extensions)]
    async fn status(&self) -> RpcResult<NodeStatus>;
}
