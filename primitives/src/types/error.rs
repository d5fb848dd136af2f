//! The errors a runtime function answers with. The node maps a variant's name to the wire's stable
//! code (`ContextOverflow` is `CONTEXT_OVERFLOW`) and its fields to the error's data, so a runtime
//! may bring an error enum of its own.

use alloc::string::String;
use core::fmt;
use parity_scale_codec::{Decode, Encode};
use scale_info::TypeInfo;

/// Why a function of the default runtime did not answer.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode, TypeInfo)]
pub enum RuntimeError {
    /// A parameter has a value that cannot be used.
    InvalidParams {
        /// Path of the parameter, for example `options.temperature`.
        field: String,
        /// What is wrong and what would be right.
        message: String,
    },
    /// Prompt and answer do not fit in the model's context.
    ContextOverflow {
        /// Tokens of the prompt.
        prompt_tokens: u32,
        /// Tokens the caller asked for, if it did.
        max_tokens: u32,
        /// Tokens that fit.
        context_length: u32,
    },
    /// The tenant has used up something it has a limit for.
    QuotaExceeded {
        /// What was used up.
        message: String,
    },
    /// The node had no room for the work.
    Overloaded {
        /// Place in the queue that was refused.
        position: u32,
    },
    /// The tenant has no model, or it cannot do what was asked.
    ModelUnavailable {
        /// Why.
        message: String,
    },
    /// A host function failed in a way the runtime did not expect.
    Internal {
        /// What failed.
        message: String,
    },
}

impl fmt::Display for RuntimeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RuntimeError::InvalidParams { field, message } => write!(f, "{field}: {message}"),
            RuntimeError::ContextOverflow { prompt_tokens, max_tokens, context_length } => write!(
                f,
                "the prompt's {prompt_tokens} tokens and {max_tokens} new ones do not fit in the context of {context_length}"
            ),
            RuntimeError::QuotaExceeded { message }
            | RuntimeError::ModelUnavailable { message }
            | RuntimeError::Internal { message } => f.write_str(message),
            RuntimeError::Overloaded { position } => write!(f, "the queue is full (place {position})"),
        }
    }
}
