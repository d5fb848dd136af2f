//! What can go wrong between a conversation and its tokens.

use crate::tokenizer::EncodeError;

/// Why a conversation could not be turned into tokens.
#[derive(Debug, thiserror::Error)]
pub enum TemplateError {
    #[error("the chat template cannot be read: {0}")]
    Syntax(String),
    /// The template itself refuses the conversation, such as for two messages of one role in a row.
    #[error("the chat template refuses this conversation: {0}")]
    Refused(String),
    #[error("the chat template failed: {0}")]
    Failed(String),
    /// The node's failure, not the conversation's.
    #[error("rendering the chat template panicked")]
    Panicked,
    #[error("the chat template did more than {max} steps")]
    OutOfFuel { max: u64 },
    #[error("the rendered conversation is longer than {max} bytes")]
    TooLong { max: usize },
    #[error("message {index} has the role {role:?}; roles are {}", super::ROLES.join(", "))]
    UnknownRole { index: usize, role: String },
    #[error("the conversation has no messages")]
    Empty,
    #[error("the messages contain every one of the noncharacters U+FDD0 to U+FDEF")]
    NoSentinel,
    #[error(transparent)]
    Encode(#[from] EncodeError),
}
