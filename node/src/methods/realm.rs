//! `realm_call`, `realm_subscribe` and `realm_resume`.

use super::connection;
use crate::{
    dispatcher::{Dispatcher, Request, RequestOptions},
    events::{self, EventLimits, Streams},
};
use jsonrpsee::{
    Extensions, PendingSubscriptionSink,
    core::{RpcResult, SubscriptionResult, async_trait},
};
use realm_rpc::{
    EventBody, RpcError,
    api::{RealmServer, ResumeServer},
};
use serde_json::Value;
use std::sync::Arc;

/// The node's own method that `realm_call` and `realm_subscribe` answer too, so that a client that knows only one of
/// these can find out the rest.
const METADATA_METHOD: &str = "system_metadata";

#[derive(Clone)]
pub struct Realm {
    pub dispatcher: Arc<Dispatcher>,
    pub events: EventLimits,
    pub streams: Arc<Streams>,
}

impl Realm {
    /// The discovery document, and the client's own id of the request.
    fn metadata(&self, extensions: &Extensions, options: Option<&Value>) -> Result<(Option<String>, Value), RpcError> {
        let options = RequestOptions::read(options.cloned())?;
        Ok((options.id, super::system::metadata(&self.dispatcher, connection(extensions)?)))
    }
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
        let call = self.dispatcher.prepare(connection(extensions)?, request).await?;
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
        if function == METADATA_METHOD {
            return match self.metadata(extensions, options.as_ref()) {
                Ok((id, document)) => {
                    let traffic = connection(extensions)?.slot().traffic.clone();
                    let sink = events::NumberedSink::new(pending.accept().await?, id, traffic);
                    let tenant = self.dispatcher.tenant_of(connection(extensions)?, options)?;
                    sink.finish(EventBody::Result { data: document }, &tenant.resources.budget).await;
                    Ok(())
                }
                Err(error) => {
                    pending.reject(error).await;
                    Ok(())
                }
            };
        }
        let request = Request { function, params, options };
        let prepared = match connection(extensions) {
            Ok(connection) => self.dispatcher.prepare(connection, request).await,
            Err(error) => Err(error),
        };
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
        let traffic = connection(extensions)?.slot().traffic.clone();
        let tenant = connection(extensions).and_then(|connection| self.dispatcher.tenant_of(connection, options));
        let found = tenant.and_then(|tenant| self.streams.attach(&tenant.id, &id, from_seq));
        let running = self.dispatcher.drain.enter();
        match found.and_then(|reader| Ok((reader, running?))) {
            Ok((reader, _running)) => {
                events::follow(&self.dispatcher, &self.streams, reader, pending, &traffic, self.events).await?;
            }
            Err(error) => pending.reject(error).await,
        }
        Ok(())
    }
}
