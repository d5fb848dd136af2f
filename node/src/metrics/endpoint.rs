//! `/metrics` over HTTP, on a port of its own.
//!
//! The endpoint needs no key. It listens on loopback unless told otherwise, and there it answers only requests whose host
//! is an address or `localhost`, so that no web page can read it by DNS rebinding. Connections are few and short.

use crate::server::AllowedHosts;
use http::{Request, Response, StatusCode, header};
use http_body_util::Full;
use hyper::{
    body::{Bytes, Incoming},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use std::{convert::Infallible, io, net::SocketAddr, sync::Arc, time::Duration};
use substrate_prometheus_endpoint::{
    Registry,
    prometheus::{Encoder, TextEncoder},
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Semaphore,
    task::JoinHandle,
};

/// Connections at once; more wait to be accepted.
const CONNECTIONS_MAX: usize = 16;
/// How long a connection may take: to send a request, and to read the answer.
const CONNECTION_TIME_MAX: Duration = Duration::from_secs(10);
/// How long the loop rests when the system gives it no more sockets.
const ACCEPT_RETRY_AFTER: Duration = Duration::from_millis(100);

/// Serves a registry until the task is aborted.
///
/// # Errors
/// The address cannot be listened on.
pub async fn serve(address: SocketAddr, registry: Registry) -> io::Result<JoinHandle<()>> {
    let listener = TcpListener::bind(address).await?;
    let hosts = address.ip().is_loopback().then(AllowedHosts::default);
    Ok(tokio::spawn(accept(listener, registry, hosts)))
}

async fn accept(listener: TcpListener, registry: Registry, hosts: Option<AllowedHosts>) {
    let permits = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    // The semaphore is never closed.
    while let Ok(permit) = permits.clone().acquire_owned().await {
        match listener.accept().await {
            Ok((tcp, _)) => {
                let connection = answer(tcp, registry.clone(), hosts.clone());
                tokio::spawn(async move {
                    let _permit = permit;
                    if tokio::time::timeout(CONNECTION_TIME_MAX, connection).await.is_err() {
                        tracing::debug!("a connection to /metrics took too long and is closed");
                    }
                });
            }
            Err(error) => {
                tracing::debug!(%error, "cannot accept a connection to /metrics");
                tokio::time::sleep(ACCEPT_RETRY_AFTER).await;
            }
        }
    }
}

/// Answers one request.
async fn answer(tcp: TcpStream, registry: Registry, hosts: Option<AllowedHosts>) {
    let service = service_fn(move |request: Request<Incoming>| {
        let response = respond(&request, &registry, hosts.as_ref());
        async move { Ok::<_, Infallible>(response) }
    });
    let http = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(CONNECTION_TIME_MAX)
        .keep_alive(false)
        .serve_connection(TokioIo::new(tcp), service);
    if let Err(error) = http.await {
        tracing::debug!(%error, "a connection to /metrics ended badly");
    }
}

fn respond<B>(request: &Request<B>, registry: &Registry, hosts: Option<&AllowedHosts>) -> Response<Full<Bytes>> {
    if hosts.is_some_and(|hosts| !hosts.allow(request)) {
        return text(
            StatusCode::FORBIDDEN,
            "/metrics is not reached by this host name; use an address, or localhost\n",
        );
    }
    if request.uri().path() != "/metrics" {
        return text(StatusCode::NOT_FOUND, "only /metrics is here\n");
    }
    let (encoder, mut shown) = (TextEncoder::new(), Vec::new());
    match encoder.encode(&registry.gather(), &mut shown) {
        Ok(()) => {
            let mut response = text(StatusCode::OK, shown);
            if let Ok(format) = encoder.format_type().parse() {
                response.headers_mut().insert(header::CONTENT_TYPE, format);
            }
            response
        }
        Err(error) => {
            tracing::error!(%error, "metrics cannot be written");
            text(StatusCode::INTERNAL_SERVER_ERROR, "metrics cannot be written; the node's log has the reason\n")
        }
    }
}

fn text(status: StatusCode, body: impl Into<Bytes>) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body.into()));
    *response.status_mut() = status;
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Any web page could read tenants' names and charges by a name of its own that resolves to this machine.
    #[test]
    fn a_foreign_host_reads_no_metrics_on_loopback() {
        let (registry, local) = (Registry::new(), AllowedHosts::default());
        let status = |host: &str, path: &str, hosts: Option<&AllowedHosts>| {
            let request = Request::builder().uri(path).header("host", host).body(()).unwrap();
            respond(&request, &registry, hosts).status().as_u16()
        };
        assert_eq!(status("127.0.0.1:9615", "/metrics", Some(&local)), 200);
        assert_eq!(status("evil.example:9615", "/metrics", Some(&local)), 403);
        assert_eq!(status("realm-1.monitoring:9615", "/metrics", None), 200);
        assert_eq!(status("localhost", "/", Some(&local)), 404);
    }
}
