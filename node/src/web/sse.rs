//! Server-sent events. A stream that has nothing to say for a while sends a comment, so that proxies
//! and clients which give up on silence see that it lives.

use futures::{Stream, StreamExt, stream};
use http::{HeaderValue, Response, header};
use http_body_util::StreamBody;
use hyper::body::{Bytes, Frame};
use jsonrpsee::server::HttpBody;
use serde_json::Value;
use std::{convert::Infallible, time::Duration};

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

/// A comment, which readers of events leave out.
const ALIVE: &[u8] = b": alive\n\n";

/// The response that carries these events and ends with them, with a comment after each `silence_max`
/// without one. Dropped when its client goes.
pub fn response(events: impl Stream<Item = Bytes> + Send + 'static, silence_max: Duration) -> Response<HttpBody> {
    let events = stream::unfold(Box::pin(events), move |mut events| async move {
        match tokio::time::timeout(silence_max, events.next()).await {
            Ok(bytes) => bytes.map(|bytes| (bytes, events)),
            Err(_) => Some((Bytes::from_static(ALIVE), events)),
        }
    });
    let frames = events.map(|bytes| Ok::<_, Infallible>(Frame::data(bytes)));
    let mut response = Response::new(HttpBody::new(StreamBody::new(frames)));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream; charset=utf-8"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    // Tells nginx to pass each event on at once.
    headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
    response
}
