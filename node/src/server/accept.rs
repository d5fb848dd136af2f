//! The accept loop: a place for each connection, HTTP/1 on it, JSON-RPC or a route behind it.

use super::{
    AllowedOrigins, ServerLimits, cors, credentials,
    cut::Cuttable,
    doorkeeper::{self, DoorkeeperLayer},
    routes,
};
use crate::{
    connection::{Connection, Place},
    dispatcher::Dispatcher,
    events::EventLimits,
    web::{BodyLimits, Web, unix_time},
};
use http::{StatusCode, header};
use hyper::{body::Incoming, server::conn::http1};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use jsonrpsee::{
    Methods,
    server::{HttpRequest, HttpResponse, Server as RpcServer, ServerHandle, StopHandle, stop_channel, ws},
};
use std::{convert::Infallible, future::Future, io, net::SocketAddr, pin::Pin, sync::Arc, time::Duration};
use tokio::{
    net::{TcpListener, TcpSocket, TcpStream},
    sync::Semaphore,
    task::JoinHandle,
};
use tokio_util::sync::CancellationToken;
use tower::Service;

/// Connections that the system holds for the loop.
const BACKLOG_LEN: u32 = 1024;
/// How long the loop rests when the system gives it no more sockets.
const ACCEPT_RETRY_AFTER: Duration = Duration::from_millis(100);
/// How long connections get to close after the last call ended.
const CLOSE_WAIT_MAX: Duration = Duration::from_secs(2);
/// How long an answer gets to leave a connection that is to be closed: the one that says why, mostly.
const LAST_ANSWER_WAIT: Duration = Duration::from_millis(100);

/// What jsonrpsee makes of a connection.
type RpcBuilder = jsonrpsee::server::TowerServiceBuilder<
    tower::layer::util::Stack<DoorkeeperLayer, tower::layer::util::Identity>,
    tower::layer::util::Identity,
>;

/// Why the port cannot be had.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address}: {error}")]
pub struct BindError {
    /// The address asked for.
    pub address: SocketAddr,
    /// What the system said.
    pub error: io::Error,
}

/// The running server.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    stop: ServerHandle,
    accepting: JoinHandle<()>,
}

/// What every connection's service needs.
#[derive(Clone)]
struct Shared {
    methods: Methods,
    dispatcher: Arc<Dispatcher>,
    web: Web,
    builder: RpcBuilder,
    stop: StopHandle,
    limits: ServerLimits,
    origins: Arc<AllowedOrigins>,
    places: Arc<Semaphore>,
}

impl Server {
    /// Listens and serves until [`Server::stop`].
    ///
    /// # Errors
    /// [`BindError`].
    pub async fn start(
        address: SocketAddr,
        methods: impl Into<Methods>,
        dispatcher: Arc<Dispatcher>,
        limits: ServerLimits,
        events: EventLimits,
        origins: AllowedOrigins,
    ) -> Result<Self, BindError> {
        let failed = |error| BindError { address, error };
        let listener = listen(address, limits.send_buffer_bytes).map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let (stop_handle, stop) = stop_channel();
        let shared = Shared {
            methods: methods.into(),
            web: Web {
                dispatcher: dispatcher.clone(),
                events,
                body: BodyLimits { bytes_max: limits.request_bytes_max as usize, wait_max: limits.body_wait_max },
                silence_max: limits.silence_max,
                started: unix_time(),
            },
            dispatcher,
            builder: RpcServer::builder()
                .set_config(limits.to_jsonrpsee())
                .set_rpc_middleware(doorkeeper::middleware())
                .to_service_builder(),
            stop: stop_handle,
            limits,
            origins: Arc::new(origins),
            places: Arc::new(Semaphore::new(limits.connections_max.clamp(1, Semaphore::MAX_PERMITS))),
        };
        let accepting = tokio::spawn(accept(listener, shared));
        Ok(Self { address, stop, accepting })
    }

    /// The address that it listens on, with the port that the system gave if none was asked for.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Takes no more connections, closes the open ones, and waits for that a little.
    pub async fn stop(self) {
        // An error says that it has stopped.
        let _ = self.stop.stop();
        self.accepting.abort();
        let _ = self.accepting.await;
        if tokio::time::timeout(CLOSE_WAIT_MAX, self.stop.stopped()).await.is_err() {
            tracing::warn!("connections did not close in time and are dropped");
        }
    }
}

/// A listener whose connections inherit the size of the send buffer.
fn listen(address: SocketAddr, send_buffer_bytes: u32) -> io::Result<TcpListener> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    // A restarted node gets its port back while old connections linger.
    socket.set_reuseaddr(true)?;
    socket.set_send_buffer_size(send_buffer_bytes)?;
    socket.bind(address)?;
    socket.listen(BACKLOG_LEN)
}

