//! A llama, written in the sandbox.

use alloc::{format, vec, vec::Vec};
use realm_primitives::{
    LayerTensor, ModelFacts,
    abi::HostErrorCode,
    host::{
        HostError,
        tensor::{Tensor, candle_matmul, embedding_lookup, get_tensor, linear, memory64_load_layer},
    },
};

/// What the model's sizes are, and the positions that may not see each other.
struct Shape {
    positions: u32,
    heads: u32,
    kv_heads: u32,
    head_length: u32,
    theta: f32,
    epsilon: f32,
    mask: Tensor,
}

/// Logits after each of the tokens: `(tokens, vocabulary)`.
pub fn forward(facts: &ModelFacts, tokens: &[u32]) -> Result<Tensor, HostError> {
    let positions = tokens.len() as u32;
    let shape = Shape {
        positions,
        heads: facts.head_count,
        kv_heads: facts.kv_head_count,
        head_length: facts.head_length,
        theta: (facts.rope_theta_milli as f64 / 1000.0) as f32,
        epsilon: facts.norm_epsilon.get(),
        mask: causal_mask(positions)?,
    };
    let embedding = get_tensor("token_embd.weight")?;
    let mut x = embedding_lookup(&embedding, tokens)?;
    for index in 0..facts.layer_count {
        let layer = Layer::load(index)?;
        x = x.add(&attention(&shape, &layer, &x)?)?;
        x = x.add(&feed_forward(&shape, &layer, &x)?)?;
    }
    let x = x.rms_norm(&get_tensor("output_norm.weight")?, shape.epsilon)?;
    match get_tensor("output.weight") {
        Ok(output) => linear(&x, &output),
        // A tied model has its output matrix in the embedding table.
        Err(error) if error.code == HostErrorCode::NotFound => linear(&x, &embedding),
        Err(error) => Err(error),
    }
}

/// The weights of one layer.
struct Layer {
    index: u32,
    tensors: Vec<(LayerTensor, Tensor)>,
}

impl Layer {
    fn load(index: u32) -> Result<Self, HostError> {
        Ok(Self { index, tensors: memory64_load_layer(index)? })
    }

    fn weight(&self, part: &str) -> Result<&Tensor, HostError> {
        let name = format!("blk.{}.{part}.weight", self.index);
        let found = self.tensors.iter().find(|(tensor, _)| tensor.name == name);
        found
            .map(|(_, tensor)| tensor)
            .ok_or(HostError { code: HostErrorCode::NotFound, message: format!("the layer has no {name}") })
    }
}

fn attention(shape: &Shape, layer: &Layer, x: &Tensor) -> Result<Tensor, HostError> {
    let Shape { positions, heads, kv_heads, head_length, theta, .. } = *shape;
    let normed = x.rms_norm(layer.weight("attn_norm")?, shape.epsilon)?;
    let project =
        |part: &str, heads: u32| linear(&normed, layer.weight(part)?)?.reshape(&[positions, heads, head_length]);
    // Key and value heads serve several query heads each.
    let shared = |x: Tensor| x.repeat(1, heads / kv_heads)?.transpose(0, 1);
    let q = project("attn_q", heads)?.rope_interleaved(0, theta)?.transpose(0, 1)?;
    let k = shared(project("attn_k", kv_heads)?.rope_interleaved(0, theta)?)?;
    let v = shared(project("attn_v", kv_heads)?)?;
    let scores = linear(&q, &k)?.scale(inverse_square_root(head_length as f32))?.add(&shape.mask)?.softmax()?;
    let mixed = candle_matmul(&scores, &v)?.transpose(0, 1)?.reshape(&[positions, heads * head_length])?;
    linear(&mixed, layer.weight("attn_output")?)
}

fn feed_forward(shape: &Shape, layer: &Layer, x: &Tensor) -> Result<Tensor, HostError> {
    let normed = x.rms_norm(layer.weight("ffn_norm")?, shape.epsilon)?;
    let gate = linear(&normed, layer.weight("ffn_gate")?)?.silu()?;
    let up = linear(&normed, layer.weight("ffn_up")?)?;
    linear(&gate.mul(&up)?, layer.weight("ffn_down")?)
}

/// 0 where a position may look, minus infinity at what comes after it.
fn causal_mask(positions: u32) -> Result<Tensor, HostError> {
    let count = positions as usize;
    let mut mask = vec![0f32; count * count];
    for (row, values) in mask.chunks_exact_mut(count.max(1)).enumerate() {
        values[row + 1..].fill(f32::NEG_INFINITY);
    }
    Tensor::new(&[positions, positions], &mask)
}

/// By Newton's method, because `core` has no square root. Exact to the last bit or two.
fn inverse_square_root(x: f32) -> f32 {
    let mut guess = 1.0 / if x > 1.0 { x } else { 1.0 };
    for _ in 0..64 {
        guess *= 1.5 - 0.5 * x * guess * guess;
    }
    guess
}
