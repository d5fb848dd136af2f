//! A resumable stream: its call in a task of its own, and the subscriptions that follow.

use super::{
    EventLimits,
    numbered::send_in_room,
    registry::{Reader, Streams},
    replay::{Next, Replay},
    stream::slow_consumer,
};
use crate::{
    dispatcher::{Dispatcher, PreparedCall, Transcoder, from_budget},
    executor::{EventReceiver, event_queue},
    server::Traffic,
    tenants::TenantId,
};
use jsonrpsee::{
    PendingSubscriptionSink, SubscriptionSink,
    core::{SubscriptionError, server::SendTimeoutError},
    types::SubscriptionId,
};
use realm_host_functions::{Lease, QuotaExceeded, budget::overhead::EVENT_ENTRY_BYTES};
use realm_rpc::{Event, EventBody, RpcError};
use serde_json::value::RawValue;
use std::{sync::Arc, time::Duration};

/// Starts a call that outlives its connection, and follows it for the one that asked.
///
/// # Errors
/// The connection was lost before it was told.
pub async fn start(
    dispatcher: &Arc<Dispatcher>,
    streams: &Arc<Streams>,
    call: PreparedCall,
    pending: PendingSubscriptionSink,
    limits: EventLimits,
) -> Result<(), SubscriptionError> {
    let id = call.request_id().map_or_else(|| text(pending.subscription_id()), str::to_owned);
    let tenant = call.tenant().id.clone();
    let reader = match streams.add(call.tenant(), &id, call.keep()) {
        Ok(reader) => reader,
        Err(error) => {
            pending.reject(error).await;
            return Ok(());
        }
    };
    let replay = reader.replay.clone();
    let traffic = call.connection().slot().traffic.clone();
    let _running = call.running();
    // Before the answer goes out: a client that got it can rely on the stream, whatever becomes of its connection.
    let produced = {
        let (dispatcher, streams, replay) = (dispatcher.clone(), streams.clone(), replay.clone());
        async move {
            produce(&dispatcher, &streams, call, &replay, limits).await;
            streams.remove(&tenant, &id, &replay);
        }
    };
    tokio::spawn(produced);
    follow(dispatcher, streams, reader, pending, &traffic, limits).await
}

/// Runs the call into its replay, and then stays until nobody wants that any more.
async fn produce(dispatcher: &Dispatcher, streams: &Streams, call: PreparedCall, replay: &Replay, limits: EventLimits) {
    let tenant = call.tenant().id.clone();
    let running = call.running();
    let request_id = call.request_id().map(str::to_owned);
    let transcoder = call.transcoder().clone();
    let (items, inbox) = event_queue(limits.items_max, limits.bytes_max);
    let answer = async { Ok(dispatcher.run(call, Some(items)).await) };
    let kept = Kept { streams, tenant: &tenant, replay };
    let pump = pump(inbox, &transcoder, request_id.as_deref(), &kept);
    let outcome = tokio::select! {
        biased;
        // Dropping the other branch ends the call.
        () = replay.abandoned() => return,
        outcome = futures::future::try_join(answer, pump) => outcome,
    };
    let body = match outcome {
        Ok((Ok(data), ())) => EventBody::Result { data },
        Ok((Err(error), ())) | Err(error) => EventBody::Error { error: error.into() },
    };
    kept.finish(request_id.as_deref(), body);
    drop(running);
    tokio::select! {
        () = replay.abandoned() => {}
        // A node that stops keeps nothing.
        () = dispatcher.drain.began() => {}
    }
}

/// The replay that a call's events go into.
struct Kept<'a> {
    streams: &'a Streams,
    tenant: &'a TenantId,
    replay: &'a Replay,
}

impl Kept<'_> {
    /// Room for an event.
    fn reserve(&self, event: &RawValue) -> Result<Lease, QuotaExceeded> {
        self.streams.reserve(self.tenant, self.replay, event.get().len() as u64 + EVENT_ENTRY_BYTES)
    }

    /// Appends the last event. One that there is no room for gives way to an error.
    fn finish(&self, request_id: Option<&str>, body: EventBody) {
        let seq = self.replay.next_seq();
        let mut last = event(request_id, seq, body);
        let room = self.reserve(&last).unwrap_or_else(|exceeded| {
            last = event(request_id, seq, EventBody::Error { error: from_budget(&exceeded).into() });
            self.replay.no_room()
        });
        // The last event is never given back.
        let _ = self.replay.push(last, room, true);
    }
}

