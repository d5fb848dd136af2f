//! Times in whole milliseconds, as the wire, the database and guests have them. What is too long for the number is its most.

use std::time::{Duration, SystemTime};

/// A time without its part of a millisecond.
pub fn whole_ms(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// A wait rounded up, so that who comes then is not too early.
pub fn ms_rounded_up(wait: Duration) -> u64 {
    u64::try_from(wait.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX)
}

/// Milliseconds since 1970; a clock before that counts as 1970.
pub fn now_unix_ms() -> u64 {
    whole_ms(SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_are_rounded_up() {
        for (wait, ms) in [(0, 0), (1, 1), (1_000_000, 1), (1_000_001, 2), (59_999_999, 60)] {
            assert_eq!(ms_rounded_up(Duration::from_nanos(wait)), ms, "{wait} ns");
        }
        assert_eq!(ms_rounded_up(Duration::MAX), u64::MAX);
    }
}
