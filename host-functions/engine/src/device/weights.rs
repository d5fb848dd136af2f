//! A decoder's weights on a device.

use candle_core::{Device, Tensor};
use realm_kernels::{RopeFrequencies, WeightType, dequantize_row};

use super::linear::Linear;
use crate::cpu::{WeightsError, frequencies};
use crate::model_files::ModelFiles;
use crate::progress::{LoadProgress, LoadStage};
use crate::spec::{DecoderSpec, DecoderTensors, LayerTensors};
use crate::tensor_info::TensorInfo;
use crate::weight_check;

/// Everything that the forward pass multiplies by.
pub struct DeviceWeights {
    /// The embedding table, which stays in the file.
    pub embedding: TensorInfo,
    pub layers: Vec<DeviceLayer>,
    pub output_norm: Tensor,
    pub output: Linear,
    /// For each of the spec's ropes.
    pub frequencies: Vec<RopeFrequencies>,
    main_type: WeightType,
}

pub struct DeviceLayer {
    pub attention_norm: Tensor,
    /// Query, key and value, or one matrix in which they are stacked.
    pub qkv: Vec<Linear>,
    /// Norms over the values of each query and each key head.
    pub head_norms: Option<[Tensor; 2]>,
    pub attention_output: Linear,
    pub post_attention_norm: Option<Tensor>,
    pub feed_forward_norm: Tensor,
    /// Gate and up, or one matrix in which they are stacked.
    pub gate_up: Vec<Linear>,
    pub down: Linear,
    pub post_feed_forward_norm: Option<Tensor>,
}

impl DeviceWeights {
    /// Finds, checks and uploads all tensors of a decoder.
    ///
    /// # Errors
    /// See [`WeightsError`].
    pub fn load(
        device: &Device,
        files: &ModelFiles,
        spec: &DecoderSpec,
        names: &DecoderTensors,
        progress: &dyn LoadProgress,
    ) -> Result<Self, WeightsError> {
        let upload = Upload { device, files, spec };
        let total = files.tensors().iter().map(|tensor| tensor.byte_len() as u64).sum();
        progress.advance(LoadStage::Weights, 0, total);
        let embedding = upload.tensor(&names.embedding, &[spec.vocab_len, spec.hidden_len])?.clone();
        weight_check::finite(&embedding.name, embedding.weight_type, files.tensor_bytes(&embedding))?;
        let mut layers = Vec::with_capacity(names.layers.len());
        for (done, layer) in names.layers.iter().enumerate() {
            layers.push(upload.layer(layer)?);
            progress.advance(LoadStage::Weights, total / (names.layers.len() as u64 + 1) * (done as u64 + 1), total);
        }
        let output = names.output.as_ref().unwrap_or(&names.embedding);
        let main = names.layers.first().map_or(output, |layer| &layer.attention_output);
        let weights = Self {
            layers,
            output_norm: upload.norm(&names.output_norm, spec.hidden_len)?,
            output: upload.linear(output, None, spec.vocab_len, spec.hidden_len)?,
            frequencies: spec.ropes.iter().map(|rope| frequencies(rope, spec.context_length, |name, len| upload.values(name, len))).collect::<Result<_, _>>()?,
            main_type: files.tensor(main).map_or(embedding.weight_type, |tensor| tensor.weight_type),
            embedding,
        };
        progress.advance(LoadStage::Weights, total, total);
        Ok(weights)
    }

    /// What all matrices take of the device's memory.
    pub fn bytes(&self) -> u64 {
        let layers = self.layers.iter().flat_map(|layer| {
            layer.qkv.iter().chain(&layer.gate_up).chain([&layer.attention_output, &layer.down])
        });
        layers.chain([&self.output]).map(Linear::bytes).sum()
    }

    /// The type that the layers' matrices are stored in, by the first of them.
    pub fn main_type(&self) -> WeightType {
        self.main_type
    }
}

/// Looks tensors up in a model's files and brings them to the device.
struct Upload<'a> {
    device: &'a Device,
    files: &'a ModelFiles,
    spec: &'a DecoderSpec,
}

