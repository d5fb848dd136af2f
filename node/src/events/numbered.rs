//! Events with their numbers, into a subscription.

use jsonrpsee::{SubscriptionMessage, SubscriptionSink, core::server::SendTimeoutError};
use realm_rpc::{Event, EventBody};
use std::time::Duration;

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
    request_id: Option<String>,
    seq: u64,
}

impl NumberedSink {
    pub fn new(sink: SubscriptionSink, request_id: Option<String>) -> Self {
        Self { sink, request_id, seq: 0 }
    }

    /// Sends an event, waiting at most this long for the subscriber to read earlier ones.
    pub async fn send(&mut self, body: EventBody, wait_max: Duration) -> Result<(), Unsent> {
        let message = self.message(body);
        let sent = tokio::select! {
            sent = self.sink.send_timeout(message, wait_max) => sent,
            () = self.sink.closed() => return Err(Unsent::Gone),
        };
        match sent {
            Ok(()) => {
                self.seq += 1;
                Ok(())
            }
            Err(SendTimeoutError::Timeout(_)) => Err(Unsent::TooSlow(wait_max)),
            Err(SendTimeoutError::Closed(_)) => Err(Unsent::Gone),
        }
    }

    /// Sends the last event. Waits for the subscriber as long as it is there: nothing of the call is
    /// left but this message.
    pub async fn finish(self, body: EventBody) {
        let message = self.message(body);
        tokio::select! {
            // A subscriber that left has no use for it.
            _ = self.sink.send(message) => {}
            () = self.sink.closed() => {}
        }
    }

    /// Resolves when the subscriber unsubscribed or its connection closed.
    pub fn closed(&self) -> impl Future<Output = ()> + Send + use<> {
        let sink = self.sink.clone();
        async move { sink.closed().await }
    }

    fn message(&self, body: EventBody) -> SubscriptionMessage {
        let event = Event { id: self.request_id.clone(), seq: self.seq, body };
        // An event is strings, numbers and JSON values, which always serialize.
        serde_json::value::to_raw_value(&event).unwrap_or_default().into()
    }
}
