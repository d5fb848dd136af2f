//! The state that sessions and whoever computes share: who waits, who is expected, and who may compute.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use super::step::{JobOutput, JobResult, Stepper};
use crate::executor::ExecutorError;
use crate::meter::{Charge, TokenMeter};
use crate::model::EngineCounters;
use crate::scheduler::{JobId, Output, Part, Plan, Refused, Scheduler, SequenceId};
use crate::thread_time::in_step;

/// After a step, its decoding sequences are about to come back with their next tokens. Waiting for them fills the next
/// batch; this bounds the wait, as does a share of the last step's time.
const GATHER_MAX: Duration = Duration::from_millis(2);
/// The wait is at most the last step's time divided by this.
const GATHER_SHARE: u32 = 8;

/// A few decoding sequences come back in less time than sleeping threads take to wake; so the worker looks out for them
/// this long before it sleeps, if it expects anybody.
const LOOK_OUT: Duration = Duration::from_micros(80);

/// A step that probably takes no longer than this is computed by the session that asks for it, if that is alone. Waking the
/// worker and being woken by it takes some 40 microseconds, which is as much as a small model's step.
const IN_PLACE_MAX: Duration = Duration::from_micros(500);

/// The worker is gone: the model is being dropped, or its thread died.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stopped;

/// A job on its way.
pub struct Submitted {
    pub job: JobId,
    /// Tokens in the sequence before the job's.
    pub len_before: u32,
    pub result: oneshot::Receiver<JobResult>,
    /// Nobody was woken for it: whoever submitted it calls [`Shared::step_in_place`], or withdraws it.
    pub in_place: bool,
}

struct Waiting {
    reply: oneshot::Sender<JobResult>,
    output: JobOutput,
    /// Who is charged for it.
    meter: Option<Arc<dyn TokenMeter>>,
}

struct State {
    scheduler: Scheduler,
    waiting: HashMap<JobId, Waiting>,
    /// Sequences that got a result in the last step and did not come back since.
    expected: HashSet<SequenceId>,
    /// Until when they are waited for.
    gather_until: Instant,
    /// There while nobody computes.
    stepper: Option<Stepper>,
    /// The sequence that had the last step for itself.
    alone: Option<SequenceId>,
    /// How long the last step took, and its tokens.
    last_step: (Duration, usize),
    stopped: bool,
    counters: EngineCounters,
}

impl State {
    /// Whether the next step belongs to `id` alone, as the last one did, and is short: a step of fewer tokens than the
    /// last may take as long, one of more takes longer in proportion at most.
    fn is_short_and_alone(&self, id: SequenceId) -> bool {
        if self.alone != Some(id) || self.scheduler.jobs() != 1 {
            return false;
        }
        let (took, tokens) = self.last_step;
        let (tokens, wanted) = (tokens.max(1) as u128, u128::from(self.scheduler.tokens_wanted()));
        took.as_nanos() * wanted.max(tokens) <= IN_PLACE_MAX.as_nanos() * tokens
    }

    /// Takes the stepper, with the next step planned; `None` if there is nothing to do or somebody computes.
    fn take_turn(&mut self) -> Option<Stepper> {
        let mut stepper = self.stepper.take()?;
        self.expected.clear();
        self.scheduler.plan(&mut stepper.plan);
        if stepper.plan.parts.is_empty() {
            self.stepper = Some(stepper);
            return None;
        }
        for part in &stepper.plan.parts {
            if let Some(meter) = self.waiting.get(&part.job).and_then(|waiting| waiting.meter.as_ref()) {
                stepper.charges.push(Charge::begin(meter, part.new_tokens()));
            }
        }
        Some(stepper)
    }
}

/// The state that sessions and the worker share.
pub struct Shared {
    state: Mutex<State>,
    /// Something happened that the worker may be waiting for.
    wake: Condvar,
    /// Counts jobs submitted and sequences closed, for a worker that looks out without the lock.
    events: AtomicU64,
}

