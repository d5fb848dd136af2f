//! A host function's failure, with the host's own words.

use super::{memory, raw};
use crate::{RuntimeError, abi::HostErrorCode};
use alloc::string::{String, ToString};
use core::fmt;

/// Why a host function failed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct HostError {
    /// The kind, for code that reacts to it.
    pub code: HostErrorCode,
    /// The host's text.
    pub message: String,
}

impl HostError {
    /// The error behind a negative answer; asks the host for its text.
    pub(super) fn from_answer(answer: i64) -> Self {
        let code = u32::try_from(answer.unsigned_abs())
            .ok()
            .and_then(HostErrorCode::from_code)
            .unwrap_or(HostErrorCode::Internal);
        // SAFETY: takes no pointers.
        let length = unsafe { raw::error_message() };
        // A failing `error_message` must not ask for its own message.
        let message = if length < 0 { String::new() } else { memory::text(length).unwrap_or_default() };
        HostError { code, message }
    }

    /// The host answered bytes that do not decode.
    pub(super) fn garbled() -> Self {
        HostError { code: HostErrorCode::Internal, message: "the host's answer does not decode".to_string() }
    }
}

impl fmt::Display for HostError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl From<HostError> for RuntimeError {
    fn from(error: HostError) -> Self {
        let message = error.message;
        match error.code {
            HostErrorCode::LimitExceeded => RuntimeError::QuotaExceeded { message },
            // The text carries the numbers; there is no other channel for them.
            HostErrorCode::Overloaded => RuntimeError::Overloaded { position: numbers(&message).next().unwrap_or(0) },
            HostErrorCode::ContextOverflow => {
                let mut numbers = numbers(&message);
                let (prompt_tokens, context_length) = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
                RuntimeError::ContextOverflow { prompt_tokens, max_tokens: 0, context_length }
            }
            HostErrorCode::ModelUnavailable => RuntimeError::ModelUnavailable { message },
            _ => RuntimeError::Internal { message },
        }
    }
}

/// The numbers in a text, in order.
fn numbers(text: &str) -> impl Iterator<Item = u32> {
    text.split(|char: char| !char.is_ascii_digit()).filter_map(|digits| digits.parse().ok())
}
