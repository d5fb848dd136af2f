//! Errors in OpenAI's shape:
//!
//! ```json
//! {"error": {"message": "..", "type": "invalid_request_error", "param": "temperature", "code": "invalid_value",
//!            "data": {"code": "INVALID_PARAMS", "field": "options.temperature"}}}
//! ```
//!
//! `data` is Realm's own: its stable code and the figures, as in a JSON-RPC error.

use crate::web::{self, BodyError};
use http::{HeaderValue, Response, StatusCode, header};
use jsonrpsee::server::HttpBody;
use realm_rpc::{ErrorCode, RpcError};
use serde_json::{Value, json};

const INVALID_REQUEST: &str = "invalid_request_error";
/// Where the runtime keeps what OpenAI has beside the messages.
const OPTIONS_PREFIX: &str = "options.";

/// Why a request is not answered. A box, because it is much larger than what it stands in for.
#[derive(Debug)]
pub struct ApiError(Box<Error>);

#[derive(Debug)]
struct Error {
    status: StatusCode,
    kind: &'static str,
    code: String,
    param: Option<String>,
    message: String,
    data: Option<Value>,
    retry_after_ms: Option<u64>,
}

impl ApiError {
    fn new(status: StatusCode, code: &str, param: Option<&str>, message: impl Into<String>) -> Self {
        Self(Box::new(Error {
            status,
            kind: INVALID_REQUEST,
            code: code.to_owned(),
            param: param.map(str::to_owned),
            message: message.into(),
            data: None,
            retry_after_ms: None,
        }))
    }

    /// A field has a value that cannot be used.
    pub fn invalid(param: &str, message: impl std::fmt::Display) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "invalid_value", Some(param), format!("{param}: {message}"))
    }

    /// A field asks for something that cannot be done.
    pub fn unsupported(param: &str, message: impl std::fmt::Display) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "unsupported_parameter", Some(param), format!("{param}: {message}"))
    }

    /// A field is needed and not there.
    pub fn missing(param: &str) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "missing_required_parameter", Some(param), format!("{param} is missing"))
    }

    /// The tenant has no model of this name.
    pub fn model_not_found(name: &str, known: &[&str]) -> Self {
        let shown: String = name.chars().take(64).collect();
        let message = match known {
            [] => format!("the model `{shown}` does not exist: there is no model for this tenant"),
            known => format!("the model `{shown}` does not exist; there is `{}`", known.join("` and `")),
        };
        Self::new(StatusCode::NOT_FOUND, "model_not_found", Some("model"), message)
    }

    /// No such route.
    pub fn unknown_path(path: &str) -> Self {
        let shown: String = path.chars().take(128).collect();
        Self::new(StatusCode::NOT_FOUND, "unknown_url", None, format!("{shown} is not served here"))
    }

    /// The route takes another method.
    pub fn method_not_allowed(allowed: &str) -> Self {
        let message = format!("only {allowed} is answered here");
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", None, message)
    }

    /// The request's body is not a JSON object.
    pub fn not_an_object() -> Self {
        Self::new(StatusCode::BAD_REQUEST, "invalid_body", None, "the request's body must be a JSON object")
    }

    /// The same error of a field inside this one.
    #[must_use]
    pub fn under(mut self, path: &str) -> Self {
        let error = &mut *self.0;
        if let Some(param) = &mut error.param {
            error.message = format!("{path}.{}", error.message);
            *param = format!("{path}.{param}");
        }
        self
    }

    /// The same error where a parameter has another name here than in the runtime.
    #[must_use]
    pub fn renamed(mut self, from: &str, to: &str) -> Self {
        let error = &mut *self.0;
        if error.param.as_deref() == Some(from) {
            error.param = Some(to.to_owned());
            if let Some(rest) = error.message.strip_prefix(from) {
                error.message = format!("{to}{rest}");
            }
        }
        self
    }

    /// The error object.
    pub fn to_json(&self) -> Value {
        let Error { message, kind, param, code, data, .. } = &*self.0;
        let mut error = json!({"message": message, "type": kind, "param": param, "code": code});
        if let (Some(data), Some(object)) = (data, error.as_object_mut()) {
            object.insert("data".to_owned(), data.clone());
        }
        json!({ "error": error })
    }

    /// The response that says it.
    pub fn into_response(self) -> Response<HttpBody> {
        let mut response = web::json(self.0.status, &self.to_json());
        let headers = response.headers_mut();
        if self.0.status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"realm\""));
        }
        if let Some(ms) = self.0.retry_after_ms {
            web::add_retry_after(headers, ms);
        }
        response
    }
}

impl From<BodyError> for ApiError {
    fn from(error: BodyError) -> Self {
        if let BodyError::Busy(_) = error {
            return RpcError::new(ErrorCode::Overloaded, error.to_string()).into();
        }
        Self::new(error.status(), "invalid_body", None, error.to_string())
    }
}

