//! `system_*`.

use super::{ChainInfo, NODE_NAME, NODE_VERSION};
use crate::{connection::Connection, dispatcher::Dispatcher, drain};
use jsonrpsee::{
    Extensions,
    core::{RpcResult, async_trait},
};
use realm_metadata::{DiscoveryHeader, discovery};
use realm_rpc::{Health, RpcError, api::SystemServer};
use serde_json::{Map, Value};
use std::sync::Arc;

pub struct System {
    pub dispatcher: Arc<Dispatcher>,
    pub chain: ChainInfo,
}

/// The discovery document of the runtime that a connection sees.
pub fn metadata(dispatcher: &Dispatcher, connection: &Connection) -> Value {
    let runtime = dispatcher.tenants.seen_by(connection).runtime.current();
    let version = runtime.version();
    let header =
        DiscoveryHeader { version: NODE_VERSION, spec_name: &version.spec_name, spec_version: version.spec_version };
    discovery(&runtime.metadata, &header)
}

/// Substrate's shape of a node that has no peers because it needs none, and nothing to catch up with.
///
/// # Errors
/// SHUTTING_DOWN once the node stops, as `/health` answers 503 then.
pub fn health(dispatcher: &Dispatcher) -> Result<Health, RpcError> {
    match dispatcher.drain.is_draining() {
        false => Ok(Health { peers: 0, is_syncing: false, should_have_peers: false }),
        true => Err(drain::refused()),
    }
}

#[async_trait]
impl SystemServer for System {
    async fn metadata(&self, extensions: &Extensions) -> RpcResult<Value> {
        Ok(metadata(&self.dispatcher, super::connection(extensions)?))
    }

    fn health(&self) -> RpcResult<Health> {
        Ok(health(&self.dispatcher)?)
    }

    fn chain(&self) -> RpcResult<String> {
        Ok(self.chain.name.clone())
    }

    fn name(&self) -> RpcResult<String> {
        Ok(NODE_NAME.to_owned())
    }

    fn version(&self) -> RpcResult<String> {
        Ok(NODE_VERSION.to_owned())
    }

    fn properties(&self) -> RpcResult<Map<String, Value>> {
        Ok(self.chain.properties.clone())
    }
}
