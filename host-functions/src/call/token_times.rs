//! When a call's tokens were sampled, as far as is kept.

use std::time::{Duration, Instant};

/// Target of the trace of each token that is sampled, with its call's `tenant`.
pub const SAMPLED: &str = "realm::sampled";
/// Gaps between tokens that are kept; those after them are not measured.
const GAPS_MAX: usize = 16_384;

/// When the first token was sampled, and how long each of the next took.
#[derive(Clone, Default, Debug)]
pub struct TokenTimes {
    first: Option<Instant>,
    last: Option<Instant>,
    gaps: Vec<Duration>,
}

impl TokenTimes {
    /// When the first token was sampled, if one was.
    pub fn first(&self) -> Option<Instant> {
        self.first
    }

    /// The times between a token and the next.
    pub fn gaps(&self) -> &[Duration] {
        &self.gaps
    }

    pub(crate) fn sampled(&mut self) {
        let now = Instant::now();
        if let Some(last) = self.last.replace(now)
            && self.gaps.len() < GAPS_MAX
        {
            self.gaps.push(now.saturating_duration_since(last));
        }
        self.first.get_or_insert(now);
    }
}
