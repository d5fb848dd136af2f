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

    /// Nano-dollars are spent now. They count in the present periods, also where the clock went back since these began: a
    /// period that was begun is never left for an earlier one, so what is spent then must count in it.
    pub fn spend(&mut self, now: Hour, nano_usd: u64) {
        self.turn(now);
        for (_, spent) in &mut self.spent {
            *spent = spent.saturating_add(nano_usd);
        }
    }

    /// Begins the periods of `now` again, whatever the present ones are, with what the books say was spent in each hour.
    /// What is held stays held.
    pub fn restart(&mut self, now: Hour, spent: impl IntoIterator<Item = (Hour, u64)>) {
        let held = self.held;
        *self = Self { held, ..Self::new(now) };
        for (hour, nano_usd) in spent {
            for (period, (begin, sum)) in CAPPED.into_iter().zip(&mut self.spent) {
                if hour.begin_of(period) == *begin {
                    *sum = sum.saturating_add(nano_usd);
                }
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

    /// A clock was ahead for one call, and then right again: what was spent from then on counted in no present period, and
    /// the cap was not enforced until the node was started again.
    #[test]
    fn what_is_spent_after_the_clock_went_back_counts() {
        let (today, caps) = (hour("2026-11-29T10:00:00Z"), Caps { day: 100, month: 1_000 });
        let mut budget = Budget::new(today);
        budget.hold(hour("2028-04-12T10:00:00Z"), 10, caps).expect("room");
        budget.release(10);
        for _ in 0..10 {
            budget.hold(today, 10, caps).expect("room");
            budget.release(10);
            budget.spend(today, 10);
        }
        assert!(budget.hold(today, 1, caps).is_err(), "{budget:?}");
    }

    #[test]
    fn a_budget_is_restarted_from_the_books_in_either_direction() {
        let (today, caps) = (hour("2026-11-29T10:00:00Z"), Caps { day: 100, month: 150 });
        let mut budget = Budget::new(hour("2028-04-12T10:00:00Z"));
        budget.hold(hour("2028-04-12T10:00:00Z"), 20, caps).expect("room");
        let books = [("2026-10-31", 70), ("2026-11-28T23:00:00Z", 60), ("2026-11-29", 40)];
        budget.restart(today, books.map(|(at, nano_usd)| (hour(at), nano_usd)));
        let refused = budget.hold(today, 41, caps).unwrap_err();
        assert_eq!((refused.period, refused.spent, refused.held), (Period::Day, 40, 20));
        assert_eq!(budget.hold(today, 31, caps).unwrap_err().period, Period::Month);
        assert_eq!(budget.hold(today, 30, caps), Ok(()));
    }
}
