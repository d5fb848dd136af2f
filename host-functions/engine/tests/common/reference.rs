//! A llama written straight from the equations, in f64, one position after another, with no cache, no batch and no
//! tricks: what the engine's numbers are held against.

use std::collections::HashMap;

use realm_test_models::{Quant, RopeScaling, Tensor, TinyLlama};

pub struct Reference {
    model: TinyLlama,
    tensors: HashMap<String, Vec<f64>>,
}

impl Reference {
    /// The model's weights as its file stores them: quantised and read back.
    pub fn new(model: &TinyLlama) -> Self {
        let tensors = model.tensors().expect("valid sizes");
        let tensors = tensors.into_iter().map(|tensor| (tensor.name.clone(), stored_values(&tensor))).collect();
        Self { model: model.clone(), tensors }
    }

    /// Logits of every position.
    pub fn logits(&self, tokens: &[u32]) -> Vec<Vec<f64>> {
        let output = if self.model.tied { "token_embd.weight" } else { "output.weight" };
        let hidden = self.hidden(tokens);
        hidden.iter().map(|state| self.matrix(output, self.model.vocab, state)).collect()
    }

    /// The last norm's output at every position.
    pub fn hidden(&self, tokens: &[u32]) -> Vec<Vec<f64>> {
        let width = self.model.hidden;
        let table = &self.tensors["token_embd.weight"];
        let mut x: Vec<Vec<f64>> =
            tokens.iter().map(|&token| table[token as usize * width..][..width].to_vec()).collect();
        for layer in 0..self.model.layers {
            self.attend(layer, &mut x);
            self.feed_forward(layer, &mut x);
        }
        x.iter().map(|row| self.norm("output_norm.weight", row)).collect()
    }

    fn attend(&self, layer: usize, x: &mut [Vec<f64>]) {
        let model = &self.model;
        let head_len = model.hidden / model.heads;
        let kv_width = model.kv_heads * head_len;
        let name = |part: &str| format!("blk.{layer}.{part}");
        let project = |part: &str, rows: usize, input: &[f64]| {
            let mut out = self.matrix(&name(&format!("{part}.weight")), rows, input);
            if let Some(bias) = self.tensors.get(&name(&format!("{part}.bias"))) {
                out.iter_mut().zip(bias).for_each(|(out, bias)| *out += bias);
            }
            out
        };
        let (mut keys, mut values, mut added) = (Vec::new(), Vec::new(), Vec::new());
        for (position, row) in x.iter().enumerate() {
            let input = self.norm(&name("attn_norm.weight"), row);
            let mut query = project("attn_q", model.hidden, &input);
            let mut key = project("attn_k", kv_width, &input);
            query.chunks_mut(head_len).chain(key.chunks_mut(head_len)).for_each(|head| self.rotate(head, position));
            keys.push(key);
            values.push(project("attn_v", kv_width, &input));
            let mut attended = Vec::new();
            for (head, query) in query.chunks(head_len).enumerate() {
                let kv = head / (model.heads / model.kv_heads) * head_len..;
                let scores = keys.iter().map(|key| dot(query, &key[kv.clone()][..head_len]) / (head_len as f64).sqrt());
                let weights = softmax(scores.collect());
                for i in 0..head_len {
                    attended.push(weights.iter().zip(&values).map(|(w, value)| w * value[kv.start + i]).sum());
                }
            }
            added.push(self.matrix(&name("attn_output.weight"), model.hidden, &attended));
        }
        for (row, added) in x.iter_mut().zip(added) {
            row.iter_mut().zip(added).for_each(|(x, a)| *x += a);
        }
    }

