//! Tokenising long texts: off the async executor's threads, and only so many of them at once, because each takes up to
//! two hundred times its text's bytes of memory while it lasts.

use crate::blocking;
use std::sync::{Condvar, Mutex, PoisonError};

/// Bytes of text from which on tokenising leaves the async executor's thread to others: 16 KiB.
const LONG_TEXT_BYTES: usize = 16 << 10;
/// Bytes of text from which on a text waits for others of this size: 64 KiB.
pub(super) const LARGE_TEXT_BYTES: usize = 64 << 10;
/// Texts of [`LARGE_TEXT_BYTES`] and more that the node tokenises at once.
pub(super) const LARGE_TEXTS_AT_ONCE: usize = 2;

static LARGE_TEXTS: Permits = Permits { taken: Mutex::new(0), returned: Condvar::new() };

/// Runs `work`, which tokenises so many bytes of text.
pub(super) fn run<T>(text_bytes: usize, work: impl FnOnce() -> T) -> T {
    blocking::run(text_bytes >= LONG_TEXT_BYTES, || {
        let _permit = (text_bytes >= LARGE_TEXT_BYTES).then(|| LARGE_TEXTS.take());
        work()
    })
}

struct Permits {
    taken: Mutex<usize>,
    returned: Condvar,
}

struct Permit<'a>(&'a Permits);

impl Permits {
    /// Waits until one is free.
    fn take(&self) -> Permit<'_> {
        // The number is right at any moment, so a panic elsewhere harms nothing.
        let taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let free = self.returned.wait_while(taken, |taken| *taken >= LARGE_TEXTS_AT_ONCE);
        *free.unwrap_or_else(PoisonError::into_inner) += 1;
        Permit(self)
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        *self.0.taken.lock().unwrap_or_else(PoisonError::into_inner) -= 1;
        self.0.returned.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    /// Sixteen calls of one key tokenised 4 MiB each at the same time, which took 12 GiB.
    #[test]
    fn large_texts_wait_for_each_other() {
        let (running, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
        std::thread::scope(|scope| {
            for _ in 0..16 {
                scope.spawn(|| {
                    run(LARGE_TEXT_BYTES, || {
                        most.fetch_max(running.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                        std::thread::yield_now();
                        running.fetch_sub(1, Ordering::SeqCst);
                    });
                });
            }
        });
        assert!((1..=LARGE_TEXTS_AT_ONCE).contains(&most.load(Ordering::SeqCst)), "{most:?}");
        assert_eq!(running.into_inner(), 0);
    }
}
