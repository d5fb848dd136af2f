//! A gate: so many inside, so many in the queue before it, and the rest is refused at once.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Bounds how many run and how many wait.
#[derive(Debug)]
pub struct Gate {
    /// Fair: permits go out in the order of asking.
    places: Arc<Semaphore>,
    waiting: AtomicUsize,
    queue_len_max: usize,
}

/// A place inside, until dropped.
#[derive(Debug)]
#[must_use = "the place is free again when this is dropped"]
pub struct Ticket(#[expect(dead_code, reason = "held for its Drop")] OwnedSemaphorePermit);

/// The queue was full.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Refused {
    /// The place in the queue that was asked for, from 1.
    pub position: usize,
    /// The last place there is.
    pub queue_len_max: usize,
}

impl Gate {
    /// A gate that lets `running_max` in and `queue_len_max` wait.
    pub fn new(running_max: usize, queue_len_max: usize) -> Self {
        let places = running_max.clamp(1, Semaphore::MAX_PERMITS);
        Self { places: Arc::new(Semaphore::new(places)), waiting: AtomicUsize::new(0), queue_len_max }
    }

    /// Waits for a place.
    ///
    /// # Errors
    /// [`Refused`] at once if the queue is full.
    ///
    /// # Cancel safety
    /// Dropping the future gives up the place in the queue.
    pub async fn enter(&self) -> Result<Ticket, Refused> {
        if let Ok(permit) = self.places.clone().try_acquire_owned() {
            return Ok(Ticket(permit));
        }
        let waiter = Waiter::join(&self.waiting);
        let refused = Refused { position: waiter.position, queue_len_max: self.queue_len_max };
        if waiter.position > self.queue_len_max {
            return Err(refused);
        }
        // The semaphore is never closed.
        self.places.clone().acquire_owned().await.map(Ticket).map_err(|_| refused)
    }

    /// Calls that wait now.
    pub fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }
}

/// One more in the queue, until dropped.
struct Waiter<'a> {
    waiting: &'a AtomicUsize,
    position: usize,
}

impl<'a> Waiter<'a> {
    fn join(waiting: &'a AtomicUsize) -> Self {
        Self { position: waiting.fetch_add(1, Ordering::Relaxed) + 1, waiting }
    }
}

impl Drop for Waiter<'_> {
    fn drop(&mut self) {
        self.waiting.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::FutureExt;

    #[tokio::test]
    async fn so_many_run_so_many_wait_the_rest_is_refused() {
        let gate = Gate::new(1, 1);
        let inside = gate.enter().await.unwrap();
        let mut waits = Box::pin(gate.enter());
        assert!((&mut waits).now_or_never().is_none());
        assert_eq!(gate.enter().await.unwrap_err(), Refused { position: 2, queue_len_max: 1 });
        drop(inside);
        let inside = waits.await.unwrap();
        // Who gives up waiting leaves the queue.
        let mut gives_up = Box::pin(gate.enter());
        assert!((&mut gives_up).now_or_never().is_none());
        assert_eq!(gate.waiting(), 1);
        drop(gives_up);
        assert_eq!(gate.waiting(), 0);
        drop(inside);
        drop(gate.enter().await.unwrap());
    }
}
