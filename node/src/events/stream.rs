//! One subscription from its first event to its last.

use super::{
    numbered::{NumberedSink, Unsent},
    registry::ReplayLimits,
};
use crate::{
    dispatcher::{Dispatcher, PreparedCall, Transcoder},
    executor::{EventReceiver, event_queue},
    millis::whole_ms,
};
use jsonrpsee::SubscriptionSink;
use realm_rpc::{ErrorCode, EventBody, RpcError};
use serde_json::Value;
use std::time::Duration;

/// How much a subscription may hold back.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct EventLimits {
    /// Items between a guest and its subscription; when there are more, the guest waits. Default 16.
    pub items_max: usize,
    /// Bytes of these items, as SCALE. Default 1 MiB.
    pub bytes_max: u32,
    /// How long a subscriber may keep an event waiting. Default 30 s.
    pub slow_consumer_after: Duration,
    /// Bounds of streams that outlive their connections.
    pub replay: ReplayLimits,
}

impl Default for EventLimits {
    fn default() -> Self {
        Self {
            items_max: 16,
            bytes_max: 1 << 20,
            slow_consumer_after: Duration::from_secs(30),
            replay: ReplayLimits::default(),
        }
    }
}

/// Why the pump stopped before the call did.
enum Stopped {
    /// The subscriber left.
    Gone,
    /// The call ends with this error.
    Error(RpcError),
}

/// Runs the call and sends its events. Ends when the last event is sent, or at once when the
/// subscriber leaves; either way the call is gone when this returns.
pub async fn serve(dispatcher: &Dispatcher, call: PreparedCall, sink: SubscriptionSink, limits: EventLimits) {
    let traffic = call.connection().slot().traffic.clone();
    let mut sink = NumberedSink::new(sink, call.request_id().map(str::to_owned), traffic);
    let budget = call.tenant().resources.budget.clone();
    let closed = sink.closed();
    let transcoder = call.transcoder().clone();
    let _running = call.running();
    let (items, inbox) = event_queue(limits.items_max, limits.bytes_max);

    // Both ends are polled together: items flow while the call runs, and an error of either ends both.
    let answer = async { Ok(dispatcher.run(call, Some(items)).await) };
    let pump = pump(inbox, &transcoder, &mut sink, limits.slow_consumer_after);
    let outcome: Result<(Result<Value, RpcError>, ()), Stopped> = tokio::select! {
        biased;
        () = closed => Err(Stopped::Gone),
        outcome = futures::future::try_join(answer, pump) => outcome,
    };
    let last = match outcome {
        Ok((Ok(data), ())) => EventBody::Result { data },
        Ok((Err(error), ())) | Err(Stopped::Error(error)) => EventBody::Error { error: error.into() },
        Err(Stopped::Gone) => return,
    };
    if let EventBody::Error { error } = &last
        && error.code == ErrorCode::SlowConsumer.name()
    {
        dispatcher.metrics.slow_consumers.inc();
    }
    sink.finish(last, &budget).await;
}

/// Sends items until the call, which holds the channel's other end, is over.
async fn pump(
    mut inbox: EventReceiver,
    transcoder: &Transcoder,
    sink: &mut NumberedSink,
    wait_max: Duration,
) -> Result<(), Stopped> {
    while let Some(item) = inbox.recv().await {
        let data = transcoder.item(item).await.map_err(Stopped::Error)?;
        sink.send(EventBody::Stream { data }, wait_max).await.map_err(|unsent| match unsent {
            Unsent::Gone => Stopped::Gone,
            Unsent::TooSlow(waited) => Stopped::Error(slow_consumer(waited)),
        })?;
    }
    Ok(())
}

pub(crate) fn slow_consumer(waited: Duration) -> RpcError {
    let ms = whole_ms(waited);
    RpcError::new(ErrorCode::SlowConsumer, format!("an event was not read for {ms} ms")).with("waited_ms", ms)
}
