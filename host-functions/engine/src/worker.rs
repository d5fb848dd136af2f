//! One thread per model that owns the executor, and the state it shares with sessions.
//!
//! ```text
//! sessions ── lock ──> State { scheduler, waiting } <── lock ── worker: plan ─ unlock ─ compute ─ lock ─ commit
//!    ^                                                                                        │
//!    └───────────────────────────── one-shot channel per job ────────────────────────────────┘
//! ```
//! The lock is held for bookkeeping only, never while anything is computed or awaited. KV memory and weights belong to
//! the worker alone.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use crate::executor::{Executor, ExecutorError, StepOutput};
use crate::model::EngineCounters;
use crate::scheduler::{JobId, Output, Plan, Refused, Scheduler, SequenceId};

/// After a step, its decoding sequences are about to come back with their next tokens. Waiting for them fills the next
/// batch; this bounds the wait, as does a share of the last step's time.
const GATHER_MAX: Duration = Duration::from_millis(2);
/// The wait is at most the last step's time divided by this.
const GATHER_SHARE: u32 = 8;

/// A lone decoding sequence comes back in less time than two sleeping threads take to wake; so the worker looks out for it
/// this long before it sleeps, if it expects anybody.
const LOOK_OUT: Duration = Duration::from_micros(80);

/// What a job gives, as far as it is computed: the one or the other.
#[derive(Debug, Default)]
pub struct JobOutput {
    /// Rows of logits, one after another.
    pub logits: Vec<f32>,
    /// The sum of the hidden states, in order of position.
    pub hidden_sum: Vec<f64>,
}

/// A job's result, or why the step that it was part of failed.
pub type JobResult = Result<JobOutput, ExecutorError>;

/// The worker is gone: the model is being dropped, or its thread died.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stopped;

/// A job on its way.
pub struct Submitted {
    pub job: JobId,
    /// Tokens in the sequence before the job's.
    pub len_before: u32,
    pub result: oneshot::Receiver<JobResult>,
}

struct Waiting {
    reply: oneshot::Sender<JobResult>,
    output: JobOutput,
}

struct State {
    scheduler: Scheduler,
    waiting: HashMap<JobId, Waiting>,
    /// Sequences that got a result in the last step and did not come back since.
    expected: HashSet<SequenceId>,
    stopped: bool,
    counters: EngineCounters,
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

    /// Submits a job.
    pub fn submit(
        &self,
        id: SequenceId,
        tokens: &[u32],
        output: Output,
    ) -> Result<Result<Submitted, Stopped>, Refused> {
        let mut state = self.lock();
        if state.stopped {
            return Ok(Err(Stopped));
        }
        let len_before = state.scheduler.len(id);
        let job = state.scheduler.submit(id, tokens, output)?;
        let (reply, result) = oneshot::channel();
        state.waiting.insert(job, Waiting { reply, output: JobOutput::default() });
        state.expected.remove(&id);
        // The worker waits for the first job, and then for the last of those it expects.
        let wake = state.expected.is_empty() || state.scheduler.jobs() == 1;
        drop(state);
        self.events.fetch_add(1, Ordering::Release);
        if wake {
            self.wake.notify_one();
        }
        Ok(Ok(Submitted { job, len_before, result }))
    }

    /// Takes a job back, even one that is finished and whose result nobody took: its sequence has `len_before` tokens
    /// again.
    pub fn withdraw(&self, id: SequenceId, job: JobId, len_before: u32) {
        let mut state = self.lock();
        state.scheduler.truncate(id, len_before);
        state.waiting.remove(&job);
    }

    /// The sum of a job's hidden states so far; empty at first.
    fn take_hidden_sum(&self, job: JobId) -> Vec<f64> {
        let mut state = self.lock();
        state.waiting.get_mut(&job).map(|waiting| std::mem::take(&mut waiting.output.hidden_sum)).unwrap_or_default()
    }

    fn stop(&self) {
        let mut state = self.lock();
        state.stopped = true;
        state.waiting.clear();
        drop(state);
        self.wake.notify_one();
    }
}

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
        let state = State { scheduler, waiting: HashMap::new(), expected: HashSet::new(), stopped: false, counters: EngineCounters::default() };
        let shared = Arc::new(Shared { state: Mutex::new(state), wake: Condvar::new(), events: AtomicU64::new(0) });
        let mine = StopOnExit(shared.clone());
        let thread =
            std::thread::Builder::new().name("realm-engine".into()).spawn(move || work(&mine.0, executor))?;
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

/// However the worker's thread ends, nobody waits for it in vain.
struct StopOnExit(Arc<Shared>);

impl Drop for StopOnExit {
    fn drop(&mut self) {
        self.0.stop();
    }
}

