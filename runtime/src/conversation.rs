//! Remembered conversations: what a call goes on from, and what it leaves. How they lie in storage
//! is said in [`crate::stored`]. Whoever changes a conversation takes its lock first, so that calls
//! on one conversation go one after the other.

use crate::stored::{self, Header, KEY_PREFIX};
use alloc::{format, string::String, vec::Vec};
use parity_scale_codec::{Decode, Encode};
use realm_primitives::{
    ChatMessage, ConversationTurn, RuntimeError, StorageScope,
    host::storage::{storage_clear, storage_get, storage_lock, storage_set},
};

/// Bytes of a conversation's name.
const NAME_BYTES_MAX: usize = 128;
/// Role of messages that outlive their turn.
const SYSTEM_ROLE: &str = "system";

/// A place where a conversation can be.
pub(crate) struct Conversation {
    scope: StorageScope,
    key: Vec<u8>,
}

/// A conversation that this call alone changes until it ends.
pub(crate) struct Locked {
    conversation: Conversation,
    header: Header,
    /// Whether it was stored before.
    exists: bool,
}

impl Conversation {
    /// The connection's own; forgotten when it closes.
    pub fn of_connection() -> Self {
        Conversation { scope: StorageScope::Connection, key: KEY_PREFIX.to_vec() }
    }

    /// The tenant's durable one of this name; `field` is the parameter that names it.
    pub fn named(name: &str, field: &str) -> Result<Self, RuntimeError> {
        if name.is_empty() || name.len() > NAME_BYTES_MAX || name.chars().any(char::is_control) {
            return Err(RuntimeError::InvalidParams {
                field: field.into(),
                message: format!("must have 1 to {NAME_BYTES_MAX} bytes and no control characters"),
            });
        }
        Ok(Conversation { scope: StorageScope::Durable, key: [KEY_PREFIX, name.as_bytes()].concat() })
    }

    /// Waits for its turn. Comes before every other look at storage.
    pub fn lock(self) -> Result<Locked, RuntimeError> {
        storage_lock(self.scope, &self.key)?;
        let header = self.header()?;
        Ok(Locked { conversation: self, exists: header.is_some(), header: header.unwrap_or_default() })
    }

    /// What is known of it, if it exists.
    pub fn header(&self) -> Result<Option<Header>, RuntimeError> {
        let Some(bytes) = storage_get(self.scope, &self.key)? else { return Ok(None) };
        Header::decode(&mut &bytes[..]).map(Some).map_err(garbled)
    }

    /// Turns `from..to`, which must be there.
    pub fn turns(&self, from: u32, to: u32) -> Result<Vec<ConversationTurn>, RuntimeError> {
        (from..to)
            .map(|turn| match storage_get(self.scope, &self.turn_key(turn))? {
                Some(bytes) => stored::turn(&bytes).map_err(garbled),
                None => Err(RuntimeError::Internal { message: format!("turn {turn} of the conversation is missing") }),
            })
            .collect()
    }

    fn turn_key(&self, turn: u32) -> Vec<u8> {
        [self.key.as_slice(), &[0], &turn.to_be_bytes()].concat()
    }
}

impl Locked {
    /// Whether anything of it is stored.
    pub fn exists(&self) -> bool {
        self.exists
    }

    /// What the model is shown of it.
    pub fn shown(&self) -> Result<Shown, RuntimeError> {
        let turns = self.conversation.turns(self.header.first, self.header.turns)?;
        Ok(Shown { kept: self.header.kept.clone(), turns })
    }

    /// From now on the model is shown `count` turns of `shown` less. They stay stored.
    pub fn drop_oldest(&mut self, shown: &Shown, count: usize) {
        self.header.first += count as u32;
        self.header.kept = shown.kept(count).cloned().collect();
    }

    /// Remembers more turns; how many there are now.
    pub fn append(&mut self, turns: &[ConversationTurn]) -> Result<u32, RuntimeError> {
        for turn in turns {
            let key = self.conversation.turn_key(self.header.turns);
            storage_set(self.conversation.scope, &key, &stored::turn_bytes(turn))?;
            self.header.turns += 1;
        }
        self.store_header()?;
        Ok(self.header.turns)
    }

    /// Takes over what `other` dropped, if this has all that it dropped.
    pub fn drop_like(&mut self, other: &Header) -> Result<(), RuntimeError> {
        if self.header.turns <= other.first {
            return Ok(());
        }
        self.header.first = other.first;
        self.header.kept = other.kept.clone();
        self.store_header()
    }

    /// Forgets all of it; whether there was anything.
    pub fn delete(self) -> Result<bool, RuntimeError> {
        for turn in 0..self.header.turns {
            storage_clear(self.conversation.scope, &self.conversation.turn_key(turn))?;
        }
        Ok(storage_clear(self.conversation.scope, &self.conversation.key)?)
    }

    fn store_header(&self) -> Result<(), RuntimeError> {
        Ok(storage_set(self.conversation.scope, &self.conversation.key, &self.header.encode())?)
    }
}

/// What the model is shown of a conversation: system messages of earlier turns, and turns.
pub(crate) struct Shown {
    kept: Vec<ChatMessage>,
    turns: Vec<ConversationTurn>,
}

impl Shown {
    /// Nothing.
    pub fn nothing() -> Self {
        Shown { kept: Vec::new(), turns: Vec::new() }
    }

    /// How many turns.
    pub fn turn_count(&self) -> usize {
        self.turns.len()
    }

    /// All messages without those of the first `dropped` turns, oldest first.
    pub fn messages(&self, dropped: usize) -> Vec<ChatMessage> {
        let rest = self.turns[dropped..].iter().flat_map(|turn| turn.asked.iter().chain([&turn.answer]));
        self.kept(dropped).chain(rest).cloned().collect()
    }

    /// System messages that are shown without the first `dropped` turns that they came in.
    fn kept(&self, dropped: usize) -> impl Iterator<Item = &ChatMessage> {
        let more = self.turns[..dropped].iter().flat_map(|turn| &turn.asked);
        self.kept.iter().chain(more.filter(|message| message.role == SYSTEM_ROLE))
    }
}

/// The name in a conversation's key; `None` for keys of turns and of others.
pub(crate) fn name_in(key: &[u8]) -> Option<String> {
    let name = key.strip_prefix(KEY_PREFIX)?;
    (!name.contains(&0)).then(|| String::from_utf8_lossy(name).into_owned())
}

/// A key after all of this conversation's and before all of the next.
pub(crate) fn key_after(name: &str) -> Vec<u8> {
    [KEY_PREFIX, name.as_bytes(), &[0, 0xff, 0xff, 0xff, 0xff]].concat()
}

fn garbled(error: parity_scale_codec::Error) -> RuntimeError {
    RuntimeError::Internal { message: format!("a stored conversation does not decode: {error}") }
}