impl Shared {
    pub(super) fn new(scheduler: Scheduler, stepper: Stepper) -> Self {
        let state = State {
            scheduler,
            waiting: HashMap::new(),
            expected: HashSet::new(),
            gather_until: Instant::now(),
            stepper: Some(stepper),
            alone: None,
            last_step: (Duration::ZERO, 0),
            stopped: false,
            counters: EngineCounters::default(),
        };
        Self { state: Mutex::new(state), wake: Condvar::new(), events: AtomicU64::new(0) }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // A panic while the lock is held is a bug in bookkeeping; the state stays what the last event made it.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Looks at or changes the scheduler. What is done here must be quick.
    pub fn with<T>(&self, act: impl FnOnce(&mut Scheduler) -> T) -> T {
        act(&mut self.lock().scheduler)
    }

    /// What was done since the worker began.
    pub fn counters(&self) -> EngineCounters {
        self.lock().counters
    }

    /// Closes a sequence, with its job if it has one.
    pub fn close(&self, id: SequenceId) {
        let mut state = self.lock();
        state.scheduler.close(id);
        state.expected.remove(&id);
        drop(state);
        self.events.fetch_add(1, Ordering::Release);
        self.wake.notify_one();
    }

    /// Submits a job. What is computed for it is reported to `meter`.
    pub fn submit(
        &self,
        id: SequenceId,
        tokens: &[u32],
        output: Output,
        meter: Option<&Arc<dyn TokenMeter>>,
    ) -> Result<Result<Submitted, Stopped>, Refused> {
        let mut state = self.lock();
        if state.stopped {
            return Ok(Err(Stopped));
        }
        let len_before = state.scheduler.len(id);
        let job = state.scheduler.submit(id, tokens, output)?;
        let (reply, result) = oneshot::channel();
        state.waiting.insert(job, Waiting { reply, output: JobOutput::default(), meter: meter.cloned() });
        state.expected.remove(&id);
        let in_place = state.stepper.is_some() && state.is_short_and_alone(id);
        // The worker waits for the first job, and then for the last of those it expects.
        let wake = !in_place && (state.expected.is_empty() || state.scheduler.jobs() == 1);
        drop(state);
        if !in_place {
            self.events.fetch_add(1, Ordering::Release);
        }
        if wake {
            self.wake.notify_one();
        }
        Ok(Ok(Submitted { job, len_before, result, in_place }))
    }

    /// Computes the next step on the caller's thread, if it is still the caller's alone; else has the worker do it.
    pub fn step_in_place(&self, id: SequenceId) {
        let mut state = self.lock();
        let turn = if state.is_short_and_alone(id) { state.take_turn() } else { None };
        drop(state);
        if let Some(stepper) = turn {
            in_step(|| stepper.step(self));
        }
        self.wake_if_asked();
    }

    /// Takes a job back, even one that is finished and whose result nobody took: its sequence has `len_before` tokens
    /// again.
    pub fn withdraw(&self, id: SequenceId, job: JobId, len_before: u32) {
        let mut state = self.lock();
        state.scheduler.truncate(id, len_before);
        state.waiting.remove(&job);
        drop(state);
        // Others may have relied on this one to compute.
        self.wake_if_asked();
    }

    /// Waits for something to do; gives the stepper with the next step planned, or nothing when the worker shall end.
    pub(super) fn next_turn(&self) -> Option<Stepper> {
        let mut state = self.lock();
        loop {
            if state.stopped {
                return None;
            }
            let now = Instant::now();
            if state.scheduler.jobs() == 0 || state.stepper.is_none() {
                state = self.wake.wait(state).unwrap_or_else(PoisonError::into_inner);
            } else if !state.expected.is_empty() && now < state.gather_until {
                let left = state.gather_until - now;
                let (guard, _) = self.wake.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner);
                state = guard;
            } else if let Some(stepper) = state.take_turn() {
                return Some(stepper);
            }
        }
    }

