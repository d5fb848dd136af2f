//! A decoder's weights, repacked for the kernels.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use realm_kernels::{Matrix, RopeFrequencies};

use super::packer::Packer;
use crate::spec::{DecoderSpec, DecoderTensors};
use crate::tensors::{Table, Tensors, WeightsError};

/// Everything that the forward pass multiplies by.
pub struct Weights {
    /// A row for each token.
    pub embedding: Table,
    pub layers: Vec<LayerWeights>,
    pub output_norm: Vec<f32>,
    pub output: Matrix,
    /// For each of the spec's ropes.
    pub frequencies: Vec<RopeFrequencies>,
}

pub struct LayerWeights {
    pub attention_norm: Vec<f32>,
    pub qkv: Qkv,
    /// Norms over the values of each query and each key head.
    pub head_norms: Option<[Vec<f32>; 2]>,
    pub attention_output: Matrix,
    pub post_attention_norm: Option<Vec<f32>>,
    pub feed_forward_norm: Vec<f32>,
    pub gate_up: GateUp,
    pub down: Matrix,
    pub post_feed_forward_norm: Option<Vec<f32>>,
}

/// Query, key and value: as few matrices as their types allow.
pub struct Qkv {
    pub matrices: Vec<Matrix>,
    /// A bias for each matrix, if there are any.
    pub biases: Option<Vec<Vec<f32>>>,
    /// For query, key and value: the matrix, and the first of its output rows.
    pub places: [(usize, usize); 3],
}

pub enum GateUp {
    /// One matrix with gate and up side by side.
    Fused(Matrix),
    /// Two, because their types differ.
    Apart { gate: Matrix, up: Matrix },
}

impl GateUp {
    /// The matrix that is read first.
    pub fn first(&self) -> &Matrix {
        match self {
            GateUp::Fused(matrix) => matrix,
            GateUp::Apart { gate, .. } => gate,
        }
    }
}

impl Weights {
    /// Finds, checks and packs all tensors of a decoder, on up to `threads` threads.
    ///
    /// # Errors
    /// See [`WeightsError`].
    pub fn load(
        tensors: &Tensors<'_>,
        spec: &DecoderSpec,
        names: &DecoderTensors,
        threads: usize,
    ) -> Result<Self, WeightsError> {
        let packer = Packer { tensors };
        let embedding = tensors.table(&names.embedding, spec.vocab_len, spec.hidden_len)?;
        let layers = in_parallel(threads, &names.layers, |layer| packer.layer(spec, layer))?;
        Ok(Self {
            embedding,
            layers,
            output_norm: tensors.norm(spec, &names.output_norm, spec.hidden_len)?,
            output: packer.matrix(names.output_matrix(), spec.vocab_len, spec.hidden_len)?,
            frequencies: tensors.frequencies(spec)?,
        })
    }

    /// Bytes of all packed matrices.
    pub fn bytes(&self) -> u64 {
        let layers = self.layers.iter().flat_map(|layer| {
            let gate_up = match &layer.gate_up {
                GateUp::Fused(matrix) => matrix.bytes(),
                GateUp::Apart { gate, up } => gate.bytes() + up.bytes(),
            };
            let qkv = layer.qkv.matrices.iter().map(Matrix::bytes);
            qkv.chain([layer.attention_output.bytes(), gate_up, layer.down.bytes()])
        });
        layers.chain([self.output.bytes()]).map(|bytes| bytes as u64).sum()
    }
}

/// `act` on every item, on up to `threads` threads, in any order; the first error ends it.
pub(super) fn in_parallel<T: Sync, R: Send, E: Send>(
    threads: usize,
    items: &[T],
    act: impl Fn(&T) -> Result<R, E> + Sync,
) -> Result<Vec<R>, E> {
    let next = AtomicUsize::new(0);
    let done: Mutex<Vec<Option<Result<R, E>>>> = Mutex::new((0..items.len()).map(|_| None).collect());
    let work = || {
        while let Some((index, item)) =
            Some(next.fetch_add(1, Ordering::Relaxed)).and_then(|i| Some((i, items.get(i)?)))
        {
            let result = act(item);
            if result.is_err() {
                next.store(items.len(), Ordering::Relaxed);
            }
            if let Some(slot) = done.lock().unwrap_or_else(std::sync::PoisonError::into_inner).get_mut(index) {
                *slot = Some(result);
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 1..threads.min(items.len()) {
            scope.spawn(work);
        }
        work();
    });
    // Only behind an error are there items without a result.
    done.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner).into_iter().flatten().collect()
}
