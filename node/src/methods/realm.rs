//! `realm_call`, `realm_subscribe` and `realm_resume`.

use super::connection;
use crate::{
    dispatcher::{Dispatcher, Request},
    events::{self, EventLimits, Streams},
};
use jsonrpsee::{
    Extensions, PendingSubscriptionSink,
    core::{RpcResult, SubscriptionResult, async_trait},
};
use realm_rpc::api::{RealmServer, ResumeServer};
use serde_json::Value;
use std::sync::Arc;

/// The node's own method that `realm_call` answers too, so that a client which knows only
/// `realm_call` can find out the rest.
const METADATA_METHOD: &str = "system_metadata";

#[derive(Clone)]
pub struct Realm {
    pub dispatcher: Arc<Dispatcher>,
    pub events: EventLimits,
    pub streams: Arc<Streams>,
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
            return Ok(super::system::metadata(&self.dispatcher, connection(extensions)?));
        }
        let request = Request { function, params, options };
        let call = self.dispatcher.prepare(connection(extensions)?, request)?;
        Ok(self.dispatcher.run(call.attended()?, None).await?)
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
            Ok(call) if call.is_resumable() => {
                events::start(&self.dispatcher, &self.streams, call, pending, self.events).await?;
            }
            Ok(call) => {
                let sink = pending.accept().await?;
                events::serve(&self.dispatcher, call, sink, self.events).await;
            }
            Err(error) => pending.reject(error).await,
        }
        Ok(())
    }
}

#[async_trait]
impl ResumeServer for Realm {
    async fn resume(
        &self,
        pending: PendingSubscriptionSink,
        extensions: &Extensions,
        id: String,
        from_seq: u64,
        options: Option<Value>,
    ) -> SubscriptionResult {
        let connection = connection(extensions);
        let tenant = connection.clone().and_then(|connection| self.dispatcher.tenant_of(connection, options));
        let found = tenant.and_then(|tenant| self.streams.attach(&tenant.id, &id, from_seq));
        let running = self.dispatcher.drain.enter();
        match found.and_then(|reader| Ok((reader, running?, connection?))) {
            Ok((reader, _running, connection)) => {
                events::follow(&self.dispatcher, &self.streams, reader, connection, pending, self.events).await?;
            }
            Err(error) => pending.reject(error).await,
        }
        Ok(())
    }
}
