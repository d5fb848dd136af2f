//! What one step computes.

use std::ops::Range;

use super::{JobId, SequenceId};
use crate::cache::{BlockCopy, BlockId};

/// What a job wants to be told about its tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Output {
    /// Logits of the last one.
    LastLogits,
    /// Logits of every one.
    AllLogits,
    /// The hidden states of every one (after the last norm), for pooling.
    Hidden,
}

/// One step: first the copies, in order, then all parts as one batch. Kept and refilled, so that a step allocates
/// nothing once it has grown.
#[derive(Debug, Default)]
pub struct Plan {
    pub copies: Vec<BlockCopy>,
    pub parts: Vec<Part>,
    /// The parts' tokens, one part after another.
    pub tokens: Vec<u32>,
    /// The parts' block tables, one after another.
    pub blocks: Vec<BlockId>,
}

/// A stretch of one sequence. At most one part of a plan belongs to a sequence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    pub job: JobId,
    pub sequence: SequenceId,
    /// Position of the part's first token in its sequence.
    pub start: u32,
    /// Its tokens within [`Plan::tokens`].
    pub tokens: Range<usize>,
    /// The blocks of all positions up to the part's end, within [`Plan::blocks`].
    pub blocks: Range<usize>,
    pub output: Output,
    /// The positions whose output is wanted: the last ones of the part, or none of it.
    pub output_from: u32,
    /// Positions of the part below this one were computed before, and taken away when KV memory was short.
    pub new_from: u32,
}

impl Part {
    /// Position behind the part's last token.
    pub fn end(&self) -> u32 {
        self.start + self.tokens.len() as u32
    }

    /// Tokens that are computed for the first time.
    pub fn new_tokens(&self) -> u64 {
        u64::from(self.end() - self.new_from)
    }
}

impl Plan {
    pub fn clear(&mut self) {
        self.copies.clear();
        self.parts.clear();
        self.tokens.clear();
        self.blocks.clear();
    }
}
