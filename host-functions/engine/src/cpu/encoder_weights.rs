//! An encoder's weights, repacked for the kernels.

use realm_kernels::Matrix;

use super::packer::Packer;
use super::weights::in_parallel;
use crate::encoder::{Affine, EncoderLayerTensors, EncoderSpec, EncoderTensors};
use crate::tensors::{Table, Tensors, WeightsError};

/// Everything that an encoder multiplies by.
pub struct EncoderWeights {
    pub words: Table,
    pub positions: Table,
    /// The vector of the first segment, which every token of a single text is in.
    pub segment: Vec<f32>,
    pub embedding_norm: Norm,
    pub layers: Vec<EncoderLayer>,
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
        tensors: &Tensors<'_>,
        spec: &EncoderSpec,
        names: &EncoderTensors,
        threads: usize,
    ) -> Result<Self, WeightsError> {
        let packer = Packer { tensors };
        let table = |name: &str, rows: usize| tensors.table(name, rows, spec.hidden_len);
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
}

impl Packer<'_> {
    fn affine_norm(&self, names: &Affine, len: usize) -> Result<Norm, WeightsError> {
        Ok(Norm { weight: self.tensors.vector(&names.weight, len)?, bias: self.tensors.vector(&names.bias, len)? })
    }

    fn linear(&self, names: &Affine, rows: usize, columns: usize) -> Result<Linear, WeightsError> {
        Ok(Linear { matrix: self.matrix(&names.weight, rows, columns)?, bias: self.tensors.vector(&names.bias, rows)? })
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
