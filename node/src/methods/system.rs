//! `system_*`.

use super::{ChainInfo, NODE_NAME, NODE_VERSION};
use crate::{connection::Connection, dispatcher::Dispatcher};
use jsonrpsee::{
    Extensions,
    core::{RpcResult, async_trait},
};
use realm_rpc::{Health, api::SystemServer};
use serde_json::{Map, Value};
use std::sync::Arc;

pub struct System {
    pub dispatcher: Arc<Dispatcher>,
    pub chain: ChainInfo,
}

/// The discovery document of the runtime that a connection sees.
pub fn metadata(dispatcher: &Dispatcher, connection: &Connection) -> Value {
    Value::clone(&dispatcher.tenants.seen_by(connection).runtime.current().discovery)
}

/// Whether the node is well: it is if it can say so.
pub fn health() -> Health {
    Health { peers: 0, is_syncing: false, should_have_peers: false }
}

#[async_trait]
impl SystemServer for System {
    async fn metadata(&self, extensions: &Extensions) -> RpcResult<Value> {
        Ok(metadata(&self.dispatcher, super::connection(extensions)?))
    }

    fn health(&self) -> RpcResult<Health> {
        Ok(health())
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
