//! Samplers: draws from rows of logits, repeatable by their seed.

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
    last: Option<Sampled>,
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
    let generated_max = call.limits().inference.generated_tokens_max;
    let generated = call.state().tally().generated_tokens() + 1;
    HostError::check_limit("tokens that the call generates", generated, generated_max.into())?;
    let model = call.model()?;
    let row_len = call.state().inference.logits.row(logits, row)?.len();
    call.scratch("temporaries of a draw", row_len as u64 * DRAW_BYTES_PER_LOGIT)?;
    let state = call.state_mut();
    let row = state.inference.logits.row(logits, row)?;
    let (held, room) = state.inference.samplers.get_leased(sampler)?;
    room.resize("samplers", SAMPLER_BYTES.saturating_add(held.sampler.memory_bytes_after(1, row_len)))?;
    let sampled = held.sampler.sample(row).map_err(|error| HostError::invalid(error.to_string()))?;
    room.resize("samplers", SAMPLER_BYTES.saturating_add(held.sampler.memory_bytes()))?;
    let token = held.last.insert(sampled).token;
    state.usage.sampled_tokens += 1;
    state.usage.token_times.sampled();
    tracing::trace!(target: SAMPLED, tenant = state.context().tenant.as_str());
    if !model.model().tokenizer().is_end(token) {
        state.tally().generated();
    }
    Ok(token)
}

fn sampled_logprob(call: &mut HostCall<'_>, sampler: u32) -> Result<u32, HostError> {
    let last = call.state().inference.samplers.get(sampler)?.last.as_ref();
    let sampled = last.ok_or_else(|| HostError::NotFound { what: "a draw of this sampler".into() })?;
    let logprob = sampled
        .logprob
        .ok_or_else(|| HostError::NotFound { what: "a log-probability: the sampler was not asked for any".into() })?;
    let top =
        sampled.top.iter().map(|(token, logprob)| TokenAlternative { token: *token, logprob: F32::from(*logprob) });
    let answer = TokenLogprob { token: sampled.token, logprob: F32::from(logprob), top: top.collect() };
    call.state_mut().put_encoded(&answer)
}

fn sampler_drop(call: &mut HostCall<'_>, sampler: u32) -> Result<(), HostError> {
    call.state_mut().inference.samplers.remove(sampler).map(drop)
}
