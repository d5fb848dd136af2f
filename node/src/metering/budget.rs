//! A tenant's spending caps, as pure state: what is spent, what the calls that run may still cost, and whether one
//! more call fits beside them. A call is let in only if the caps hold even when every call costs the most it can, so
//! they are never overspent, not by one nano-dollar.

use super::period::{Hour, Period};

/// The periods that have caps, shortest first.
const CAPPED: [Period; 2] = [Period::Day, Period::Month];

/// Nano-dollars that a tenant may spend.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Caps {
    /// From midnight to midnight.
    pub day: u64,
    /// In a calendar month.
    pub month: u64,
}

/// A call does not fit.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Exceeded {
    /// Whose cap it is.
    pub period: Period,
    /// Nano-dollars that may be spent in it.
    pub limit: u64,
    /// Nano-dollars that are spent.
    pub spent: u64,
    /// Nano-dollars that the calls that run may still cost.
    pub held: u64,
    /// Nano-dollars that this one may cost.
    pub asked: u64,
}

/// What one tenant has spent in the present day and month, and what is held for its running calls.
#[derive(Clone, Copy, Debug)]
pub struct Budget {
    spent: [(Hour, u64); CAPPED.len()],
    held: u64,
}

impl Budget {
    /// Nothing is spent yet.
    pub fn new(now: Hour) -> Self {
        Self { spent: CAPPED.map(|period| (now.begin_of(period), 0)), held: 0 }
    }

    /// Nano-dollars were spent in an hour. Counts where that hour is in a present period.
    pub fn spend(&mut self, hour: Hour, nano_usd: u64) {
        self.turn(hour);
        for (period, (begin, spent)) in CAPPED.into_iter().zip(&mut self.spent) {
            if hour.begin_of(period) == *begin {
                *spent = spent.saturating_add(nano_usd);
            }
        }
    }

    /// Holds what a call may cost at most.
    ///
    /// # Errors
    /// [`Exceeded`]; nothing is held then.
    pub fn hold(&mut self, now: Hour, asked: u64, caps: Caps) -> Result<(), Exceeded> {
        self.turn(now);
        let limits = [caps.day, caps.month];
        for ((period, (_, spent)), limit) in CAPPED.into_iter().zip(self.spent).zip(limits) {
            if spent.saturating_add(self.held).saturating_add(asked) > limit {
                return Err(Exceeded { period, limit, spent, held: self.held, asked });
            }
        }
        self.held = self.held.saturating_add(asked);
        Ok(())
    }

    /// The call is over: what was held for it is free.
    pub fn release(&mut self, asked: u64) {
        self.held = self.held.saturating_sub(asked);
    }

    /// A new day or month begins with nothing spent. A clock that goes back begins nothing.
    fn turn(&mut self, now: Hour) {
        for (period, (begin, spent)) in CAPPED.into_iter().zip(&mut self.spent) {
            let current = now.begin_of(period);
            if current > *begin {
                (*begin, *spent) = (current, 0);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hour(text: &str) -> Hour {
        Hour::not_before(text).expect("a moment")
    }

    #[test]
    fn running_calls_count_with_what_they_may_cost_and_then_with_what_they_did() {
        let (now, caps) = (hour("2026-11-30T22:00:00Z"), Caps { day: 100, month: 1_000 });
        let mut budget = Budget::new(now);
        assert_eq!(budget.hold(now, 60, caps), Ok(()));
        let refused = Exceeded { period: Period::Day, limit: 100, spent: 0, held: 60, asked: 60 };
        assert_eq!(budget.hold(now, 60, caps), Err(refused));
        assert_eq!(budget.hold(now, 40, caps), Ok(()), "to the last one");
        budget.spend(now, 5);
        budget.release(60);
        assert_eq!(budget.hold(now, 55, caps), Ok(()));
        assert!(budget.hold(now, 1, caps).is_err());
    }

    #[test]
    fn a_new_day_and_a_new_month_begin_with_nothing_spent() {
        let (evening, caps) = (hour("2026-11-29T23:00:00Z"), Caps { day: 100, month: 150 });
        let mut budget = Budget::new(evening);
        budget.spend(evening, 100);
        assert_eq!(budget.hold(evening, 1, caps).unwrap_err().period, Period::Day);
        let tomorrow = evening.next();
        assert_eq!(budget.hold(tomorrow, 51, caps).unwrap_err().period, Period::Month);
        assert_eq!(budget.hold(tomorrow, 50, caps), Ok(()));
        // Settled late, it counts where it ended.
        budget.release(50);
        budget.spend(tomorrow, 50);
        assert_eq!(budget.hold(hour("2026-12-01"), 100, caps), Ok(()));
        // A clock set back neither forgets nor opens anything.
        assert!(budget.hold(tomorrow, 1, caps).is_err());
    }
}
