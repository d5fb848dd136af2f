//! What one connection has received and has not yet sent: the two ways by which a peer makes a node hold bytes.
//!
//! - *Unread*: bytes of answers and notifications that are queued and not yet written, because the peer reads slowly.
//!   What is large waits for room before it is built ([`Traffic::room`]).
//! - *Unasked*: bytes that an anonymous WebSocket has sent since its last request. Half a frame, pings and rubbish
//!   count; past the bound the connection is closed.
//!
//! [`super::socket`] counts bytes as they pass, [`super::middleware`] counts requests.

use futures::task::AtomicWaker;
use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering},
    },
    task::Waker,
};
use tokio::sync::Notify;

/// Bytes that a WebSocket may have received beyond a request of the largest size: heads of frames, pongs, and what was
/// read ahead of a request that has not been counted yet.
const READ_AHEAD_BYTES: u64 = 16 << 10;

/// Bytes of a new WebSocket that are read even while anonymous clients have used up their share of the processor, so that
/// a caller can authenticate over it.
const FIRST_BYTES: u64 = 1 << 10;

/// Bounds of one connection's traffic.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TrafficLimits {
    /// Bytes that wait for a reader with a key. One message that is larger waits until nothing else does.
    pub unread_bytes_max: u64,
    /// The same, of an anonymous client.
    pub anonymous_unread_bytes_max: u64,
    /// The same, of all anonymous clients together.
    pub anonymous_unread_bytes_sum_max: u64,
    /// Bytes that an anonymous WebSocket may send without a whole request.
    pub anonymous_request_bytes_max: u64,
}

impl Default for TrafficLimits {
    fn default() -> Self {
        Self {
            unread_bytes_max: 16 << 20,
            anonymous_unread_bytes_max: 1 << 20,
            anonymous_unread_bytes_sum_max: 64 << 20,
            anonymous_request_bytes_max: 64 << 10,
        }
    }
}

/// The counters of one connection.
#[derive(Debug)]
pub struct Traffic {
    limits: TrafficLimits,
    unread: Mutex<Unread>,
    /// Unread bytes of all anonymous clients.
    anonymous_sum: Arc<AtomicU64>,
    freed: Notify,
    /// Whether the last write found no room.
    write_blocked: AtomicBool,
    is_web_socket: AtomicBool,
    received_bytes: AtomicU64,
    unasked_bytes: AtomicU64,
    requests_running: AtomicU32,
    subscriptions: AtomicU32,
    /// Waits to read.
    reader: AtomicWaker,
}

#[derive(Debug, Default)]
struct Unread {
    bytes: u64,
    anonymous: bool,
}

/// Whether more may be read from an anonymous peer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Reading {
    /// Yes.
    Go,
    /// Not before the peer has read, or its running requests are answered. The waker that was given will be woken.
    Wait,
    /// Never: it sent too much without a request.
    TooMuch,
}

/// Room for bytes that are not queued yet; given back when dropped, unless [`Room::queued`].
#[derive(Debug)]
pub struct Room {
    traffic: Arc<Traffic>,
    bytes: u64,
}

/// A request that runs; over when dropped.
#[derive(Debug)]
pub struct RunningRequest(Arc<Traffic>);

impl Traffic {
    /// A connection that has received and sent nothing. `anonymous_sum` is the same for all connections of a node.
    pub fn new(limits: TrafficLimits, anonymous_sum: Arc<AtomicU64>) -> Arc<Self> {
        Arc::new(Self {
            limits,
            unread: Mutex::default(),
            anonymous_sum,
            freed: Notify::new(),
            write_blocked: AtomicBool::new(false),
            is_web_socket: AtomicBool::new(false),
            received_bytes: AtomicU64::new(0),
            unasked_bytes: AtomicU64::new(0),
            requests_running: AtomicU32::new(0),
            subscriptions: AtomicU32::new(0),
            reader: AtomicWaker::new(),
        })
    }

