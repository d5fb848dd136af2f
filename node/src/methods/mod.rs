//! The JSON-RPC methods: each turns its parameters into a question to the dispatcher and the answer
//! into its wire shape. What is decided is decided elsewhere.

mod auth;
mod discovery;
mod realm;
mod status;
mod system;
mod tenants;
mod unsubscribe;
mod usage;

use crate::{
    connection::Connection,
    dispatcher::Dispatcher,
    events::{EventLimits, Streams},
};
use jsonrpsee::{Extensions, RpcModule, core::RegisterMethodError};
use realm_rpc::{
    ErrorCode, RpcError,
    api::{AuthServer, DiscoveryServer, RealmServer, ResumeServer, SystemServer, UsageServer},
};
use serde_json::{Map, Value};
use std::sync::Arc;

/// The program's name, as `system_name` tells it.
pub const NODE_NAME: &str = "realm";
/// The program's version, as `system_version` tells it.
pub const NODE_VERSION: &str = env!("CARGO_PKG_VERSION");

/// What the methods know of the chain.
#[derive(Clone, Debug)]
pub struct ChainInfo {
    /// The chain's name.
    pub name: String,
    /// Its free properties.
    pub properties: Map<String, Value>,
}

/// All methods, answered by this dispatcher, and `others` beside them.
///
/// # Errors
/// Two methods have one name.
pub fn all(
    dispatcher: &Arc<Dispatcher>,
    chain: ChainInfo,
    events: EventLimits,
    others: RpcModule<()>,
) -> Result<RpcModule<()>, RegisterMethodError> {
    let mut module = RpcModule::new(());
    let streams = Arc::new(Streams::new(events.replay));
    let realm = realm::Realm { dispatcher: dispatcher.clone(), events, streams: streams.clone() };
    let mut calls = RpcModule::new(());
    calls.merge(RealmServer::into_rpc(realm.clone()))?;
    calls.merge(ResumeServer::into_rpc(realm))?;
    module.merge(unsubscribe::joined(calls, &streams)?)?;
    module.merge(auth::Auth { dispatcher: dispatcher.clone() }.into_rpc())?;
    module.merge(others)?;
    module.merge(usage::Usage { dispatcher: dispatcher.clone() }.into_rpc())?;
    module.merge(system::System { dispatcher: dispatcher.clone(), chain }.into_rpc())?;
    // Last, so that it knows the others; its own are listed too.
    let discovery = |names| discovery::Discovery { dispatcher: dispatcher.clone(), names }.into_rpc();
    let own = discovery(Vec::new());
    let mut names: Vec<_> = module.method_names().chain(own.method_names()).collect();
    names.sort_unstable();
    module.merge(discovery(names))?;
    Ok(module)
}

pub(crate) use status::Status;
pub use system::metadata as discovery_document;
pub(crate) use tenants::TenantMethods;

/// The connection that a request came over.
pub(crate) fn connection(extensions: &Extensions) -> Result<&Arc<Connection>, RpcError> {
    // The server puts it there for every request.
    extensions.get().ok_or_else(|| RpcError::new(ErrorCode::Internal, "the request came over no connection"))
}
