//! How version 2 stores conversations: each turn says which version of the runtime made it. The
//! field is appended, so that version 1 can read the turns after a rollback; [`migrate`] adds it to
//! the turns that version 1 left.

use crate::apis::Runtime;
use alloc::{format, vec::Vec};
use parity_scale_codec::{Decode, DecodeAll, Encode, Error};
use realm_primitives::{
    ChatMessage, ConversationTurn, RuntimeError, StorageScope,
    host::storage::{storage_get, storage_next_key, storage_set},
};

/// What all keys of conversations begin with.
pub(crate) const KEY_PREFIX: &[u8] = b"conversation/";

/// What is stored under a conversation's name; as in version 1.
#[derive(Clone, Default, Debug, Encode, Decode)]
pub(crate) struct Header {
    /// Turns stored, from 0 on.
    pub turns: u32,
    /// The first turn that the model is shown.
    pub first: u32,
    /// System messages of dropped turns, which the model is shown all the same.
    pub kept: Vec<ChatMessage>,
}

/// A turn and the `spec_version` that made it.
#[derive(Encode, Decode)]
struct Made {
    turn: ConversationTurn,
    spec_version: u32,
}

/// The stored form of a turn.
pub(crate) fn turn_bytes(turn: &ConversationTurn) -> Vec<u8> {
    Made { turn: turn.clone(), spec_version: Runtime::SPEC_VERSION }.encode()
}

/// A turn from its stored form.
pub(crate) fn turn(bytes: &[u8]) -> Result<ConversationTurn, Error> {
    Made::decode_all(&mut &bytes[..]).map(|made| made.turn)
}

/// Says of each turn without a version that `from_spec_version` made it.
pub(crate) fn migrate(from_spec_version: u32) -> Result<(), RuntimeError> {
    let scope = StorageScope::Durable;
    let mut after = KEY_PREFIX.to_vec();
    while let Some(key) = storage_next_key(scope, &after)?.filter(|key| key.starts_with(KEY_PREFIX)) {
        if key.contains(&0)
            && let Some(bytes) = storage_get(scope, &key)?
            && Made::decode_all(&mut &bytes[..]).is_err()
        {
            let turn = ConversationTurn::decode_all(&mut &bytes[..]).map_err(|error| RuntimeError::Internal {
                message: format!("a stored turn does not decode: {error}"),
            })?;
            storage_set(scope, &key, &Made { turn, spec_version: from_spec_version }.encode())?;
        }
        after = key;
    }
    Ok(())
}
