//! Label values that may come from outside: each new one is a new series, which Prometheus and this
//! node keep for ever. The first so many have their own; the rest share one.

use std::{
    collections::HashSet,
    sync::{PoisonError, RwLock},
};

/// The value that stands for all that came too late.
const OTHER: &str = "other";

/// The values of one label, at most so many.
#[derive(Debug)]
pub struct Bounded {
    known: RwLock<HashSet<String>>,
    values_max: usize,
}

impl Bounded {
    /// Room for `values_max` values.
    pub fn new(values_max: usize) -> Self {
        Self { known: RwLock::default(), values_max }
    }

    /// The value itself if it is among the first, else the one for all others.
    pub fn value<'a>(&self, value: &'a str) -> &'a str {
        // Values are only ever added, one whole insert at a time.
        if self.known.read().unwrap_or_else(PoisonError::into_inner).contains(value) {
            return value;
        }
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        if known.contains(value) {
            return value;
        }
        if known.len() >= self.values_max {
            return OTHER;
        }
        known.insert(value.to_owned());
        value
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_have_their_own_and_keep_it() {
        let label = Bounded::new(2);
        let values = ["a", "b", "c", "a", "d", "b"].map(|value| label.value(value));
        assert_eq!(values, ["a", "b", OTHER, "a", OTHER, "b"]);
    }
}
