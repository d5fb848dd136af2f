//! One step: a plan computed, and its output cut into what belongs to each part.

use std::time::Instant;

use super::shared::{Shared, StopOnExit};
use crate::executor::{Executor, ExecutorError, StepOutput};
use crate::meter::Charge;
use crate::scheduler::{Output, Plan};

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

/// What it takes to compute a step. There is one for a model, and whoever holds it computes.
pub struct Stepper {
    /// The step that is computed next.
    pub(super) plan: Plan,
    /// What the step computes for whom. Dropped, it counts as not computed.
    pub(super) charges: Vec<Charge>,
    output: StepOutput,
    executor: Box<dyn Executor>,
}

impl Stepper {
    pub(super) fn new(executor: Box<dyn Executor>) -> Self {
        Self { plan: Plan::default(), charges: Vec::new(), output: StepOutput::default(), executor }
    }

    /// Computes the step that is planned, and gives the results and itself to `shared`. If that panics, nobody can compute
    /// any more: the model stops, and says so to everybody.
    pub(super) fn step(mut self, shared: &Shared) {
        let stop = StopOnExit(shared);
        let began = Instant::now();
        let outcome = self.executor.run(&self.plan, &mut self.output);
        let took = began.elapsed();
        match outcome {
            Ok(()) => {
                let results = self.share_out(shared);
                shared.deliver(self, results, took);
            }
            Err(error) => shared.fail(self, &error),
        }
        std::mem::forget(stop);
    }

    /// Cuts the step's output into what belongs to each part. Hidden states are added to the sum of the job's earlier parts,
    /// one position after another, so that the sum does not depend on how the job was cut.
    fn share_out(&mut self, shared: &Shared) -> Vec<JobOutput> {
        let (vocab_len, hidden_len) = (self.executor.vocab_len(), self.executor.hidden_len());
        let (mut logits, mut hidden) = (&self.output.logits[..], &self.output.hidden[..]);
        let parts = self.plan.parts.iter().map(|part| {
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
}

fn take_front<'a>(from: &mut &'a [f32], len: usize) -> &'a [f32] {
    let (head, tail) = from.split_at(len.min(from.len()));
    *from = tail;
    head
}

impl JobOutput {
    /// Takes what a later part of the same job gave. A sum has its earlier parts in it.
    pub(super) fn append(&mut self, later: JobOutput) {
        if self.logits.is_empty() {
            self.logits = later.logits;
        } else {
            self.logits.extend(later.logits);
        }
        self.hidden_sum = later.hidden_sum;
    }
}
