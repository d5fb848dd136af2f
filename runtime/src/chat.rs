//! `chat`: a conversation's messages through the model's template, and what is remembered of it.

use crate::{
    conversation::{Conversation, Turn},
    generation::{self, Begins, Streaming},
    options::Plan,
};
use alloc::{string::String, vec, vec::Vec};
use realm_primitives::{
    ChatMessage, ChatResult, GenerateOptions, RuntimeError,
    host::{context::call_context, inference},
};

/// Answers the last message. See the declaration of `RealmApi::chat` for what is remembered where.
pub(crate) fn chat(
    message: Option<String>,
    messages: Option<Vec<ChatMessage>>,
    conversation: Option<String>,
    options: &GenerateOptions,
) -> Result<ChatResult, RuntimeError> {
    let context = call_context()?;
    let plan = Plan::new(options, context.seed)?;

    let (asked, remembered) = match (message, messages) {
        (Some(_), Some(_)) => return Err(invalid("messages", "give `message` or `messages`, not both")),
        (None, None) => return Err(invalid("message", "is missing; give `message`, or `messages` with role and content")),
        (Some(content), None) => {
            let own = if context.connected { Some(Conversation::of_connection()) } else { None };
            (vec![ChatMessage { role: "user".into(), content }], own)
        }
        (None, Some(messages)) if messages.is_empty() => return Err(invalid("messages", "must not be empty")),
        (None, Some(messages)) => (messages, None),
    };
    let mut remembered = match &conversation {
        Some(name) => Some(Conversation::named(name)?),
        None => remembered,
    };

    let mut whole = match &mut remembered {
        Some(conversation) => conversation.load()?,
        None => Vec::new(),
    };
    whole.extend(asked.iter().cloned());
    let tokens = inference::chat_tokens(&whole)?;
    let made = generation::generate(&tokens, plan, &context, Streaming::IfRead, Begins::Anew)?;

    let turns = match remembered {
        Some(mut conversation) => {
            let answer = ChatMessage { role: "assistant".into(), content: made.text.clone() };
            conversation.append(&Turn { asked, answer })?
        }
        None => 0,
    };
    Ok(ChatResult {
        text: made.text,
        turns,
        conversation,
        tokens_generated: made.tokens_generated,
        prompt_tokens: made.prompt_tokens,
        cached_tokens: made.cached_tokens,
        finish_reason: made.finish_reason,
        cost_usd: made.cost_usd,
        seed: made.seed,
        receipt: made.receipt,
        logprobs: made.logprobs,
    })
}

fn invalid(field: &str, message: &str) -> RuntimeError {
    RuntimeError::InvalidParams { field: field.into(), message: message.into() }
}
