//! How many wrong keys an address may show. Not to make guessing dear, which 256 bits do, but so that
//! one who tries fills neither the log nor the processor. A right key is never counted and never
//! refused: behind a proxy all share one address, and one of them must not lock out the rest.
//!
//! governor counts, as it does for [`crate::admission`], over a table of addresses that has a bound of its own.

use super::network_of;
use governor::{
    Quota, RateLimiter,
    clock::{Clock, DefaultClock},
    middleware::NoOpMiddleware,
    nanos::Nanos,
    state::StateStore,
};
use std::{
    collections::HashMap,
    fmt,
    net::IpAddr,
    num::NonZeroU32,
    sync::{Mutex, PoisonError},
    time::Duration,
};

/// Bounds of wrong keys.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct WrongKeysConfig {
    /// Wrong keys in a row before an address has to wait. Default 10.
    pub burst_max: u32,
    /// Time after which it may show one more. Default 6 s.
    pub interval: Duration,
    /// Addresses that are remembered; beyond, the one that is the first to have waited enough is forgotten. Default 4096.
    pub addresses_max: usize,
}

impl Default for WrongKeysConfig {
    fn default() -> Self {
        Self { burst_max: 10, interval: Duration::from_secs(6), addresses_max: 4096 }
    }
}

impl WrongKeysConfig {
    fn quota(self) -> Quota {
        let burst = NonZeroU32::new(self.burst_max).unwrap_or(NonZeroU32::MIN);
        let one = Quota::with_period(self.interval).unwrap_or(Quota::per_second(NonZeroU32::MAX));
        one.allow_burst(burst)
    }
}

/// An address showed too many.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TooMany {
    /// When it may show one more.
    pub retry_after: Duration,
}

/// What the addresses showed.
pub struct WrongKeys<C: Clock = DefaultClock> {
    limiter: RateLimiter<IpAddr, Addresses, C, NoOpMiddleware<C::Instant>>,
}

impl<C: Clock> fmt::Debug for WrongKeys<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WrongKeys").finish_non_exhaustive()
    }
}

impl WrongKeys {
    /// Nobody showed anything yet.
    pub fn new(config: WrongKeysConfig) -> Self {
        Self::by(config, DefaultClock::default())
    }
}

impl<C: Clock> WrongKeys<C> {
    fn by(config: WrongKeysConfig, clock: C) -> Self {
        let addresses = Addresses { used_until: Mutex::default(), addresses_max: config.addresses_max.max(1) };
        Self { limiter: RateLimiter::new(config.quota(), addresses, clock) }
    }

    /// An address showed a wrong key.
    ///
    /// # Errors
    /// [`TooMany`]: it has to wait; this one was not counted.
    pub fn count(&self, address: IpAddr) -> Result<(), TooMany> {
        self.limiter
            .check_key(&network_of(address))
            .map_err(|until| TooMany { retry_after: until.wait_time_from(self.limiter.clock().now()) })
    }
}

/// governor's state of each address. Its own table grows with whatever comes; this one forgets.
struct Addresses {
    /// Until when each has used up its time: a bucket that runs empty by itself.
    used_until: Mutex<HashMap<IpAddr, Nanos>>,
    addresses_max: usize,
}

impl StateStore for Addresses {
    type Key = IpAddr;

    fn measure_and_replace<T, F, E>(&self, address: &IpAddr, decide: F) -> Result<T, E>
    where
        F: Fn(Option<Nanos>) -> Result<(T, Nanos), E>,
    {
        // The map is whole at any moment, so a panic elsewhere harms nothing.
        let mut used_until = self.used_until.lock().unwrap_or_else(PoisonError::into_inner);
        let (outcome, until) = decide(used_until.get(address).copied())?;
        if used_until.len() >= self.addresses_max && !used_until.contains_key(address) {
            let first = used_until.iter().min_by_key(|(_, until)| **until).map(|(address, _)| *address);
            first.map(|first| used_until.remove(&first));
        }
        used_until.insert(*address, until);
        Ok(outcome)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use governor::clock::FakeRelativeClock;

    const CONFIG: WrongKeysConfig =
        WrongKeysConfig { burst_max: 2, interval: Duration::from_secs(1), addresses_max: 2 };

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn an_address_waits_and_others_do_not() {
        let clock = FakeRelativeClock::default();
        let wrong = WrongKeys::by(CONFIG, clock.clone());
        let (one, other) = (address("10.0.0.1"), address("10.0.0.2"));
        assert_eq!((wrong.count(one), wrong.count(one)), (Ok(()), Ok(())));
        assert_eq!(wrong.count(one), Err(TooMany { retry_after: Duration::from_secs(1) }));
        assert_eq!(wrong.count(other), Ok(()));
        clock.advance(Duration::from_secs(1));
        assert_eq!(wrong.count(one), Ok(()));
        assert!(wrong.count(one).is_err());
    }

    #[test]
    fn a_network_is_one_address_and_the_table_is_bounded() {
        let wrong = WrongKeys::by(CONFIG, FakeRelativeClock::default());
        for host in 1..=2 {
            assert_eq!(wrong.count(address(&format!("2001:db8::{host}"))), Ok(()));
        }
        assert!(wrong.count(address("2001:db8::3")).is_err());
        assert!(wrong.count(address("2001:db8:0:1::3")).is_ok());
        for host in 1..=100 {
            assert_eq!(wrong.count(address(&format!("10.0.0.{host}"))), Ok(()));
        }
        assert_eq!(wrong.limiter.into_state_store().used_until.into_inner().unwrap().len(), 2);
    }

    /// Who showed too many does not get rid of it by sending others ahead, as long as there is room for them.
    #[test]
    fn the_first_that_may_come_again_is_the_one_forgotten() {
        let clock = FakeRelativeClock::default();
        let wrong = WrongKeys::by(CONFIG, clock.clone());
        let tried = address("10.0.0.1");
        assert_eq!((wrong.count(tried), wrong.count(tried)), (Ok(()), Ok(())));
        clock.advance(Duration::from_millis(1));
        for host in 2..=9 {
            assert_eq!(wrong.count(address(&format!("10.0.0.{host}"))), Ok(()));
        }
        assert_eq!(wrong.count(tried), Err(TooMany { retry_after: Duration::from_millis(999) }));
    }

    #[test]
    fn bounds_of_nothing_are_bounds_all_the_same() {
        let clock = FakeRelativeClock::default();
        let wrong =
            WrongKeys::by(WrongKeysConfig { burst_max: 0, interval: Duration::ZERO, addresses_max: 0 }, clock.clone());
        assert_eq!(wrong.count(address("10.0.0.1")), Ok(()));
        assert!(wrong.count(address("10.0.0.1")).is_err());
        clock.advance(Duration::from_nanos(1));
        assert_eq!(wrong.count(address("10.0.0.1")), Ok(()));
    }
}
