//! `summarize`: a decode loop that counts sentences instead of tokens. It takes the likeliest token
//! each time and ends with the sentence that was asked for.

use crate::apis::{Runtime, Summary};
use alloc::{format, string::String};
use realm_primitives::{
    ChatMessage, FinishReason, Receipt, RuntimeError, SamplingParams, TokenEvent,
    host::{
        context::call_context,
        inference::{self, Detokenizer, Sampler, Session},
        stream,
    },
};

/// What `chat_template` says of a model that brought its own.
const OWN_TEMPLATE: &str = "model";
const SENTENCES_DEFAULT: u32 = 1;
const SENTENCES_MAX: u32 = 16;
/// Tokens of a summary, where the sentences do not end before.
const TOKENS_MAX: u32 = 256;

/// A summary of so many sentences.
pub(crate) fn summarize(text: &str, sentences: Option<u32>) -> Result<Summary, RuntimeError> {
    let wanted = sentences.unwrap_or(SENTENCES_DEFAULT);
    if wanted == 0 || wanted > SENTENCES_MAX {
        return Err(invalid("sentences", &format!("must be from 1 to {SENTENCES_MAX}, not {wanted}")));
    }
    if text.is_empty() {
        return Err(invalid("text", "must not be empty"));
    }
    let context = call_context()?;
    let facts = inference::model_info()?;
    let prompt = prompt(text, facts.chat_template == OWN_TEMPLATE)?;
    let prompt_tokens = u32::try_from(prompt.len()).unwrap_or(u32::MAX);
    let room = facts.context_length.saturating_sub(prompt_tokens);
    let max_tokens = TOKENS_MAX.min(context.max_tokens_limit).min(room);
    if max_tokens == 0 {
        let context_length = facts.context_length;
        return Err(RuntimeError::ContextOverflow { prompt_tokens, max_tokens: 1, context_length });
    }

    let mut sampler = Sampler::open(&SamplingParams::greedy(context.seed))?;
    let mut session = Session::open(&prompt)?;
    let cached_tokens = session.token_count()?;
    let mut detokenizer = Detokenizer::open()?;
    let mut summary = Sentences::default();
    let mut tokens_generated = 0;
    let mut logits = session.forward(prompt.get(cached_tokens as usize..).unwrap_or_default())?;
    let finish_reason = loop {
        let token = sampler.sample_token(&logits, 0)?;
        if inference::is_end_token(token)? {
            break FinishReason::Stop;
        }
        tokens_generated += 1;
        let piece = detokenizer.push(token)?;
        if !piece.is_empty() && context.streaming {
            stream::emit(&TokenEvent {
                token: piece.clone(),
                index: tokens_generated - 1,
                logprob: None,
                logprobs: None,
            })?;
        }
        if summary.push(&piece) >= wanted {
            break FinishReason::Stop;
        }
        if tokens_generated == max_tokens {
            break FinishReason::Length;
        }
        logits = session.forward(&[token])?;
    };
    Ok(Summary {
        cost_usd: context.prices.charge(prompt_tokens.into(), cached_tokens.into(), tokens_generated.into()),
        sentences: summary.ended,
        text: summary.text,
        prompt_tokens,
        tokens_generated,
        finish_reason,
        receipt: Receipt {
            code_hash: context.code_hash,
            model_hash: facts.model_hash,
            spec_version: Runtime::SPEC_VERSION,
        },
    })
}

/// A request to a model that chats; to one that only continues, a text that asks for it.
fn prompt(text: &str, chats: bool) -> Result<alloc::vec::Vec<u32>, RuntimeError> {
    if chats {
        let content = format!("Summarize this text:\n\n{text}");
        return Ok(inference::chat_tokens(&[ChatMessage { role: "user".into(), content }])?);
    }
    Ok(inference::tokenize(&format!("{text}\n\nIn short: "))?)
}

/// The text so far, and how many sentences of it have ended.
#[derive(Default)]
struct Sentences {
    text: String,
    ended: u32,
    /// The last character ends a sentence, and may be one of several.
    at_end: bool,
}

impl Sentences {
    /// Adds a piece; how many sentences have ended now.
    fn push(&mut self, piece: &str) -> u32 {
        for character in piece.chars() {
            let ends = matches!(character, '.' | '!' | '?');
            if ends && !self.at_end {
                self.ended += 1;
            }
            self.at_end = ends;
        }
        self.text.push_str(piece);
        self.ended
    }
}

fn invalid(field: &str, message: &str) -> RuntimeError {
    RuntimeError::InvalidParams { field: field.into(), message: message.into() }
}
