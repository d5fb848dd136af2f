//! Tokens from text and back, the chat template, facts about the model.

use crate::{
    CallState, HostModel,
    budget::overhead::{HANDLE_BYTES, TOKENISED_BYTE_BYTES},
    error::HostError,
    functions::HostFunction,
    heavy,
    host_call::HostCall,
};
use realm_engine::{chat_template::TemplateError, tokenizer::EncodeError};
use realm_primitives::{ChatMessage, EmbeddingSource, F32, H256, ModelFacts, abi::flag};
use realm_work::heavy::HEAVY_BYTES_MIN;
use wasmtime::Linker;

pub(super) fn link(linker: &mut Linker<CallState>) -> wasmtime::Result<()> {
    crate::host_call::link_functions! { linker;
        ModelInfo => model_info[];
        DetokenizerOpen => detokenizer_open[];
        DetokenizerPush => detokenizer_push[detokenizer: u32, token: u32];
        DetokenizerFinish => detokenizer_finish[detokenizer: u32];
        IsEndToken => is_end_token[token: u32];
    }
    crate::host_call::link_async_functions! { linker;
        Tokenize => tokenize[ptr: u32, len: u32, flags: u32];
        Detokenize => detokenize[ptr: u32, count: u32];
        ChatTokens => chat_tokens[ptr: u32, len: u32, flags: u32];
    }
    Ok(())
}

fn model_info(call: &mut HostCall<'_>) -> Result<u32, HostError> {
    let model = call.model()?;
    let facts = facts(&model, call.state().tenant().embedding_model.as_deref());
    call.state_mut().put_encoded(&facts)
}

fn facts(model: &HostModel, embedding_model: Option<&HostModel>) -> ModelFacts {
    let info = model.model().info();
    // A model that was made to embed may also stand where one that generates would.
    let made_for_it = || Some(model).filter(|model| model.model().check_generates().is_err());
    let (embedding_source, embedding_vector_length) = match embedding_model.or_else(made_for_it) {
        Some(embedding_model) => (EmbeddingSource::EmbeddingModel, embedding_model.model().info().embedding_length),
        None => (EmbeddingSource::PooledHiddenStates, info.embedding_length),
    };
    ModelFacts {
        name: model.name().to_owned(),
        architecture: info.architecture.clone(),
        quantization: info.quantization.clone(),
        parameter_count: info.parameter_count,
        context_length: info.context_length,
        embedding_length: info.embedding_length,
        layer_count: info.layer_count,
        head_count: info.head_count,
        kv_head_count: info.kv_head_count,
        head_length: info.head_length,
        rope_theta_milli: (f64::from(info.rope_theta) * 1000.0).round() as u64,
        norm_epsilon: F32::from(info.norm_epsilon),
        vocabulary_length: info.vocab_size,
        bos_token: model.model().tokenizer().bos(),
        model_hash: H256(info.hash),
        chat_template: if model.model().chat_template().is_fallback() { "fallback:chatml" } else { "model" }.into(),
        embedding_source,
        embedding_vector_length,
    }
}

async fn tokenize(call: &mut HostCall<'_>, ptr: u32, len: u32, flags: u32) -> Result<u32, HostError> {
    let add_special = only_flag(flags, flag::TOKENIZE_SPECIAL)?;
    let text = call.text(ptr, len)?;
    reserve_tokenising(call, len)?;
    let model = call.model()?;
    let encode = {
        let model = model.clone();
        move || match add_special {
            // A prompt, which must fit in the context. Other texts may be any part of what a runtime works with.
            true => model.model().prompt_tokens(&text),
            false => model.model().tokenizer().encode(&text, false),
        }
    };
    let tokens = heavy::run(call, len as usize >= HEAVY_BYTES_MIN, encode).await?.map_err(encode_error)?;
    count_in_vain(call, tokens.len(), model.model().info().context_length);
    put_tokens(call, &tokens)
}

async fn detokenize(call: &mut HostCall<'_>, ptr: u32, count: u32) -> Result<u32, HostError> {
    let tokens = call.tokens(ptr, count)?;
    let model = call.model()?;
    // The pieces, and the text, where a byte that is no character takes three.
    let bytes = model.model().tokenizer().pieces_len(&tokens);
    HostError::check_limit("bytes of a result", bytes, call.limits().result_bytes_max as u64)?;
    call.scratch("a text of tokens", bytes.saturating_mul(4))?;
    let decode = move || model.model().tokenizer().decode(&tokens);
    let text = heavy::run(call, count as usize * 4 >= HEAVY_BYTES_MIN, decode).await?;
    call.state_mut().put_result(text.into_bytes())
}

fn detokenizer_open(call: &mut HostCall<'_>) -> Result<u32, HostError> {
    let detokenizer = call.model()?.model().tokenizer().detokenizer();
    let room = call.state().budget.try_take("detokenizers", HANDLE_BYTES)?;
    call.state_mut().inference.detokenizers.insert(detokenizer, room)
}