impl Upload<'_> {
    fn tensor(&self, name: &str, shape: &[usize]) -> Result<&TensorInfo, WeightsError> {
        let tensor = self.files.tensor(name).ok_or_else(|| WeightsError::Missing { name: name.to_owned() })?;
        if tensor.shape != shape {
            let (found, wanted) = (tensor.shape.clone(), shape.to_vec());
            return Err(WeightsError::Shape { name: name.to_owned(), found, wanted });
        }
        Ok(tensor)
    }

    fn bytes(&self, tensor: &TensorInfo) -> Result<&[u8], WeightsError> {
        let bytes = self.files.tensor_bytes(tensor);
        weight_check::finite(&tensor.name, tensor.weight_type, bytes)?;
        Ok(bytes)
    }

    fn values(&self, name: &str, len: usize) -> Result<Vec<f32>, WeightsError> {
        let tensor = self.tensor(name, &[len])?;
        let mut values = vec![0.0; len];
        dequantize_row(tensor.weight_type, self.bytes(tensor)?, &mut values)
            .map_err(|source| WeightsError::Pack { name: name.to_owned(), source })?;
        Ok(values)
    }

    fn vector(&self, name: &str, values: Vec<f32>) -> Result<Tensor, WeightsError> {
        let len = values.len();
        Tensor::from_vec(values, len, self.device).map_err(|error| on_device(name, &error))
    }

    fn norm(&self, name: &str, len: usize) -> Result<Tensor, WeightsError> {
        let mut values = self.values(name, len)?;
        values.iter_mut().for_each(|weight| *weight += self.spec.norm_offset);
        self.vector(name, values)
    }

    fn linear(&self, name: &str, bias: Option<&String>, rows: usize, columns: usize) -> Result<Linear, WeightsError> {
        let tensor = self.tensor(name, &[rows, columns])?;
        let bias = bias.map(|bias| self.vector(bias, self.values(bias, rows)?)).transpose()?;
        Linear::new(self.device, tensor.weight_type, self.bytes(tensor)?, (rows, columns), bias)
            .map_err(|error| on_device(name, &error))
    }

    fn layer(&self, names: &LayerTensors) -> Result<DeviceLayer, WeightsError> {
        let spec = self.spec;
        let hidden = spec.hidden_len;
        let head_norms = match &names.head_norms {
            Some([q, k]) => Some([self.norm(q, spec.head_len)?, self.norm(k, spec.head_len)?]),
            None => None,
        };
        let qkv_rows = match names.qkv.len() {
            1 => vec![spec.q_len() + 2 * spec.kv_len()],
            _ => vec![spec.q_len(), spec.kv_len(), spec.kv_len()],
        };
        let bias = |index: usize| names.qkv_bias.as_ref().and_then(|names| names.get(index));
        let qkv = names.qkv.iter().zip(qkv_rows).enumerate();
        let gate_up_rows = if names.gate_up.len() == 1 { 2 * spec.feed_forward_len } else { spec.feed_forward_len };
        let optional_norm = |name: &Option<String>| name.as_deref().map(|name| self.norm(name, hidden)).transpose();
        Ok(DeviceLayer {
            attention_norm: self.norm(&names.attention_norm, hidden)?,
            qkv: qkv.map(|(i, (name, rows))| self.linear(name, bias(i), rows, hidden)).collect::<Result<_, _>>()?,
            head_norms,
            attention_output: self.linear(&names.attention_output, None, hidden, spec.q_len())?,
            post_attention_norm: optional_norm(&names.post_attention_norm)?,
            feed_forward_norm: self.norm(&names.feed_forward_norm, hidden)?,
            gate_up: names
                .gate_up
                .iter()
                .map(|name| self.linear(name, None, gate_up_rows, hidden))
                .collect::<Result<_, _>>()?,
            down: self.linear(&names.down, None, hidden, spec.feed_forward_len)?,
            post_feed_forward_norm: optional_norm(&names.post_feed_forward_norm)?,
        })
    }

}

fn on_device(name: &str, error: &candle_core::Error) -> WeightsError {
    WeightsError::Device { name: name.to_owned(), message: error.to_string() }
}
