//! Server-sent events.

use futures::{Stream, StreamExt};
use http::{HeaderValue, Response, header};
use http_body_util::StreamBody;
use hyper::body::{Bytes, Frame};
use jsonrpsee::server::HttpBody;
use serde_json::Value;
use std::convert::Infallible;

/// One event with only data. JSON has no line breaks, so it is one line.
pub fn data(json: &Value) -> Bytes {
    Bytes::from(format!("data: {json}\n\n"))
}

/// What ends a stream of OpenAI's.
pub const DONE: &[u8] = b"data: [DONE]\n\n";

/// One event with a name and its place in the stream.
pub fn named(name: &str, id: u64, json: &Value) -> Bytes {
    Bytes::from(format!("event: {name}\nid: {id}\ndata: {json}\n\n"))
}

/// The response that carries these events and ends with them. Dropped when its client goes.
pub fn response(events: impl Stream<Item = Bytes> + Send + 'static) -> Response<HttpBody> {
    let frames = events.map(|bytes| Ok::<_, Infallible>(Frame::data(bytes)));
    let mut response = Response::new(HttpBody::new(StreamBody::new(frames)));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream; charset=utf-8"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    // Tells nginx to pass each event on at once.
    headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
    response
}
