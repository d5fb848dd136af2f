//! What a call is charged for, counted as it happens and shared with whoever charges: these figures
//! outlive a call that is dropped in the middle.
//!
//! ```text
//!  drawn, looked at (guest) ──► Counts ◄── step_began, step_ended (engine, also after the call is dropped)
//!                                 └──► charged figures, once no step is being computed: `idle`
//! ```

use realm_engine::TokenMeter;
use realm_work::CpuAccount;
use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::sync::{Notify, watch};

/// The charged figures of one call.
///
/// The host counts them, so that no runtime can make itself cheaper than it is. Every token that was computed is charged
/// once:
///
/// - A token that was drawn by `sample_token` is charged as generated when it is drawn, unless it ends an answer, and is
///   not charged again when it is given to a session.
/// - A row of logits that the guest looked at in another way (`logits_read`, or `sampled_logprob` of a draw that was not
///   charged) makes the next token that is given to a session a generated one.
/// - All other computed tokens are tokens of prompts.
#[derive(Debug, Default)]
pub struct CallTally {
    /// Held only to change or to read it, never across anything that waits.
    counts: Mutex<Counts>,
    /// No step with tokens of the call is being computed any more.
    idle: Notify,
    cpu_ns: AtomicU64,
    /// Threads and queues that may still add to these figures.
    working: watch::Sender<usize>,
    /// All tokens that the call's tenant has computed; whoever bounds its rate empties it.
    computed_by_tenant: Arc<AtomicU64>,
}

/// Tokens of a call.
#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    computed: u64,
    computed_prompt: u64,
    cached: u64,
    generated: u64,
    /// Drawn tokens that were not given to a session yet.
    unfed: u64,
    /// Rows of logits that were looked at, and not followed by a token yet.
    looked: u64,
    /// Tokens in steps that are being computed.
    in_steps: u64,
}

impl Counts {
    /// How many of `count` tokens that a session is to compute belong to prompts, and how many are generated.
    fn split(&self, count: u64) -> (u64, u64) {
        let not_drawn = count.saturating_sub(self.unfed);
        let generated = not_drawn.min(self.looked);
        (not_drawn - generated, generated)
    }
}

impl CallTally {
    /// Nothing yet. What is computed also counts in `computed_by_tenant`.
    pub fn new(computed_by_tenant: Arc<AtomicU64>) -> Self {
        Self { computed_by_tenant, ..Self::default() }
    }

    /// Tokens that a model computed for the call.
    pub fn computed_tokens(&self) -> u64 {
        self.counts().computed
    }

    /// Tokens of prompts and of embedded texts that were computed.
    pub fn computed_prompt_tokens(&self) -> u64 {
        self.counts().computed_prompt
    }

    /// Tokens of prompts that were found in the cache.
    pub fn cached_tokens(&self) -> u64 {
        self.counts().cached
    }

    /// Tokens that were generated, without those that end an answer.
    pub fn generated_tokens(&self) -> u64 {
        self.counts().generated
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
        let counts = self.counts();
        counts.computed_prompt + counts.cached
    }

    /// Whether no step with tokens of the call is being computed. The figures of a call that has ended are final then.
    pub fn is_idle(&self) -> bool {
        self.counts().in_steps == 0
    }

    /// Waits until no step with tokens of the call is being computed.
    ///
    /// # Cancel safety
    /// Cancel safe.
    pub async fn idle(&self) {
        loop {
            // Made before the look, so that it hears of a step that ends in between.
            let idle = self.idle.notified();
            if self.is_idle() {
                return;
            }
            idle.await;
        }
    }

    /// Tokens in steps that are being computed.
    pub fn tokens_in_steps(&self) -> u64 {
        self.counts().in_steps
    }

    /// How many of `count` tokens that a session is to compute belong to prompts, and how many are generated ones that
    /// were not charged when they were drawn.
    pub(crate) fn new_tokens(&self, count: u64) -> (u64, u64) {
        self.counts().split(count)
    }

    /// So many tokens were made of a text, and refused because no context holds them. They cost nothing, and count
    /// against the tenant's rate.
    pub(crate) fn made_in_vain(&self, count: u64) {
        self.computed_by_tenant.fetch_add(count, Ordering::Relaxed);
    }

    /// A session began with this many tokens from the cache.
    pub(crate) fn cached(&self, count: u64) {
        self.counts().cached += count;
    }

    /// A token was drawn that does not end an answer. `looked`: from a row that counts as looked at.
    pub(crate) fn drawn(&self, looked: bool) {
        let mut counts = self.counts();
        if looked {
            counts.looked = counts.looked.saturating_sub(1);
        }
        counts.generated += 1;
        counts.unfed += 1;
    }

    /// The guest looked at a row of logits for the first time, without a draw that is charged.
    pub(crate) fn looked(&self) {
        self.counts().looked += 1;
    }

    fn computed(&self, count: u64) {
        let mut counts = self.counts();
        let (prompt, generated) = counts.split(count);
        counts.unfed -= count - prompt - generated;
        counts.looked -= generated;
        counts.computed += count;
        counts.computed_prompt += prompt;
        counts.generated += generated;
        drop(counts);
        self.computed_by_tenant.fetch_add(count, Ordering::Relaxed);
    }

