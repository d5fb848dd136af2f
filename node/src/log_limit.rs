//! Log lines that a client can cause, at most so many a minute, so that nobody fills the log from outside.

use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use std::{
    num::NonZeroU32,
    sync::atomic::{AtomicU64, Ordering},
};

/// Lines of one kind that may be logged in a minute.
const LINES_PER_MINUTE: NonZeroU32 = NonZeroU32::new(6).unwrap();

/// Bounds one kind of line.
pub struct LogLimit {
    limiter: DefaultDirectRateLimiter,
    left_out: AtomicU64,
}

impl std::fmt::Debug for LogLimit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LogLimit").field("left_out", &self.left_out).finish_non_exhaustive()
    }
}

impl Default for LogLimit {
    fn default() -> Self {
        Self { limiter: RateLimiter::direct(Quota::per_minute(LINES_PER_MINUTE)), left_out: AtomicU64::new(0) }
    }
}

impl LogLimit {
    /// Logs by calling `log` with the number of lines that were left out since the last one, or leaves this one out.
    pub fn line(&self, log: impl FnOnce(u64)) {
        match self.limiter.check() {
            Ok(()) => log(self.left_out.swap(0, Ordering::Relaxed)),
            Err(_) => drop(self.left_out.fetch_add(1, Ordering::Relaxed)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_beyond_the_rate_are_counted_and_not_logged() {
        let (limit, mut logged) = (LogLimit::default(), 0);
        for _ in 0..100 {
            limit.line(|_| logged += 1);
        }
        // A slow machine may let one more line through every 10 s.
        assert!((6..20).contains(&logged), "{logged}");
        assert_eq!(limit.left_out.load(Ordering::Relaxed), 100 - logged);
    }
}
