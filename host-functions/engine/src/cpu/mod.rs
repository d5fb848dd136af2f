//! The executor that computes on the CPU's own kernels.
//!
//! ```text
//! plan ─ rows: one per token ─> embedding ─> layers ─> last norm ─> output matrix ─> logits
//!                                               │ ^
//!                                               v │
//!                                           KV memory, paged in blocks
//! ```
//! Every step of every sequence goes through the same loops, a row per token. Each kernel computes a row from that row
//! alone (attention: from its own sequence's positions), in an order fixed by the model's sizes; so the bits of a
//! sequence do not depend on who shares its batch.

mod encoder;
mod encoder_weights;
mod forward;
mod kv;
mod layer;
mod packer;
mod scratch;
mod weights;

use realm_kernels::Pool;

pub use encoder::CpuEncoder;
pub use encoder_weights::EncoderWeights;
pub use kv::{KvError, KvMemory};
pub use weights::Weights;

use crate::executor::{Executor, ExecutorError, StepOutput};
use crate::scheduler::Plan;
use crate::spec::DecoderSpec;

/// A model's weights and KV memory on the CPU.
pub struct CpuExecutor {
    pool: Pool,
    spec: DecoderSpec,
    weights: Weights,
    kv: KvMemory,
    scratch: scratch::Scratch,
}

impl CpuExecutor {
    /// Takes packed weights and KV memory of the same spec.
    pub fn new(pool: Pool, spec: DecoderSpec, weights: Weights, kv: KvMemory) -> Self {
        Self { pool, spec, weights, kv, scratch: scratch::Scratch::default() }
    }
}

impl Executor for CpuExecutor {
    fn vocab_len(&self) -> usize {
        self.spec.vocab_len
    }

    fn hidden_len(&self) -> usize {
        self.spec.hidden_len
    }

    fn run(&mut self, plan: &Plan, output: &mut StepOutput) -> Result<(), ExecutorError> {
        forward::run(self, plan, output).map_err(|error| ExecutorError { message: error.to_string() })
    }
}