async fn accept(listener: TcpListener, shared: Shared) {
    let stopped = shared.stop.clone().shutdown();
    tokio::pin!(stopped);
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = &mut stopped => return,
        };
        match accepted {
            Ok((socket, remote)) => {
                tokio::spawn(serve(socket, remote, shared.clone()));
            }
            Err(error) => {
                // Out of file descriptors, mostly: it passes when connections close.
                tracing::warn!(%error, "cannot accept a connection");
                tokio::time::sleep(ACCEPT_RETRY_AFTER).await;
            }
        }
    }
}

async fn serve(socket: TcpStream, remote: SocketAddr, shared: Shared) {
    // Tokens are small and should leave at once.
    if let Err(error) = socket.set_nodelay(true) {
        tracing::debug!(%remote, %error, "a connection was lost before it began");
        return;
    }
    let Ok(place) = shared.places.clone().try_acquire_owned() else {
        tracing::warn!(%remote, connections_max = shared.limits.connections_max, "a connection was refused");
        return refuse(socket, shared.limits.head_wait_max).await;
    };
    let place = Place::new(place, &shared.dispatcher.metrics);
    let stopped = shared.stop.clone().shutdown();
    let head_wait_max = shared.limits.head_wait_max;
    let cut = CancellationToken::new();
    let socket = Cuttable::new(socket, &cut);
    let service = tower::service_fn(move |request: HttpRequest<Incoming>| {
        respond(&shared, Peer { remote, place: place.clone(), cut: cut.clone() }, request)
    });
    let http = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(head_wait_max)
        .serve_connection(TokioIo::new(socket), TowerToHyperService::new(service))
        .with_upgrades();
    tokio::pin!(http, stopped);
    let ended = tokio::select! {
        ended = &mut http => ended,
        () = stopped => {
            http.as_mut().graceful_shutdown();
            http.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%remote, %error, "a connection ended badly");
    }
}

type Answer = Pin<Box<dyn Future<Output = Result<HttpResponse, Infallible>> + Send>>;

/// Who a request comes from, before anybody has said who that is.
struct Peer {
    remote: SocketAddr,
    place: Arc<Place>,
    /// Closes its connection.
    cut: CancellationToken,
}

/// A route's answer, or JSON-RPC's.
fn respond(shared: &Shared, peer: Peer, mut request: HttpRequest<Incoming>) -> Answer {
    if !shared.origins.allow(request.headers()) {
        return Box::pin(async { Ok(routes::foreign_page()) });
    }
    let page = cors::Page::of(request.headers());
    if let Some(response) = cors::preflight(&request) {
        return Box::pin(async move { Ok(page.may_read(response)) });
    }
    let auth = &shared.dispatcher.auth;
    let upgrade = ws::is_upgrade_request(&request);
    let connection = match upgrade {
        true => Connection::web_socket(peer.remote, auth, peer.place),
        false => Connection::http(peer.remote, auth, peer.place),
    };
    let protocol = match credentials::take(auth, &connection, &mut request) {
        Ok(protocol) => protocol,
        Err(error) => {
            let refusal = routes::refused(request.uri().path(), error);
            return Box::pin(async move { Ok(page.may_read(refusal)) });
        }
    };
    let mut request = match routes::answer(&shared.web, &connection, request) {
        Ok(answer) => return Box::pin(async move { Ok(page.may_read(answer.await)) }),
        Err(request) => request,
    };
    if upgrade {
        let overdue = connection.overdue(auth.unauthenticated_wait_max);
        tokio::spawn(async move {
            overdue.await;
            tokio::time::sleep(LAST_ANSWER_WAIT).await;
            peer.cut.cancel();
        });
    }
    request.extensions_mut().insert(connection);
    // One service per request, so that every WebSocket has a connection id of its own.
    let mut service = shared.builder.clone().build(shared.methods.clone(), shared.stop.clone());
    Box::pin(async move {
        let mut response = service.call(request).await.unwrap_or_else(|error| routes::failed(&*error));
        if let (Some(protocol), StatusCode::SWITCHING_PROTOCOLS) = (protocol, response.status()) {
            response.headers_mut().insert(header::SEC_WEBSOCKET_PROTOCOL, protocol);
        }
        Ok(page.may_read(response))
    })
}

/// Tells one request that there is no place, and closes.
async fn refuse(socket: TcpStream, wait_max: Duration) {
    let service = tower::service_fn(|_: HttpRequest<Incoming>| async { Ok::<_, Infallible>(routes::full()) });
    let http = http1::Builder::new()
        .keep_alive(false)
        .serve_connection(TokioIo::new(socket), TowerToHyperService::new(service));
    // Whether it was read is the client's business.
    let _ = tokio::time::timeout(wait_max, http).await;
}