    fn unread(&self) -> MutexGuard<'_, Unread> {
        // The counters are whole at any moment, so a panic elsewhere harms nothing.
        self.unread.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The connection became anonymous, or ceased to be.
    pub fn set_anonymous(&self, anonymous: bool) {
        let mut unread = self.unread();
        match (unread.anonymous, anonymous) {
            (false, true) => drop(self.anonymous_sum.fetch_add(unread.bytes, Ordering::Relaxed)),
            (true, false) => drop(self.anonymous_sum.fetch_sub(unread.bytes, Ordering::Relaxed)),
            _ => {}
        }
        unread.anonymous = anonymous;
        drop(unread);
        self.freed.notify_waiters();
        self.reader.wake();
    }

    /// Waits until so many bytes may be queued.
    ///
    /// # Cancel safety
    /// Cancel safe: nothing is taken before the room is returned.
    pub async fn room(self: &Arc<Self>, bytes: u64) -> Room {
        loop {
            let freed = self.freed.notified();
            tokio::pin!(freed);
            // Registered before the look, so that no change in between is missed.
            freed.as_mut().enable();
            if self.take(bytes) {
                return Room { traffic: self.clone(), bytes };
            }
            freed.await;
        }
    }

    fn take(&self, bytes: u64) -> bool {
        let mut unread = self.unread();
        let max = match unread.anonymous {
            true => self.limits.anonymous_unread_bytes_max,
            false => self.limits.unread_bytes_max,
        };
        let fits = unread.bytes == 0 || unread.bytes.saturating_add(bytes) <= max;
        if fits {
            self.add(&mut unread, bytes);
        }
        fits
    }

    /// An answer of so many bytes is about to be queued.
    pub fn queued(&self, bytes: u64) {
        self.add(&mut self.unread(), bytes);
    }

    /// So many bytes were written to the socket.
    pub fn written(&self, bytes: u64) {
        let mut unread = self.unread();
        // Heads of frames and of answers are written and were never counted.
        self.remove(&mut unread, bytes);
        drop(unread);
        self.freed.notify_waiters();
        self.reader.wake();
    }

    fn add(&self, unread: &mut Unread, bytes: u64) {
        unread.bytes = unread.bytes.saturating_add(bytes);
        if unread.anonymous {
            self.anonymous_sum.fetch_add(bytes, Ordering::Relaxed);
        }
    }

    fn remove(&self, unread: &mut Unread, bytes: u64) {
        let bytes = bytes.min(unread.bytes);
        unread.bytes -= bytes;
        if unread.anonymous {
            self.anonymous_sum.fetch_sub(bytes, Ordering::Relaxed);
        }
    }

    /// Whether the unread bytes of an anonymous client, or of all of them, are past their bound.
    pub fn is_congested(&self) -> bool {
        let unread = self.unread();
        unread.anonymous
            && (unread.bytes > self.limits.anonymous_unread_bytes_max
                || self.anonymous_sum.load(Ordering::Relaxed) > self.limits.anonymous_unread_bytes_sum_max)
    }

    /// The last write found no room, or found some.
    pub fn set_write_blocked(&self, blocked: bool) {
        if self.write_blocked.swap(blocked, Ordering::Relaxed) && !blocked {
            self.reader.wake();
        }
    }

    /// The connection became a WebSocket.
    pub fn upgraded(&self) {
        self.is_web_socket.store(true, Ordering::Relaxed);
    }

    /// So many bytes were received.
    pub fn received(&self, bytes: u64) {
        if self.is_web_socket.load(Ordering::Relaxed) {
            self.received_bytes.fetch_add(bytes, Ordering::Relaxed);
            self.unasked_bytes.fetch_add(bytes, Ordering::Relaxed);
        }
    }

    /// Whether a WebSocket has received so little that it may still be about to authenticate.
    pub fn is_new(&self) -> bool {
        self.is_web_socket.load(Ordering::Relaxed) && self.received_bytes.load(Ordering::Relaxed) < FIRST_BYTES
    }

    /// A whole request came over the WebSocket.
    pub fn request(self: &Arc<Self>) -> RunningRequest {
        self.unasked_bytes.store(0, Ordering::Relaxed);
        self.requests_running.fetch_add(1, Ordering::Relaxed);
        RunningRequest(self.clone())
    }

