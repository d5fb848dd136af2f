//! The seam between deciding and computing: an executor owns a model's weights and its KV memory, and runs plans.

use crate::scheduler::Plan;

/// What a step gives, in the order of the plan's parts.
#[derive(Debug, Default)]
pub struct StepOutput {
    /// Logits of all positions that wanted them, row after row.
    pub logits: Vec<f32>,
    /// Hidden states of all positions that wanted them, row after row.
    pub hidden: Vec<f32>,
}

/// Why a step could not be computed. The plan's jobs fail with it; the engine goes on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the forward pass failed: {message}")]
pub struct ExecutorError {
    pub message: String,
}

/// Computes plans. A sequence's outputs depend on its tokens alone: not on the batch, nor on how its tokens were cut
/// into parts.
pub trait Executor: Send {
    /// Values in a row of logits.
    fn vocab_len(&self) -> usize;

    /// Values in a hidden state.
    fn hidden_len(&self) -> usize;

    /// Does the plan's copies in order, then computes all its parts, and replaces what `output` held.
    ///
    /// # Errors
    /// [`ExecutorError`] if the device fails or the plan does not fit the model.
    fn run(&mut self, plan: &Plan, output: &mut StepOutput) -> Result<(), ExecutorError>;
}
