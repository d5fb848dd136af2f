//! How version 1 stores conversations. A later version that stores them in another way brings its
//! own of this file and a migration; it appends fields, so that this one still reads what it left
//! when somebody rolls back.
//!
//! ```text
//!   conversation/<name>                   → Header
//!   conversation/<name> 00 <turn: u32 BE> → Turn
//! ```
//!
//! A turn is one stored value, so that going on with a long conversation writes one small value and
//! never the whole. A name holds no control character, so no conversation's keys lie among another's.

use alloc::vec::Vec;
use parity_scale_codec::{Decode, Encode, Error};
use realm_primitives::{ChatMessage, ConversationTurn};

/// What all keys of conversations begin with.
pub(crate) const KEY_PREFIX: &[u8] = b"conversation/";

/// What is stored under a conversation's name.
#[derive(Clone, Default, Debug, Encode, Decode)]
pub(crate) struct Header {
    /// Turns stored, from 0 on.
    pub turns: u32,
    /// The first turn that the model is shown; those before were dropped because the context was full.
    pub first: u32,
    /// System messages of dropped turns, which the model is shown all the same.
    pub kept: Vec<ChatMessage>,
}

/// The stored form of a turn.
pub(crate) fn turn_bytes(turn: &ConversationTurn) -> Vec<u8> {
    turn.encode()
}

/// A turn from its stored form.
pub(crate) fn turn(mut bytes: &[u8]) -> Result<ConversationTurn, Error> {
    ConversationTurn::decode(&mut bytes)
}
