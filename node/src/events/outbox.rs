//! What a connection's client has not read of its events, in bytes.
//!
//! jsonrpsee bounds the messages that wait for a socket in number. Events differ in size by a factor of
//! ten thousand, so their bytes are bounded here: an event waits, and with it its own call, while the
//! events before it on the same connection hold too much.
//!
//! ```text
//!  event ──► Outbox: bytes of the last n events, where n messages wait ──► jsonrpsee's channel ──► socket
//!            more than the limit: the event waits and looks again
//! ```
//!
//! The channel says how many messages wait in it and not which. Messages leave it in order, so of the
//! events that were sent, no more than the last so many are still there.

use jsonrpsee::{SubscriptionSink, core::server::DisconnectError};
use serde_json::value::RawValue;
use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

/// How soon an event that waits for room looks again: the channel does not say when a message leaves it.
const LOOK_AGAIN_AFTER: Duration = Duration::from_millis(5);

/// The unread events of one connection, of all its subscriptions.
#[derive(Debug, Default)]
pub struct Outbox(Mutex<Unread>);

/// Bookkeeping, apart from channels and clocks.
#[derive(Debug, Default)]
struct Unread {
    /// Numbers and bytes of the events that may wait, in the order in which they were admitted.
    events: VecDeque<(u64, usize)>,
    bytes: usize,
    next: u64,
    /// Events that were admitted and are not in the channel yet.
    entering: usize,
}

/// An event that was admitted. Dropped when it is in the channel, or will never be there.
#[must_use = "the event counts as entering the channel while this is held"]
struct Admitted<'a> {
    outbox: &'a Outbox,
    number: u64,
    entered: bool,
}

impl Outbox {
    /// Waits until an event of `bytes` bytes may enter the channel of `sink`. An event larger than `bytes_max`
    /// waits until no other is left.
    ///
    /// # Cancel safety
    /// Dropping the future admits nothing.
    async fn admit(&self, sink: &SubscriptionSink, bytes: usize, bytes_max: usize) -> Admitted<'_> {
        loop {
            let waiting = sink.max_capacity().saturating_sub(sink.capacity());
            let admitted = self.unread().admit(waiting, bytes, bytes_max);
            if let Some(number) = admitted {
                return Admitted { outbox: self, number, entered: false };
            }
            tokio::time::sleep(LOOK_AGAIN_AFTER).await;
        }
    }

    /// Sends an event once there is room for it.
    ///
    /// # Errors
    /// The connection is closed.
    ///
    /// # Cancel safety
    /// Dropping the future drops the event.
    pub async fn send(
        &self,
        sink: &SubscriptionSink,
        event: Box<RawValue>,
        bytes_max: usize,
    ) -> Result<(), DisconnectError> {
        let admitted = self.admit(sink, event.get().len(), bytes_max).await;
        sink.send(event).await?;
        admitted.entered();
        Ok(())
    }

    /// Every change of it is one call that cannot panic halfway.
    fn unread(&self) -> MutexGuard<'_, Unread> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Admitted<'_> {
    /// The event is in the channel.
    fn entered(mut self) {
        self.entered = true;
    }
}

impl Drop for Admitted<'_> {
    fn drop(&mut self) {
        self.outbox.unread().leave_door(self.number, self.entered);
    }
}

impl Unread {
    /// Admits an event, if the events that may still wait leave room, and gives its number.
    fn admit(&mut self, waiting: usize, bytes: usize, bytes_max: usize) -> Option<u64> {
        while self.events.len() > waiting.saturating_add(self.entering)
            && let Some((_, read)) = self.events.pop_front()
        {
            self.bytes -= read;
        }
        if !self.events.is_empty() && self.bytes.saturating_add(bytes) > bytes_max {
            return None;
        }
        let number = self.next;
        self.next += 1;
        self.entering += 1;
        self.events.push_back((number, bytes));
        self.bytes += bytes;
        Some(number)
    }

    /// An admitted event is in the channel now, or was given up.
    fn leave_door(&mut self, number: u64, entered: bool) {
        self.entering -= 1;
        if entered {
            return;
        }
        if let Some(place) = self.events.iter().position(|(known, _)| *known == number)
            && let Some((_, bytes)) = self.events.remove(place)
        {
            self.bytes -= bytes;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BYTES_MAX: usize = 100;

    /// A client that did not read held 128 events of any size in the node: five megabytes each.
    #[test]
    fn bytes_of_unread_events_are_bounded() {
        let mut unread = Unread::default();
        let mut in_channel = 0;
        for event in 0..3 {
            let number = unread.admit(in_channel, 40, BYTES_MAX);
            assert_eq!(number.is_some(), event < 2, "event {event}");
            if let Some(number) = number {
                in_channel += 1;
                unread.leave_door(number, true);
            }
        }
        assert_eq!((unread.bytes, in_channel), (80, 2));
        // The client reads one.
        assert!(unread.admit(1, 40, BYTES_MAX).is_some());
        assert_eq!(unread.bytes, 80);
    }

    #[test]
    fn an_event_larger_than_the_limit_goes_alone() {
        let mut unread = Unread::default();
        let first = unread.admit(0, 500, BYTES_MAX).expect("the outbox is empty");
        assert_eq!(unread.admit(0, 1, BYTES_MAX), None, "the first has not entered the channel");
        unread.leave_door(first, true);
        assert_eq!(unread.admit(1, 1, BYTES_MAX), None);
        let second = unread.admit(0, 1, BYTES_MAX).expect("the client read the first");
        unread.leave_door(second, true);
        assert_eq!(unread.admit(1, 500, BYTES_MAX), None);
        assert_eq!(unread.bytes, 1);
    }

    #[test]
    fn an_event_that_was_given_up_leaves_its_bytes() {
        let mut unread = Unread::default();
        let first = unread.admit(0, 60, BYTES_MAX).expect("room");
        let second = unread.admit(0, 40, BYTES_MAX).expect("room");
        unread.leave_door(first, false);
        unread.leave_door(second, true);
        assert_eq!((unread.bytes, unread.entering), (40, 0));
        // Answers wait in the same channel: there may be more messages than events.
        assert!(unread.admit(7, 60, BYTES_MAX).is_some());
    }
}