/// Appends items until the call, which holds the channel's other end, is over.
async fn pump(
    mut inbox: EventReceiver,
    transcoder: &Transcoder,
    request_id: Option<&str>,
    kept: &Kept<'_>,
) -> Result<(), RpcError> {
    let replay = kept.replay;
    let mut changed = replay.watch();
    while let Some(item) = inbox.recv().await {
        let body = EventBody::Stream { data: transcoder.item(item).await? };
        let mut event = event(request_id, replay.next_seq(), body);
        let mut room = kept.reserve(&event).map_err(|exceeded| from_budget(&exceeded))?;
        loop {
            changed.mark_unchanged();
            match replay.push(event, room, false) {
                Ok(()) => break,
                // A reader needs what would have to go. It reads on, or is sent away after a while.
                Err(back) => (event, room) = back,
            }
            // The sender lives as long as the replay.
            let _ = changed.changed().await;
        }
    }
    Ok(())
}

/// Sends a stream's events until its last, or until its reader leaves.
///
/// # Errors
/// The connection was lost before it was told.
pub async fn follow(
    dispatcher: &Dispatcher,
    streams: &Arc<Streams>,
    mut reader: Reader,
    pending: PendingSubscriptionSink,
    traffic: &Arc<Traffic>,
    limits: EventLimits,
) -> Result<(), SubscriptionError> {
    // Known before the client can ask for the subscription's end.
    let ending = streams.ending((pending.connection_id(), pending.subscription_id()));
    let sink = pending.accept().await?;
    let mut changed = reader.replay.watch();
    loop {
        changed.mark_unchanged();
        match reader.replay.take(reader.id) {
            Next::Event(event, last) => match send(&sink, traffic, &event, limits.slow_consumer_after).await {
                Ok(()) if last => return Ok(()),
                Ok(()) => {}
                Err(SendTimeoutError::Closed(_)) => break,
                Err(SendTimeoutError::Timeout(_)) => {
                    dispatcher.metrics.slow_consumers.inc();
                    turn_away(&sink, reader, limits.slow_consumer_after).await;
                    return Ok(());
                }
            },
            Next::Lost => {
                turn_away(&sink, reader, limits.slow_consumer_after).await;
                return Ok(());
            }
            Next::Nothing => tokio::select! {
                _ = changed.changed() => {}
                () = sink.closed() => break,
            },
        }
    }
    reader.unwanted = ending.was_asked_for();
    Ok(())
}

async fn send(
    sink: &SubscriptionSink,
    traffic: &Arc<Traffic>,
    event: &RawValue,
    wait_max: Duration,
) -> Result<(), SendTimeoutError> {
    tokio::select! {
        sent = send_in_room(sink, traffic, event.to_owned(), wait_max) => sent,
        () = sink.closed() => Err(SendTimeoutError::Closed(event.to_owned().into())),
    }
}

/// Tells a reader that it reads too slowly. The stream goes on without it, and can be resumed.
async fn turn_away(sink: &SubscriptionSink, reader: Reader, waited: Duration) {
    let seq = reader.replay.next_seq();
    drop(reader);
    let body = EventBody::Error { error: slow_consumer(waited).into() };
    tokio::select! {
        // A reader that left has no use for it.
        _ = sink.send(event(None, seq, body).as_ref().to_owned()) => {}
        () = sink.closed() => {}
    }
}

fn event(request_id: Option<&str>, seq: u64, body: EventBody) -> Arc<RawValue> {
    let event = Event { id: request_id.map(str::to_owned), seq, body };
    // An event is strings, numbers and JSON values, which always serialize.
    serde_json::value::to_raw_value(&event).unwrap_or_default().into()
}

fn text(id: SubscriptionId<'static>) -> String {
    match id {
        SubscriptionId::Str(id) => id.into_owned(),
        SubscriptionId::Num(id) => id.to_string(),
    }
}
