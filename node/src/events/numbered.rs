//! Events with their numbers, into a subscription.

use crate::{dispatcher::from_budget, server::Traffic};
use jsonrpsee::{SubscriptionSink, core::server::SendTimeoutError};
use realm_host_functions::NativeBudget;
use realm_rpc::{Event, EventBody};
use serde_json::value::RawValue;
use std::{
    sync::Arc,
    time::{Duration, Instant},
};

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
    /// Bounds the bytes that the connection holds unread.
    traffic: Arc<Traffic>,
}

impl NumberedSink {
    pub fn new(sink: SubscriptionSink, request_id: Option<String>, traffic: Arc<Traffic>) -> Self {
        Self { sink, request_id, seq: 0, traffic }
    }

    /// Sends an event, waiting at most this long for the subscriber to read earlier ones.
    pub async fn send(&mut self, body: EventBody, wait_max: Duration) -> Result<(), Unsent> {
        let message = self.message(body);
        let sent = tokio::select! {
            sent = send_in_room(&self.sink, &self.traffic, message, wait_max) => sent,
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
    /// left but this message, whose bytes count in the tenant's native memory. Where that has no room,
    /// an error takes the message's place.
    pub async fn finish(self, body: EventBody, budget: &NativeBudget) {
        let mut message = self.message(body);
        let lease = budget.try_take("a last event that is not read", message.get().len() as u64);
        if let Err(exceeded) = &lease {
            message = self.message(EventBody::Error { error: from_budget(exceeded).into() });
        }
        let sent = async {
            let room = self.traffic.room(message.get().len() as u64).await;
            if self.sink.send(message).await.is_ok() {
                room.queued();
            }
        };
        tokio::select! {
            // A subscriber that left has no use for it.
            () = sent => {}
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

/// Sends a message once its bytes have room among the connection's unread ones. Waits at most this long for both.
pub(super) async fn send_in_room(
    sink: &SubscriptionSink,
    traffic: &Arc<Traffic>,
    message: Box<RawValue>,
    wait_max: Duration,
) -> Result<(), SendTimeoutError> {
    let began = Instant::now();
    let room = match tokio::time::timeout(wait_max, traffic.room(message.get().len() as u64)).await {
        Ok(room) => room,
        Err(_) => return Err(SendTimeoutError::Timeout(message.into())),
    };
    sink.send_timeout(message, wait_max.saturating_sub(began.elapsed())).await?;
    room.queued();
    Ok(())
}
