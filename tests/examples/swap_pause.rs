//! The pause that callers see at a swap: one calls `health_check` in a tight loop over a socket, first alone, then
//! while runtimes are upgraded and rolled back without end. Prints the longest and the usual times of a call. With the path
//! of the `realm` program, that compiles in a process of its own, as under `realm serve`.
//! `cargo run --release -p realm-tests --example swap_pause -- [SECONDS [PROGRAM [NICENESS OF THE COMPILER]]]`

use realm_tests::{Socket, TinyNode};
use serde_json::json;
use std::{
    net::SocketAddr,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

/// Times of calls, in order of length.
struct Times(Vec<Duration>);

impl Times {
    async fn of_calls(address: SocketAddr, time: Duration) -> Self {
        let mut socket = Socket::connect(address).await;
        let end = Instant::now() + time;
        let mut times = Vec::new();
        while Instant::now() < end {
            let began = Instant::now();
            socket.result("realm_call", json!(["health_check"])).await;
            times.push(began.elapsed());
        }
        times.sort_unstable();
        Self(times)
    }

    fn quantile(&self, per_mille: usize) -> f64 {
        let index = (self.0.len() * per_mille / 1000).min(self.0.len() - 1);
        self.0[index].as_secs_f64() * 1e3
    }

    fn over(&self, limit: Duration) -> usize {
        self.0.iter().filter(|time| **time > limit).count()
    }
}

fn print(what: &str, times: &Times) {
    println!(
        "{what:<14} {:>7} calls, ms: median {:.2}, 99 % {:.2}, 99.9 % {:.2}, longest {:.2}; over 5 ms: {}",
        times.0.len(),
        times.quantile(500),
        times.quantile(990),
        times.quantile(999),
        times.quantile(1000),
        times.over(Duration::from_millis(5)),
    );
}

#[tokio::main]
async fn main() {
    let number = |index| std::env::args().nth(index).and_then(|text| text.parse::<u8>().ok());
    let seconds = number(1).unwrap_or(10).into();
    let time = Duration::from_secs(seconds);
    let node = TinyNode::with(|config| {
        config.executor.compile_program = std::env::args_os().nth(2).map(PathBuf::from);
        config.executor.compile_niceness = number(3).unwrap_or(config.executor.compile_niceness);
    })
    .await;
    let address = node.node.address();
    let quiet = Times::of_calls(address, time).await;
    let over = Arc::new(AtomicBool::new(false));
    let swapping = {
        let over = over.clone();
        let code = json!([format!("0x{}", hex::encode(realm_summarize_runtime::WASM_BINARY))]);
        // On a thread of its own, so that the writing of blobs is not in the caller's way.
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(async move {
                let mut admin = Socket::connect(address).await;
                let mut swaps = 0;
                while !over.load(Ordering::Relaxed) {
                    admin.result("realm_upgradeRuntime", code.clone()).await;
                    admin.result("realm_rollbackRuntime", json!([])).await;
                    swaps += 2;
                }
                swaps
            })
        })
    };
    let swapped = Times::of_calls(address, time).await;
    over.store(true, Ordering::Relaxed);
    let swaps = swapping.join().expect("swaps go well");
    print("without swaps", &quiet);
    print("with swaps", &swapped);
    println!("{swaps} swaps; longest with : without = {:.1}", swapped.quantile(1000) / quiet.quantile(1000));
    node.node.stop().await;
}
