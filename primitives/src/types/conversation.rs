//! Remembered conversations as they are listed, exported and imported.

use super::ChatMessage;
use alloc::{string::String, vec::Vec};
use parity_scale_codec::{Decode, Encode};
use scale_info::TypeInfo;

/// What was asked and what was answered.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode, TypeInfo)]
pub struct ConversationTurn {
    /// Usually one message of the user; more if the caller gave more.
    pub asked: Vec<ChatMessage>,
    /// The assistant's answer.
    pub answer: ChatMessage,
}

/// One conversation of a list.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode, TypeInfo)]
pub struct ConversationInfo {
    /// Its name.
    pub conversation: String,
    /// Turns it holds.
    pub turns: u32,
    /// The oldest of them, which the model is no longer shown because the context was full.
    pub dropped_turns: u32,
}

/// Some conversations, in order of their names.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode, TypeInfo)]
pub struct ConversationPage {
    /// Those of this page.
    pub conversations: Vec<ConversationInfo>,
    /// Give this as `after` to have the next page; nothing after the last.
    pub next: Option<String>,
}

/// A whole conversation.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode, TypeInfo)]
pub struct ConversationExport {
    /// Its name.
    pub conversation: String,
    /// Its turns, oldest first.
    pub turns: Vec<ConversationTurn>,
}

/// What happens when a conversation no longer fits in the model's context.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Encode, Decode, TypeInfo)]
pub enum WhenFull {
    /// The call fails with `ContextOverflow`, and the conversation stays as it is.
    Fail,
    /// The model is no longer shown the oldest turns: as few as leave room for the answer. They stay
    /// stored, and system messages in them are still shown.
    DropOldest,
}
