//! How many wrong keys an address may show. Not to make guessing dear, which 256 bits do, but so that
//! one who tries fills neither the log nor the processor. A right key is never counted and never
//! refused: behind a proxy all share one address, and one of them must not lock out the rest.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv6Addr},
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

/// Bounds of wrong keys.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct WrongKeysConfig {
    /// Wrong keys in a row before an address has to wait. Default 10.
    pub burst_max: u32,
    /// Time after which it may show one more. Default 6 s.
    pub interval: Duration,
    /// Addresses that are remembered; beyond, the one heard of longest ago is forgotten. Default 4096.
    pub addresses_max: usize,
}

impl Default for WrongKeysConfig {
    fn default() -> Self {
        Self { burst_max: 10, interval: Duration::from_secs(6), addresses_max: 4096 }
    }
}

/// An address showed too many.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TooMany {
    /// When it may show one more.
    pub retry_after: Duration,
}

/// What the addresses showed.
#[derive(Debug)]
pub struct WrongKeys {
    config: WrongKeysConfig,
    /// Until when each address has used up its time: a bucket that runs empty by itself.
    used_until: Mutex<HashMap<IpAddr, Instant>>,
}

impl WrongKeys {
    /// Nobody showed anything yet.
    pub fn new(config: WrongKeysConfig) -> Self {
        Self { config, used_until: Mutex::default() }
    }

    /// An address showed a wrong key at this time.
    ///
    /// # Errors
    /// [`TooMany`]: it has to wait; this one was not counted.
    pub fn count(&self, address: IpAddr, now: Instant) -> Result<(), TooMany> {
        // The map is whole at any moment, so a panic elsewhere harms nothing.
        let mut used_until = self.used_until.lock().unwrap_or_else(PoisonError::into_inner);
        let address = network(address);
        let used = used_until.get(&address).copied().unwrap_or(now).max(now) + self.config.interval;
        let most = now + self.config.interval * self.config.burst_max.max(1);
        if used > most {
            return Err(TooMany { retry_after: used - most });
        }
        if !used_until.contains_key(&address) && used_until.len() >= self.config.addresses_max.max(1) {
            used_until.retain(|_, until| *until > now);
            if used_until.len() >= self.config.addresses_max.max(1) {
                let oldest = used_until.iter().min_by_key(|(_, until)| **until).map(|(address, _)| *address);
                oldest.map(|oldest| used_until.remove(&oldest));
            }
        }
        used_until.insert(address, used);
        Ok(())
    }
}

/// Who holds one IPv6 address holds its whole /64.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => address.into(),
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & (u128::MAX << 64)).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONFIG: WrongKeysConfig =
        WrongKeysConfig { burst_max: 2, interval: Duration::from_secs(1), addresses_max: 2 };

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn an_address_waits_and_others_do_not() {
        let wrong = WrongKeys::new(CONFIG);
        let start = Instant::now();
        let (one, other) = (address("10.0.0.1"), address("10.0.0.2"));
        assert_eq!((wrong.count(one, start), wrong.count(one, start)), (Ok(()), Ok(())));
        assert_eq!(wrong.count(one, start), Err(TooMany { retry_after: Duration::from_secs(1) }));
        assert_eq!(wrong.count(other, start), Ok(()));
        let later = start + Duration::from_secs(1);
        assert_eq!(wrong.count(one, later), Ok(()));
        assert!(wrong.count(one, later).is_err());
    }

    #[test]
    fn a_network_is_one_address_and_the_table_is_bounded() {
        let wrong = WrongKeys::new(CONFIG);
        let now = Instant::now();
        for host in 1..=2 {
            assert_eq!(wrong.count(address(&format!("2001:db8::{host}")), now), Ok(()));
        }
        assert!(wrong.count(address("2001:db8::3"), now).is_err());
        assert!(wrong.count(address("2001:db8:0:1::3"), now).is_ok());
        for host in 1..=100 {
            assert_eq!(wrong.count(address(&format!("10.0.0.{host}")), now), Ok(()));
        }
        assert_eq!(wrong.used_until.lock().unwrap().len(), 2);
    }
}
