//! Samplers: draws from rows of logits, repeatable by their seed.

use super::{logits::Row, session::check_generated};
use crate::{
    CallState, SAMPLED, budget::overhead::SAMPLER_BYTES, error::HostError, functions::HostFunction, host_call::HostCall,
};
use realm_engine::sampling::{Sampled, Sampler, SamplingParams};
use realm_primitives::{F32, TokenAlternative, TokenLogprob};
use wasmtime::Linker;

pub(super) fn link(linker: &mut Linker<CallState>) -> wasmtime::Result<()> {
    crate::host_call::link_functions! { linker;
        SamplerOpen => sampler_open[ptr: u32, len: u32];
        SamplerAccept => sampler_accept[sampler: u32, tokens_ptr: u32, count: u32];
        SampleToken => sample_token[sampler: u32, logits: u32, row: u32];
        SampledLogprob => sampled_logprob[sampler: u32];
        SamplerDrop => sampler_drop[sampler: u32];
    }
    Ok(())
}

/// A sampler and its last draw.
pub(super) struct HeldSampler {
    sampler: Sampler,
    last: Option<Draw>,
}

/// A draw, and the row that it was from.
struct Draw {
    sampled: Sampled,
    logits: u32,
    row: u32,
    /// Whether the guest has paid for what the row tells: the draw was charged, or its row counts as looked at.
    seen: bool,
}

fn sampler_open(call: &mut HostCall<'_>, ptr: u32, len: u32) -> Result<u32, HostError> {
    let params: realm_primitives::SamplingParams = call.decoded(ptr, len)?;
    let params = SamplingParams {
        temperature: params.temperature.get(),
        top_k: params.top_k,
        top_p: params.top_p.get(),
        min_p: params.min_p.get(),
        repetition_penalty: params.repetition_penalty.get(),
        presence_penalty: params.presence_penalty.get(),
        frequency_penalty: params.frequency_penalty.get(),
        logit_bias: params.logit_bias.iter().map(|bias| (bias.token, bias.bias.get())).collect(),
        seed: params.seed,
        logprobs: params.logprobs,
    };
    let sampler = Sampler::new(params).map_err(|error| HostError::invalid(error.to_string()))?;
    let room = call.state().budget.try_take("samplers", SAMPLER_BYTES.saturating_add(sampler.memory_bytes()))?;
    call.state_mut().inference.samplers.insert(HeldSampler { sampler, last: None }, room)
}

fn sampler_accept(call: &mut HostCall<'_>, sampler: u32, tokens_ptr: u32, count: u32) -> Result<(), HostError> {
    let tokens = call.tokens(tokens_ptr, count)?;
    call.state().inference.samplers.get(sampler)?;
    let vocabulary_len = call.model()?.model().info().vocab_size;
    // Only these can be penalised, and so a sampler remembers no more tokens than the vocabulary has.
    if let Some(token) = tokens.iter().find(|token| **token >= vocabulary_len) {
        return Err(HostError::invalid(format!("token {token} is not one of the model's {vocabulary_len}")));
    }
    let (held, room) = call.state_mut().inference.samplers.get_leased(sampler)?;
    let new_max = tokens.len().min(vocabulary_len as usize);
    room.resize("samplers", SAMPLER_BYTES.saturating_add(held.sampler.memory_bytes_after(new_max, 0)))?;
    held.sampler.accept(&tokens);
    Ok(room.resize("samplers", SAMPLER_BYTES.saturating_add(held.sampler.memory_bytes()))?)
}

/// Bytes of the temporaries of a draw, for each logit of the row: weights, and the tokens that survive the filters
/// with their weights, in lists that double.
const DRAW_BYTES_PER_LOGIT: u64 = 24;

fn sample_token(call: &mut HostCall<'_>, sampler: u32, logits: u32, row: u32) -> Result<u32, HostError> {
    check_generated(call, 1)?;
    let model = call.model()?;
    let row_len = call.state().inference.logits.row(logits, row)?.len();
    call.scratch("temporaries of a draw", row_len as u64 * DRAW_BYTES_PER_LOGIT)?;
    let state = call.state_mut();
    let values = state.inference.logits.row(logits, row)?;
    let (held, room) = state.inference.samplers.get_leased(sampler)?;
    room.resize("samplers", SAMPLER_BYTES.saturating_add(held.sampler.memory_bytes_after(1, row_len)))?;
    let sampled = held.sampler.sample(values).map_err(|error| HostError::invalid(error.to_string()))?;
    room.resize("samplers", SAMPLER_BYTES.saturating_add(held.sampler.memory_bytes()))?;
    let token = sampled.token;
    let ends = model.model().tokenizer().is_end(token);
    held.last = Some(Draw { sampled, logits, row, seen: !ends });
    state.usage.sampled_tokens += 1;
    state.usage.token_times.sampled();
    tracing::trace!(target: SAMPLED, tenant = state.context().tenant.as_str());
    if !ends {
        let before = state.inference.logits.note(logits, row, Row::Drawn)?;
        state.tally().drawn(before == Row::LookedAt);
    }
    Ok(token)
}

fn sampled_logprob(call: &mut HostCall<'_>, sampler: u32) -> Result<u32, HostError> {
    let last = call.state().inference.samplers.get(sampler)?.last.as_ref();
    let draw = last.ok_or_else(|| HostError::NotFound { what: "a draw of this sampler".into() })?;
    let sampled = &draw.sampled;
    let logprob = sampled
        .logprob
        .ok_or_else(|| HostError::NotFound { what: "a log-probability: the sampler was not asked for any".into() })?;
    let top =
        sampled.top.iter().map(|(token, logprob)| TokenAlternative { token: *token, logprob: F32::from(*logprob) });
    let answer = TokenLogprob { token: sampled.token, logprob: F32::from(logprob), top: top.collect() };
    look_through(call, sampler)?;
    call.state_mut().put_encoded(&answer)
}

/// A draw that ends an answer is not charged, but its alternatives tell which token would follow: its row counts as looked
/// at. Where the logits are dropped by now, nothing else can be noted of the row.
fn look_through(call: &mut HostCall<'_>, sampler: u32) -> Result<(), HostError> {
    let inference = &mut call.state_mut().inference;
    let Some(draw) = &mut inference.samplers.get_mut(sampler)?.last else { return Ok(()) };
    if std::mem::replace(&mut draw.seen, true) {
        return Ok(());
    }
    let before = inference.logits.note(draw.logits, draw.row, Row::LookedAt);
    if before.unwrap_or_default() == Row::Unseen {
        call.state().tally().looked();
    }
    Ok(())
}

fn sampler_drop(call: &mut HostCall<'_>, sampler: u32) -> Result<(), HostError> {
    call.state_mut().inference.samplers.remove(sampler).map(drop)
}
