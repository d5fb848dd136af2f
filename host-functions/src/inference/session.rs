//! Sessions: sequences in the KV cache, driven token by token. A forward pass waits for the batch
//! that all sandboxes share; the guest's fiber is suspended meanwhile.

use super::text::{count_in_vain, encode_error, reserve_tokenising};
use crate::{
    CallState, budget::overhead::HANDLE_BYTES, error::HostError, functions::HostFunction, heavy, host_call::HostCall,
};
use realm_engine::{EmbedError, EncodeTextError, ForwardError, Rows, Session, SessionError, TokenMeter};
use realm_primitives::abi::flag;
use realm_work::heavy::HEAVY_BYTES_MIN;
use std::sync::Arc;
use wasmtime::Linker;

pub(super) fn link(linker: &mut Linker<CallState>) -> wasmtime::Result<()> {
    crate::host_call::link_functions! { linker;
        SessionOpen => session_open[prefix_ptr: u32, count: u32];
        SessionLen => session_len[session: u32];
        SessionTruncate => session_truncate[session: u32, len: u32];
        SessionFork => session_fork[session: u32];
        SessionDrop => session_drop[session: u32];
    }
    crate::host_call::link_async_functions! { linker;
        SessionForward => session_forward[session: u32, tokens_ptr: u32, count: u32, flags: u32];
        EmbedPooled => embed_pooled[ptr: u32, len: u32];
    }
    Ok(())
}

fn session_open(call: &mut HostCall<'_>, prefix_ptr: u32, count: u32) -> Result<u32, HostError> {
    call.state().inference.sessions.check_room()?;
    let prefix = call.tokens(prefix_ptr, count)?;
    check_prompt(call, u64::from(count))?;
    let model = call.model()?;
    let session = model.model().open_session(call.state().tenant().key, &prefix).map_err(session_error)?;
    let session = session.metered(call.state().tally().clone());
    call.state_mut().usage.cached_tokens += u64::from(session.reused_len());
    call.state().tally().cached(u64::from(session.reused_len()));
    hold(call, session)
}

/// A handle to a session, whose keys and values are the engine's.
fn hold(call: &mut HostCall<'_>, session: Session) -> Result<u32, HostError> {
    let room = call.state().budget.try_take("sessions", HANDLE_BYTES)?;
    call.state_mut().inference.sessions.insert(session, room)
}

fn session_len(call: &mut HostCall<'_>, session: u32) -> Result<u32, HostError> {
    Ok(held(call, session)?.len())
}

async fn session_forward(
    call: &mut HostCall<'_>,
    session: u32,
    tokens_ptr: u32,
    count: u32,
    flags: u32,
) -> Result<u32, HostError> {
    let rows = match flags {
        0 => Rows::Last,
        flag::FORWARD_ALL_ROWS => Rows::All,
        _ => return Err(HostError::invalid(format!("unknown flags {flags:#x}"))),
    };
    held(call, session)?;
    let (prompt_tokens, generated_tokens) = call.state().tally().new_tokens(u64::from(count));
    check_prompt(call, prompt_tokens)?;
    check_generated(call, generated_tokens)?;
    let tokens = call.tokens(tokens_ptr, count)?;
    let row_count = if rows == Rows::All { u64::from(count) } else { 1 };
    let vocabulary_len = u64::from(call.model()?.model().info().vocab_size);
    let room = call.state().inference.logits.reserve(row_count.saturating_mul(vocabulary_len))?;
    let logits =
        call.state_mut().inference.sessions.get_mut(session)?.forward(tokens, rows).await.map_err(forward_error)?;
    let state = call.state_mut();
    state.inference.logits.insert(logits, room)
}

/// Growing by truncating is refused: it would be a mistake of the guest's.
fn session_truncate(call: &mut HostCall<'_>, session: u32, len: u32) -> Result<(), HostError> {
    let session = call.state_mut().inference.sessions.get_mut(session)?;
    let held = session.len();
    if len > held {
        return Err(HostError::invalid(format!("a session of {held} tokens cannot be cut to {len}")));
    }
    session.truncate(len);
    Ok(())
}

fn session_fork(call: &mut HostCall<'_>, session: u32) -> Result<u32, HostError> {
    call.state().inference.sessions.check_room()?;
    let fork = held(call, session)?.fork().map_err(session_error)?;
    hold(call, fork)
}

