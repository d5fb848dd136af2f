//! A decoder's weights, repacked for the kernels.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use realm_kernels::{Matrix, PackError, RopeFrequencies, ShapeError, WeightType};

use super::packer::Packer;
use super::rotation::frequencies;
use crate::model_files::ModelFiles;
use crate::progress::{LoadProgress, LoadStage};
use crate::spec::{DecoderSpec, DecoderTensors};
use crate::tensor_info::TensorInfo;
use crate::weight_check::{self, NotFinite};

/// Why weights cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum WeightsError {
    #[error("tensor {name:?} is missing")]
    Missing { name: String },
    #[error("tensor {name:?} has the shape {found:?}; {wanted:?} is needed")]
    Shape { name: String, found: Vec<usize>, wanted: Vec<usize> },
    #[error("tensor {name:?}: {source}")]
    Pack { name: String, source: PackError },
    #[error(transparent)]
    NotFinite(#[from] NotFinite),
    #[error("tensor {name:?} divides a rotary frequency by {value}; it must be above 0")]
    Divisor { name: String, value: f32 },
    #[error("rotary frequencies: {source}")]
    Rope { source: ShapeError },
    #[error("tensor {name:?} cannot be brought to the device: {message}")]
    Device { name: String, message: String },
}

/// Everything that the forward pass multiplies by.
pub struct Weights {
    pub embedding: Embedding,
    pub layers: Vec<LayerWeights>,
    pub output_norm: Vec<f32>,
    pub output: Matrix,
    /// For each of the spec's ropes.
    pub frequencies: Vec<RopeFrequencies>,
}

/// The embedding table, which stays in the file: a row is dequantised when its token comes.
pub struct Embedding {
    pub tensor: TensorInfo,
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

impl Weights {
    /// Finds, checks and packs all tensors of a decoder, on up to `threads` threads.
    ///
    /// # Errors
    /// See [`WeightsError`].
    pub fn load(
        files: &ModelFiles,
        spec: &DecoderSpec,
        names: &DecoderTensors,
        threads: usize,
        progress: &dyn LoadProgress,
    ) -> Result<Self, WeightsError> {
        let report = Report::new(progress, files);
        let packer = Packer { files, report: &report };
        let embedding = packer.tensor(&names.embedding, &[spec.vocab_len, spec.hidden_len])?.clone();
        weight_check::finite(&embedding.name, embedding.weight_type, files.tensor_bytes(&embedding))?;
        let layers = in_parallel(threads, &names.layers, |layer| packer.layer(spec, layer))?;
        let output = names.output.as_ref().unwrap_or(&names.embedding);
        Ok(Self {
            embedding: Embedding { tensor: embedding },
            layers,
            output_norm: packer.norm(spec, &names.output_norm, spec.hidden_len)?,
            output: packer.matrix(output, spec.vocab_len, spec.hidden_len)?,
            frequencies: {
                let vector = |name: &str, len| packer.vector(name, len);
                spec.ropes.iter().map(|rope| frequencies(rope, spec.context_length, vector)).collect::<Result<_, _>>()?
            },
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

    /// The type that the layers' matrices are stored in, by the first of them.
    pub fn main_type(&self) -> WeightType {
        self.layers.first().map_or(self.output.weight_type(), |layer| layer.attention_output.weight_type())
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
        while let Some((index, item)) = Some(next.fetch_add(1, Ordering::Relaxed)).and_then(|i| Some((i, items.get(i)?)))
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

/// Counts the bytes that are packed.
pub(super) struct Report<'a> {
    progress: &'a dyn LoadProgress,
    total: u64,
    done: Mutex<u64>,
}

impl<'a> Report<'a> {
    pub fn new(progress: &'a dyn LoadProgress, files: &ModelFiles) -> Self {
        let total = files.tensors().iter().map(|tensor| tensor.byte_len() as u64).sum();
        progress.advance(LoadStage::Weights, 0, total);
        Self { progress, total, done: Mutex::new(0) }
    }

    pub fn add(&self, bytes: usize) {
        let mut done = self.done.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        *done += bytes as u64;
        self.progress.advance(LoadStage::Weights, *done, self.total);
    }
}
