//! When old usage is removed, as pure state: never on the word of a clock that is far ahead of the books.
//!
//! The newest hour that the node believes in is stored. A clock that is ahead of it by more than [`LEAD_MAX`], be it that
//! it is wrong or that the node stood still for long, must be steady for [`STEADY_MIN`] before anything is removed by it.

use super::period::Hour;
use std::time::Duration;

/// Hours that a clock may be ahead of the newest hour that is believed.
const LEAD_MAX: u32 = 48;
/// How long a clock that is ahead by more must be steady.
const STEADY_MIN: Duration = Duration::from_secs(24 * 3600);

/// What is known of the hours so far.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pruning {
    /// The newest hour that is believed.
    believed: Hour,
    /// The hour of the last look.
    looked: Option<Hour>,
}

/// What a look says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Look {
    /// Nothing is to be done in this hour any more.
    Nothing,
    /// The clock is so many hours ahead of what is believed: nothing is removed.
    Ahead(u32),
    /// Usage before `before` is to be removed, and `believed` stored.
    Prune {
        /// The first hour that is kept.
        before: Hour,
        /// The newest hour that is believed from now on.
        believed: Hour,
    },
}

impl Pruning {
    pub(super) fn new(believed: Hour) -> Self {
        Self { believed, looked: None }
    }

    /// Looks at the clock, once an hour. Usage is kept for `hours_max`.
    pub(super) fn look(&mut self, now: Hour, steady_for: Duration, hours_max: u32) -> Look {
        if self.looked == Some(now) {
            return Look::Nothing;
        }
        self.looked = Some(now);
        let lead = now.0.saturating_sub(self.believed.0);
        if lead > LEAD_MAX && steady_for < STEADY_MIN {
            return Look::Ahead(lead);
        }
        self.believed = self.believed.max(now);
        // By a clock that went back, less is too old.
        Look::Prune { before: Hour(now.0.saturating_sub(hours_max)), believed: self.believed }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_is_far_ahead_removes_nothing_before_it_was_steady_for_a_day() {
        let (monday, hours_max) = (Hour(500_000), 9_600);
        let mut pruning = Pruning::new(monday);
        let prune = |now: Hour| Look::Prune { before: Hour(now.0 - hours_max), believed: now };
        assert_eq!(pruning.look(monday, Duration::ZERO, hours_max), prune(monday));
        assert_eq!(pruning.look(monday, Duration::ZERO, hours_max), Look::Nothing, "once an hour");
        let jumped = Hour(monday.0 + 500 * 24);
        assert_eq!(pruning.look(jumped, Duration::from_secs(3600), hours_max), Look::Ahead(12_000));
        // What the clock says meanwhile is not believed either, or the next start would believe it.
        let tuesday = Hour(monday.0 + 24);
        assert_eq!(pruning.look(tuesday, Duration::ZERO, hours_max), prune(tuesday));
        assert_eq!(pruning.look(jumped, STEADY_MIN, hours_max), prune(jumped));
        let back = Look::Prune { before: Hour(tuesday.0 - hours_max), believed: jumped };
        assert_eq!(pruning.look(tuesday, Duration::ZERO, hours_max), back);
    }
}
