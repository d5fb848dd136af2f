//! Subscriptions that tell of every block.

use super::view::internal;
use crate::{
    chain::{Block, Chain},
    server::Room,
};
use jsonrpsee::{
    PendingSubscriptionSink, SubscriptionMessage, SubscriptionSink,
    core::{Serialize, SubscriptionResult},
};
use realm_rpc::RpcError;
use serde_json::value::RawValue;
use std::sync::Arc;
use tokio::sync::broadcast::{Receiver, error::RecvError};

/// Blocks in order, from the newest on. A listener that is too slow misses blocks in between, never
/// the newest.
pub(super) struct Blocks {
    next: Option<Arc<Block>>,
    later: Receiver<Arc<Block>>,
    chain: Chain,
}

impl Blocks {
    pub(super) fn listen(chain: &Chain) -> Self {
        let (newest, later) = chain.listen();
        Self { next: Some(newest), later, chain: chain.clone() }
    }

    /// The next block that is newer than `last`; none when the node stops.
    pub(super) async fn after(&mut self, last: Option<&Block>) -> Option<Arc<Block>> {
        loop {
            let block = match self.next.take() {
                Some(newest) => newest,
                None => match self.later.recv().await {
                    Ok(block) => block,
                    Err(RecvError::Lagged(_)) => self.chain.head(),
                    Err(RecvError::Closed) => return None,
                },
            };
            if last.is_none_or(|last| last.number() < block.number()) {
                return Some(block);
            }
        }
    }
}

/// Sends what `tell` makes of each block, until the subscriber leaves.
pub(super) async fn serve<T: Serialize>(
    chain: &Chain,
    pending: PendingSubscriptionSink,
    mut tell: impl FnMut(&Block) -> Result<Option<T>, RpcError>,
) -> SubscriptionResult {
    let mut blocks = Blocks::listen(chain);
    let sink = pending.accept().await?;
    let mut last: Option<Arc<Block>> = None;
    loop {
        let block = tokio::select! {
            () = sink.closed() => return Ok(()),
            block = blocks.after(last.as_deref()) => block,
        };
        let Some(block) = block else { return Ok(()) };
        if let Some(told) = tell(&block)? {
            send(&sink, &told).await?;
        }
        last = Some(block);
    }
}

/// A notification that is ready to be sent. A large one has room among the connection's unread bytes.
pub(super) struct Notice {
    pub json: Box<RawValue>,
    pub room: Option<Room>,
}

impl Notice {
    /// Serializes a small notification.
    pub(super) fn of<T: Serialize>(told: &T) -> Result<Self, RpcError> {
        let json = serde_json::value::to_raw_value(told).map_err(|error| internal(&error))?;
        Ok(Self { json, room: None })
    }

    /// Sends it; waits while the connection's buffer is full.
    pub(super) async fn send(self, sink: &SubscriptionSink) -> SubscriptionResult {
        sink.send(SubscriptionMessage::from(self.json)).await?;
        if let Some(room) = self.room {
            room.queued();
        }
        Ok(())
    }
}

/// Sends one small notification; waits while the connection's buffer is full.
pub(super) async fn send<T: Serialize>(sink: &SubscriptionSink, told: &T) -> SubscriptionResult {
    Notice::of(told)?.send(sink).await
}
