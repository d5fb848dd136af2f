//! Why a host function failed: one enum with the numbers in it, mapped in one place to the code that
//! crosses the wall. An error is the guest's to handle; only a broken invariant of the node traps.

use crate::budget::{BudgetScope, QuotaExceeded};
use realm_primitives::abi::HostErrorCode;

/// Why a host function failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HostError {
    /// A pointer and length do not lie in the guest's memory.
    #[error("{len} bytes at {ptr} do not lie in the guest's memory of {memory_len} bytes")]
    OutOfBounds {
        /// Offset the guest gave.
        ptr: u32,
        /// Bytes from there on.
        len: u64,
        /// Bytes the guest's memory has.
        memory_len: u64,
    },
    /// A handle that this call does not hold: forged, of another kind, or freed before.
    #[error("{handle:#010x} is not a handle to {kind} of this call")]
    BadHandle {
        /// The number the guest gave.
        handle: u32,
        /// What was expected behind it.
        kind: &'static str,
    },
    /// Something would grow past a limit.
    #[error("{what}: {asked} is more than the limit of {limit}")]
    Limit {
        /// What would grow, with its unit.
        what: &'static str,
        /// What it would have grown to.
        asked: u64,
        /// The limit.
        limit: u64,
    },
    /// There is no room for more native bytes of the call, its tenant or the node.
    #[error(transparent)]
    NativeBytes(#[from] QuotaExceeded),
    /// An argument has a value that cannot be used.
    #[error("{0}")]
    Invalid(String),
    /// There is no such key, tensor or row.
    #[error("not found: {what}")]
    NotFound {
        /// What was looked for.
        what: String,
    },
    /// The result buffer has another length than the guest takes.
    #[error("the result buffer holds {held} bytes and {asked} were asked for")]
    ResultLength {
        /// Bytes in the buffer.
        held: usize,
        /// Bytes the guest asked for.
        asked: u32,
    },
    /// Tokens do not fit in the model's context.
    #[error("{tokens} tokens do not fit in the context of {context_length}")]
    ContextOverflow {
        /// Tokens the sequence would have.
        tokens: u64,
        /// Tokens that fit.
        context_length: u32,
    },
    /// The scheduler's queue is full.
    #[error("place {position} in the model's queue was refused")]
    Overloaded {
        /// The place that was refused.
        position: u64,
    },
    /// Too many calls wait for a lock.
    #[error("place {position} in the queue for the key's lock was refused")]
    LockQueue {
        /// The place that was refused.
        position: u64,
    },
    /// Too much heavy work waits for a processor.
    #[error("queue full: {waiting} jobs wait for a processor, the limit is {waiting_max}; try again later")]
    HeavyQueue {
        /// Jobs that wait, of this tenant or of all.
        waiting: u64,
        /// The limit.
        waiting_max: u64,
    },
    /// The tenant has no model, or it cannot do what was asked.
    #[error("{0}")]
    ModelUnavailable(String),
    /// The host itself failed.
    #[error("{0}")]
    Internal(String),
}

impl HostError {
    /// The code that crosses the wall.
    pub fn code(&self) -> HostErrorCode {
        match self {
            Self::OutOfBounds { .. } => HostErrorCode::OutOfBounds,
            Self::BadHandle { .. } => HostErrorCode::BadHandle,
            Self::Limit { .. } => HostErrorCode::LimitExceeded,
            Self::Invalid(_) | Self::ResultLength { .. } => HostErrorCode::InvalidArgument,
            Self::NotFound { .. } => HostErrorCode::NotFound,
            Self::ContextOverflow { .. } => HostErrorCode::ContextOverflow,
            // A full node is not the caller's fault; the caller can do nothing but try again.
            Self::NativeBytes(QuotaExceeded { scope: BudgetScope::Node, .. }) => HostErrorCode::Overloaded,
            Self::NativeBytes(_) => HostErrorCode::LimitExceeded,
            Self::Overloaded { .. } | Self::LockQueue { .. } | Self::HeavyQueue { .. } => HostErrorCode::Overloaded,
            Self::ModelUnavailable(_) => HostErrorCode::ModelUnavailable,
            Self::Internal(_) => HostErrorCode::Internal,
        }
    }

    /// An argument that cannot be used, and why.
    pub(crate) fn invalid(why: impl Into<String>) -> Self {
        Self::Invalid(why.into())
    }

    /// Checks `asked` against `limit`.
    pub(crate) fn check_limit(what: &'static str, asked: u64, limit: u64) -> Result<(), Self> {
        if asked > limit { Err(Self::Limit { what, asked, limit }) } else { Ok(()) }
    }
}