    fn counts(&self) -> MutexGuard<'_, Counts> {
        // Every change of it is whole, so a panic elsewhere harms nothing.
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl TokenMeter for CallTally {
    fn step_began(&self, tokens: u64) {
        self.counts().in_steps += tokens;
    }

    fn step_ended(&self, tokens: u64, computed: bool) {
        if computed {
            self.computed(tokens);
        }
        let mut counts = self.counts();
        counts.in_steps = counts.in_steps.saturating_sub(tokens);
        let is_idle = counts.in_steps == 0;
        drop(counts);
        if is_idle {
            self.idle.notify_waiters();
        }
    }
}

/// Work that a call does on another thread: until dropped, figures may still be added to the call's tally. A call that
/// is cancelled ends its slice or its heavy work first, and is charged for that, too.
#[derive(Debug)]
pub struct Working(Arc<CallTally>);

impl CallTally {
    /// Registers work on another thread.
    pub fn working(self: &Arc<Self>) -> Arc<Working> {
        self.working.send_modify(|count| *count += 1);
        Arc::new(Working(self.clone()))
    }

    /// Whether nothing can be added any more by work of the call.
    pub fn is_final(&self) -> bool {
        *self.working.borrow() == 0
    }

    /// Waits until nothing can be added any more by work of the call.
    pub async fn wait_final(&self) {
        // The sender is this tally's own, so it is there.
        let _ = self.working.subscribe().wait_for(|count| *count == 0).await;
    }
}

impl Drop for Working {
    fn drop(&mut self) {
        self.0.working.send_modify(|count| *count = count.saturating_sub(1));
    }
}

impl CpuAccount for CallTally {
    fn cpu_time(&self) -> Duration {
        CallTally::cpu_time(self)
    }

    fn add_cpu_time(&self, time: Duration) {
        self.add_cpu_time_ns(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX));
    }
}

impl CpuAccount for Working {
    fn cpu_time(&self) -> Duration {
        self.0.cpu_time()
    }

    fn add_cpu_time(&self, time: Duration) {
        self.0.add_cpu_time(time);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(tally: &CallTally, tokens: u64) {
        tally.step_began(tokens);
        tally.step_ended(tokens, true);
    }

    #[test]
    fn every_computed_token_is_charged_once() {
        let all = Arc::new(AtomicU64::new(0));
        let tally = CallTally::new(all.clone());
        tally.cached(16);
        step(&tally, 4);
        for _ in 0..3 {
            tally.drawn(false);
            step(&tally, 1);
        }
        // The last one is never computed, and was sampled all the same.
        tally.drawn(false);
        assert_eq!((tally.computed_prompt_tokens(), tally.cached_tokens(), tally.generated_tokens()), (4, 16, 4));
        assert_eq!((all.load(Ordering::Relaxed), tally.computed_tokens()), (7, 7));
        assert_eq!((tally.prompt_tokens(), tally.new_tokens(10)), (20, (9, 0)));
        // Several at once, of which one was sampled: the others are the guest's own.
        step(&tally, 5);
        assert_eq!(tally.computed_prompt_tokens(), 8);
    }

    /// A runtime that read the logits and chose each token itself paid a prompt's price for what it generated.
    #[test]
    fn tokens_that_follow_rows_the_guest_looked_at_are_generated() {
        let tally = CallTally::default();
        step(&tally, 10);
        for _ in 0..5 {
            tally.looked();
            assert_eq!(tally.new_tokens(1), (0, 1));
            step(&tally, 1);
        }
        assert_eq!((tally.computed_prompt_tokens(), tally.generated_tokens()), (10, 5));
        // A prompt that follows a look is charged as a prompt but for its first token.
        tally.looked();
        step(&tally, 8);
        assert_eq!((tally.computed_prompt_tokens(), tally.generated_tokens()), (17, 6));
        // A row that is looked at and drawn from makes one token.
        tally.looked();
        tally.drawn(true);
        step(&tally, 2);
        assert_eq!((tally.computed_prompt_tokens(), tally.generated_tokens()), (18, 7));
        // Rows that nothing follows cost nothing: to score a text is to read its prompt.
        tally.looked();
        assert_eq!((tally.computed_prompt_tokens(), tally.generated_tokens()), (18, 7));
    }

    /// A forward pass that was dropped was computed and charged to nobody.
    #[tokio::test]
    async fn a_step_that_outlives_its_call_is_waited_for_and_a_failed_one_is_free() {
        let tally = Arc::new(CallTally::default());
        tally.step_began(64);
        assert!(!tally.is_idle());
        let waiting = tokio::spawn({
            let tally = tally.clone();
            async move { tally.idle().await }
        });
        tokio::task::yield_now().await;
        tally.step_ended(64, true);
        waiting.await.expect("it is heard");
        assert_eq!((tally.is_idle(), tally.computed_prompt_tokens()), (true, 64));
        tally.step_began(10);
        tally.step_ended(10, false);
        assert_eq!((tally.computed_prompt_tokens(), tally.tokens_in_steps()), (64, 0));
    }
}
