//! The accept loop: a slot for each connection, HTTP/1 on it, JSON-RPC or a route behind it.

use super::{
    Access, ServerLimits,
    cpu_share::CpuShare,
    middleware::{self, GuardLayer},
    request::{self, Peer},
    slots::{Slot, Slots},
    socket::Socket,
    traffic::Traffic,
};
use crate::{
    dispatcher::Dispatcher,
    events::EventLimits,
    log_limit::LogLimit,
    web::{BodyLimits, Web, unix_time},
};
use hyper::{body::Incoming, server::conn::http1};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use jsonrpsee::{
    Methods,
    server::{HttpRequest, Server as RpcServer, ServerHandle, StopHandle, stop_channel},
};
use realm_engine::own_thread_time;
use std::{
    future::poll_fn,
    io,
    net::SocketAddr,
    pin::Pin,
    sync::{Arc, atomic::AtomicU64},
    time::Duration,
};
use tokio::{
    net::{TcpListener, TcpSocket, TcpStream},
    task::JoinHandle,
};
use tokio_util::sync::CancellationToken;

/// Connections that the system holds for the loop.
const BACKLOG_LEN: u32 = 1024;
/// How long the loop rests when the system gives it no more sockets.
const ACCEPT_RETRY_AFTER: Duration = Duration::from_millis(100);
/// How long connections get to close after the last call ended.
const CLOSE_WAIT_MAX: Duration = Duration::from_secs(2);
/// The least that HTTP needs for heads.
const HEAD_BYTES_MIN: usize = 8 << 10;

/// What jsonrpsee makes of a connection.
pub(super) type RpcBuilder = jsonrpsee::server::TowerServiceBuilder<
    tower::layer::util::Stack<GuardLayer, tower::layer::util::Identity>,
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
pub(super) struct Shared {
    pub methods: Methods,
    pub dispatcher: Arc<Dispatcher>,
    pub web: Web,
    pub builder: RpcBuilder,
    pub stop: StopHandle,
    pub limits: ServerLimits,
    pub access: Arc<Access>,
    pub slots: Arc<Slots>,
    /// Unread bytes of all anonymous clients.
    pub anonymous_unread: Arc<AtomicU64>,
    pub refusals: Arc<LogLimit>,
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
        access: Access,
    ) -> Result<Self, BindError> {
        let failed = |error| BindError { address, error };
        let listener = listen(address, limits.send_buffer_bytes).map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let (stop_handle, stop) = stop_channel();
        let guard = middleware::MiddlewareLimits {
            response_bytes_max: limits.response_bytes_max as usize,
            anonymous_batch_len_max: limits.anonymous.batch_len_max as usize,
            anonymous_subscriptions_max: limits.anonymous.subscriptions_max,
        };
        let shared = Shared {
            methods: methods.into(),
            web: Web {
                dispatcher: dispatcher.clone(),
                events,
                body: BodyLimits { bytes_max: limits.request_bytes_max as usize, wait_max: limits.body_wait_max },
                silence_max: limits.silence_max,
                started: unix_time(),
            },
            builder: RpcServer::builder()
                .set_config(limits.to_jsonrpsee())
                .set_rpc_middleware(middleware::middleware(guard))
                .to_service_builder(),
            stop: stop_handle,
            limits,
            access: Arc::new(access),
            slots: Slots::new(limits.slots(), CpuShare::new(limits.anonymous.cpu), &dispatcher.metrics),
            anonymous_unread: Arc::default(),
            refusals: Arc::default(),
            dispatcher,
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
    let failures = LogLimit::default();
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
                failures.line(|left_out| tracing::warn!(%error, left_out, "cannot accept a connection"));
                tokio::time::sleep(ACCEPT_RETRY_AFTER).await;
            }
        }
    }
}

async fn serve(tcp: TcpStream, remote: SocketAddr, shared: Shared) {
    // Tokens are small and should leave at once.
    if let Err(error) = tcp.set_nodelay(true) {
        tracing::debug!(%remote, %error, "a connection was lost before it began");
        return;
    }
    let (close, limits) = (CancellationToken::new(), shared.limits);
    let traffic = Traffic::new(limits.traffic(), shared.anonymous_unread.clone());
    let slot = Arc::new(shared.slots.open(remote.ip(), &close, traffic));
    let socket = Socket::new(tcp, slot.clone(), limits.write_waits(), &close);
    let stopped = shared.stop.clone().shutdown();
    let anonymous_wait_max = shared.dispatcher.auth.unauthenticated_wait_max;
    let service = {
        let (slot, close) = (slot.clone(), close.clone());
        tower::service_fn(move |request: HttpRequest<Incoming>| {
            request::respond(&shared, Peer { remote, slot: slot.clone(), close: close.clone() }, request)
        })
    };
    let http = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.head_wait_max)
        .max_buf_size(limits.head_bytes_max.max(HEAD_BYTES_MIN))
        .serve_connection(TokioIo::new(socket), TowerToHyperService::new(service))
        .with_upgrades();
    tokio::pin!(http, stopped);
    let ended = tokio::select! {
        ended = charged(&slot, http.as_mut()) => ended,
        () = &mut stopped => {
            http.as_mut().graceful_shutdown();
            charged(&slot, http).await
        }
        () = anonymous_for(&slot, anonymous_wait_max) => {
            // The request that it has begun may end; there is no other.
            http.as_mut().graceful_shutdown();
            match tokio::time::timeout(anonymous_wait_max, charged(&slot, http.as_mut())).await {
                Ok(ended) => ended,
                Err(_) => {
                    close.cancel();
                    charged(&slot, http).await
                }
            }
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%remote, %error, "a connection ended badly");
    }
}

/// Resolves when a connection has shown no key for so long. A WebSocket has its own end, which is the same.
async fn anonymous_for(slot: &Slot, wait_max: Duration) {
    tokio::time::sleep(wait_max).await;
    if slot.is_keyed() {
        std::future::pending().await
    }
}

/// Drives a connection, and charges what it takes to the anonymous clients' share until it has shown a key.
async fn charged<F: Future>(slot: &Slot, mut connection: Pin<&mut F>) -> F::Output {
    poll_fn(|context| {
        if slot.is_keyed() {
            return connection.as_mut().poll(context);
        }
        let began = own_thread_time();
        let polled = connection.as_mut().poll(context);
        if !slot.is_keyed() {
            slot.share().charge(own_thread_time().saturating_sub(began));
        }
        polled
    })
    .await
}
