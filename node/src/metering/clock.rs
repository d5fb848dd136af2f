//! The clock of the books: the machine's time of day, of which a jump is believed only when it lasts.
//!
//! ```text
//!  time of day - time running = offset      steady: followed, drift and small corrections included
//!                                 └─► jumps by more than DRIFT_MAX: the old offset stays in force
//!                                        ├─► back within JUMP_WAIT: nothing happened
//!                                        └─► lasts for JUMP_WAIT: due; adopted once the budgets are read anew
//! ```
//!
//! So a clock that is wrong for a moment neither opens a new day for spending caps nor makes old usage look too old.

use super::period::Hour;
use std::{
    fmt::Debug,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant, SystemTime},
};

/// A change of the time of day up to this size is followed at once.
const DRIFT_MAX: Duration = Duration::from_secs(600);
/// A greater change is believed when it has lasted this long.
const JUMP_WAIT: Duration = Duration::from_secs(900);

/// Where the time comes from.
pub trait TimeSource: Debug + Send + Sync {
    /// The time of day, in seconds since 1970. Can jump.
    fn unix_s(&self) -> i64;

    /// The time since some moment before the first call. Never jumps.
    fn running(&self) -> Duration;
}

/// The machine's own clocks.
#[derive(Debug)]
pub struct MachineTime(Instant);

impl MachineTime {
    /// Running from now on.
    pub fn start() -> Self {
        Self(Instant::now())
    }
}

impl TimeSource for MachineTime {
    fn unix_s(&self) -> i64 {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        i64::try_from(now.as_secs()).unwrap_or(i64::MAX)
    }

    fn running(&self) -> Duration {
        self.0.elapsed()
    }
}

/// What was noticed when the clock was read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Noticed {
    /// The time of day jumped by so many seconds; it is not believed yet.
    Jump(i64),
    /// A jump was taken back before it was believed.
    Back,
    /// A jump of so many seconds has lasted: [`BooksClock::adopt`] it.
    Due(i64),
}

/// The clock of the books.
#[derive(Debug)]
pub(super) struct BooksClock {
    source: Arc<dyn TimeSource>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// Seconds from the time running to the time of day that is believed.
    offset_s: i64,
    jump: Option<Jump>,
    /// Since when no jump was believed, as time running.
    steady_since: Duration,
}

#[derive(Clone, Copy, Debug)]
struct Jump {
    offset_s: i64,
    /// Since when it lasts, as time running.
    since: Duration,
    /// Whether somebody was told that it is due.
    told: bool,
}

impl BooksClock {
    /// Believes the time of day as it is now.
    pub(super) fn start(source: Arc<dyn TimeSource>) -> Self {
        let running = source.running();
        let offset_s = offset(&*source, running);
        Self { source, state: Mutex::new(State { offset_s, jump: None, steady_since: running }) }
    }

    /// This hour, and what was noticed.
    pub(super) fn read(&self) -> (Hour, Option<Noticed>) {
        let running = self.source.running();
        let seen = offset(&*self.source, running);
        let mut state = self.state();
        let noticed = state.see(seen, running);
        (hour(state.offset_s, running), noticed)
    }

    /// This hour, as it would be if the jump that is due were believed. `None` if there is none.
    pub(super) fn after_jump(&self) -> Option<Hour> {
        let jump = self.state().jump?;
        Some(hour(jump.offset_s, self.source.running()))
    }

    /// Believes the jump that is due.
    pub(super) fn adopt(&self) {
        let running = self.source.running();
        let mut state = self.state();
        if let Some(jump) = state.jump.take() {
            (state.offset_s, state.steady_since) = (jump.offset_s, running);
        }
    }

    /// Tries the jump that is due again, later.
    pub(super) fn postpone(&self) {
        let running = self.source.running();
        if let Some(jump) = &mut self.state().jump {
            (jump.since, jump.told) = (running, false);
        }
    }

