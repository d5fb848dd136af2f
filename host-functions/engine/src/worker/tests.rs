//! Who computes: the worker's thread or the caller's, and what becomes of the others when it panics.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::thread::{ThreadId, current};
use std::time::Duration;

use super::{JobResult, Shared, Stopped, Submitted, Worker};
use crate::TenantKey;
use crate::cache::BlockPool;
use crate::executor::{Executor, ExecutorError, StepOutput};
use crate::meter::{Counting, TokenMeter};
use crate::scheduler::{Limits, Output, Plan, Scheduler, SequenceId};

/// A token that the model cannot stand.
const POISON: u32 = 1_313;

/// A token that makes a step fail.
const BROKEN: u32 = 1_414;

/// Notes on which threads its steps run; each takes a while, and gives every token's value as its only logit.
struct Noting {
    threads: Arc<Mutex<Vec<ThreadId>>>,
    step_time: Duration,
}

impl Executor for Noting {
    fn vocab_len(&self) -> usize {
        1
    }

    fn hidden_len(&self) -> usize {
        1
    }

    fn run(&mut self, plan: &Plan, output: &mut StepOutput) -> Result<(), ExecutorError> {
        assert!(!plan.tokens.contains(&POISON), "a poisoned token");
        if plan.tokens.contains(&BROKEN) {
            return Err(ExecutorError { message: "a broken token".into() });
        }
        self.threads.lock().expect("no panic").push(current().id());
        std::thread::sleep(self.step_time);
        let wanted = plan.parts.iter().flat_map(|part| {
            let from = part.output_from - part.start;
            plan.tokens[part.tokens.clone()][from as usize..].iter().map(|&token| token as f32)
        });
        output.logits = wanted.collect();
        Ok(())
    }
}

struct Model {
    worker: Worker,
    threads: Arc<Mutex<Vec<ThreadId>>>,
}

impl Model {
    fn new(step_time: Duration) -> Self {
        let limits = Limits {
            sequences_max: 8,
            queue_len_max: 8,
            batch_tokens_max: 64,
            prefill_chunk_tokens: 64,
            context_length: 1024,
            prefix_cache: false,
        };
        let threads = Arc::default();
        let executor = Noting { threads: Arc::clone(&threads), step_time };
        let worker = Worker::start(Scheduler::new(limits, BlockPool::new(1024, 1024)), Box::new(executor));
        Self { worker: worker.expect("a thread"), threads }
    }

    fn open(&self) -> SequenceId {
        self.worker.shared().with(|scheduler| scheduler.open(TenantKey::new([0; 32]), &[])).expect("room")
    }

    /// On how many steps the caller's thread was, of how many.
    fn mine_of_all(&self) -> (usize, usize) {
        let threads = self.threads.lock().expect("no panic");
        (threads.iter().filter(|&&id| id == current().id()).count(), threads.len())
    }
}

fn submit(shared: &Shared, sequence: SequenceId, token: u32) -> Submitted {
    shared.submit(sequence, &[token], Output::LastLogits, None).expect("not refused").expect("not stopped")
}

fn finish(shared: &Shared, sequence: SequenceId, submitted: Submitted) -> JobResult {
    if submitted.in_place {
        shared.step_in_place(sequence);
    }
    submitted.result.blocking_recv().expect("not stopped")
}

fn forward(model: &Model, sequence: SequenceId, token: u32) -> Vec<f32> {
    let shared = model.worker.shared();
    finish(shared, sequence, submit(shared, sequence, token)).expect("computed").logits
}

#[test]
fn a_lone_sequence_computes_short_steps_itself() {
    let model = Model::new(Duration::ZERO);
    let sequence = model.open();
    assert_eq!(forward(&model, sequence, 0), [0.0]);
    assert_eq!(model.mine_of_all(), (0, 1), "nobody knew yet how long a step would take");
    for token in 1..100 {
        assert_eq!(forward(&model, sequence, token), [token as f32]);
    }
    // A step that is interrupted leaves the next one to the worker, and on a busy machine most are.
    let (mine, all) = model.mine_of_all();
    assert!(mine > 0 && all == 100, "{mine} of {all}");
}

#[test]
fn a_step_may_take_as_long_as_the_one_before_it_whatever_its_tokens() {
    let model = Model::new(Duration::from_millis(2));
    let (shared, sequence) = (model.worker.shared(), model.open());
    let prompt =
        shared.submit(sequence, &[1; 60], Output::LastLogits, None).expect("not refused").expect("not stopped");
    finish(shared, sequence, prompt).expect("computed");
    assert!(!submit(shared, sequence, 2).in_place, "2 ms for 60 tokens are not 33 us for one");
}

