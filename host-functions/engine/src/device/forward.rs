//! One step on a device: from a plan's tokens to logits.

use candle_core::{Device, Result, Tensor};
use candle_nn::ops::{rms_norm, softmax_last_dim};
use candle_nn::rotary_emb::{rope, rope_i};
use realm_kernels::{Gate, RopeAngles, RopeStyle};

use super::DeviceExecutor;
use super::kv::DeviceKv;
use super::linear::Linear;
use super::weights::DeviceLayer;
use crate::cache::BLOCK_LEN;
use crate::executor::StepOutput;
use crate::scheduler::{Output, Plan};
use crate::spec::{DecoderSpec, RopeSpec};

pub fn run(executor: &DeviceExecutor, plan: &Plan, output: &mut StepOutput) -> Result<()> {
    let DeviceExecutor { device, spec, weights, kv, .. } = executor;
    output.logits.clear();
    output.hidden.clear();
    for &copy in &plan.copies {
        kv.copy(copy)?;
    }
    let positions: Vec<u32> = plan.parts.iter().flat_map(|part| part.start..part.end()).collect();
    let turns = spec.ropes.iter().zip(&weights.frequencies).map(|(rope, frequencies)| {
        let mut angles = RopeAngles::new();
        angles.prepare(frequencies, &positions);
        Turn::new(device, rope, &angles, positions.len())
    });
    let turns = turns.collect::<Result<Vec<_>>>()?;
    let parts = parts(plan);
    let step = Step { device, spec, kv, slots: slots(device, spec, &parts)?, parts };
    let mut x = embed(executor, plan)?;
    for (index, layer) in weights.layers.iter().enumerate() {
        x = step.attend(index, layer, &turns[spec.layers[index].rope], &x)?;
        x = step.feed_forward(layer, &x)?;
    }

    let normed = |rows: Vec<u32>| {
        let rows = Tensor::new(rows, device)?;
        rms_norm(&x.index_select(&rows, 0)?, &weights.output_norm, spec.norm_epsilon)
    };
    let hidden = wanted(plan, |output| output == Output::Hidden);
    if !hidden.is_empty() {
        output.hidden = normed(hidden)?.flatten_all()?.to_vec1()?;
    }
    let logits = wanted(plan, |output| output != Output::Hidden);
    if !logits.is_empty() {
        let logits = softcap(weights.output.forward(&normed(logits)?)?, spec.logit_softcap)?;
        output.logits = logits.flatten_all()?.to_vec1()?;
    }
    Ok(())
}

/// What the layers of a step share.
struct Step<'a> {
    device: &'a Device,
    spec: &'a DecoderSpec,
    kv: &'a DeviceKv,
    /// Where each row's key and value go, once for every value of them.
    slots: Tensor,
    parts: Vec<StepPart>,
}

/// A stretch of one sequence.
struct StepPart {
    /// Its first row in the step.
    row: usize,
    start: usize,
    end: usize,
    /// The slots of all its positions, from the sequence's beginning.
    slots: Vec<u32>,
}

