//! `chat`: a conversation's messages through the model's template, and what is remembered of it.

use crate::{
    conversation::{Conversation, Shown},
    generation::{self, Begins, Streaming},
    options::{MAX_TOKENS_DEFAULT, Plan},
};
use alloc::{string::String, vec, vec::Vec};
use realm_primitives::{
    ChatMessage, ChatResult, ConversationTurn, GenerateOptions, RuntimeError, WhenFull,
    host::{context::call_context, inference},
};

/// Answers the last message. See the declaration of `RealmApi::chat` for what is remembered where.
pub(crate) fn chat(
    message: Option<String>,
    messages: Option<Vec<ChatMessage>>,
    conversation: Option<String>,
    options: &GenerateOptions,
    when_full: Option<WhenFull>,
) -> Result<ChatResult, RuntimeError> {
    let context = call_context()?;
    let plan = Plan::new(options, context.seed)?;

    let (asked, remembered) = match (message, messages) {
        (Some(_), Some(_)) => return Err(invalid("messages", "give `message` or `messages`, not both")),
        (None, None) => {
            return Err(invalid("message", "is missing; give `message`, or `messages` with role and content"));
        }
        (Some(content), None) => {
            let own = if context.connected { Some(Conversation::of_connection()) } else { None };
            (vec![ChatMessage { role: "user".into(), content }], own)
        }
        (None, Some(messages)) if messages.is_empty() => return Err(invalid("messages", "must not be empty")),
        (None, Some(messages)) => (messages, None),
    };
    let remembered = match &conversation {
        Some(name) => Some(Conversation::named(name, "conversation")?),
        None => remembered,
    };
    let drops = when_full == Some(WhenFull::DropOldest);
    if drops && remembered.is_none() {
        return Err(invalid("when_full", "`drop_oldest` needs a remembered conversation to drop turns of"));
    }

    // From here to the end of the call no other goes on with this conversation.
    let mut remembered = remembered.map(Conversation::lock).transpose()?;
    let shown = remembered.as_ref().map_or_else(|| Ok(Shown::nothing()), |conversation| conversation.shown())?;
    let (tokens, dropped) = match drops {
        true => fitted(&shown, &asked, &plan)?,
        false => (rendered(&shown, 0, &asked)?, 0),
    };
    let made = generation::generate(&tokens, plan, &context, Streaming::IfRead, Begins::Anew)?;

    let turns = match &mut remembered {
        Some(conversation) => {
            let answer = ChatMessage { role: "assistant".into(), content: made.text.clone() };
            conversation.drop_oldest(&shown, dropped);
            conversation.append(&[ConversationTurn { asked, answer }])?
        }
        None => 0,
    };
    Ok(ChatResult {
        text: made.text,
        turns,
        dropped_turns: dropped as u32,
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

/// The prompt without the first `dropped` turns.
fn rendered(shown: &Shown, dropped: usize, asked: &[ChatMessage]) -> Result<Vec<u32>, RuntimeError> {
    let mut messages = shown.messages(dropped);
    messages.extend_from_slice(asked);
    Ok(inference::chat_tokens(&messages)?)
}

/// The prompt without as few of the oldest turns as it takes to leave room for the answer, and how
/// many those are. Where even none of them leaves room, the generation says so.
fn fitted(shown: &Shown, asked: &[ChatMessage], plan: &Plan) -> Result<(Vec<u32>, usize), RuntimeError> {
    let context_length = inference::model_info()?.context_length;
    let answer = plan.max_tokens.unwrap_or(MAX_TOKENS_DEFAULT.min(context_length / 2));
    let room = context_length.saturating_sub(answer) as usize;
    let tokens = rendered(shown, 0, asked)?;
    if tokens.len() <= room {
        return Ok((tokens, 0));
    }
    // Dropping `low` turns is too few; dropping `high` is enough, or all there is.
    let (mut low, mut high) = (0, shown.turn_count());
    while high - low > 1 {
        let middle = low + (high - low) / 2;
        match rendered(shown, middle, asked)?.len() <= room {
            true => high = middle,
            false => low = middle,
        }
    }
    Ok((rendered(shown, high, asked)?, high))
}

fn invalid(field: &str, message: &str) -> RuntimeError {
    RuntimeError::InvalidParams { field: field.into(), message: message.into() }
}
