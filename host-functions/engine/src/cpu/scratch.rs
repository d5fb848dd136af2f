//! Buffers that every step uses again: they grow to the largest step and stay.

use realm_kernels::{Activations, InputKind, Pool, RopeAngles, Rows, ShapeError};

/// Floats that are written before they are read.
#[derive(Default)]
pub struct Buffer(Vec<f32>);

impl Buffer {
    /// The first `len` floats, with whatever they hold.
    pub fn get(&mut self, len: usize) -> &mut [f32] {
        if self.0.len() < len {
            self.0.resize(len, 0.0);
        }
        &mut self.0[..len]
    }

    /// Everything that was written so far, and perhaps more.
    pub fn held(&self) -> &[f32] {
        &self.0
    }
}

/// A matrix input, prepared at most once for each kind of kernel that reads it.
#[derive(Default)]
pub struct Input {
    float: Kind,
    block_32: Kind,
    block_256: Kind,
}

#[derive(Default)]
struct Kind {
    activations: Activations,
    ready: bool,
}

impl Input {
    /// The input has other values from now on.
    pub fn renew(&mut self) {
        for kind in [&mut self.float, &mut self.block_32, &mut self.block_256] {
            kind.ready = false;
        }
    }

    /// `x`, prepared for matrices of a kind. `x` is the same until the next [`Input::renew`].
    pub fn prepared(&mut self, pool: &Pool, x: Rows<'_>, kind: InputKind) -> Result<&Activations, ShapeError> {
        let slot = match kind {
            InputKind::F32 => &mut self.float,
            InputKind::Block32 => &mut self.block_32,
            InputKind::Block256 => &mut self.block_256,
        };
        if !slot.ready {
            slot.activations.prepare(pool, x, kind)?;
            slot.ready = true;
        }
        Ok(&slot.activations)
    }
}

/// The buffers of a forward pass; a row per token.
#[derive(Default)]
pub struct Scratch {
    /// The residual stream.
    pub x: Buffer,
    /// Normed rows, the input of matrices.
    pub normed: Buffer,
    /// Query, key and value, in as many buffers as there are matrices.
    pub qkv: [Buffer; 3],
    /// What attention gives, for all heads.
    pub attended: Buffer,
    /// What a half of a layer adds to the residual stream.
    pub delta: Buffer,
    /// The gated feed-forward values.
    pub gated: Buffer,
    /// Gate and up, where they are not one matrix.
    pub gate: Buffer,
    pub up: Buffer,
    pub input: Input,
    /// For each of the spec's ropes.
    pub angles: Vec<RopeAngles>,
    /// The position of each row.
    pub positions: Vec<u32>,
    /// The block numbers of all parts.
    pub blocks: Vec<u32>,
    /// Rows whose output is wanted.
    pub wanted: Vec<usize>,
}