fn detokenizer_push(call: &mut HostCall<'_>, detokenizer: u32, token: u32) -> Result<u32, HostError> {
    call.state_mut().inference.detokenizers.get_mut(detokenizer)?;
    known(call, token)?;
    let text = call.state_mut().inference.detokenizers.get_mut(detokenizer)?.push(token);
    call.state_mut().put_result(text.into_bytes())
}

fn detokenizer_finish(call: &mut HostCall<'_>, detokenizer: u32) -> Result<u32, HostError> {
    let detokenizer = call.state_mut().inference.detokenizers.remove(detokenizer)?;
    let text = detokenizer.finish();
    call.state_mut().put_result(text.into_bytes())
}

async fn chat_tokens(call: &mut HostCall<'_>, ptr: u32, len: u32, flags: u32) -> Result<u32, HostError> {
    let add_generation_prompt = only_flag(flags, flag::CHAT_GENERATION_PROMPT)?;
    let messages_max = call.limits().inference.messages_max;
    let messages = call.decoded_list::<ChatMessage>(ptr, len, messages_max, "messages of a conversation")?;
    let messages: Vec<realm_engine::Message> = messages
        .into_iter()
        .map(|message| realm_engine::Message { role: message.role, content: message.content })
        .collect();
    let model = call.model()?;
    // A model that only embeds has no template, and whoever renders one means to generate.
    model.model().check_generates().map_err(|error| HostError::ModelUnavailable(error.to_string()))?;
    reserve_tokenising(call, len)?;
    let render = {
        let model = model.clone();
        move || model.model().chat_tokens(&messages, add_generation_prompt)
    };
    let tokens = heavy::run(call, len as usize >= HEAVY_BYTES_MIN, render).await?.map_err(template_error)?;
    count_in_vain(call, tokens.len(), model.model().info().context_length);
    put_tokens(call, &tokens)
}

fn is_end_token(call: &mut HostCall<'_>, token: u32) -> Result<bool, HostError> {
    known(call, token)?;
    Ok(call.model()?.model().tokenizer().is_end(token))
}

/// Whether the model has this token.
fn known(call: &HostCall<'_>, token: u32) -> Result<(), HostError> {
    let vocab_size = call.model()?.model().info().vocab_size;
    if token < vocab_size {
        return Ok(());
    }
    Err(HostError::invalid(format!("token {token} is none of the model's {vocab_size}")))
}

/// Tokens that no session will take, because they are more than the context holds, count against the tenant's rate:
/// making them was work.
pub(super) fn count_in_vain(call: &HostCall<'_>, tokens: usize, context_length: u32) {
    if tokens > context_length as usize {
        call.state().tally().made_in_vain(tokens as u64);
    }
}

fn template_error(error: TemplateError) -> HostError {
    match error {
        TemplateError::Encode(error) => encode_error(error),
        TemplateError::Panicked => HostError::Internal(error.to_string()),
        error => HostError::invalid(error.to_string()),
    }
}

/// Counts what tokenising a text of this many bytes takes, until the host function returns.
pub(super) fn reserve_tokenising(call: &HostCall<'_>, len: u32) -> Result<(), HostError> {
    call.scratch("tokenising a text", u64::from(len) * TOKENISED_BYTE_BYTES)
}

fn put_tokens(call: &mut HostCall<'_>, tokens: &[u32]) -> Result<u32, HostError> {
    call.state_mut().put_result(tokens.iter().flat_map(|token| token.to_le_bytes()).collect())
}

pub(super) fn encode_error(error: EncodeError) -> HostError {
    match error {
        EncodeError::TooLong { bytes, max } => {
            HostError::Limit { what: "bytes of text to tokenise", asked: bytes as u64, limit: max as u64 }
        }
        EncodeError::TooManyTokens { tokens_min, tokens_max } => HostError::ContextOverflow {
            tokens: tokens_min as u64,
            context_length: u32::try_from(tokens_max).unwrap_or(u32::MAX),
        },
        EncodeError::Inexpressible { .. } | EncodeError::ControlToken { .. } => HostError::invalid(error.to_string()),
        EncodeError::Pipeline(_) => HostError::Internal(error.to_string()),
    }
}

/// Whether the one flag that a function knows is set.
fn only_flag(flags: u32, known: u32) -> Result<bool, HostError> {
    if flags & !known != 0 {
        return Err(HostError::invalid(format!("unknown flags {flags:#x}")));
    }
    Ok(flags == known)
}

#[cfg(test)]
mod tests {
    /// The engine knows no guest, so the list stands in both: a runtime names the message that has another role.
    #[test]
    fn roles_of_runtimes_are_those_of_templates() {
        assert_eq!(realm_primitives::ROLES, realm_engine::chat_template::ROLES);
    }
}
