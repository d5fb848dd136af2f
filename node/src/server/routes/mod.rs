//! HTTP routes beside JSON-RPC.

mod call;

use crate::{
    connection::Connection,
    console,
    dispatcher::Dispatcher,
    methods, openai,
    server::slots::Full,
    web::{self, BodyError, Web, json},
};
use futures::future::{BoxFuture, FutureExt, ready};
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use hyper::body::Body;
use jsonrpsee::server::HttpBody;
use jsonrpsee::types::error::{INVALID_REQUEST_CODE, OVERSIZED_REQUEST_CODE};
use realm_rpc::RpcError;
use serde_json::json;
use std::sync::Arc;

/// The path of the node's health.
const HEALTH: &str = "/health";
/// When a connection that found no slot may try again: 1 s.
const FULL_RETRY_AFTER_MS: u64 = 1_000;

/// A route's answer, some day.
pub type Answer = BoxFuture<'static, Response<HttpBody>>;

/// The answer of a route, or the request back if JSON-RPC shall answer it.
#[expect(clippy::result_large_err, reason = "the request goes on its way; it is no error")]
pub fn answer<B>(web: &Web, connection: &Arc<Connection>, request: Request<B>) -> Result<Answer, Request<B>>
where
    B: Body<Data: Send, Error: Into<Box<dyn std::error::Error + Send + Sync>>> + Send + 'static,
{
    if let Some(response) = at_once(web, connection, &request) {
        return Ok(ready(response).boxed());
    }
    let path = request.uri().path();
    if path.starts_with(openai::PREFIX) {
        return Ok(openai::answer(web.clone(), connection.clone(), request).boxed());
    }
    if path.starts_with(call::PREFIX) {
        return Ok(match *request.method() {
            Method::POST => call::answer(web.clone(), connection.clone(), request).boxed(),
            _ => ready(json(StatusCode::METHOD_NOT_ALLOWED, &json!({"error": "only POST is answered here"}))).boxed(),
        });
    }
    Err(request)
}

/// The answer of a route that reads no body and calls no function.
fn at_once<B>(web: &Web, connection: &Connection, request: &Request<B>) -> Option<Response<HttpBody>> {
    if let Some(page) = console::answer(request) {
        return Some(page);
    }
    let read_only = matches!(*request.method(), Method::GET | Method::HEAD);
    match request.uri().path() {
        HEALTH if read_only => Some(health(&web.dispatcher)),
        "/metadata" if read_only => {
            Some(json(StatusCode::OK, &methods::discovery_document(&web.dispatcher, connection)))
        }
        HEALTH | "/metadata" => {
            Some(json(StatusCode::METHOD_NOT_ALLOWED, &json!({"error": "only GET is answered here"})))
        }
        _ => None,
    }
}

/// The answer to a page that may not use the node.
pub fn foreign_page() -> Response<HttpBody> {
    let error = "pages of this origin may not use the node; its operator can allow them with --origin";
    json(StatusCode::FORBIDDEN, &json!({"error": error}))
}

/// The answer to a request whose host is not one of this node.
pub fn foreign_host() -> Response<HttpBody> {
    let error = "this node needs no keys and is not reached by this host name; use its address, or have its operator allow the name with --allowed-host";
    json(StatusCode::FORBIDDEN, &json!({"error": error}))
}

/// The answer to a connection for which there is no slot.
pub fn full(full: &Full) -> Response<HttpBody> {
    let mut response = json(StatusCode::SERVICE_UNAVAILABLE, &json!({"error": full.to_string()}));
    web::add_retry_after(response.headers_mut(), FULL_RETRY_AFTER_MS);
    response
}

/// The answer of JSON-RPC to a body that is not read whole.
pub fn bad_body(error: &BodyError) -> Response<HttpBody> {
    let number = match error {
        BodyError::TooLarge(_) => OVERSIZED_REQUEST_CODE,
        _ => INVALID_REQUEST_CODE,
    };
    let body = json!({"jsonrpc": "2.0", "id": null, "error": {"code": number, "message": error.to_string()}});
    json(error.status(), &body)
}

/// Whether a request asks for the node's health.
pub fn is_health<B>(request: &Request<B>) -> bool {
    request.uri().path() == HEALTH && matches!(*request.method(), Method::GET | Method::HEAD)
}

/// The answer to a request that JSON-RPC could not even refuse.
pub fn failed(error: &dyn std::fmt::Display) -> Response<HttpBody> {
    tracing::debug!(%error, "a request was not answered");
    json(StatusCode::INTERNAL_SERVER_ERROR, &json!({"error": "the request could not be answered"}))
}

/// The answer to a key that proves nothing, or to one shown where it must not be: in the shape of the
/// errors that the path gives otherwise.
pub fn refused(path: &str, error: RpcError) -> Response<HttpBody> {
    match path.starts_with(openai::PREFIX) {
        true => openai::refused(error),
        false => refusal(web::status(&error), error),
    }
}

/// `{"error": {"message": .., "data": {"code": .., figures}}}`
fn refusal(status: StatusCode, error: RpcError) -> Response<HttpBody> {
    let mut data = error.data().clone();
    data.insert("code".to_owned(), error.code().into());
    let body = json!({"error": {"message": error.message(), "data": data}});
    let mut response = json(status, &body);
    let headers = response.headers_mut();
    if let Some(ms) = web::retry_after_ms(&error) {
        web::add_retry_after(headers, ms);
    }
    if status == StatusCode::UNAUTHORIZED {
        headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"realm\""));
    }
    response
}

/// 200 while the node takes calls, 503 once it stops: what load balancers look at. A node whose database takes no writes
/// still answers calls that only read, so it says `degraded` with 200; the reason is in the log.
pub fn health(dispatcher: &Dispatcher) -> Response<HttpBody> {
    match (dispatcher.drain.is_draining(), dispatcher.tenants.store().writable()) {
        (true, _) => json(StatusCode::SERVICE_UNAVAILABLE, &json!({"status": "shutting down"})),
        (false, Ok(())) => json(StatusCode::OK, &json!({"status": "ok"})),
        (false, Err(_)) => json(StatusCode::OK, &json!({"status": "degraded", "database": "read-only"})),
    }
}
