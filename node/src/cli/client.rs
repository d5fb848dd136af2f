//! A connection to a node.

use super::{Failure, args::NodeArgs, exit::Answer};
use http::{HeaderMap, HeaderValue, header};
use jsonrpsee_ws_client::{WsClient, WsClientBuilder};
use serde_json::Value;
use std::time::Duration;

/// How long a node may take to answer anything: longer than any deadline it grants by default.
const ANSWER_WAIT_MAX: Duration = Duration::from_secs(3600);
/// How long connecting may take.
const CONNECT_WAIT_MAX: Duration = Duration::from_secs(10);
/// Bytes of a message that are taken from a node.
const MESSAGE_BYTES_MAX: u32 = 64 << 20;

/// Connects.
///
/// # Errors
/// The URL is none, nobody answers there, or the key cannot be sent.
pub async fn connect(node: &NodeArgs) -> Result<WsClient, Failure> {
    let url = &node.url;
    WsClientBuilder::default()
        .request_timeout(ANSWER_WAIT_MAX)
        .connection_timeout(CONNECT_WAIT_MAX)
        .max_request_size(MESSAGE_BYTES_MAX)
        .max_response_size(MESSAGE_BYTES_MAX)
        .set_headers(headers(node.api_key.as_deref())?)
        .build(url)
        .await
        .map_err(|error| match error.to_string() {
            // The client library has the status of a refused connection in words only.
            refused if refused.contains("status code: 401") => Failure::Answer(Answer {
                code: "UNAUTHENTICATED".to_owned(),
                message: format!("the node at {url} refuses this key: it is wrong, expired or taken back"),
                data: Value::Null,
            }),
            error => Failure::Connection(format!(
                "no node answers at {url}: {error}; start one with `realm serve --dev`, or name it with --url"
            )),
        })
}

/// The key goes where proxies and logs do not look: not into the URL.
fn headers(api_key: Option<&str>) -> Result<HeaderMap, Failure> {
    let mut headers = HeaderMap::new();
    if let Some(key) = api_key {
        let mut value = HeaderValue::from_str(&format!("Bearer {key}"))
            .map_err(|_| Failure::Usage("the key has characters that no key has".to_owned()))?;
        value.set_sensitive(true);
        headers.insert(header::AUTHORIZATION, value);
    }
    Ok(headers)
}

/// The stream ended without a last event.
pub fn lost() -> Failure {
    Failure::Connection("the connection was lost before the answer was whole".to_owned())
}

/// The node sent what is no event.
pub fn unreadable(error: serde_json::Error) -> Failure {
    Failure::Connection(format!("the node sent what is no event: {error}"))
}
