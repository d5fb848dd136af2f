//! What a call is charged for, counted as it happens and shared with whoever charges: these figures
//! outlive a call that is dropped in the middle.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

/// The charged figures of one call.
///
/// The host counts them, so that no runtime can make itself cheaper than it is. Every token that was
/// computed is charged once: as generated, if it was sampled before it was given to a session, else as
/// part of a prompt. A token that ends an answer is not charged.
#[derive(Debug, Default)]
pub struct CallTally {
    computed_prompt_tokens: AtomicU64,
    cached_tokens: AtomicU64,
    generated_tokens: AtomicU64,
    /// Sampled tokens that were not given to a session yet.
    unfed_tokens: AtomicU64,
    cpu_ns: AtomicU64,
    /// All tokens that the call's tenant has computed; whoever bounds its rate empties it.
    computed_by_tenant: Arc<AtomicU64>,
}

impl CallTally {
    /// Nothing yet. What is computed also counts in `computed_by_tenant`.
    pub fn new(computed_by_tenant: Arc<AtomicU64>) -> Self {
        Self { computed_by_tenant, ..Self::default() }
    }

    /// Tokens of prompts and of embedded texts that were computed.
    pub fn computed_prompt_tokens(&self) -> u64 {
        self.computed_prompt_tokens.load(Ordering::Relaxed)
    }

    /// Tokens of prompts that were found in the cache.
    pub fn cached_tokens(&self) -> u64 {
        self.cached_tokens.load(Ordering::Relaxed)
    }

    /// Tokens that were sampled, without those that end an answer.
    pub fn generated_tokens(&self) -> u64 {
        self.generated_tokens.load(Ordering::Relaxed)
    }

    /// Time on a processor: guest and the host functions that it called.
    pub fn cpu_time(&self) -> Duration {
        Duration::from_nanos(self.cpu_ns.load(Ordering::Relaxed))
    }

    /// Adds time on a processor.
    pub fn add_cpu_time_ns(&self, ns: u64) {
        self.cpu_ns.fetch_add(ns, Ordering::Relaxed);
    }

    /// Tokens of prompts, computed or cached.
    pub fn prompt_tokens(&self) -> u64 {
        self.computed_prompt_tokens() + self.cached_tokens()
    }

    /// How many of `count` tokens that a session is to compute belong to prompts.
    pub(crate) fn new_prompt_tokens(&self, count: u64) -> u64 {
        count.saturating_sub(self.unfed_tokens.load(Ordering::Relaxed))
    }

    /// A session computed this many tokens.
    pub(crate) fn computed(&self, count: u64) {
        // One call runs one thing at a time, so nobody changes it in between.
        let fed = count - self.new_prompt_tokens(count);
        self.unfed_tokens.fetch_sub(fed, Ordering::Relaxed);
        self.computed_prompt_tokens.fetch_add(count - fed, Ordering::Relaxed);
        self.computed_by_tenant.fetch_add(count, Ordering::Relaxed);
    }

    /// A text of this many tokens was embedded.
    pub(crate) fn embedded(&self, count: u64) {
        self.computed_prompt_tokens.fetch_add(count, Ordering::Relaxed);
        self.computed_by_tenant.fetch_add(count, Ordering::Relaxed);
    }

    /// So many tokens were made of a text, and refused because no context holds them. They cost nothing, and count
    /// against the tenant's rate.
    pub(crate) fn made_in_vain(&self, count: u64) {
        self.computed_by_tenant.fetch_add(count, Ordering::Relaxed);
    }

    /// A session began with this many tokens from the cache.
    pub(crate) fn cached(&self, count: u64) {
        self.cached_tokens.fetch_add(count, Ordering::Relaxed);
    }

    /// A token was sampled that does not end an answer.
    pub(crate) fn generated(&self) {
        self.generated_tokens.fetch_add(1, Ordering::Relaxed);
        self.unfed_tokens.fetch_add(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_computed_token_is_charged_once() {
        let all = Arc::new(AtomicU64::new(0));
        let tally = CallTally::new(all.clone());
        tally.cached(16);
        tally.computed(4);
        for _ in 0..3 {
            tally.generated();
            tally.computed(1);
        }
        // The last one is never computed, and was sampled all the same.
        tally.generated();
        assert_eq!((tally.computed_prompt_tokens(), tally.cached_tokens(), tally.generated_tokens()), (4, 16, 4));
        assert_eq!(all.load(Ordering::Relaxed), 7);
        assert_eq!((tally.prompt_tokens(), tally.new_prompt_tokens(10)), (20, 9));
        // Several at once, of which one was sampled: the others are the guest's own.
        tally.computed(5);
        assert_eq!(tally.computed_prompt_tokens(), 8);
        tally.embedded(2);
        assert_eq!((tally.computed_prompt_tokens(), all.load(Ordering::Relaxed)), (10, 14));
    }
}
