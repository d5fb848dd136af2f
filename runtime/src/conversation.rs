//! Remembered conversations. A turn is one stored value, so that going on with a long conversation
//! writes one small value and never the whole.
//!
//! ```text
//!   conversation/<name>                  → number of turns (u32)
//!   conversation/<name> 00 <turn: u32 BE> → Turn
//! ```
//!
//! A name holds no zero byte, so no conversation's keys lie among another's.

use alloc::{format, vec::Vec};
use parity_scale_codec::{Decode, Encode};
use realm_primitives::{
    ChatMessage, RuntimeError, StorageScope,
    host::storage::{storage_get, storage_set},
};

/// Bytes of a conversation's name.
const NAME_BYTES_MAX: usize = 128;
const KEY_PREFIX: &[u8] = b"conversation/";

/// What was asked and what was answered.
#[derive(Clone, Debug, Encode, Decode)]
pub(crate) struct Turn {
    /// Usually one message of the user; more if the caller gave more.
    pub asked: Vec<ChatMessage>,
    pub answer: ChatMessage,
}

/// One remembered conversation.
pub(crate) struct Conversation {
    scope: StorageScope,
    key: Vec<u8>,
    turns: u32,
}

impl Conversation {
    /// The connection's own; forgotten when it closes.
    pub fn of_connection() -> Self {
        Conversation { scope: StorageScope::Connection, key: KEY_PREFIX.to_vec(), turns: 0 }
    }

    /// The tenant's durable one of this name.
    pub fn named(name: &str) -> Result<Self, RuntimeError> {
        if name.is_empty() || name.len() > NAME_BYTES_MAX || name.chars().any(char::is_control) {
            return Err(RuntimeError::InvalidParams {
                field: "conversation".into(),
                message: format!("must have 1 to {NAME_BYTES_MAX} bytes and no control characters"),
            });
        }
        Ok(Conversation { scope: StorageScope::Durable, key: [KEY_PREFIX, name.as_bytes()].concat(), turns: 0 })
    }

    /// All messages so far, oldest first.
    pub fn load(&mut self) -> Result<Vec<ChatMessage>, RuntimeError> {
        self.turns = self.stored::<u32>(&self.key)?.unwrap_or(0);
        let mut messages = Vec::new();
        for turn in 0..self.turns {
            let Some(turn) = self.stored::<Turn>(&self.turn_key(turn))? else {
                return Err(RuntimeError::Internal { message: format!("turn {turn} of the conversation is missing") });
            };
            messages.extend(turn.asked);
            messages.push(turn.answer);
        }
        Ok(messages)
    }

    /// Remembers one more turn; how many there are now. [`Self::load`] comes first.
    pub fn append(&mut self, turn: &Turn) -> Result<u32, RuntimeError> {
        storage_set(self.scope, &self.turn_key(self.turns), &turn.encode())?;
        self.turns += 1;
        storage_set(self.scope, &self.key, &self.turns.encode())?;
        Ok(self.turns)
    }

    fn turn_key(&self, turn: u32) -> Vec<u8> {
        [self.key.as_slice(), &[0], &turn.to_be_bytes()].concat()
    }

    fn stored<T: Decode>(&self, key: &[u8]) -> Result<Option<T>, RuntimeError> {
        let Some(bytes) = storage_get(self.scope, key)? else { return Ok(None) };
        T::decode(&mut &bytes[..])
            .map(Some)
            .map_err(|error| RuntimeError::Internal { message: format!("a stored conversation does not decode: {error}") })
    }
}