#[test]
fn long_steps_are_the_workers() {
    let model = Model::new(Duration::from_millis(2));
    let sequence = model.open();
    for token in 0..3 {
        assert_eq!(forward(&model, sequence, token), [token as f32]);
    }
    assert_eq!(model.mine_of_all(), (0, 3));
}

#[test]
fn sequences_that_meet_are_the_workers() {
    let model = Model::new(Duration::ZERO);
    let (shared, a, b) = (model.worker.shared(), model.open(), model.open());
    forward(&model, a, 1);
    // Alone a moment ago, and told to compute; but then somebody else is there.
    let first = submit(shared, a, 2);
    assert!(first.in_place);
    let second = submit(shared, b, 3);
    assert!(!second.in_place);
    assert_eq!(finish(shared, a, first).expect("computed").logits, [2.0]);
    assert_eq!(finish(shared, b, second).expect("computed").logits, [3.0]);
    assert_eq!(model.mine_of_all().0, 0);
}

#[test]
fn who_withdraws_leaves_no_job_behind() {
    let model = Model::new(Duration::ZERO);
    let (shared, a, b) = (model.worker.shared(), model.open(), model.open());
    forward(&model, a, 1);
    let (first, second) = (submit(shared, a, 2), submit(shared, b, 3));
    assert!(first.in_place);
    shared.withdraw(a, first.job, first.len_before);
    assert_eq!(finish(shared, b, second).expect("computed").logits, [3.0]);
    assert_eq!(shared.with(|scheduler| (scheduler.len(a), scheduler.jobs())), (1, 0));
    assert_eq!(forward(&model, a, 4), [4.0]);
}

#[test]
fn a_panic_in_place_stops_the_model_for_everybody() {
    let model = Model::new(Duration::ZERO);
    let (shared, a, b) = (model.worker.shared(), model.open(), model.open());
    forward(&model, a, 1);
    let submitted = submit(shared, a, POISON);
    assert!(submitted.in_place);
    catch_unwind(AssertUnwindSafe(|| shared.step_in_place(a))).expect_err("a poisoned token");
    assert!(submitted.result.blocking_recv().is_err());
    let later = shared.submit(b, &[1], Output::LastLogits, None).expect("not refused");
    assert_eq!(later.err(), Some(Stopped));
}

/// Submits tokens that are charged to `meter`.
fn submit_metered(shared: &Shared, sequence: SequenceId, tokens: &[u32], meter: &Arc<Counting>) -> Submitted {
    let meter: Arc<dyn TokenMeter> = meter.clone();
    shared.submit(sequence, tokens, Output::LastLogits, Some(&meter)).expect("not refused").expect("not stopped")
}

/// Waits until the last step with tokens of this meter is over.
fn idle(meter: &Counting) {
    while meter.in_steps.load(Ordering::SeqCst) > 0 {
        std::thread::yield_now();
    }
}

/// A job that was withdrawn in the middle was charged for nothing, because its owner counted what it had a result of.
#[test]
fn a_withdrawn_job_is_charged_for_the_steps_that_were_computed() {
    let model = Model::new(Duration::from_millis(5));
    let (shared, sequence) = (model.worker.shared(), model.open());
    let meter = Arc::new(Counting::default());
    // Eight steps.
    let submitted = submit_metered(shared, sequence, &[1; 512], &meter);
    while meter.computed.load(Ordering::SeqCst) < 64 {
        std::thread::yield_now();
    }
    shared.withdraw(sequence, submitted.job, submitted.len_before);
    idle(&meter);
    let charged = meter.computed.load(Ordering::SeqCst);
    assert!((64..512).contains(&charged), "{charged}");
    assert_eq!(charged, shared.counters().tokens);
}

#[test]
fn steps_that_fail_or_panic_charge_nothing() {
    for token in [BROKEN, POISON] {
        let model = Model::new(Duration::ZERO);
        let (shared, sequence) = (model.worker.shared(), model.open());
        let meter = Arc::new(Counting::default());
        let submitted = submit_metered(shared, sequence, &[1, token], &meter);
        assert!(submitted.result.blocking_recv().is_ok_and(|result| result.is_err()) || token == POISON);
        idle(&meter);
        assert_eq!((meter.computed.load(Ordering::SeqCst), shared.counters().tokens), (0, 0));
    }
}
