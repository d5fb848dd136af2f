//! One request: who may send it, which slot its connection takes, and who answers it.

use super::{
    accept::Shared,
    cors, credentials,
    host::{is_forwarded, is_own_page},
    middleware, routes,
    slots::{Full, Slot},
};
use crate::{
    connection::Connection,
    web::{self, BodyLimits},
};
use http::{HeaderValue, Method, StatusCode, header};
use http_body_util::Full as WholeBody;
use hyper::body::{Bytes, Incoming};
use jsonrpsee::server::{HttpRequest, HttpResponse, ws};
use std::{convert::Infallible, net::SocketAddr, pin::Pin, sync::Arc, time::Duration};
use tokio_util::sync::CancellationToken;
use tower::Service;

/// How long an answer gets to leave a connection that is to be closed: the one that says why, mostly.
const LAST_ANSWER_WAIT: Duration = Duration::from_millis(100);

/// A future answer.
pub(super) type Answer = Pin<Box<dyn Future<Output = Result<HttpResponse, Infallible>> + Send>>;

/// The connection that a request comes over.
pub(super) struct Peer {
    pub remote: SocketAddr,
    pub slot: Arc<Slot>,
    /// Closes the connection.
    pub close: CancellationToken,
}

/// A route's answer, or JSON-RPC's.
pub(super) fn respond(shared: &Shared, peer: Peer, mut request: HttpRequest<Incoming>) -> Answer {
    let auth = &shared.dispatcher.auth;
    if !auth.needs_keys && !shared.access.hosts.allow(&request) {
        return at_once(closing(routes::foreign_host()));
    }
    if !shared.access.origins.allow(request.headers()) {
        return at_once(closing(routes::foreign_page()));
    }
    let page = cors::Page::of(request.headers());
    if let Some(response) = cors::preflight(&request) {
        return at_once(page.may_read(closing(response)));
    }
    let upgrade = ws::is_upgrade_request(&request);
    let is_local = peer.remote.ip().to_canonical().is_loopback()
        && !is_forwarded(request.headers())
        && is_own_page(request.headers());
    let connection = match upgrade {
        true => Connection::web_socket(peer.remote, auth, peer.slot.clone(), is_local),
        false => Connection::http(peer.remote, auth, peer.slot.clone(), is_local),
    };
    let protocol = match credentials::take(auth, &connection, &mut request) {
        Ok(protocol) => protocol,
        Err(error) => return at_once(page.may_read(closing(routes::refused(request.uri().path(), error)))),
    };
    let is_anonymous = connection.identity().is_stranger();
    if let Err(refusal) = admit(shared, &peer, is_anonymous, upgrade) {
        // Load balancers look here: clients without a key must not make a node look dead that answers its callers.
        let response = match refusal {
            Refusal::Full(Full::Anonymous(_) | Full::Network(_)) | Refusal::Overloaded(_)
                if routes::is_health(&request) =>
            {
                routes::health(&shared.dispatcher)
            }
            Refusal::Full(full) => routes::full(&full),
            Refusal::Overloaded(wait) => routes::refused(request.uri().path(), middleware::overloaded(wait)),
        };
        return at_once(page.may_read(closing(response)));
    }
    let mut request = match routes::answer(&shared.web, &connection, request) {
        Ok(answer) => return Box::pin(async move { Ok(page.may_read(answer.await)) }),
        Err(request) => request,
    };
    request.extensions_mut().insert(connection.clone());
    // One service per request, so that every WebSocket has a connection id of its own.
    let mut service = shared.builder.clone().build(shared.methods.clone(), shared.stop.clone());
    if upgrade {
        peer.slot.traffic.upgraded();
        let overdue = connection.overdue(auth.unauthenticated_wait_max);
        tokio::spawn(async move {
            overdue.await;
            tokio::time::sleep(LAST_ANSWER_WAIT).await;
            peer.close.cancel();
        });
        return Box::pin(async move {
            let mut response = service.call(request).await.unwrap_or_else(|error| routes::failed(&*error));
            if let (Some(protocol), StatusCode::SWITCHING_PROTOCOLS) = (protocol, response.status()) {
                response.headers_mut().insert(header::SEC_WEBSOCKET_PROTOCOL, protocol);
            }
            Ok(page.may_read(response))
        });
    }
    let limits = body_limits(shared, is_anonymous);
    Box::pin(async move {
        let request = match whole(request, limits).await {
            Ok(request) => request,
            Err(refusal) => return Ok(page.may_read(closing(refusal))),
        };
        Ok(page.may_read(service.call(request).await.unwrap_or_else(|error| routes::failed(&*error))))
    })
}

/// Why a request is not answered.
enum Refusal {
    Full(Full),
    /// Anonymous clients have to wait for so long.
    Overloaded(Duration),
}

/// Takes the slot of a connection that has sent a request.
fn admit(shared: &Shared, peer: &Peer, is_anonymous: bool, upgrade: bool) -> Result<(), Refusal> {
    let admitted = match is_anonymous {
        true => peer.slot.admit_anonymous(),
        false => peer.slot.admit_keyed(),
    };
    if let Err(full) = admitted {
        let remote = peer.remote;
        shared.refusals.line(|left_out| tracing::warn!(%remote, %full, left_out, "a connection was refused"));
        return Err(Refusal::Full(full));
    }
    match peer.slot.share().wait() {
        // A WebSocket may be about to authenticate; what else it asks for is refused there.
        Some(wait) if is_anonymous && !upgrade => Err(Refusal::Overloaded(wait)),
        _ => Ok(()),
    }
}

fn body_limits(shared: &Shared, is_anonymous: bool) -> BodyLimits {
    let limits = shared.web.body;
    match is_anonymous {
        true => BodyLimits {
            bytes_max: limits.bytes_max.min(shared.limits.anonymous.request_bytes_max as usize),
            wait_max: limits.wait_max.min(shared.dispatcher.auth.unauthenticated_wait_max),
        },
        false => limits,
    }
}

/// The request with its whole body. Only `POST` has one that JSON-RPC reads.
async fn whole(
    request: HttpRequest<Incoming>,
    limits: BodyLimits,
) -> Result<HttpRequest<WholeBody<Bytes>>, HttpResponse> {
    let (head, body) = request.into_parts();
    let bytes = match head.method {
        Method::POST => web::read(body, limits).await.map_err(|error| routes::bad_body(&error))?,
        _ => Bytes::new(),
    };
    Ok(HttpRequest::from_parts(head, WholeBody::new(bytes)))
}

fn at_once(response: HttpResponse) -> Answer {
    Box::pin(async { Ok(response) })
}

/// The last answer on its connection, which may have no slot.
fn closing(mut response: HttpResponse) -> HttpResponse {
    response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    response
}
