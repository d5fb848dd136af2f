//! Whole answers.

use http::{HeaderValue, Response, StatusCode, header};
use jsonrpsee::server::HttpBody;
use serde_json::Value;

/// A response of JSON.
pub fn json(status: StatusCode, body: &Value) -> Response<HttpBody> {
    let mut response = Response::new(HttpBody::from(body.to_string()));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}