    /// How long no jump was believed.
    pub(super) fn steady_for(&self) -> Duration {
        self.source.running().saturating_sub(self.state().steady_since)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Every change of it is whole, so a panic elsewhere harms nothing.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn see(&mut self, seen: i64, running: Duration) -> Option<Noticed> {
        let drift_max = DRIFT_MAX.as_secs();
        let by = seen.saturating_sub(self.offset_s);
        if by.unsigned_abs() <= drift_max {
            self.offset_s = seen;
            return self.jump.take().map(|_| Noticed::Back);
        }
        match &mut self.jump {
            Some(jump) if seen.abs_diff(jump.offset_s) <= drift_max => {
                jump.offset_s = seen;
                let is_due = running.saturating_sub(jump.since) >= JUMP_WAIT && !jump.told;
                jump.told |= is_due;
                is_due.then_some(Noticed::Due(by))
            }
            _ => {
                self.jump = Some(Jump { offset_s: seen, since: running, told: false });
                Some(Noticed::Jump(by))
            }
        }
    }
}

fn offset(source: &dyn TimeSource, running: Duration) -> i64 {
    source.unix_s().saturating_sub(seconds(running))
}

fn hour(offset_s: i64, running: Duration) -> Hour {
    Hour::of_unix(offset_s.saturating_add(seconds(running)))
}

fn seconds(time: Duration) -> i64 {
    i64::try_from(time.as_secs()).unwrap_or(i64::MAX)
}

/// A clock that tests set.
#[cfg(test)]
#[derive(Debug, Default)]
pub(super) struct SetTime {
    pub unix_s: std::sync::atomic::AtomicI64,
    pub running_s: std::sync::atomic::AtomicU64,
}

#[cfg(test)]
impl SetTime {
    /// A clock that stands at this moment.
    pub(super) fn at(text: &str) -> Arc<Self> {
        let time = Self::default();
        time.jump(i64::from(Hour::not_before(text).expect("a moment").0) * 3600);
        Arc::new(time)
    }

    /// Time passes.
    pub(super) fn pass(&self, seconds: u64) {
        self.running_s.fetch_add(seconds, std::sync::atomic::Ordering::SeqCst);
        self.jump(seconds as i64);
    }

    /// The time of day jumps, and no time passes.
    pub(super) fn jump(&self, by_s: i64) {
        self.unix_s.fetch_add(by_s, std::sync::atomic::Ordering::SeqCst);
    }
}

#[cfg(test)]
impl TimeSource for SetTime {
    fn unix_s(&self) -> i64 {
        self.unix_s.load(std::sync::atomic::Ordering::SeqCst)
    }

    fn running(&self) -> Duration {
        Duration::from_secs(self.running_s.load(std::sync::atomic::Ordering::SeqCst))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: i64 = 86_400;

    #[test]
    fn a_jump_that_is_taken_back_changes_nothing_and_one_that_lasts_is_believed() {
        let time = SetTime::at("2026-11-26T10:00:00Z");
        let clock = BooksClock::start(time.clone());
        let told = |clock: &BooksClock| {
            let (hour, noticed) = clock.read();
            (hour.to_string(), noticed)
        };
        time.pass(3600);
        assert_eq!(told(&clock), ("2026-11-26T11:00:00Z".into(), None));
        time.jump(500 * DAY);
        assert_eq!(told(&clock), ("2026-11-26T11:00:00Z".into(), Some(Noticed::Jump(500 * DAY))));
        assert_eq!(told(&clock).1, None, "told once");
        time.pass(600);
        time.jump(-500 * DAY);
        assert_eq!(told(&clock), ("2026-11-26T11:00:00Z".into(), Some(Noticed::Back)));
        // Small corrections are followed at once, and lasting ones after a while; time passes meanwhile.
        time.jump(-300);
        assert_eq!(told(&clock).1, None);
        time.jump(2 * DAY);
        assert_eq!(told(&clock).1, Some(Noticed::Jump(2 * DAY)));
        time.pass(3600);
        assert_eq!(told(&clock), ("2026-11-26T12:00:00Z".into(), Some(Noticed::Due(2 * DAY))));
        assert_eq!(told(&clock).1, None, "one is at it");
        assert_eq!(clock.after_jump().map(|hour| hour.to_string()).as_deref(), Some("2026-11-28T12:00:00Z"));
        clock.adopt();
        assert_eq!(told(&clock), ("2026-11-28T12:00:00Z".into(), None));
        assert_eq!(clock.steady_for(), Duration::ZERO);
    }

    #[test]
    fn a_clock_that_jumps_about_is_not_believed() {
        let time = SetTime::at("2026-11-26T10:00:00Z");
        let clock = BooksClock::start(time.clone());
        for day in 1..50 {
            time.jump(DAY * day);
            assert_eq!(clock.read().1, Some(Noticed::Jump(DAY * day * (day + 1) / 2)));
            time.pass(60);
        }
        assert_eq!(clock.read().0.to_string(), "2026-11-26T10:00:00Z");
    }
}
