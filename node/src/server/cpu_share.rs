//! The share of processor time that all anonymous clients have together.
//!
//! Time is charged after it was used, because nobody knows before what a request costs: the share is a debt that flows
//! off at `percent` of one core. While there is debt beyond the burst, anonymous requests are refused and the sockets of
//! anonymous clients are not read, so that their bytes wait in the system's buffers. governor cannot book a cost that is
//! larger than its bucket, so the schedule is kept here: one instant, as in GCRA.

use realm_engine::own_thread_time;
use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

/// How much processor time anonymous clients have.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CpuShareConfig {
    /// Percent of one core, over time. Default 20.
    pub percent: u32,
    /// Processor time that may be used at once after a pause. Default 200 ms.
    pub burst: Duration,
}

impl Default for CpuShareConfig {
    fn default() -> Self {
        Self { percent: 20, burst: Duration::from_millis(200) }
    }
}

/// What anonymous clients have used. One per node.
#[derive(Debug)]
pub struct CpuShare {
    config: CpuShareConfig,
    /// When all that was used is paid for.
    paid_until: Mutex<Instant>,
}

impl CpuShare {
    /// Nothing was used.
    pub fn new(config: CpuShareConfig) -> Self {
        Self { config, paid_until: Mutex::new(Instant::now()) }
    }

    /// Processor time was used.
    pub fn charge(&self, used: Duration) {
        self.charge_at(Instant::now(), used);
    }

    /// How long anonymous clients have to wait; `None` if they may go on.
    pub fn wait(&self) -> Option<Duration> {
        self.wait_at(Instant::now())
    }

    /// Runs `work` and charges the time that it takes on this thread.
    pub fn charged<T>(&self, work: impl FnOnce() -> T) -> T {
        let began = own_thread_time();
        let outcome = work();
        self.charge(own_thread_time().saturating_sub(began));
        outcome
    }

    fn charge_at(&self, now: Instant, used: Duration) {
        let mut paid_until = self.lock();
        *paid_until = (*paid_until).max(now) + self.time_to_pay(used);
    }

    fn wait_at(&self, now: Instant) -> Option<Duration> {
        let debt = self.lock().saturating_duration_since(now);
        debt.checked_sub(self.time_to_pay(self.config.burst)).filter(|wait| !wait.is_zero())
    }

    fn time_to_pay(&self, used: Duration) -> Duration {
        const PERCENT: u32 = 100;
        used * PERCENT / self.config.percent.max(1)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Instant> {
        // An instant is whole at any moment, so a panic elsewhere harms nothing.
        self.paid_until.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_beyond_the_burst_is_waited_for_at_the_shares_rate() {
        let share = CpuShare::new(CpuShareConfig { percent: 20, burst: Duration::from_millis(100) });
        let now = Instant::now() + Duration::from_secs(1);
        assert_eq!(share.wait_at(now), None);
        share.charge_at(now, Duration::from_millis(100));
        assert_eq!(share.wait_at(now), None);
        share.charge_at(now, Duration::from_millis(10));
        assert_eq!(share.wait_at(now), Some(Duration::from_millis(50)));
        let later = now + Duration::from_millis(50);
        assert_eq!(share.wait_at(later), None);
        // Over a long time no more than the share is used.
        let (mut at, mut used) = (later, Duration::ZERO);
        while at < later + Duration::from_secs(100) {
            match share.wait_at(at) {
                None => {
                    share.charge_at(at, Duration::from_millis(7));
                    used += Duration::from_millis(7);
                }
                Some(wait) => at += wait,
            }
        }
        assert!((19_900..=20_200).contains(&used.as_millis()), "{used:?}");
    }
}
