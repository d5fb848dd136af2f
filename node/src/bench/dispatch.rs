//! What a call costs that computes nothing: `health_check` through dispatcher and a fresh sandbox, beside a
//! bare jsonrpsee method that answers the same, over the same kind of connection in the same process.

use super::{BenchError, node::BenchNode, timeline::quantile};
use jsonrpsee::{
    RpcModule,
    core::{client::ClientT, params::ArrayParams},
    rpc_params,
    server::Server,
};
use jsonrpsee_ws_client::{WsClient, WsClientBuilder};
use serde_json::{Value, json};
use std::{
    net::Ipv4Addr,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::task::JoinSet;

/// Calls one after another.
const SERIAL_CALLS: usize = 2_000;
/// Calls in flight for the throughput.
const IN_FLIGHT: usize = 16;
/// How long the throughput is counted.
const COUNT_FOR: Duration = Duration::from_secs(3);
/// Turns in which the two are counted, one after the other.
const TURNS: usize = 3;

/// One method's figures.
#[derive(Clone, Debug)]
pub struct Calls {
    /// From sending to the answer, one call at a time, in microseconds.
    pub p50_us: f64,
    pub p99_us: f64,
    /// With several calls in flight.
    pub calls_per_second: f64,
}

/// Both methods'.
#[derive(Clone, Debug)]
pub struct Dispatch {
    pub health_check: Calls,
    pub bare: Calls,
}

/// Measures both, in turns.
pub async fn measure(node: &BenchNode) -> Result<Dispatch, BenchError> {
    let failed = |why: String| BenchError::Call { layer: "dispatch", why };
    let client = Arc::new(node.connect().await.map_err(failed)?);
    let health = client.request::<Value, _>("realm_call", rpc_params!["health_check"]).await;
    let health = health.map_err(|error| failed(error.to_string()))?;

    let mut module = RpcModule::new(health);
    let bare = module.register_method("bare", |_, answer, _| answer.clone());
    bare.map_err(|error| failed(error.to_string()))?;
    let server = Server::builder().build((Ipv4Addr::LOCALHOST, 0)).await.map_err(|error| failed(error.to_string()))?;
    let address = server.local_addr().map_err(|error| failed(error.to_string()))?;
    let handle = server.start(module);
    let bare = WsClientBuilder::default().build(format!("ws://{address}")).await;
    let bare = Arc::new(bare.map_err(|error| failed(error.to_string()))?);

    let (mut realm, mut plain) = (Vec::new(), Vec::new());
    for _ in 0..TURNS {
        realm.push(calls(&client, "realm_call", || rpc_params!["health_check"]).await.map_err(failed)?);
        plain.push(calls(&bare, "bare", || rpc_params![]).await.map_err(failed)?);
    }
    // An error says that it has stopped.
    let _ = handle.stop();
    Ok(Dispatch { health_check: middle(realm), bare: middle(plain) })
}

async fn calls(client: &Arc<WsClient>, method: &'static str, params: fn() -> ArrayParams) -> Result<Calls, String> {
    let mut times = Vec::with_capacity(SERIAL_CALLS);
    for _ in 0..SERIAL_CALLS {
        let began = Instant::now();
        client.request::<Value, _>(method, params()).await.map_err(|error| error.to_string())?;
        times.push(began.elapsed().as_secs_f64() * 1e6);
    }
    let (began, mut workers) = (Instant::now(), JoinSet::new());
    for _ in 0..IN_FLIGHT {
        let client = client.clone();
        workers.spawn(async move {
            let mut count = 0u64;
            while began.elapsed() < COUNT_FOR {
                client.request::<Value, _>(method, params()).await.map_err(|error| error.to_string())?;
                count += 1;
            }
            Ok::<_, String>(count)
        });
    }
    let counts: Vec<u64> = workers.join_all().await.into_iter().collect::<Result<_, _>>()?;
    let calls_per_second = counts.iter().sum::<u64>() as f64 / began.elapsed().as_secs_f64();
    Ok(Calls { p50_us: quantile(&mut times, 0.5), p99_us: quantile(&mut times, 0.99), calls_per_second })
}

fn middle(all: Vec<Calls>) -> Calls {
    let of = |part: fn(&Calls) -> f64| quantile(&mut all.iter().map(part).collect::<Vec<_>>(), 0.5);
    Calls { p50_us: of(|c| c.p50_us), p99_us: of(|c| c.p99_us), calls_per_second: of(|c| c.calls_per_second) }
}

impl Dispatch {
    pub fn to_json(&self) -> Value {
        let of = |calls: &Calls| json!({"p50_us": calls.p50_us, "p99_us": calls.p99_us, "calls_per_second": calls.calls_per_second});
        json!({
            "health_check": of(&self.health_check),
            "bare_jsonrpsee": of(&self.bare),
            "throughput_ratio": self.health_check.calls_per_second / self.bare.calls_per_second,
        })
    }
}
