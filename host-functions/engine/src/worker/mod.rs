//! What computes the steps of a model that generates, and the state it shares with sessions.
//!
//! ```text
//! sessions ── lock ──> State { scheduler, waiting, stepper } <── lock ── whoever took the stepper:
//!    ^                                                                   plan ─ unlock ─ compute ─ lock ─ commit, put back
//!    └──────────────────────── one-shot channel per job ────────────────────────────────┘
//! ```
//! The lock is held for bookkeeping only, never while anything is computed or awaited. KV memory and weights belong to
//! the [`Stepper`], and that to whoever computes the next step: as a rule the worker's thread, and for steps that take
//! less time than waking it, the thread of the session that asks, if it is alone ([`Shared::step_in_place`]).

mod shared;
mod step;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::thread::JoinHandle;

pub use shared::{Shared, Stopped, Submitted};
pub use step::{JobOutput, JobResult};

use crate::executor::Executor;
use crate::scheduler::Scheduler;
use shared::StopOnExit;
use step::Stepper;

/// The worker's thread; ends it when dropped.
pub struct Worker {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

impl Worker {
    /// Starts a thread that runs what `scheduler` plans on `executor`.
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn start(scheduler: Scheduler, executor: Box<dyn Executor>) -> std::io::Result<Self> {
        let shared = Arc::new(Shared::new(scheduler, Stepper::new(executor)));
        let mine = shared.clone();
        let thread = std::thread::Builder::new().name("realm-engine".into()).spawn(move || work(&mine))?;
        Ok(Self { shared, thread: Some(thread) })
    }

    pub fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.shared.stop();
        if let Some(thread) = self.thread.take() {
            // A worker that panicked has said so on standard error; there is nobody left to tell.
            let _ = thread.join();
        }
    }
}

fn work(shared: &Shared) {
    let _stop = StopOnExit(shared);
    while let Some(stepper) = shared.next_turn() {
        stepper.step(shared);
        shared.look_out();
    }
}
