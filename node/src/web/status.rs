//! Errors as HTTP says them.

use http::{HeaderMap, HeaderValue, StatusCode, header};
use realm_rpc::{ErrorCode, RpcError};
use serde_json::Value;

/// When to try again, if an error that passes does not say it: 1 s.
const RETRY_AFTER_MS: u64 = 1_000;
/// Milliseconds in the header's unit.
const MS_PER_SECOND: u64 = 1_000;

/// The status that fits an error. A runtime's own errors are its caller's matter.
pub fn status(error: &RpcError) -> StatusCode {
    let Some(code) = ErrorCode::ALL.iter().find(|code| code.name() == error.code()) else {
        return StatusCode::UNPROCESSABLE_ENTITY;
    };
    match code {
        ErrorCode::InvalidParams | ErrorCode::ContextOverflow => StatusCode::BAD_REQUEST,
        ErrorCode::Unauthenticated => StatusCode::UNAUTHORIZED,
        ErrorCode::Forbidden => StatusCode::FORBIDDEN,
        ErrorCode::UnknownFunction | ErrorCode::UnknownBlock => StatusCode::NOT_FOUND,
        ErrorCode::SlowConsumer => StatusCode::REQUEST_TIMEOUT,
        ErrorCode::Conflict | ErrorCode::RuntimeChanged | ErrorCode::UpgradeRefused => StatusCode::CONFLICT,
        ErrorCode::RateLimit | ErrorCode::QuotaExceeded => StatusCode::TOO_MANY_REQUESTS,
        ErrorCode::Overloaded
        | ErrorCode::ModelUnavailable
        | ErrorCode::RuntimeUnavailable
        | ErrorCode::ShuttingDown
        | ErrorCode::Cancelled => StatusCode::SERVICE_UNAVAILABLE,
        ErrorCode::DeadlineExceeded => StatusCode::GATEWAY_TIMEOUT,
        // What other code there may be is the node's own failure until this table says otherwise.
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

/// When it is worth trying again, for errors that pass by themselves.
pub fn retry_after_ms(error: &RpcError) -> Option<u64> {
    let told = error.data().get("retry_after_ms").and_then(Value::as_u64);
    let passes = [ErrorCode::RateLimit, ErrorCode::Overloaded, ErrorCode::ShuttingDown];
    told.or_else(|| passes.iter().any(|code| code.name() == error.code()).then_some(RETRY_AFTER_MS))
}

/// Says so in seconds, and in milliseconds to those who look for it.
pub fn add_retry_after(headers: &mut HeaderMap, ms: u64) {
    headers.insert(header::RETRY_AFTER, HeaderValue::from(ms.div_ceil(MS_PER_SECOND)));
    headers.insert("retry-after-ms", HeaderValue::from(ms));
}