impl Step<'_> {
    /// x + attention(norm(x)). The rows' keys and values go to the KV memory first.
    fn attend(&self, index: usize, layer: &DeviceLayer, turn: &Turn, x: &Tensor) -> Result<Tensor> {
        let spec = self.spec;
        let normed = rms_norm(x, &layer.attention_norm, spec.norm_epsilon)?;
        let lens = [spec.q_len(), spec.kv_len(), spec.kv_len()];
        let [q, k, v] = apart(&layer.qkv, &normed, lens)?;
        let norms = layer.head_norms.as_ref().map(|[q, k]| (Some(q), Some(k))).unwrap_or_default();
        let q = turn.apply(spec, &q, norms.0)?;
        let k = turn.apply(spec, &k, norms.1)?;
        self.kv.write(index, &self.slots, [&k, &v])?;
        let mut rows = Vec::new();
        for part in &self.parts {
            self.attend_part(index, part, &q, &mut rows)?;
        }
        let delta = layer.attention_output.forward(&Tensor::cat(&rows, 0)?)?;
        x + post_norm(spec, delta, layer.post_attention_norm.as_ref())?
    }

    /// Each row for itself, over what it sees and nothing else; so its bits do not depend on the part it came in.
    fn attend_part(&self, index: usize, part: &StepPart, q: &Tensor, rows: &mut Vec<Tensor>) -> Result<()> {
        let spec = self.spec;
        let window = spec.layers[index].window.map_or(usize::MAX, |window| window as usize);
        let first_seen = (part.start + 1).saturating_sub(window);
        let slots = Tensor::new(&part.slots[first_seen..], self.device)?;
        let by_head = |memory: Tensor| memory.reshape(((), spec.kv_head_count, spec.head_len))?.transpose(0, 1);
        let [keys, values] = self.kv.read(index, &slots)?.map(by_head);
        let (keys, values) = (keys?, values?);
        let group = spec.head_count / spec.kv_head_count;
        for position in part.start..part.end {
            let from = (position + 1).saturating_sub(window);
            let seen = |memory: &Tensor| memory.narrow(1, from - first_seen, position + 1 - from)?.contiguous();
            let query = q.narrow(0, part.row + position - part.start, 1)?.contiguous()?;
            let query = query.reshape((spec.kv_head_count, group, spec.head_len))?;
            let scores = (query.matmul(&seen(&keys)?.t()?)? * f64::from(spec.attention_scale))?;
            let weights = softmax_last_dim(&softcap(scores, spec.attention_softcap)?.contiguous()?)?;
            rows.push(weights.matmul(&seen(&values)?)?.reshape((1, spec.q_len()))?);
        }
        Ok(())
    }

    /// x + down · (gate(norm(x)) * up(norm(x))).
    fn feed_forward(&self, layer: &DeviceLayer, x: &Tensor) -> Result<Tensor> {
        let spec = self.spec;
        let normed = rms_norm(x, &layer.feed_forward_norm, spec.norm_epsilon)?;
        let [gate, up] = apart(&layer.gate_up, &normed, [spec.feed_forward_len; 2])?;
        let gate = match spec.gate {
            Gate::Silu => gate.silu(),
            Gate::GeluTanh => gate.gelu(),
            Gate::GeluErf => gate.gelu_erf(),
            Gate::Relu => gate.relu(),
        };
        let delta = layer.down.forward(&(gate? * up)?)?;
        x + post_norm(spec, delta, layer.post_feed_forward_norm.as_ref())?
    }
}

/// The products with several matrices, or the pieces of the product with the one in which they are stacked.
fn apart<const N: usize>(matrices: &[Linear], x: &Tensor, lens: [usize; N]) -> Result<[Tensor; N]> {
    let pieces: Vec<Tensor> = match matrices {
        [stacked] => {
            let product = stacked.forward(x)?;
            let mut from = 0;
            let piece = |len: usize| {
                from += len;
                product.narrow(1, from - len, len)?.contiguous()
            };
            lens.into_iter().map(piece).collect::<Result<_>>()?
        }
        several => several.iter().map(|matrix| matrix.forward(x)).collect::<Result<_>>()?,
    };
    let found = pieces.len();
    pieces.try_into().map_err(|_| candle_core::Error::Msg(format!("{found} matrices where {N} are needed")))
}

fn post_norm(spec: &DecoderSpec, delta: Tensor, weight: Option<&Tensor>) -> Result<Tensor> {
    match weight {
        None => Ok(delta),
        Some(weight) => rms_norm(&delta, weight, spec.norm_epsilon),
    }
}

fn softcap(x: Tensor, cap: Option<f32>) -> Result<Tensor> {
    match cap {
        None => Ok(x),
        Some(cap) => (x / f64::from(cap))?.tanh()? * f64::from(cap),
    }
}

/// A rotation of all rows to their positions.
struct Turn {
    /// `[rows, pairs]`.
    cosines: Tensor,
    sines: Tensor,
    rotated_len: usize,
    style: RopeStyle,
}