fn session_drop(call: &mut HostCall<'_>, session: u32) -> Result<(), HostError> {
    call.state_mut().inference.sessions.remove(session).map(drop)
}

async fn embed_pooled(call: &mut HostCall<'_>, ptr: u32, len: u32) -> Result<u32, HostError> {
    let text = call.text(ptr, len)?;
    reserve_tokenising(call, len)?;
    let model = match &call.state().tenant().embedding_model {
        Some(model) => model.clone(),
        None => call.model()?,
    };
    let owner = call.state().tenant().key;
    // Of a text that is too long for an encoder, those that are read: the rest is neither computed nor charged.
    let encode = {
        let model = model.clone();
        move || model.model().embedding_tokens(&text)
    };
    let tokens = heavy::run(call, len as usize >= HEAVY_BYTES_MIN, encode).await?.map_err(encode_error)?;
    count_in_vain(call, tokens.len(), model.model().info().context_length);
    let count = tokens.len() as u64;
    check_prompt(call, count)?;
    let meter: Arc<dyn TokenMeter> = call.state().tally().clone();
    let vector = model.model().embed_tokens(owner, tokens, Some(&meter)).await.map_err(embed_error)?;
    call.state_mut().put_result(vector.iter().flat_map(|value| value.to_le_bytes()).collect())
}

/// Whether the call may have this many more tokens of prompts.
fn check_prompt(call: &HostCall<'_>, more: u64) -> Result<(), HostError> {
    let asked = call.state().tally().prompt_tokens() + more;
    HostError::check_limit("tokens of the call's prompts", asked, call.limits().inference.prompt_tokens_max.into())
}

/// Whether the call may have this many more generated tokens.
pub(super) fn check_generated(call: &HostCall<'_>, more: u64) -> Result<(), HostError> {
    let asked = call.state().tally().generated_tokens() + more;
    let generated_max = call.limits().inference.generated_tokens_max;
    HostError::check_limit("tokens that the call generates", asked, generated_max.into())
}

fn held<'c>(call: &'c HostCall<'_>, session: u32) -> Result<&'c Session, HostError> {
    call.state().inference.sessions.get(session)
}

fn session_error(error: SessionError) -> HostError {
    match error {
        SessionError::Overloaded { position } => HostError::Overloaded { position: position as u64 },
        SessionError::TokenOutOfVocabulary { .. } => HostError::invalid(error.to_string()),
        SessionError::CannotGenerate(_) | SessionError::Stopped => HostError::ModelUnavailable(error.to_string()),
    }
}

fn forward_error(error: ForwardError) -> HostError {
    match error {
        ForwardError::Overloaded { position } => HostError::Overloaded { position: position as u64 },
        ForwardError::ContextOverflow { len, new_tokens, context_length } => {
            HostError::ContextOverflow { tokens: u64::from(len) + new_tokens as u64, context_length }
        }
        ForwardError::CacheTooSmall { needed_bytes, budget_bytes } => {
            HostError::Limit { what: "bytes of KV cache", asked: needed_bytes, limit: budget_bytes }
        }
        ForwardError::TooManyRows { rows, rows_max } => {
            HostError::Limit { what: "rows of logits", asked: rows as u64, limit: rows_max as u64 }
        }
        ForwardError::NoTokens | ForwardError::TokenOutOfVocabulary { .. } => HostError::invalid(error.to_string()),
        ForwardError::Failed(_) => HostError::Internal(error.to_string()),
        ForwardError::Stopped => HostError::ModelUnavailable(error.to_string()),
    }
}

fn embed_error(error: EmbedError) -> HostError {
    match error {
        EmbedError::Forward { source, .. } => forward_error(source),
        EmbedError::Session { source, .. } => session_error(source),
        EmbedError::Text { source, .. } => match source {
            EncodeTextError::Overloaded { position } => HostError::Overloaded { position: position as u64 },
            EncodeTextError::Failed(_) => HostError::Internal(source.to_string()),
            EncodeTextError::Stopped => HostError::ModelUnavailable(source.to_string()),
        },
        EmbedError::Encode { source, .. } => encode_error(source),
        EmbedError::ContextOverflow { tokens, context_length, .. } => {
            HostError::ContextOverflow { tokens: tokens as u64, context_length }
        }
        EmbedError::Empty { .. } => HostError::invalid("an empty text has no embedding"),
        EmbedError::TooManyTexts { .. } => HostError::Internal(error.to_string()),
    }
}
