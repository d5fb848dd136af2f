//! Bodies of requests, read within bounds.

use http::StatusCode;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::{Body, Bytes};
use realm_work::{
    Scope,
    heavy::{self, HEAVY_BYTES_MIN, HeavyError},
};
use serde_json::Value;
use std::time::Duration;

/// How much of a request may come, and in what time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct BodyLimits {
    /// Bytes.
    pub bytes_max: usize,
    /// From the request's head to its last byte.
    pub wait_max: Duration,
}

/// Why a body is not used.
#[derive(Debug, thiserror::Error)]
pub enum BodyError {
    /// It has more bytes than are taken.
    #[error("the request's body has more than {0} bytes")]
    TooLarge(usize),
    /// It did not come in time.
    #[error("the request's body did not come within {} ms", .0.as_millis())]
    TooSlow(Duration),
    /// The connection failed before its end.
    #[error("the request's body did not arrive whole")]
    Lost,
    /// It is something else.
    #[error("the request's body is not JSON: {0}")]
    NotJson(serde_json::Error),
    /// Too much heavy work waits.
    #[error(transparent)]
    Busy(#[from] HeavyError),
}

impl BodyError {
    /// The status that says so.
    pub fn status(&self) -> StatusCode {
        match self {
            BodyError::TooLarge(_) => StatusCode::PAYLOAD_TOO_LARGE,
            BodyError::TooSlow(_) => StatusCode::REQUEST_TIMEOUT,
            BodyError::Lost | BodyError::NotJson(_) => StatusCode::BAD_REQUEST,
            BodyError::Busy(_) => StatusCode::SERVICE_UNAVAILABLE,
        }
    }
}

/// Reads a whole body. One that is announced as too large is not read at all.
///
/// # Errors
/// [`BodyError`], and never [`BodyError::NotJson`].
pub async fn read<B>(body: B, limits: BodyLimits) -> Result<Bytes, BodyError>
where
    B: Body,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    if body.size_hint().lower() > limits.bytes_max as u64 {
        return Err(BodyError::TooLarge(limits.bytes_max));
    }
    let whole = tokio::time::timeout(limits.wait_max, Limited::new(body, limits.bytes_max).collect());
    match whole.await {
        Err(_) => Err(BodyError::TooSlow(limits.wait_max)),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(BodyError::TooLarge(limits.bytes_max)),
        Ok(Err(_)) => Err(BodyError::Lost),
        Ok(Ok(whole)) => Ok(whole.to_bytes()),
    }
}

/// The body as JSON; `None` if there is none. A long one is parsed in the share of the threads for heavy work that the
/// tenant `scope` has.
///
/// # Errors
/// [`BodyError`].
pub async fn read_json<B>(body: B, limits: BodyLimits, scope: Scope) -> Result<Option<Value>, BodyError>
where
    B: Body,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let bytes = read(body, limits).await?;
    match bytes.is_empty() {
        true => Ok(None),
        false => {
            let parse = {
                let is_long = bytes.len() >= HEAVY_BYTES_MIN;
                heavy::run_if(is_long, scope, None, move || serde_json::from_slice(&bytes))
            };
            parse.await?.map(Some).map_err(BodyError::NotJson)
        }
    }
}