impl Turn {
    fn new(device: &Device, rope: &RopeSpec, angles: &RopeAngles, rows: usize) -> Result<Self> {
        let shape = (rows, rope.rotated_len / 2);
        Ok(Self {
            cosines: Tensor::from_slice(angles.cosines(), shape, device)?,
            sines: Tensor::from_slice(angles.sines(), shape, device)?,
            rotated_len: rope.rotated_len,
            style: rope.style,
        })
    }

    /// Norms heads where the model does, and turns them: `[rows, heads * head_len]`.
    fn apply(&self, spec: &DecoderSpec, x: &Tensor, head_norm: Option<&Tensor>) -> Result<Tensor> {
        let (rows, len) = x.dims2()?;
        let mut heads = x.reshape((rows, len / spec.head_len, spec.head_len))?;
        if let Some(weight) = head_norm {
            heads = rms_norm(&heads.contiguous()?, weight, spec.norm_epsilon)?;
        }
        let turned = heads.narrow(2, 0, self.rotated_len)?.transpose(0, 1)?.unsqueeze(0)?.contiguous()?;
        let turned = match self.style {
            RopeStyle::Interleaved => rope_i(&turned, &self.cosines, &self.sines),
            RopeStyle::Halves => rope(&turned, &self.cosines, &self.sines),
        };
        let turned = turned?.squeeze(0)?.transpose(0, 1)?;
        let rest = spec.head_len - self.rotated_len;
        let whole =
            if rest == 0 { turned } else { Tensor::cat(&[turned, heads.narrow(2, self.rotated_len, rest)?], 2)? };
        whole.contiguous()?.reshape((rows, len))
    }
}

/// The rows of the embedding table, which the processor reads from the file.
fn embed(executor: &DeviceExecutor, plan: &Plan) -> Result<Tensor> {
    let DeviceExecutor { device, spec, weights, .. } = executor;
    let mut x = vec![0.0f32; plan.tokens.len() * spec.hidden_len];
    for (&token, x) in plan.tokens.iter().zip(x.chunks_exact_mut(spec.hidden_len)) {
        let no_row =
            |error| candle_core::Error::Msg(format!("token {token} has no row in the embedding table: {error}"));
        weights.embedding.read(token as usize, x).map_err(no_row)?;
        x.iter_mut().for_each(|value| *value *= spec.embedding_scale);
    }
    Tensor::from_vec(x, (plan.tokens.len(), spec.hidden_len), device)
}

fn parts(plan: &Plan) -> Vec<StepPart> {
    let mut row = 0;
    let parts = plan.parts.iter().map(|part| {
        let (start, end) = (part.start as usize, part.end() as usize);
        let blocks = &plan.blocks[part.blocks.clone()];
        let slots = blocks.iter().flat_map(|block| block.0 * BLOCK_LEN..(block.0 + 1) * BLOCK_LEN).take(end).collect();
        row += end - start;
        StepPart { row: row - (end - start), start, end, slots }
    });
    parts.collect()
}

/// For every row the slot of its position, as often as a key has values: `[rows, kv_len]`.
fn slots(device: &Device, spec: &DecoderSpec, parts: &[StepPart]) -> Result<Tensor> {
    let slots: Vec<u32> = parts.iter().flat_map(|part| &part.slots[part.start..]).copied().collect();
    let rows = slots.len();
    Tensor::from_vec(slots, (rows, 1), device)?.broadcast_as((rows, spec.kv_len()))?.contiguous()
}

/// The rows of a step whose output is wanted, in the order of its parts.
fn wanted(plan: &Plan, kind: impl Fn(Output) -> bool) -> Vec<u32> {
    let mut row = 0;
    let mut wanted = Vec::new();
    for part in &plan.parts {
        let end = row + part.tokens.len() as u32;
        if kind(part.output) {
            wanted.extend(end - (part.end() - part.output_from)..end);
        }
        row = end;
    }
    wanted
}
