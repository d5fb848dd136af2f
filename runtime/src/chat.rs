//! `chat`: a conversation's messages through the model's template, and what is remembered of it.

use crate::{
    conversation::{Conversation, Shown},
    generation::{self, Begins, Streaming},
    options::{MAX_TOKENS_DEFAULT, Plan},
};
use alloc::{format, string::String, vec, vec::Vec};
use realm_primitives::{
    ChatMessage, ChatResult, ConversationTurn, GenerateOptions, ROLES, RuntimeError, WhenFull,
    abi::HostErrorCode,
    host::{context::call_context, inference},
};

/// Characters of an unknown role that its error shows.
const SHOWN_ROLE_CHARS_MAX: usize = 32;

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
    let field = if message.is_some() { "message" } else { "messages" };

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
        (None, Some(messages)) => {
            check_roles(&messages)?;
            (messages, None)
        }
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
    let prompt = match drops {
        true => fitted(&shown, &asked, &plan, field),
        false => rendered(&shown, 0, &asked, field).map(|tokens| (tokens, 0)),
    };
    let (tokens, dropped) = prompt.map_err(|error| plan.overflowed(error))?;
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
fn rendered(shown: &Shown, dropped: usize, asked: &[ChatMessage], field: &str) -> Result<Vec<u32>, RuntimeError> {
    let mut messages = shown.messages(dropped);
    messages.extend_from_slice(asked);
    inference::chat_tokens(&messages).map_err(|error| match error.code {
        // What the template refuses is the caller's to mend: two messages of one role in a row, a system message.
        HostErrorCode::InvalidArgument => RuntimeError::InvalidParams { field: field.into(), message: error.message },
        _ => error.into(),
    })
}

/// Refuses the first message whose role no template may be shown.
fn check_roles(messages: &[ChatMessage]) -> Result<(), RuntimeError> {
    let unknown = messages.iter().enumerate().find(|(_, message)| !ROLES.contains(&message.role.as_str()));
    let Some((index, message)) = unknown else { return Ok(()) };
    let role: String = message.role.chars().take(SHOWN_ROLE_CHARS_MAX).collect();
    let expected = ROLES.join(", ");
    Err(invalid(&format!("messages[{index}].role"), &format!("must be one of {expected}, not `{role}`")))
}

/// The prompt without as few of the oldest turns as it takes to leave room for the answer, and how
/// many those are. Where even none of them leaves room, the generation says so.
fn fitted(shown: &Shown, asked: &[ChatMessage], plan: &Plan, field: &str) -> Result<(Vec<u32>, usize), RuntimeError> {
    let context_length = inference::model_info()?.context_length;
    let answer = plan.max_tokens.unwrap_or(MAX_TOKENS_DEFAULT.min(context_length / 2));
    let room = context_length.saturating_sub(answer) as usize;
    // A text so long that it was not tokenised does not fit either.
    let fitting = |dropped| match rendered(shown, dropped, asked, field) {
        Ok(tokens) => Ok(Some(tokens).filter(|tokens| tokens.len() <= room)),
        Err(RuntimeError::ContextOverflow { .. }) => Ok(None),
        Err(error) => Err(error),
    };
    if let Some(tokens) = fitting(0)? {
        return Ok((tokens, 0));
    }
    // Dropping `low` turns is too few; dropping `high` is enough, or all there is.
    let (mut low, mut high) = (0, shown.turn_count());
    while high - low > 1 {
        let middle = low + (high - low) / 2;
        match fitting(middle)?.is_some() {
            true => high = middle,
            false => low = middle,
        }
    }
    Ok((rendered(shown, high, asked, field)?, high))
}

fn invalid(field: &str, message: &str) -> RuntimeError {
    RuntimeError::InvalidParams { field: field.into(), message: message.into() }
}
