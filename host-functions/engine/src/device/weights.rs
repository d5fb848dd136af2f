//! A decoder's weights on a device.

use candle_core::{Device, Tensor};
use realm_kernels::RopeFrequencies;

use super::linear::Linear;
use crate::spec::{DecoderSpec, DecoderTensors, LayerTensors};
use crate::tensors::{Table, Tensors, WeightsError};

/// Everything that the forward pass multiplies by.
pub struct DeviceWeights {
    /// A row for each token.
    pub embedding: Table,
    pub layers: Vec<DeviceLayer>,
    pub output_norm: Tensor,
    pub output: Linear,
    /// For each of the spec's ropes.
    pub frequencies: Vec<RopeFrequencies>,
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
        tensors: &Tensors<'_>,
        spec: &DecoderSpec,
        names: &DecoderTensors,
    ) -> Result<Self, WeightsError> {
        let upload = Upload { device, tensors, spec };
        Ok(Self {
            embedding: tensors.table(&names.embedding, spec.vocab_len, spec.hidden_len)?,
            layers: names.layers.iter().map(|layer| upload.layer(layer)).collect::<Result<_, _>>()?,
            output_norm: upload.norm(&names.output_norm, spec.hidden_len)?,
            output: upload.linear(names.output_matrix(), None, spec.vocab_len, spec.hidden_len)?,
            frequencies: tensors.frequencies(spec)?,
        })
    }

    /// What all matrices take of the device's memory.
    pub fn bytes(&self) -> u64 {
        let layers = self
            .layers
            .iter()
            .flat_map(|layer| layer.qkv.iter().chain(&layer.gate_up).chain([&layer.attention_output, &layer.down]));
        layers.chain([&self.output]).map(Linear::bytes).sum()
    }
}

/// Brings a model's tensors to the device.
struct Upload<'a> {
    device: &'a Device,
    tensors: &'a Tensors<'a>,
    spec: &'a DecoderSpec,
}

impl Upload<'_> {
    fn vector(&self, name: &str, values: Vec<f32>) -> Result<Tensor, WeightsError> {
        let len = values.len();
        Tensor::from_vec(values, len, self.device).map_err(|error| on_device(name, &error))
    }

    fn norm(&self, name: &str, len: usize) -> Result<Tensor, WeightsError> {
        self.vector(name, self.tensors.norm(self.spec, name, len)?)
    }

    fn linear(&self, name: &str, bias: Option<&String>, rows: usize, columns: usize) -> Result<Linear, WeightsError> {
        let tensor = self.tensors.find(name, &[rows, columns])?;
        let bias = bias.map(|bias| self.vector(bias, self.tensors.vector(bias, rows)?)).transpose()?;
        Linear::new(self.device, tensor.weight_type, self.tensors.bytes(tensor)?, (rows, columns), bias)
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