    /// Spins until something happens, if nothing is to be done but somebody is expected; for [`LOOK_OUT`] at most.
    pub(super) fn look_out(&self) {
        let (seen, expects) = {
            let state = self.lock();
            let expects = state.scheduler.jobs() == 0 && !state.expected.is_empty();
            (self.events.load(Ordering::Acquire), expects)
        };
        let until = Instant::now() + LOOK_OUT;
        while expects && self.events.load(Ordering::Acquire) == seen && Instant::now() < until {
            std::thread::yield_now();
        }
    }

    /// The sum of a job's hidden states so far; empty at first.
    pub(super) fn take_hidden_sum(&self, job: JobId) -> Vec<f64> {
        let mut state = self.lock();
        state.waiting.get_mut(&job).map(|waiting| std::mem::take(&mut waiting.output.hidden_sum)).unwrap_or_default()
    }

    /// Takes a step's results, one for each part of its plan, sends those that are whole, and lets others compute.
    pub(super) fn deliver(&self, mut stepper: Stepper, results: Vec<JobOutput>, took: Duration) {
        let mut finished = Vec::new();
        let mut state = self.lock();
        let State { scheduler, waiting, expected, counters, .. } = &mut *state;
        let plan: &Plan = &stepper.plan;
        counters.steps += 1;
        counters.sequences += plan.parts.len() as u64;
        counters.tokens += plan.tokens.len() as u64;
        counters.recomputed += plan.tokens.len() as u64 - plan.parts.iter().map(Part::new_tokens).sum::<u64>();
        counters.busy += took;
        for (part, result) in plan.parts.iter().zip(results) {
            if let Some(waiting) = waiting.get_mut(&part.job) {
                waiting.output.append(result);
            }
        }
        scheduler.commit(plan, |job| finished.extend(waiting.remove(&job)));
        expected.extend(plan.parts.iter().filter(|p| !waiting.contains_key(&p.job)).map(|p| p.sequence));
        expected.retain(|id| scheduler.is_open(*id));
        state.alone = (plan.parts.len() == 1).then(|| plan.parts[0].sequence);
        state.last_step = (took, plan.tokens.len());
        state.gather_until = Instant::now() + GATHER_MAX.min(took / GATHER_SHARE);
        // Before anybody hears of a result: who has one is charged for it.
        stepper.charges.drain(..).for_each(Charge::computed);
        state.stepper = Some(stepper);
        drop(state);
        for waiting in finished {
            // A receiver that is gone has cancelled; the job is over in any case.
            let _ = waiting.reply.send(Ok(waiting.output));
        }
    }

    /// Fails the jobs of a step, and lets others compute.
    pub(super) fn fail(&self, mut stepper: Stepper, error: &ExecutorError) {
        let mut state = self.lock();
        // Dropped, they count as not computed.
        stepper.charges.clear();
        for part in &stepper.plan.parts {
            state.scheduler.cancel(part.job);
            if let Some(waiting) = state.waiting.remove(&part.job) {
                let _ = waiting.reply.send(Err(error.clone()));
            }
        }
        state.stepper = Some(stepper);
    }

    /// From now on nothing is computed, and nobody waits.
    pub(super) fn stop(&self) {
        let mut state = self.lock();
        state.stopped = true;
        state.waiting.clear();
        drop(state);
        self.wake.notify_one();
    }

    fn wake_if_asked(&self) {
        if self.lock().scheduler.jobs() > 0 {
            self.wake.notify_one();
        }
    }
}

/// Stops the model when it is dropped: nobody waits in vain for a thread that ended, or panicked.
pub(super) struct StopOnExit<'a>(pub(super) &'a Shared);

impl Drop for StopOnExit<'_> {
    fn drop(&mut self) {
        self.0.stop();
    }
}
