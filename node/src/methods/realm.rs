//! `realm_call` and `realm_subscribe`.

use super::connection;
use crate::{
    dispatcher::{Dispatcher, Request},
    events::{self, EventLimits},
};
use jsonrpsee::{
    Extensions, PendingSubscriptionSink,
    core::{RpcResult, SubscriptionResult, async_trait},
};
use realm_rpc::api::RealmServer;
use serde_json::Value;
use std::sync::Arc;

/// The node's own method that `realm_call` answers too, so that a client which knows only
/// `realm_call` can find out the rest.
const METADATA_METHOD: &str = "system_metadata";

pub struct Realm {
    pub dispatcher: Arc<Dispatcher>,
    pub events: EventLimits,
}

#[async_trait]
impl RealmServer for Realm {
    async fn call(
        &self,
        extensions: &Extensions,
        function: String,
        params: Option<Value>,
        options: Option<Value>,
    ) -> RpcResult<Value> {
        if function == METADATA_METHOD {
            return Ok(super::system::metadata(&self.dispatcher)?);
        }
        let request = Request { function, params, options };
        let call = self.dispatcher.prepare(connection(extensions)?, request)?;
        Ok(self.dispatcher.run(call, None).await?)
    }

    async fn subscribe_events(
        &self,
        pending: PendingSubscriptionSink,
        extensions: &Extensions,
        function: String,
        params: Option<Value>,
        options: Option<Value>,
    ) -> SubscriptionResult {
        let request = Request { function, params, options };
        let prepared = connection(extensions).and_then(|connection| self.dispatcher.prepare(connection, request));
        match prepared {
            Ok(call) => {
                let sink = pending.accept().await?;
                events::serve(&self.dispatcher, call, sink, self.events).await;
            }
            Err(error) => pending.reject(error).await,
        }
        Ok(())
    }
}