    fn feed_forward(&self, layer: usize, x: &mut [Vec<f64>]) {
        let (hidden, inner) = (self.model.hidden, self.model.feed_forward);
        let name = |part: &str| format!("blk.{layer}.{part}.weight");
        for row in x {
            let input = self.norm(&name("ffn_norm"), row);
            let (gate, up) =
                (self.matrix(&name("ffn_gate"), inner, &input), self.matrix(&name("ffn_up"), inner, &input));
            let product: Vec<f64> = gate.iter().zip(up).map(|(g, u)| g / (1.0 + (-g).exp()) * u).collect();
            let added = self.matrix(&name("ffn_down"), hidden, &product);
            row.iter_mut().zip(added).for_each(|(x, a)| *x += a);
        }
    }

    fn rotate(&self, head: &mut [f64], position: usize) {
        let len = head.len();
        for (i, pair) in head.chunks_mut(2).enumerate() {
            let frequency = f64::from(self.model.rope_theta).powf(-2.0 * i as f64 / len as f64);
            let frequency = match &self.model.rope_scaling {
                RopeScaling::None => frequency,
                RopeScaling::Linear(factor) => frequency / f64::from(*factor),
                RopeScaling::Factors(factors) => frequency / f64::from(factors[i]),
            };
            let (sin, cos) = (position as f64 * frequency).sin_cos();
            let (a, b) = (pair[0], pair[1]);
            (pair[0], pair[1]) = (a * cos - b * sin, a * sin + b * cos);
        }
    }

    fn norm(&self, weight: &str, x: &[f64]) -> Vec<f64> {
        let mean = x.iter().map(|x| x * x).sum::<f64>() / x.len() as f64;
        let scale = 1.0 / (mean + f64::from(1e-5f32)).sqrt();
        x.iter().zip(&self.tensors[weight]).map(|(x, w)| x * scale * w).collect()
    }

    fn matrix(&self, name: &str, rows: usize, x: &[f64]) -> Vec<f64> {
        let weights = &self.tensors[name];
        assert_eq!(weights.len(), rows * x.len(), "{name}");
        weights.chunks(x.len()).map(|row| dot(row, x)).collect()
    }
}

/// `|a - b| / |b|`, over the whole row.
pub fn relative_error(values: &[u32], expected: &[f64]) -> f64 {
    assert_eq!(values.len(), expected.len());
    let off = values.iter().zip(expected).map(|(v, e)| (f64::from(f32::from_bits(*v)) - e).powi(2)).sum::<f64>();
    let size = expected.iter().map(|e| e * e).sum::<f64>();
    (off / size).sqrt()
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn softmax(scores: Vec<f64>) -> Vec<f64> {
    let largest = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let weights: Vec<f64> = scores.iter().map(|score| (score - largest).exp()).collect();
    let sum: f64 = weights.iter().sum();
    weights.iter().map(|weight| weight / sum).collect()
}

fn stored_values(tensor: &Tensor) -> Vec<f64> {
    let quant = tensor.stored_as();
    let bytes = quant.encode(&tensor.values);
    let f16 = |b: &[u8]| f64::from(half::f16::from_le_bytes([b[0], b[1]]));
    match quant {
        Quant::F32 => tensor.values.iter().map(|&v| f64::from(v)).collect(),
        Quant::F16 => bytes.chunks(2).map(f16).collect(),
        Quant::BF16 => bytes.chunks(2).map(|b| f64::from(half::bf16::from_le_bytes([b[0], b[1]]))).collect(),
        Quant::Q8_0 => {
            let block = |b: &[u8]| b[2..].iter().map(|&q| f16(b) * f64::from(q as i8)).collect::<Vec<_>>();
            bytes.chunks(34).flat_map(block).collect()
        }
        Quant::Q4_0 => {
            let block = |b: &[u8]| {
                let low = b[2..].iter().map(|q| q & 15);
                let high = b[2..].iter().map(|q| q >> 4);
                low.chain(high).map(|q| f16(b) * (f64::from(q) - 8.0)).collect::<Vec<_>>()
            };
            bytes.chunks(18).flat_map(block).collect()
        }
    }
}
