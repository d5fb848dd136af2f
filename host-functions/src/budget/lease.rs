//! Bytes that are held, as a guard.

use super::{NativeBudget, QuotaExceeded};
use std::sync::atomic::{AtomicU64, Ordering};

/// A number of bytes that counts at a level of the budget and at all levels above, until it is dropped.
#[derive(Debug)]
#[must_use = "the bytes are given back when the lease is dropped"]
pub struct Lease {
    level: NativeBudget,
    /// Atomic, so that a shared reference suffices to count what a host function copies.
    bytes: AtomicU64,
}

impl Lease {
    pub(super) fn empty(level: NativeBudget) -> Self {
        Self { level, bytes: AtomicU64::new(0) }
    }

    /// Bytes that the lease holds.
    pub fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Adds `more` bytes.
    ///
    /// # Errors
    /// [`QuotaExceeded`]; then the lease is as before.
    pub fn grow(&self, what: &'static str, more: u64) -> Result<(), QuotaExceeded> {
        if more == 0 {
            return Ok(());
        }
        self.level.take(what, more)?;
        self.bytes.fetch_add(more, Ordering::Relaxed);
        Ok(())
    }

    /// Gives `less` bytes back, or all if it holds fewer.
    pub fn shrink(&self, less: u64) {
        let shrunk = self
            .bytes
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |held| (less > 0).then(|| held.saturating_sub(less)));
        if let Ok(held) = shrunk {
            self.level.give(less.min(held));
        }
    }

    /// Grows or shrinks to `bytes`.
    ///
    /// # Errors
    /// [`QuotaExceeded`] if it would grow; then the lease is as before.
    pub fn resize(&self, what: &'static str, bytes: u64) -> Result<(), QuotaExceeded> {
        let held = self.bytes();
        match bytes.checked_sub(held) {
            Some(more) => self.grow(what, more),
            None => {
                self.shrink(held - bytes);
                Ok(())
            }
        }
    }

    /// Gives all bytes back; the lease can be grown again.
    pub fn clear(&self) {
        self.shrink(u64::MAX);
    }

    /// Moves all bytes into a lease of their own.
    pub fn take(&mut self) -> Lease {
        let level = self.level.clone();
        std::mem::replace(self, Self::empty(level))
    }

    /// Takes over the bytes of another lease. Where that is of another level, whose limits it was checked
    /// against, it is returned instead.
    pub fn absorb(&self, other: Lease) -> Option<Lease> {
        if !self.level.is_same(&other.level) {
            return Some(other);
        }
        // Emptied before it is dropped, so that nothing is given back.
        self.bytes.fetch_add(other.bytes.swap(0, Ordering::Relaxed), Ordering::Relaxed);
        None
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let held = std::mem::take(self.bytes.get_mut());
        if held > 0 {
            self.level.give(held);
        }
    }
}
