//! The queue of stream items between a call and its subscription, bounded in items and in bytes.
//!
//! ```text
//!  guest ── emit ──► lease of the call ──► room for the bytes ──► room for one more item ──► EventReceiver
//!                    none: an error        full: emit waits        full: emit waits
//! ```
//!
//! An item keeps its bytes of the queue, and its lease, until whoever received it drops it.

use crate::budget::Lease;
use std::{ops::Deref, sync::Arc};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

/// A queue of at most `items_max` items and `bytes_max` bytes; a longer item passes when the queue is empty. Both
/// limits are at least one.
pub fn event_queue(items_max: usize, bytes_max: u32) -> (EventSender, EventReceiver) {
    let (items, received) = mpsc::channel(items_max.max(1));
    let bytes_max = bytes_max.max(1);
    let bytes = Arc::new(Semaphore::new((bytes_max as usize).min(Semaphore::MAX_PERMITS)));
    (EventSender { items, bytes, bytes_max }, EventReceiver(received))
}

/// The call's end of the queue.
#[derive(Clone, Debug)]
pub struct EventSender {
    items: mpsc::Sender<QueuedEvent>,
    bytes: Arc<Semaphore>,
    bytes_max: u32,
}

/// The subscription's end of the queue.
#[derive(Debug)]
pub struct EventReceiver(mpsc::Receiver<QueuedEvent>);

/// One SCALE-encoded item.
#[derive(Debug)]
pub struct QueuedEvent {
    item: Vec<u8>,
    _room: OwnedSemaphorePermit,
    _lease: Lease,
}

impl Deref for QueuedEvent {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.item
    }
}

impl EventSender {
    /// Queues an item, whose bytes are in `lease`. Waits while the queue is full. An item for a receiver that is
    /// gone is dropped: whoever cancels a call drops the call.
    ///
    /// # Cancel safety
    /// Dropping the future drops the item.
    pub(crate) async fn send(&self, item: Vec<u8>, lease: Lease) {
        let bytes = u32::try_from(item.len()).unwrap_or(u32::MAX).min(self.bytes_max);
        // The semaphore is never closed.
        let Ok(room) = self.bytes.clone().acquire_many_owned(bytes).await else { return };
        let _ = self.items.send(QueuedEvent { item, _room: room, _lease: lease }).await;
    }
}

impl EventReceiver {
    /// The next item; `None` when the call is over and all items were received.
    ///
    /// # Cancel safety
    /// Dropping the future loses no item.
    pub async fn recv(&mut self) -> Option<QueuedEvent> {
        self.0.recv().await
    }

    /// The next item, if one is there now.
    pub fn try_recv(&mut self) -> Option<QueuedEvent> {
        self.0.try_recv().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::budget::NativeBudget;
    use futures::FutureExt;

    const BYTES_MAX: u32 = 1 << 20;

    /// Events of a call were bounded in number alone: 16 items of a megabyte lay between a guest and a subscriber
    /// that did not read.
    #[test]
    fn a_full_queue_holds_its_bytes_and_no_more() {
        let budget = NativeBudget::unlimited();
        let (sender, mut receiver) = event_queue(16, BYTES_MAX);
        let send = |len: usize| {
            let lease = budget.try_take("events", len as u64).expect("no limit");
            sender.send(vec![0; len], lease).now_or_never()
        };
        assert_eq!((send(400_000), send(400_000)), (Some(()), Some(())));
        // What waits in vain is dropped here, with its lease.
        assert_eq!(send(400_000), None);
        assert_eq!(budget.used(), 800_000);
        let first = receiver.try_recv().expect("an item");
        assert_eq!(send(400_000), None, "a received item counts until it is dropped");
        drop(first);
        assert_eq!(send(400_000), Some(()));
        drop(receiver);
        assert_eq!(budget.used(), 0);
        assert_eq!(send(400_000), Some(()), "nobody waits for a receiver that is gone");
        assert_eq!(budget.used(), 0);
    }

    #[test]
    fn an_item_longer_than_the_queue_passes_alone() {
        let budget = NativeBudget::unlimited();
        let (sender, mut receiver) = event_queue(16, 10);
        let send = |len| sender.send(vec![0; len], budget.empty_lease()).now_or_never();
        assert_eq!((send(25), send(1)), (Some(()), None));
        assert_eq!(receiver.try_recv().map(|item| item.len()), Some(25));
        assert_eq!((send(1), send(25)), (Some(()), None));
    }

    #[test]
    fn items_are_bounded_in_number_too() {
        let budget = NativeBudget::unlimited();
        let (sender, _receiver) = event_queue(2, BYTES_MAX);
        let send = || sender.send(vec![0], budget.empty_lease()).now_or_never();
        assert_eq!((send(), send(), send()), (Some(()), Some(()), None));
    }
}
