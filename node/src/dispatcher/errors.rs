//! Errors of the layers below, as the wire's errors.

use super::PreparedCall;
use crate::{executor::CallError, millis::whole_ms, runtimes::Unavailable};
use realm_host_functions::{BudgetScope, QuotaExceeded, storage::CommitError};
use realm_metadata::{DecodeError, EncodeError, ResolveError, RuntimeFailure};
use realm_rpc::{ErrorCode, RpcError};
use realm_work::heavy::HeavyError;
use serde_json::{Map, Value};
use std::time::Duration;

/// An error that the runtime's function answered with, under the runtime's own name for it.
pub fn from_runtime(failure: RuntimeFailure) -> RpcError {
    let data = match failure.data {
        Value::Object(mut fields) => {
            // It is the error's message already.
            fields.remove("message");
            fields
        }
        Value::Null => Map::new(),
        other => Map::from_iter([("value".to_owned(), other)]),
    };
    RpcError::from_runtime(failure.code, failure.message, data)
}

/// A name that is no function.
pub fn from_resolve(error: ResolveError) -> RpcError {
    let rpc = RpcError::new(ErrorCode::UnknownFunction, error.to_string());
    match error {
        ResolveError::Unknown { nearest: Some(nearest), .. } => rpc.with("nearest", nearest),
        ResolveError::Unknown { nearest: None, .. } => rpc,
        ResolveError::Ambiguous { candidates, .. } => rpc.with("candidates", candidates),
    }
}

/// Parameters that are not what the function takes.
pub fn from_encode(error: EncodeError) -> RpcError {
    let rpc = RpcError::new(ErrorCode::InvalidParams, error.to_string()).with("field", error.path());
    match error {
        EncodeError::UnknownField { nearest: Some(nearest), .. } => rpc.with("nearest", nearest),
        _ => rpc,
    }
}

/// Parameters given as SCALE that are not what the function takes.
pub fn from_scale(error: DecodeError) -> RpcError {
    RpcError::new(ErrorCode::InvalidParams, format!("params: {error}")).with("field", "params")
}

/// A tenant whose own runtime cannot run.
pub fn unavailable(unavailable: Unavailable) -> RpcError {
    RpcError::new(ErrorCode::RuntimeUnavailable, unavailable.to_string())
        .with("code_hash", unavailable.code_hash.to_string())
}

/// A call whose tenant was removed meanwhile.
pub fn tenant_removed() -> RpcError {
    RpcError::new(ErrorCode::Forbidden, "the tenant was removed while the call ran")
}

/// Heavy work that found no room in its queue.
pub fn from_heavy(error: HeavyError) -> RpcError {
    match error {
        HeavyError::Overloaded { waiting, waiting_max } => {
            RpcError::new(ErrorCode::Overloaded, format!("{error}; try again later"))
                .with("position", waiting)
                .with("queue_len_max", waiting_max)
        }
        _ => RpcError::new(ErrorCode::Internal, "the node cannot do this work now"),
    }
}

/// Hex that is none.
pub fn bad_hex(field: &str) -> RpcError {
    RpcError::new(ErrorCode::InvalidParams, format!("{field}: expected hex digits, two per byte")).with("field", field)
}

/// A call that did not answer. `time_max` is what its caller had given it.
pub fn from_call(error: CallError, call: &PreparedCall, id: &str) -> RpcError {
    let time_max = call.time_max;
    let trap = |error: &CallError| RpcError::new(ErrorCode::RuntimeTrap, error.to_string());
    match error {
        CallError::NoSuchFunction { name } => {
            RpcError::new(ErrorCode::UnknownFunction, format!("the runtime has no function `{name}`"))
        }
        CallError::Overloaded { position, .. } => {
            RpcError::new(ErrorCode::Overloaded, error.to_string()).with("position", position)
        }
        CallError::DeadlineExceeded(_) => deadline_exceeded(time_max),
        CallError::MemoryLimit { asked, limit } => trap(&error).with("asked_bytes", asked).with("limit_bytes", limit),
        CallError::GuestCpuExceeded(limit) => trap(&error).with("limit_ms", limit.as_millis() as u64),
        CallError::AnswerTooLarge { len, limit } => trap(&error).with("bytes", len).with("limit_bytes", limit),
        CallError::Trap { .. } | CallError::StackOverflow | CallError::BadPointer(_) => trap(&error),
        CallError::StorageCommit(CommitError::Quota { asked, limit }) => {
            RpcError::new(ErrorCode::QuotaExceeded, error.to_string())
                .with("asked_bytes", asked)
                .with("limit_bytes", limit)
        }
        CallError::NativeBytes(exceeded) | CallError::StorageCommit(CommitError::NativeBytes(exceeded)) => {
            from_budget(&exceeded)
        }
        CallError::StorageCommit(CommitError::Conflict { .. }) => {
            RpcError::new(ErrorCode::Conflict, "another call changed what this one had read; try again")
        }
        CallError::StorageCommit(CommitError::Migrated) => RpcError::new(
            ErrorCode::RuntimeChanged,
            "the runtime was replaced while the call ran and what is stored was migrated; nothing was written; call again",
        ),
        error => internal(&error, call, id),
    }
}

/// No room in the native memory: the tenant's quota, or the node is overloaded.
pub fn from_budget(exceeded: &QuotaExceeded) -> RpcError {
    let code = match exceeded.scope {
        BudgetScope::Node => ErrorCode::Overloaded,
        _ => ErrorCode::QuotaExceeded,
    };
    let rpc = RpcError::new(code, exceeded.to_string()).with("asked_bytes", exceeded.asked);
    rpc.with("limit_bytes", exceeded.limit)
}

/// The time was over, in a queue or while running.
pub fn deadline_exceeded(time_max: Duration) -> RpcError {
    let ms = whole_ms(time_max);
    RpcError::new(ErrorCode::DeadlineExceeded, format!("the call did not end within {ms} ms")).with("deadline_ms", ms)
}

/// The node's own failure in a call: details go to the log and not to strangers.
pub fn internal(error: &dyn std::fmt::Display, call: &PreparedCall, id: &str) -> RpcError {
    let (tenant, function, request) = (&call.tenant.id, call.transcoder.export(), call.request_id());
    tracing::error!(call = id, %tenant, function, request, %error, "a call failed inside the node");
    RpcError::internal()
}