fn work(shared: &Shared, mut executor: Box<dyn Executor>) {
    let mut plan = Plan::default();
    let mut output = StepOutput::default();
    let mut last_step = Duration::ZERO;
    while next_plan(shared, &mut plan, last_step) {
        let began = Instant::now();
        let outcome = executor.run(&plan, &mut output);
        last_step = began.elapsed();
        match outcome {
            Ok(()) => {
                let results = share_out(shared, &plan, &output, executor.vocab_len(), executor.hidden_len());
                deliver(shared, &plan, results, last_step);
            }
            Err(error) => fail(shared, &plan, &error),
        }
    }
}

/// Waits for something to do; false when the worker shall end.
fn next_plan(shared: &Shared, plan: &mut Plan, last_step: Duration) -> bool {
    let gather_until = Instant::now() + GATHER_MAX.min(last_step / GATHER_SHARE);
    look_out(shared);
    let mut state = shared.lock();
    loop {
        if state.stopped {
            return false;
        }
        let now = Instant::now();
        if state.scheduler.jobs() == 0 {
            state = shared.wake.wait(state).unwrap_or_else(PoisonError::into_inner);
        } else if !state.expected.is_empty() && now < gather_until {
            let (guard, _) =
                shared.wake.wait_timeout(state, gather_until - now).unwrap_or_else(PoisonError::into_inner);
            state = guard;
        } else {
            state.expected.clear();
            state.scheduler.plan(plan);
            if !plan.parts.is_empty() {
                return true;
            }
        }
    }
}

/// Spins until something happens, if nothing is to be done but somebody is expected; for [`LOOK_OUT`] at most.
fn look_out(shared: &Shared) {
    let (seen, expects) = {
        let state = shared.lock();
        let expects = state.scheduler.jobs() == 0 && !state.expected.is_empty();
        (shared.events.load(Ordering::Acquire), expects)
    };
    let until = Instant::now() + LOOK_OUT;
    while expects && shared.events.load(Ordering::Acquire) == seen && Instant::now() < until {
        std::hint::spin_loop();
    }
}

/// Cuts a step's output into what belongs to each part. Hidden states are added to the sum of the job's earlier parts,
/// one position after another, so that the sum does not depend on how the job was cut.
fn share_out(
    shared: &Shared,
    plan: &Plan,
    output: &StepOutput,
    vocab_len: usize,
    hidden_len: usize,
) -> Vec<JobOutput> {
    let (mut logits, mut hidden) = (&output.logits[..], &output.hidden[..]);
    let parts = plan.parts.iter().map(|part| {
        let rows = (part.end() - part.output_from) as usize;
        match part.output {
            Output::LastLogits | Output::AllLogits => {
                JobOutput { logits: take_front(&mut logits, rows * vocab_len).to_vec(), hidden_sum: Vec::new() }
            }
            Output::Hidden => {
                let mut sum = shared.take_hidden_sum(part.job);
                sum.resize(hidden_len, 0.0);
                for row in take_front(&mut hidden, rows * hidden_len).chunks_exact(hidden_len.max(1)) {
                    sum.iter_mut().zip(row).for_each(|(sum, value)| *sum += f64::from(*value));
                }
                JobOutput { logits: Vec::new(), hidden_sum: sum }
            }
        }
    });
    parts.collect()
}

fn take_front<'a>(from: &mut &'a [f32], len: usize) -> &'a [f32] {
    let (head, tail) = from.split_at(len.min(from.len()));
    *from = tail;
    head
}

fn deliver(shared: &Shared, plan: &Plan, results: Vec<JobOutput>, took: Duration) {
    let mut finished = Vec::new();
    let mut state = shared.lock();
    let State { scheduler, waiting, expected, counters, .. } = &mut *state;
    counters.steps += 1;
    counters.sequences += plan.parts.len() as u64;
    counters.tokens += plan.tokens.len() as u64;
    counters.busy += took;
    for (part, result) in plan.parts.iter().zip(results) {
        if let Some(waiting) = waiting.get_mut(&part.job) {
            waiting.output.append(result);
        }
    }
    scheduler.commit(plan, |job| finished.extend(waiting.remove(&job)));
    expected.extend(plan.parts.iter().filter(|p| !waiting.contains_key(&p.job)).map(|p| p.sequence));
    expected.retain(|id| scheduler.is_open(*id));
    drop(state);
    for waiting in finished {
        // A receiver that is gone has cancelled; the job is over in any case.
        let _ = waiting.reply.send(Ok(waiting.output));
    }
}

fn fail(shared: &Shared, plan: &Plan, error: &ExecutorError) {
    let mut state = shared.lock();
    for part in &plan.parts {
        state.scheduler.cancel(part.job);
        if let Some(waiting) = state.waiting.remove(&part.job) {
            let _ = waiting.reply.send(Err(error.clone()));
        }
    }
}

impl JobOutput {
    /// Takes what a later part of the same job gave. A sum has its earlier parts in it.
    fn append(&mut self, later: JobOutput) {
        if self.logits.is_empty() {
            self.logits = later.logits;
        } else {
            self.logits.extend(later.logits);
        }
        self.hidden_sum = later.hidden_sum;
    }
}
