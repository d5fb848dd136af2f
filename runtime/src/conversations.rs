//! `ConversationApi`: looking after remembered conversations.

use crate::{
    conversation::{Conversation, Locked, key_after, name_in},
    stored::KEY_PREFIX,
};
use alloc::{format, string::String, vec::Vec};
use realm_primitives::{
    ConversationExport, ConversationInfo, ConversationPage, ConversationTurn, RuntimeError, StorageScope,
    host::storage::storage_next_key,
};

/// Conversations of a page when the caller does not say.
const PAGE_LEN_DEFAULT: u32 = 100;
/// Conversations of a page.
const PAGE_LEN_MAX: u32 = 1_000;
/// Turns that are imported at once.
const IMPORT_TURNS_MAX: usize = 10_000;

const NAME: &str = "conversation";

pub(crate) fn list(after: Option<String>, limit: Option<u32>) -> Result<ConversationPage, RuntimeError> {
    let limit = limit.unwrap_or(PAGE_LEN_DEFAULT);
    if limit == 0 || limit > PAGE_LEN_MAX {
        return Err(invalid("limit", &format!("must be from 1 to {PAGE_LEN_MAX}, not {limit}")));
    }
    let mut from = match &after {
        Some(name) => {
            Conversation::named(name, "after")?;
            key_after(name)
        }
        None => KEY_PREFIX.to_vec(),
    };
    let mut conversations = Vec::new();
    while let Some(name) = storage_next_key(StorageScope::Durable, &from)?.as_deref().and_then(name_in) {
        if conversations.len() == limit as usize {
            let next = conversations.last().map(|last: &ConversationInfo| last.conversation.clone());
            return Ok(ConversationPage { conversations, next });
        }
        from = key_after(&name);
        let Some(header) = Conversation::named(&name, NAME)?.header()? else { continue };
        conversations.push(ConversationInfo { conversation: name, turns: header.turns, dropped_turns: header.first });
    }
    Ok(ConversationPage { conversations, next: None })
}

pub(crate) fn export(name: String) -> Result<ConversationExport, RuntimeError> {
    let conversation = Conversation::named(&name, NAME)?;
    let header = conversation.header()?.ok_or_else(|| absent(&name))?;
    let turns = conversation.turns(0, header.turns)?;
    Ok(ConversationExport { conversation: name, turns })
}

pub(crate) fn import(name: String, turns: Vec<ConversationTurn>) -> Result<u32, RuntimeError> {
    let conversation = Conversation::named(&name, NAME)?;
    if turns.is_empty() || turns.len() > IMPORT_TURNS_MAX {
        return Err(invalid("turns", &format!("must be 1 to {IMPORT_TURNS_MAX}, not {}", turns.len())));
    }
    if let Some(index) = turns.iter().position(|turn| turn.asked.is_empty()) {
        return Err(invalid(&format!("turns[{index}].asked"), "must not be empty"));
    }
    fresh(conversation, NAME, &name)?.append(&turns)
}

pub(crate) fn fork(name: String, to: String, turns: Option<u32>) -> Result<u32, RuntimeError> {
    let source = Conversation::named(&name, NAME)?;
    // Only the new one is locked: of the old one the call sees a snapshot, with whole turns alone.
    let mut target = fresh(Conversation::named(&to, "to")?, "to", &to)?;
    let header = source.header()?.ok_or_else(|| absent(&name))?;
    let turns = turns.unwrap_or(header.turns);
    if turns == 0 || turns > header.turns {
        return Err(invalid("turns", &format!("must be from 1 to {}, not {turns}", header.turns)));
    }
    target.append(&source.turns(0, turns)?)?;
    target.drop_like(&header)?;
    Ok(turns)
}

pub(crate) fn delete(name: String) -> Result<bool, RuntimeError> {
    Conversation::named(&name, NAME)?.lock()?.delete()
}

/// A conversation that is not there yet.
fn fresh(conversation: Conversation, field: &str, name: &str) -> Result<Locked, RuntimeError> {
    let locked = conversation.lock()?;
    match locked.exists() {
        true => Err(invalid(field, &format!("`{name}` exists already; delete it or take another name"))),
        false => Ok(locked),
    }
}

fn absent(name: &str) -> RuntimeError {
    invalid(NAME, &format!("there is no conversation `{name}`"))
}

fn invalid(field: &str, message: &str) -> RuntimeError {
    RuntimeError::InvalidParams { field: field.into(), message: message.into() }
}