    /// Whether the connection may begin one more subscription, of so many over its life as an anonymous client.
    pub fn begin_subscription(&self, max: u32) -> bool {
        self.subscriptions
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |held| (held < max).then_some(held + 1))
            .is_ok()
    }

    /// Whether more may be read from this peer, which is anonymous.
    pub fn reading(&self, waker: &Waker) -> Reading {
        // Registered before the look, so that no change in between is missed.
        self.reader.register(waker);
        if self.write_blocked.load(Ordering::Relaxed) || self.unread().bytes > self.limits.anonymous_unread_bytes_max {
            return Reading::Wait;
        }
        if self.unasked_bytes.load(Ordering::Relaxed) <= self.limits.anonymous_request_bytes_max + READ_AHEAD_BYTES {
            return Reading::Go;
        }
        match self.requests_running.load(Ordering::Relaxed) {
            0 => Reading::TooMuch,
            // One of them may be the one that authenticates.
            _ => Reading::Wait,
        }
    }
}

impl Room {
    /// The bytes were queued; from now on they count until they are written.
    pub fn queued(mut self) {
        self.bytes = 0;
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        if self.bytes > 0 {
            self.traffic.written(self.bytes);
        }
    }
}

impl Drop for RunningRequest {
    fn drop(&mut self) {
        self.0.requests_running.fetch_sub(1, Ordering::Relaxed);
        self.0.reader.wake();
    }
}

impl Drop for Traffic {
    fn drop(&mut self) {
        self.set_anonymous(false);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::{FutureExt, task::noop_waker};

    const LIMITS: TrafficLimits = TrafficLimits {
        unread_bytes_max: 100,
        anonymous_unread_bytes_max: 10,
        anonymous_unread_bytes_sum_max: 12,
        anonymous_request_bytes_max: 8,
    };

    #[test]
    fn bytes_wait_for_room_and_room_that_is_not_used_is_given_back() {
        let traffic = Traffic::new(LIMITS, Arc::default());
        let first = traffic.room(60).now_or_never().expect("there is room");
        assert!(traffic.room(60).now_or_never().is_none());
        drop(first);
        traffic.room(60).now_or_never().expect("it was given back").queued();
        assert!(traffic.room(60).now_or_never().is_none());
        traffic.written(20);
        traffic.room(60).now_or_never().expect("the peer has read").queued();
        traffic.written(1_000);
        // What is larger than the bound goes alone.
        let large = traffic.room(1_000).now_or_never().expect("nothing else waits");
        assert!(traffic.room(1).now_or_never().is_none());
        drop(large);
    }

    #[test]
    fn anonymous_clients_share_one_sum() {
        let sum: Arc<AtomicU64> = Arc::default();
        let [one, other] = [(), ()].map(|()| Traffic::new(LIMITS, sum.clone()));
        for traffic in [&one, &other] {
            traffic.set_anonymous(true);
            traffic.queued(7);
        }
        assert!(one.is_congested() && other.is_congested());
        one.set_anonymous(false);
        assert!(!one.is_congested() && !other.is_congested());
        other.queued(4);
        assert!(other.is_congested());
        drop((one, other));
        assert_eq!(sum.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn bytes_without_a_request_are_bounded() {
        let (traffic, waker) = (Traffic::new(LIMITS, Arc::default()), noop_waker());
        traffic.received(100);
        assert_eq!(traffic.reading(&waker), Reading::Go);
        traffic.upgraded();
        traffic.received(8 + READ_AHEAD_BYTES);
        assert_eq!(traffic.reading(&waker), Reading::Go);
        let running = traffic.request();
        traffic.received(9 + READ_AHEAD_BYTES);
        assert_eq!(traffic.reading(&waker), Reading::Wait);
        drop(running);
        assert_eq!(traffic.reading(&waker), Reading::TooMuch);
        traffic.request();
        traffic.set_write_blocked(true);
        assert_eq!(traffic.reading(&waker), Reading::Wait);
        traffic.set_write_blocked(false);
        assert_eq!(traffic.reading(&waker), Reading::Go);
    }
}
