//! HTTP routes beside JSON-RPC.

mod call;

use crate::{
    connection::Connection,
    console,
    dispatcher::Dispatcher,
    methods, openai,
    web::{self, Web, json},
};
use futures::future::{BoxFuture, FutureExt, ready};
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use hyper::body::Body;
use jsonrpsee::server::HttpBody;
use realm_rpc::RpcError;
use serde_json::json;
use std::sync::Arc;

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
        "/health" if read_only => Some(health(&web.dispatcher)),
        "/metadata" if read_only => {
            Some(json(StatusCode::OK, &methods::discovery_document(&web.dispatcher, connection)))
        }
        "/health" | "/metadata" => {
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

/// The answer to a connection for which there is no place.
pub fn full() -> Response<HttpBody> {
    json(StatusCode::SERVICE_UNAVAILABLE, &json!({"error": "the node has as many connections as it takes"}))
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
fn health(dispatcher: &Dispatcher) -> Response<HttpBody> {
    match (dispatcher.drain.is_draining(), dispatcher.tenants.store().writable()) {
        (true, _) => json(StatusCode::SERVICE_UNAVAILABLE, &json!({"status": "shutting down"})),
        (false, Ok(())) => json(StatusCode::OK, &json!({"status": "ok"})),
        (false, Err(_)) => json(StatusCode::OK, &json!({"status": "degraded", "database": "read-only"})),
    }
}
