//! `POST /call/{function}`: any function of the runtime, out of its metadata.
//!
//! The body is the parameters, as in `realm_call`; the header `Realm-Options` may hold that method's
//! options as JSON. The answer is what the function returns. With `Accept: text/event-stream` the
//! events are sent as they happen, each as in `realm_subscribe`, under its type as the event's name.

use super::refusal;
use crate::{
    connection::Connection,
    dispatcher::{PreparedCall, Request as CallRequest},
    web::{self, BodyError, FollowedCall, Happening, Web, read_json, sse},
};
use futures::StreamExt;
use http::{HeaderMap, Request, Response, StatusCode, header};
use hyper::body::{Body, Bytes};
use jsonrpsee::server::HttpBody;
use realm_rpc::{ErrorCode, Event, EventBody, RpcError};
use serde_json::Value;
use std::sync::Arc;

/// What the paths begin with.
pub const PREFIX: &str = "/call/";
/// Holds the call's options.
const OPTIONS_HEADER: &str = "realm-options";
const EVENT_STREAM: &str = "text/event-stream";

/// Calls a function.
pub async fn answer<B>(web: Web, connection: Arc<Connection>, request: Request<B>) -> Response<HttpBody>
where
    B: Body,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let streams = wants_events(request.headers());
    let prepared = match prepare(&web, &connection, request).await {
        Ok(prepared) => prepared,
        Err(response) => return response,
    };
    if streams {
        return events(&web, prepared);
    }
    match web.dispatcher.run(prepared, None).await {
        Ok(result) => web::json(StatusCode::OK, &result),
        Err(error) => failed(error),
    }
}

async fn prepare<B>(
    web: &Web,
    connection: &Arc<Connection>,
    request: Request<B>,
) -> Result<PreparedCall, Response<HttpBody>>
where
    B: Body,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let (head, body) = request.into_parts();
    // Who may not call is told before a body is read.
    let scope = web.tenant(connection).map_err(failed)?.resources.scope();
    let options = options(&head.headers).map_err(failed)?;
    let params = read_json(body, web.body, scope).await.map_err(|error| {
        let code = match error {
            BodyError::Busy(_) => ErrorCode::Overloaded,
            _ => ErrorCode::InvalidParams,
        };
        refusal(error.status(), RpcError::new(code, error.to_string()))
    })?;
    let function = head.uri.path().strip_prefix(PREFIX).unwrap_or_default().to_owned();
    let call = web.dispatcher.prepare(connection, CallRequest { function, params, options }).await;
    call.and_then(PreparedCall::attended).map_err(failed)
}

fn options(headers: &HeaderMap) -> Result<Option<Value>, RpcError> {
    let Some(header) = headers.get(OPTIONS_HEADER) else { return Ok(None) };
    serde_json::from_slice(header.as_bytes()).map(Some).map_err(|error| {
        RpcError::new(ErrorCode::InvalidParams, format!("the header Realm-Options is not JSON: {error}"))
            .with("field", "options")
    })
}

fn wants_events(headers: &HeaderMap) -> bool {
    let accepted = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
    accepted
        .flat_map(|value| value.split(','))
        .any(|kind| kind.split(';').next().is_some_and(|kind| kind.trim().eq_ignore_ascii_case(EVENT_STREAM)))
}

/// The call's events, as they happen.
fn events(web: &Web, call: PreparedCall) -> Response<HttpBody> {
    let id = call.request_id().map(str::to_owned);
    let mut seq = 0;
    let events = FollowedCall::start(web, call).map(move |happening| {
        let body = match happening {
            Happening::Item(data) => EventBody::Stream { data },
            Happening::Ended(Ok(data)) => EventBody::Result { data },
            Happening::Ended(Err(error)) => EventBody::Error { error: error.into() },
        };
        let event = Event { id: id.clone(), seq, body };
        seq += 1;
        write(&event)
    });
    sse::response(events, web.silence_max)
}

fn write(event: &Event) -> Bytes {
    let name = match event.body {
        EventBody::Stream { .. } => "stream",
        EventBody::Result { .. } => "result",
        EventBody::Error { .. } => "error",
    };
    // An event is strings, numbers and JSON values, which always serialize.
    sse::named(name, event.seq, &serde_json::to_value(event).unwrap_or_default())
}

fn failed(error: RpcError) -> Response<HttpBody> {
    refusal(web::status(&error), error)
}
