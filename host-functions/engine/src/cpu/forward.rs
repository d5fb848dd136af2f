//! One step: from a plan's tokens to logits.

use realm_kernels::{AttentionRow, PackError, RopeAngles, Rows, RowsMut, ShapeError, matmul, rms_norm, scale, softcap};

use super::CpuExecutor;
use super::layer::Pass;
use super::scratch::Scratch;
use crate::executor::StepOutput;
use crate::scheduler::{Output, Plan};

/// Why a step could not be computed.
#[derive(Debug, thiserror::Error)]
pub enum StepError {
    #[error("token {token} has no row in the embedding table: {source}")]
    Embedding { token: u32, source: PackError },
    #[error("layer {layer}: {source}")]
    Layer { layer: usize, source: ShapeError },
    #[error(transparent)]
    Shape(#[from] ShapeError),
}

pub fn run(executor: &mut CpuExecutor, plan: &Plan, output: &mut StepOutput) -> Result<(), StepError> {
    let CpuExecutor { pool, spec, weights, kv, scratch } = executor;
    for &copy in &plan.copies {
        kv.copy(copy)?;
    }
    scratch.lay_out(plan);
    let rows = plan.tokens.len();
    let x = scratch.x.get(rows * spec.hidden_len);
    for (&token, x) in plan.tokens.iter().zip(x.chunks_exact_mut(spec.hidden_len)) {
        weights.embedding.read(token as usize, x).map_err(|source| StepError::Embedding { token, source })?;
    }
    if spec.embedding_scale != 1.0 {
        scale(pool, spec.embedding_scale, x);
    }
    scratch.angles.resize_with(spec.ropes.len(), RopeAngles::new);
    for (angles, frequencies) in scratch.angles.iter_mut().zip(&weights.frequencies) {
        angles.prepare(frequencies, &scratch.positions);
    }

    let blocks = std::mem::take(&mut scratch.blocks);
    let attention_rows = attention_rows(plan, &blocks);
    let mut pass = Pass { pool, spec, kv, rows };
    let last = weights.layers.len().saturating_sub(1);
    for (layer, layer_weights) in weights.layers.iter().enumerate() {
        let source = |source| StepError::Layer { layer, source };
        pass.attend(layer, layer_weights, &attention_rows, scratch).map_err(source)?;
        if layer == last {
            // Behind the last attention, rows are on their own: those that nobody asked for end here.
            pass.keep_wanted(scratch);
        }
        if pass.rows > 0 {
            let next = weights.layers.get(layer + 1).and_then(|layer| layer.qkv.matrices.first());
            pass.feed_forward(layer_weights, next.unwrap_or(&weights.output), scratch).map_err(source)?;
        }
    }
    let wanted = pass.rows;
    drop(attention_rows);
    scratch.blocks = blocks;
    output.logits.clear();
    output.hidden.clear();
    if wanted == 0 {
        return Ok(());
    }

    let x = Rows::whole(scratch.x.get(wanted * spec.hidden_len), wanted)?;
    let normed = scratch.normed.get(wanted * spec.hidden_len);
    rms_norm(pool, x, &weights.output_norm, spec.norm_epsilon, RowsMut::whole(normed, wanted)?)?;
    let logits_rows = split_outputs(plan, spec.hidden_len, normed, &mut output.hidden);
    output.logits.resize(logits_rows * spec.vocab_len, 0.0);
    if logits_rows > 0 {
        scratch.input.renew();
        let normed = Rows::whole(&normed[..logits_rows * spec.hidden_len], logits_rows)?;
        let input = scratch.input.prepared(pool, normed, weights.output.input())?;
        matmul(pool, &weights.output, input, &mut output.logits)?;
        if let Some(cap) = spec.logit_softcap {
            softcap(pool, cap, &mut output.logits);
        }
    }
    Ok(())
}

/// Of the normed rows that are wanted, moves hidden states to `hidden` and the others to the front. Gives how many
/// those are.
fn split_outputs(plan: &Plan, hidden_len: usize, normed: &mut [f32], hidden: &mut Vec<f32>) -> usize {
    let (mut from, mut kept) = (0, 0);
    for part in &plan.parts {
        let count = (part.end() - part.output_from) as usize;
        let range = from * hidden_len..(from + count) * hidden_len;
        from += count;
        match part.output {
            Output::Hidden => hidden.extend_from_slice(&normed[range]),
            Output::LastLogits | Output::AllLogits => {
                normed.copy_within(range, kept * hidden_len);
                kept += count;
            }
        }
    }
    kept
}

/// For every row, its sequence's blocks and how much it sees: everything up to itself.
fn attention_rows<'a>(plan: &Plan, blocks: &'a [u32]) -> Vec<AttentionRow<'a>> {
    let rows = plan.parts.iter().flat_map(|part| {
        let blocks = &blocks[part.blocks.clone()];
        (part.start..part.end()).map(move |position| AttentionRow { blocks, visible: position + 1 })
    });
    rows.collect()
}

impl Scratch {
    /// Notes each row's position, the blocks of all parts, and which rows' outputs are wanted.
    fn lay_out(&mut self, plan: &Plan) {
        self.positions.clear();
        self.wanted.clear();
        for part in &plan.parts {
            let first_row = self.positions.len();
            self.positions.extend(part.start..part.end());
            self.wanted.extend((part.output_from..part.end()).map(|p| first_row + (p - part.start) as usize));
        }
        self.blocks.clear();
        self.blocks.extend(plan.blocks.iter().map(|block| block.0));
    }
}
