//! A resumable stream: its call in a task of its own, and the subscriptions that follow.

use super::{
    EventLimits,
    numbered::send_in_room,
    registry::{Reader, Streams},
    replay::{Next, Replay},
    stream::slow_consumer,
};
use crate::{
    dispatcher::{Dispatcher, PreparedCall, Transcoder},
    server::Traffic,
};
use jsonrpsee::{
    PendingSubscriptionSink, SubscriptionSink,
    core::{SubscriptionError, server::SendTimeoutError},
    types::SubscriptionId,
};
use realm_rpc::{Event, EventBody, RpcError};
use serde_json::value::RawValue;
use std::{sync::Arc, time::Duration};
use tokio::sync::mpsc;

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
    let reader = match streams.add(&tenant, &id, call.keep()) {
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
            produce(&dispatcher, call, &replay, limits).await;
            streams.remove(&tenant, &id, &replay);
        }
    };
    tokio::spawn(produced);
    follow(dispatcher, streams, reader, pending, &traffic, limits).await
}

/// Runs the call into its replay, and then stays until nobody wants that any more.
async fn produce(dispatcher: &Dispatcher, call: PreparedCall, replay: &Replay, limits: EventLimits) {
    let running = call.running();
    let request_id = call.request_id().map(str::to_owned);
    let transcoder = call.transcoder().clone();
    let (items, inbox) = mpsc::channel(limits.items_max.max(1));
    let answer = async { Ok(dispatcher.run(call, Some(items)).await) };
    let pump = pump(inbox, &transcoder, request_id.as_deref(), replay);
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
    // The last event is never given back.
    let _ = replay.push(event(request_id.as_deref(), replay.next_seq(), body), true);
    drop(running);
    tokio::select! {
        () = replay.abandoned() => {}
        // A node that stops keeps nothing.
        () = dispatcher.drain.began() => {}
    }
}

/// Appends items until the call, which holds the channel's other end, is over.
async fn pump(
    mut inbox: mpsc::Receiver<Vec<u8>>,
    transcoder: &Transcoder,
    request_id: Option<&str>,
    replay: &Replay,
) -> Result<(), RpcError> {
    let mut changed = replay.watch();
    while let Some(item) = inbox.recv().await {
        let body = EventBody::Stream { data: transcoder.item(item).await? };
        let mut event = event(request_id, replay.next_seq(), body);
        loop {
            changed.mark_unchanged();
            match replay.push(event, false) {
                Ok(()) => break,
                // A reader needs what would have to go. It reads on, or is sent away after a while.
                Err(back) => event = back,
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