impl From<RpcError> for ApiError {
    fn from(error: RpcError) -> Self {
        let known = ErrorCode::ALL.iter().find(|code| code.name() == error.code());
        let (kind, code) = match known {
            Some(ErrorCode::Unauthenticated) => (INVALID_REQUEST, "invalid_api_key".to_owned()),
            Some(ErrorCode::Forbidden) => ("permission_error", "forbidden".to_owned()),
            Some(ErrorCode::InvalidParams) => (INVALID_REQUEST, "invalid_value".to_owned()),
            Some(ErrorCode::ContextOverflow) => (INVALID_REQUEST, "context_length_exceeded".to_owned()),
            Some(ErrorCode::UnknownFunction) => (INVALID_REQUEST, "unknown_function".to_owned()),
            Some(ErrorCode::RateLimit) => ("rate_limit_error", "rate_limit_exceeded".to_owned()),
            Some(ErrorCode::QuotaExceeded) => ("insufficient_quota", "insufficient_quota".to_owned()),
            _ => ("server_error", error.code().to_ascii_lowercase()),
        };
        let field = error.data().get("field").and_then(Value::as_str);
        let param = field.map(|field| field.strip_prefix(OPTIONS_PREFIX).unwrap_or(field).to_owned());
        let mut data = error.data().clone();
        data.insert("code".to_owned(), error.code().into());
        Self(Box::new(Error {
            status: web::status(&error),
            kind,
            code,
            param,
            message: message(&error, known == Some(&ErrorCode::ContextOverflow)),
            retry_after_ms: web::retry_after_ms(&error),
            data: Some(Value::Object(data)),
        }))
    }
}

/// The error's message without the names that only the runtime's functions have.
fn message(error: &RpcError, overflow: bool) -> String {
    let figure = |name: &str| error.data().get(name).and_then(Value::as_u64);
    match (figure("context_length"), figure("prompt_tokens"), figure("max_tokens")) {
        (Some(context), Some(prompt), Some(max)) if overflow => format!(
            "the model's context holds {context} tokens, but {} were asked for: {prompt} in the prompt and {max} for \
             the completion",
            prompt.saturating_add(max)
        ),
        _ => error.message().strip_prefix(OPTIONS_PREFIX).unwrap_or(error.message()).to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The status, type, code and param of an error, and its headers.
    fn check(error: RpcError, expected: (u16, &str, &str, Option<&str>), headers: &[(&str, &str)]) {
        let error = ApiError::from(error);
        let json = error.to_json();
        let field = |name: &str| json["error"][name].as_str().map(str::to_owned);
        let response = error.into_response();
        let (status, kind, code, param) = expected;
        assert_eq!(response.status(), status, "{json}");
        assert_eq!(field("type").as_deref(), Some(kind), "{json}");
        assert_eq!(field("code").as_deref(), Some(code), "{json}");
        assert_eq!(field("param").as_deref(), param, "{json}");
        for (name, value) in headers {
            assert_eq!(response.headers().get(*name).and_then(|value| value.to_str().ok()), Some(*value), "{json}");
        }
        let passes = headers.iter().any(|(name, _)| *name == "retry-after");
        assert_eq!(response.headers().contains_key("retry-after"), passes, "{json}");
    }

    #[test]
    fn errors_as_openais_clients_know_them() {
        let new = |code| RpcError::new(code, "why");
        let invalid = "invalid_request_error";
        check(
            new(ErrorCode::RateLimit).with("retry_after_ms", 1_200),
            (429, "rate_limit_error", "rate_limit_exceeded", None),
            &[("retry-after", "2"), ("retry-after-ms", "1200")],
        );
        check(new(ErrorCode::QuotaExceeded), (429, "insufficient_quota", "insufficient_quota", None), &[]);
        check(new(ErrorCode::Overloaded), (503, "server_error", "overloaded", None), &[("retry-after", "1")]);
        check(new(ErrorCode::ModelUnavailable), (503, "server_error", "model_unavailable", None), &[]);
        check(
            new(ErrorCode::Unauthenticated),
            (401, invalid, "invalid_api_key", None),
            &[("www-authenticate", "Bearer realm=\"realm\"")],
        );
        check(new(ErrorCode::Forbidden), (403, "permission_error", "forbidden", None), &[]);
        check(
            new(ErrorCode::InvalidParams).with("field", "options.top_p"),
            (400, invalid, "invalid_value", Some("top_p")),
            &[],
        );
        check(new(ErrorCode::DeadlineExceeded), (504, "server_error", "deadline_exceeded", None), &[]);
        check(new(ErrorCode::RuntimeTrap), (500, "server_error", "runtime_trap", None), &[]);
        let own = RpcError::from_runtime("MY_OWN".into(), "hm", serde_json::Map::new());
        check(own, (422, "server_error", "my_own", None), &[]);
    }
}
