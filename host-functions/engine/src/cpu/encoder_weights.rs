//! An encoder's weights, repacked for the kernels.

use std::sync::Arc;

use realm_kernels::{Matrix, WeightType, dequantize_row};

use super::packer::Packer;
use super::weights::{Report, WeightsError, in_parallel};
use crate::encoder::{Affine, EncoderLayerTensors, EncoderSpec, EncoderTensors};
use crate::model_files::ModelFiles;
use crate::progress::LoadProgress;
use crate::tensor_info::TensorInfo;
use crate::weight_check;

/// Everything that an encoder multiplies by. Tables stay in the file: a row is dequantised when it is needed.
pub struct EncoderWeights {
    pub words: Table,
    pub positions: Table,
    /// The vector of the first segment, which every token of a single text is in.
    pub segment: Vec<f32>,
    pub embedding_norm: Norm,
    pub layers: Vec<EncoderLayer>,
}

/// A tensor of the model's files, a row for each token or position.
pub struct Table {
    files: Arc<ModelFiles>,
    tensor: TensorInfo,
}

/// A norm's factors and what it adds.
pub struct Norm {
    pub weight: Vec<f32>,
    pub bias: Vec<f32>,
}

/// A matrix and what is added to its products.
pub struct Linear {
    pub matrix: Matrix,
    pub bias: Vec<f32>,
}

pub struct EncoderLayer {
    pub qkv: [Linear; 3],
    pub attention_output: Linear,
    pub attention_norm: Norm,
    pub up: Linear,
    pub down: Linear,
    pub output_norm: Norm,
}

impl EncoderWeights {
    /// Finds, checks and packs all tensors of an encoder, on up to `threads` threads.
    ///
    /// # Errors
    /// See [`WeightsError`].
    pub fn load(
        files: &Arc<ModelFiles>,
        spec: &EncoderSpec,
        names: &EncoderTensors,
        threads: usize,
        progress: &dyn LoadProgress,
    ) -> Result<Self, WeightsError> {
        let report = Report::new(progress, files);
        let packer = Packer { files, report: &report };
        let table = |name: &str, rows: usize| {
            let tensor = packer.tensor(name, &[rows, spec.hidden_len])?.clone();
            weight_check::finite(&tensor.name, tensor.weight_type, files.tensor_bytes(&tensor))?;
            Ok::<_, WeightsError>(Table { files: files.clone(), tensor })
        };
        let mut segment = vec![0.0; spec.hidden_len];
        let unpacked = table(&names.segments, spec.segment_count)?.read(0, &mut segment);
        unpacked.map_err(|source| WeightsError::Pack { name: names.segments.clone(), source })?;
        Ok(Self {
            words: table(&names.words, spec.vocab_len)?,
            positions: table(&names.positions, spec.position_count)?,
            segment,
            embedding_norm: packer.affine_norm(&names.embedding_norm, spec.hidden_len)?,
            layers: in_parallel(threads, &names.layers, |layer| packer.encoder_layer(spec, layer))?,
        })
    }

    /// Bytes of all packed matrices.
    pub fn bytes(&self) -> u64 {
        let layers = self.layers.iter().flat_map(|layer| {
            let others = [&layer.attention_output, &layer.up, &layer.down];
            layer.qkv.iter().chain(others).map(|linear| linear.matrix.bytes() as u64)
        });
        layers.sum()
    }

    /// The type that the layers' matrices are stored in, by the first of them.
    pub fn main_type(&self) -> WeightType {
        self.layers.first().map_or(WeightType::F32, |layer| layer.attention_output.matrix.weight_type())
    }
}

impl Table {
    /// Row `index`, which must be one of the table's.
    ///
    /// # Errors
    /// There is no such row, or `out` has another length.
    pub fn read(&self, index: usize, out: &mut [f32]) -> Result<(), realm_kernels::PackError> {
        let rows = self.tensor.shape.first().copied().unwrap_or(1).max(1);
        let row_bytes = self.tensor.byte_len() / rows;
        let bytes = self.files.tensor_bytes(&self.tensor);
        let row = bytes.get(index * row_bytes..).and_then(|rest| rest.get(..row_bytes)).unwrap_or_default();
        dequantize_row(self.tensor.weight_type, row, out)
    }
}

impl Packer<'_> {
    fn affine_norm(&self, names: &Affine, len: usize) -> Result<Norm, WeightsError> {
        Ok(Norm { weight: self.vector(&names.weight, len)?, bias: self.vector(&names.bias, len)? })
    }

    fn linear(&self, names: &Affine, rows: usize, columns: usize) -> Result<Linear, WeightsError> {
        Ok(Linear { matrix: self.matrix(&names.weight, rows, columns)?, bias: self.vector(&names.bias, rows)? })
    }

    fn encoder_layer(&self, spec: &EncoderSpec, names: &EncoderLayerTensors) -> Result<EncoderLayer, WeightsError> {
        let (hidden, inner) = (spec.hidden_len, spec.feed_forward_len);
        let [query, key, value] = &names.qkv;
        let square = |names| self.linear(names, hidden, hidden);
        Ok(EncoderLayer {
            qkv: [square(query)?, square(key)?, square(value)?],
            attention_output: square(&names.attention_output)?,
            attention_norm: self.affine_norm(&names.attention_norm, hidden)?,
            up: self.linear(&names.up, inner, hidden)?,
            down: self.linear(&names.down, hidden, inner)?,
            output_norm: self.affine_norm(&names.output_norm, hidden)?,
        })
    }
}
