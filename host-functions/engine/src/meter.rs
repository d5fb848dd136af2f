//! Counting what is computed for whom. The figures must not depend on whether the caller still waits: a forward pass that
//! is dropped was computed as far as it got, and its blocks may lie in the prefix index.
//!
//! ```text
//!   step planned ─► step_began(tokens)      one call for each part of the step, whatever becomes of its job
//!   step over    ─► step_ended(tokens, computed?)
//! ```

use std::fmt::Debug;
use std::sync::Arc;

/// Receives the number of tokens that the engine computes for one client, such as a call.
///
/// Tokens that are computed a second time because KV memory was short are not reported: they are counted in
/// [`EngineCounters::recomputed`](crate::EngineCounters::recomputed). Implementations must be quick and must not call the
/// engine: it calls them while it holds its lock.
pub trait TokenMeter: Send + Sync + Debug {
    /// A step that computes `tokens` of the client's tokens began.
    fn step_began(&self, tokens: u64);

    /// The step ended. `computed` is false if it failed, and then nothing was computed.
    fn step_ended(&self, tokens: u64, computed: bool);
}

/// The tokens of one part of a step that is being computed. Dropping it reports a failed step.
#[derive(Debug)]
pub(crate) struct Charge {
    meter: Arc<dyn TokenMeter>,
    tokens: u64,
    computed: bool,
}

impl Charge {
    /// Reports that a step with these tokens begins.
    pub(crate) fn begin(meter: &Arc<dyn TokenMeter>, tokens: u64) -> Self {
        meter.step_began(tokens);
        Self { meter: meter.clone(), tokens, computed: false }
    }

    /// Reports that the step was computed.
    pub(crate) fn computed(mut self) {
        self.computed = true;
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        self.meter.step_ended(self.tokens, self.computed);
    }
}

/// A meter for tests.
#[cfg(test)]
#[derive(Debug, Default)]
pub(crate) struct Counting {
    pub(crate) computed: std::sync::atomic::AtomicU64,
    pub(crate) in_steps: std::sync::atomic::AtomicU64,
}

#[cfg(test)]
impl TokenMeter for Counting {
    fn step_began(&self, tokens: u64) {
        self.in_steps.fetch_add(tokens, std::sync::atomic::Ordering::SeqCst);
    }

    fn step_ended(&self, tokens: u64, computed: bool) {
        self.in_steps.fetch_sub(tokens, std::sync::atomic::Ordering::SeqCst);
        if computed {
            self.computed.fetch_add(tokens, std::sync::atomic::Ordering::SeqCst);
        }
    }
}
