//! `state_call`, `state_getMetadata`, `state_getRuntimeVersion`.

use super::{
    shapes,
    view::{View, hex_of},
};
use crate::methods::connection;
use jsonrpsee::{
    Extensions,
    core::{RpcResult, async_trait},
};
use realm_rpc::{VersionShape, api::StateServer};
use serde_json::Value;

pub(super) struct State {
    pub view: View,
}

#[async_trait]
impl StateServer for State {
    async fn call(
        &self,
        extensions: &Extensions,
        method: String,
        data: String,
        at: Option<Value>,
    ) -> RpcResult<String> {
        let block = match self.view.named(at.as_ref())? {
            Some(_) => Some(self.view.block(at.as_ref())?),
            None => None,
        };
        Ok(self.view.call(connection(extensions)?, block.as_deref(), &method, &data).await?)
    }

    async fn metadata(&self, extensions: &Extensions, at: Option<Value>) -> RpcResult<String> {
        Ok(hex_of(self.view.runtime(connection(extensions)?, at.as_ref())?.metadata_bytes()))
    }

    async fn runtime_version(&self, extensions: &Extensions, at: Option<Value>) -> RpcResult<VersionShape> {
        Ok(shapes::version(self.view.runtime(connection(extensions)?, at.as_ref())?.version()))
    }
}
