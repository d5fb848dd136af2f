//! The one table of error codes. An error on the wire has three parts: JSON-RPC's number, which
//! generic clients see; a stable string in `data.code`, which programs should compare; and a message
//! for people. Beside `code`, `data` holds the figures that the error is about.
//!
//! Numbers: JSON-RPC's own where they say the same, else [`BASE`] plus the place in the table.

use jsonrpsee::types::ErrorObjectOwned;
use serde_json::{Map, Value};
use std::borrow::Cow;

/// First number of our own errors, clear of JSON-RPC's reserved range and of jsonrpsee's numbers.
const BASE: i32 = 5000;
/// An error that a runtime brought along and this table does not know; `data.code` names it.
const RUNTIME_OWN: i32 = BASE;

macro_rules! error_codes {
    ($($(#[$doc:meta])* $variant:ident = $name:literal, $number:expr;)*) => {
        /// The errors that the node itself answers with. A runtime's errors carry the name of their
        /// variant, which may or may not be one of these.
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
        pub enum ErrorCode { $($(#[$doc])* $variant,)* }

        impl ErrorCode {
            /// Every code, in the table's order.
            pub const ALL: &'static [ErrorCode] = &[$(ErrorCode::$variant,)*];

            /// The stable string in `data.code`.
            pub const fn name(self) -> &'static str {
                match self { $(ErrorCode::$variant => $name,)* }
            }

            /// The JSON-RPC error number.
            pub const fn number(self) -> i32 {
                match self { $(ErrorCode::$variant => $number,)* }
            }
        }
    };
}

error_codes! {
    /// The runtime has no function of this name. Data: `function`, and `nearest` if one is near.
    UnknownFunction = "UNKNOWN_FUNCTION", -32601;
    /// A parameter or option cannot be used. Data: `field`, its path.
    InvalidParams = "INVALID_PARAMS", -32602;
    /// The node failed. The log has the details.
    Internal = "INTERNAL", -32603;
    /// The connection has not said who it is.
    Unauthenticated = "UNAUTHENTICATED", BASE + 1;
    /// Who the caller is, is not enough. Never tells whether what was asked for exists.
    Forbidden = "FORBIDDEN", BASE + 2;
    /// Too much in too little time. Data: `retry_after_ms`.
    RateLimit = "RATE_LIMIT", BASE + 3;
    /// No room in the queue. Data: `position`, the place that was refused, and `queue_len_max`.
    Overloaded = "OVERLOADED", BASE + 4;
    /// The tenant has used up something it has a limit for.
    QuotaExceeded = "QUOTA_EXCEEDED", BASE + 5;
    /// Prompt and answer do not fit. Data: `prompt_tokens`, `max_tokens`, `context_length`.
    ContextOverflow = "CONTEXT_OVERFLOW", BASE + 6;
    /// The call's time was over. Data: `deadline_ms`.
    DeadlineExceeded = "DEADLINE_EXCEEDED", BASE + 7;
    /// The call was cancelled.
    Cancelled = "CANCELLED", BASE + 8;
    /// The subscriber did not read its events in time. Data: `waited_ms`.
    SlowConsumer = "SLOW_CONSUMER", BASE + 9;
    /// The runtime's code failed: a panic, an exhausted limit, an answer that does not decode.
    RuntimeTrap = "RUNTIME_TRAP", BASE + 10;
    /// The metadata hash in `options.runtime` is not in force. Data: `metadata_hash`, `spec_name`, `spec_version` of the runtime that is.
    RuntimeChanged = "RUNTIME_CHANGED", BASE + 11;
    /// The tenant has no model, or it cannot do what was asked.
    ModelUnavailable = "MODEL_UNAVAILABLE", BASE + 12;
    /// The node is stopping: it takes no new calls, or this one ran past the time it gave to finish.
    ShuttingDown = "SHUTTING_DOWN", BASE + 13;
    /// Another call changed what this one had read and meant to write; nothing of it was written. Try again.
    Conflict = "CONFLICT", BASE + 14;
    /// New code is not put in force. Data: `step`, the check that refused it.
    UpgradeRefused = "UPGRADE_REFUSED", BASE + 15;
    /// There is no block of this hash, or it is kept no more.
    UnknownBlock = "UNKNOWN_BLOCK", BASE + 16;
    /// The caller has no resumable stream of this id, or it is kept no more.
    UnknownStream = "UNKNOWN_STREAM", BASE + 17;
    /// Events that were asked for are kept no more. Data: `resume_from`, the first that is.
    EventsLost = "EVENTS_LOST", BASE + 18;
    /// The tenant's own runtime could not be loaded when the node started, or is not loaded yet. Data: `code_hash`.
    RuntimeUnavailable = "RUNTIME_UNAVAILABLE", BASE + 19;
}

/// The number that goes with a stable string, also one that only a runtime knows.
pub fn number_of(name: &str) -> i32 {
    ErrorCode::ALL.iter().find(|code| code.name() == name).map_or(RUNTIME_OWN, |code| code.number())
}

/// An error as it goes over the wire, as the answer to a call or as the last event of a stream.
#[derive(Clone, PartialEq, Debug, thiserror::Error)]
#[error("{code}: {message}")]
pub struct RpcError {
    /// The stable string. Not [`ErrorCode`], because a runtime may bring codes of its own.
    code: Cow<'static, str>,
    message: String,
    data: Map<String, Value>,
}

impl RpcError {
    /// An error of the table.
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self { code: code.name().into(), message: message.into(), data: Map::new() }
    }

    /// The node's own failure, of which strangers hear no more than this. Whoever makes it puts the reason into the log.
    pub fn internal() -> Self {
        Self::new(ErrorCode::Internal, "the node failed; its log has the details")
    }

    /// An error that a runtime function answered with, with its fields.
    pub fn from_runtime(code: String, message: impl Into<String>, data: Map<String, Value>) -> Self {
        Self { code: code.into(), message: message.into(), data }
    }

    /// The same error with one more figure in its data. The name `code` is taken.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.data.insert(name.to_owned(), value.into());
        self
    }

    /// The stable string.
    pub fn code(&self) -> &str {
        &self.code
    }

    /// The message for people.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The figures, without the code.
    pub fn data(&self) -> &Map<String, Value> {
        &self.data
    }
}

impl From<RpcError> for ErrorObjectOwned {
    fn from(error: RpcError) -> Self {
        let mut data = Map::new();
        data.insert("code".to_owned(), Value::String(error.code.clone().into_owned()));
        data.extend(error.data.into_iter().filter(|(name, _)| name != "code"));
        ErrorObjectOwned::owned(number_of(&error.code), error.message, Some(data))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn names_and_numbers_are_unique() {
        let names: HashSet<_> = ErrorCode::ALL.iter().map(|code| code.name()).collect();
        let numbers: HashSet<_> = ErrorCode::ALL.iter().map(|code| code.number()).collect();
        assert_eq!((names.len(), numbers.len()), (ErrorCode::ALL.len(), ErrorCode::ALL.len()));
        assert!(!numbers.contains(&RUNTIME_OWN));
    }

    fn check(error: RpcError, expected: &str) {
        assert_eq!(serde_json::to_string(&ErrorObjectOwned::from(error)).unwrap(), expected);
    }

    #[test]
    fn errors_on_the_wire() {
        check(
            RpcError::new(ErrorCode::RateLimit, "slow down").with("retry_after_ms", 20),
            r#"{"code":5003,"message":"slow down","data":{"code":"RATE_LIMIT","retry_after_ms":20}}"#,
        );
        check(
            RpcError::from_runtime("CONTEXT_OVERFLOW".into(), "too long", Map::new()),
            r#"{"code":5006,"message":"too long","data":{"code":"CONTEXT_OVERFLOW"}}"#,
        );
        check(
            RpcError::from_runtime("MY_OWN".into(), "hm", Map::new()),
            r#"{"code":5000,"message":"hm","data":{"code":"MY_OWN"}}"#,
        );
    }
}
