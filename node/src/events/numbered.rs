//! Events with their numbers, into a subscription.

use crate::{connection::Connection, dispatcher::from_budget};
use jsonrpsee::SubscriptionSink;
use realm_host_functions::NativeBudget;
use realm_rpc::{Event, EventBody};
use serde_json::value::RawValue;
use std::{sync::Arc, time::Duration};

/// Why an event was not sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Unsent {
    /// The subscriber left.
    Gone,
    /// The subscriber did not read for this long.
    TooSlow(Duration),
}

/// Numbers events from 0 and sends them.
pub struct NumberedSink {
    sink: SubscriptionSink,
    connection: Arc<Connection>,
    unread_bytes_max: usize,
    request_id: Option<String>,
    seq: u64,
}

impl NumberedSink {
    /// A subscription of this connection, on which events of `unread_bytes_max` bytes may lie unread.
    pub fn new(
        sink: SubscriptionSink,
        connection: Arc<Connection>,
        unread_bytes_max: usize,
        request_id: Option<String>,
    ) -> Self {
        Self { sink, connection, unread_bytes_max, request_id, seq: 0 }
    }

    /// Sends an event, waiting at most this long for the subscriber to read earlier ones.
    pub async fn send(&mut self, body: EventBody, wait_max: Duration) -> Result<(), Unsent> {
        let message = self.message(body);
        send(&self.connection, &self.sink, message, self.unread_bytes_max, wait_max).await?;
        self.seq += 1;
        Ok(())
    }

    /// Sends the last event. Waits for the subscriber as long as it is there: nothing of the call is
    /// left but this message, whose bytes count in the tenant's native memory. Where that has no room,
    /// an error takes the message's place.
    pub async fn finish(self, body: EventBody, budget: &NativeBudget) {
        let mut message = self.message(body);
        let lease = budget.try_take("a last event that is not read", message.get().len() as u64);
        if let Err(exceeded) = &lease {
            message = self.message(EventBody::Error { error: from_budget(exceeded).into() });
        }
        tokio::select! {
            // A subscriber that left has no use for it.
            _ = self.connection.outbox.send(&self.sink, message, self.unread_bytes_max) => {}
            () = self.sink.closed() => {}
        }
    }

    /// Resolves when the subscriber unsubscribed or its connection closed.
    pub fn closed(&self) -> impl Future<Output = ()> + Send + use<> {
        let sink = self.sink.clone();
        async move { sink.closed().await }
    }

    fn message(&self, body: EventBody) -> Box<RawValue> {
        let event = Event { id: self.request_id.clone(), seq: self.seq, body };
        // An event is strings, numbers and JSON values, which always serialize.
        serde_json::value::to_raw_value(&event).unwrap_or_default()
    }
}

/// Sends an event, waiting at most this long for the subscriber to read earlier ones.
pub async fn send(
    connection: &Connection,
    sink: &SubscriptionSink,
    event: Box<RawValue>,
    unread_bytes_max: usize,
    wait_max: Duration,
) -> Result<(), Unsent> {
    let sent = tokio::select! {
        sent = tokio::time::timeout(wait_max, connection.outbox.send(sink, event, unread_bytes_max)) => sent,
        () = sink.closed() => return Err(Unsent::Gone),
    };
    match sent {
        Ok(Ok(())) => Ok(()),
        Ok(Err(_)) => Err(Unsent::Gone),
        Err(_) => Err(Unsent::TooSlow(wait_max)),
    }
}
