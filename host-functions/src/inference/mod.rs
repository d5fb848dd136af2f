//! `realm_inference_v1`: what a decode loop is written with. The loop itself, and with it every
//! policy of decoding, is the guest's.
//!
//! - `text`: tokens from text and back, the chat template, facts about the model.
//! - `session`: sequences in the KV cache, forward passes, embeddings. These wait for the batch.
//! - `logits`: the rows a forward pass gives. They stay native; the guest names a row.
//! - `sampler`: draws.

mod logits;
mod sampler;
mod session;
mod text;

use crate::{
    CallState, HostLimits,
    budget::NativeBudget,
    call::{HandleKind, HandleTable},
};
use logits::LogitsTable;
use sampler::HeldSampler;
use wasmtime::Linker;

pub(crate) fn link(linker: &mut Linker<CallState>) -> wasmtime::Result<()> {
    text::link(linker)?;
    session::link(linker)?;
    logits::link(linker)?;
    sampler::link(linker)
}

/// What a call holds of the engine. Dropping it frees the sessions' places and cache at once.
pub(crate) struct InferenceState {
    sessions: HandleTable<realm_engine::Session>,
    logits: LogitsTable,
    samplers: HandleTable<HeldSampler>,
    detokenizers: HandleTable<realm_engine::tokenizer::Detokenizer>,
}

impl InferenceState {
    pub(crate) fn new(limits: &HostLimits, budget: &NativeBudget) -> Self {
        let inference = &limits.inference;
        Self {
            sessions: HandleTable::new(HandleKind { tag: 2, name: "a session" }, inference.sessions_max),
            logits: LogitsTable::new(limits.handles_max, inference.logits_bytes_max, budget),
            samplers: HandleTable::new(HandleKind { tag: 4, name: "a sampler" }, inference.samplers_max),
            detokenizers: HandleTable::new(HandleKind { tag: 5, name: "a detokenizer" }, limits.handles_max),
        }
    }
}
