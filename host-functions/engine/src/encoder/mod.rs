//! Encoders: models that give a text one vector and generate nothing.
//!
//! ```text
//! texts of all tenants ──► line, bounded, tenants take turns ──► worker thread: as many as fit a batch ──► vectors
//! ```
//! A text is computed as a whole, so there are no sessions, no KV cache between steps, and no scheduler. Texts lie in
//! the batch one behind the other, without padding; each attends to itself alone, so its vector does not depend on its
//! neighbours, to the bit.

mod line;
mod spec;
mod worker;

pub use spec::{Affine, EncoderLayerTensors, EncoderSpec, EncoderTensors, Pooling, SentenceSpec};
pub use worker::{EncodeTextError, Encoder, EncoderLimits, PendingVector, TextEncoder};
