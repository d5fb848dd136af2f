//! From named tensors to packed matrices, put side by side.

use realm_kernels::{Layout, Matrix, WeightType};

use super::weights::{GateUp, LayerWeights, Qkv};
use crate::spec::{DecoderSpec, LayerTensors};
use crate::tensors::{Tensors, WeightsError};

/// Packs a model's tensors.
pub(super) struct Packer<'a> {
    pub tensors: &'a Tensors<'a>,
}

impl Packer<'_> {
    pub fn matrix(&self, name: &str, rows: usize, columns: usize) -> Result<Matrix, WeightsError> {
        let tensor = self.tensors.find(name, &[rows, columns])?;
        pack(name, tensor.weight_type, rows, columns, &[self.tensors.bytes(tensor)?], Layout::Stacked)
    }

    pub fn layer(&self, spec: &DecoderSpec, names: &LayerTensors) -> Result<LayerWeights, WeightsError> {
        let (hidden, feed_forward) = (spec.hidden_len, spec.feed_forward_len);
        let head_norms = match &names.head_norms {
            Some([q, k]) => {
                Some([self.tensors.norm(spec, q, spec.head_len)?, self.tensors.norm(spec, k, spec.head_len)?])
            }
            None => None,
        };
        let norm = |name: &str| self.tensors.norm(spec, name, hidden);
        Ok(LayerWeights {
            attention_norm: norm(&names.attention_norm)?,
            qkv: self.qkv(spec, names)?,
            head_norms,
            attention_output: self.matrix(&names.attention_output, hidden, spec.q_len())?,
            post_attention_norm: names.post_attention_norm.as_deref().map(norm).transpose()?,
            feed_forward_norm: norm(&names.feed_forward_norm)?,
            gate_up: self.gate_up(&names.gate_up, feed_forward, hidden)?,
            down: self.matrix(&names.down, hidden, feed_forward)?,
            post_feed_forward_norm: names.post_feed_forward_norm.as_deref().map(norm).transpose()?,
        })
    }

    /// Query, key and value: neighbours of one type become one matrix.
    fn qkv(&self, spec: &DecoderSpec, names: &LayerTensors) -> Result<Qkv, WeightsError> {
        let lens = [spec.q_len(), spec.kv_len(), spec.kv_len()];
        let parts: Vec<(&String, usize)> = match &names.qkv[..] {
            [stacked] => vec![(stacked, lens.iter().sum())],
            names => names.iter().zip(lens).collect(),
        };
        let tensors = parts
            .iter()
            .map(|(name, len)| self.tensors.find(name, &[*len, spec.hidden_len]))
            .collect::<Result<Vec<_>, _>>()?;

        let mut matrices = Vec::new();
        for group in tensors.chunk_by(|a, b| a.weight_type == b.weight_type) {
            let rows = group.iter().map(|tensor| tensor.shape.first().copied().unwrap_or(0)).sum();
            let bytes = group.iter().map(|tensor| self.tensors.bytes(tensor)).collect::<Result<Vec<_>, _>>()?;
            let Some(first) = group.first() else { continue };
            matrices.push(pack(&first.name, first.weight_type, rows, spec.hidden_len, &bytes, Layout::Stacked)?);
        }
        let biases = match &names.qkv_bias {
            None => None,
            Some(names) => {
                let vectors = names.iter().zip(&parts).map(|(name, (_, len))| self.tensors.vector(name, *len));
                let all: Vec<f32> = vectors.collect::<Result<Vec<_>, _>>()?.concat();
                let mut rest = &all[..];
                let mut take = |matrix: &Matrix| {
                    let (own, others) = rest.split_at(matrix.rows().min(rest.len()));
                    rest = others;
                    own.to_vec()
                };
                Some(matrices.iter().map(&mut take).collect())
            }
        };
        Ok(Qkv { places: places(&matrices, lens), matrices, biases })
    }

    /// Gate and up: one matrix if they have one type.
    fn gate_up(&self, names: &[String], rows: usize, columns: usize) -> Result<GateUp, WeightsError> {
        let fused = |name: &str, weight_type, parts: &[&[u8]]| {
            pack(name, weight_type, 2 * rows, columns, parts, Layout::Interleaved).map(GateUp::Fused)
        };
        match names {
            [stacked] => {
                let tensor = self.tensors.find(stacked, &[2 * rows, columns])?;
                let bytes = self.tensors.bytes(tensor)?;
                let (gate, up) = bytes.split_at(bytes.len() / 2);
                fused(stacked, tensor.weight_type, &[gate, up])
            }
            [gate_name, up_name] => {
                let gate = self.tensors.find(gate_name, &[rows, columns])?;
                let up = self.tensors.find(up_name, &[rows, columns])?;
                if gate.weight_type == up.weight_type {
                    return fused(gate_name, gate.weight_type, &[self.tensors.bytes(gate)?, self.tensors.bytes(up)?]);
                }
                let (gate, up) = (self.matrix(gate_name, rows, columns)?, self.matrix(up_name, rows, columns)?);
                Ok(GateUp::Apart { gate, up })
            }
            _ => Err(WeightsError::Missing { name: "feed-forward gate and up".into() }),
        }
    }
}

/// In which matrix query, key and value begin, and at which of its rows.
fn places(matrices: &[Matrix], lens: [usize; 3]) -> [(usize, usize); 3] {
    let mut place = (0, 0);
    lens.map(|len| {
        let here = place;
        place.1 += len;
        if matrices.get(place.0).is_some_and(|matrix| place.1 >= matrix.rows()) {
            place = (place.0 + 1, 0);
        }
        here
    })
}

fn pack(
    name: &str,
    weight_type: WeightType,
    rows: usize,
    columns: usize,
    parts: &[&[u8]],
    layout: Layout,
) -> Result<Matrix, WeightsError> {
    Matrix::pack(weight_type, rows, columns, parts, layout)
        .map_err(|source| WeightsError::Pack { name: name.to_owned(), source })
}
