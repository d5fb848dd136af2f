//! A call in a task of its own, whose events somebody reads. The task, and not its reader, keeps the
//! clock: a reader that stands still pauses its own call, and past a while ends it.

use super::Web;
use crate::{
    dispatcher::{Dispatcher, PreparedCall, Transcoder},
    events::{EventLimits, slow_consumer},
    executor::{EventReceiver, event_queue},
};
use futures::Stream;
use realm_rpc::{ErrorCode, RpcError};
use serde_json::Value;
use std::{
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};
use tokio::sync::mpsc;

/// What happens in a call: any number of items, then one end.
#[derive(Clone, PartialEq, Debug)]
pub enum Happening {
    /// The function emitted an item.
    Item(Value),
    /// The call is over.
    Ended(Result<Value, RpcError>),
}

/// A running call as the stream of what happens in it. Dropping it ends the call.
#[derive(Debug)]
pub struct FollowedCall {
    happenings: mpsc::Receiver<Happening>,
}

impl FollowedCall {
    /// Starts a call.
    pub fn start(web: &Web, call: PreparedCall) -> Self {
        let (dispatcher, limits) = (web.dispatcher.clone(), web.events);
        let (out, happenings) = mpsc::channel(1);
        tokio::spawn(async move {
            tokio::select! {
                biased;
                () = out.closed() => {}
                () = run(&dispatcher, call, &out, limits) => {}
            }
        });
        Self { happenings }
    }
}

impl Stream for FollowedCall {
    type Item = Happening;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Happening>> {
        self.happenings.poll_recv(cx)
    }
}

async fn run(dispatcher: &Dispatcher, call: PreparedCall, out: &mpsc::Sender<Happening>, limits: EventLimits) {
    let transcoder = call.transcoder().clone();
    let _running = call.running();
    let (items, inbox) = event_queue(limits.items_max, limits.bytes_max);
    let answer = async { Ok(dispatcher.run(call, Some(items)).await) };
    let pump = pump(inbox, &transcoder, out, limits.slow_consumer_after);
    let result = match futures::future::try_join(answer, pump).await {
        Ok((result, ())) => result,
        Err(error) => Err(error),
    };
    if result.as_ref().is_err_and(|error| error.code() == ErrorCode::SlowConsumer.name()) {
        dispatcher.metrics.slow_consumers.inc();
    }
    // Nothing of the call is left but this; a reader that goes away ends the wait.
    let _ = out.send(Happening::Ended(result)).await;
}

/// Passes items on until the call, which holds the channel's other end, is over.
async fn pump(
    mut inbox: EventReceiver,
    transcoder: &Transcoder,
    out: &mpsc::Sender<Happening>,
    wait_max: Duration,
) -> Result<(), RpcError> {
    while let Some(item) = inbox.recv().await {
        let item = Happening::Item(transcoder.item(item).await?);
        // A reader that is gone is noticed by the task, which then ends.
        out.send_timeout(item, wait_max).await.map_err(|_| slow_consumer(wait_max))?;
    }
    Ok(())
}
