//! A node that is killed (`SIGKILL`) under load, over and over: what it had answered is in its books after the next
//! start, exactly once, and what its calls wrote is there if and only if they are in the books.
//!
//! Every call of a tenant costs the same, so the books prove themselves: the money is the price of one call times the
//! calls that are settled. `REALM_KILL_ROUNDS=200` kills as often.

use jsonrpsee_ws_client::WsClientBuilder;
use realm_host_functions::storage::{Store, StoreConfig};
use realm_rpc::api::{RealmClient, UsageClient};
use realm_test_models::{TinyLlama, write_tiny_llama};
use serde_json::{Value, json};
use std::{
    collections::HashSet,
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

/// Only a hang takes so long.
const HANG: Duration = Duration::from_secs(120);
const ROUNDS_DEFAULT: u64 = 10;
/// Clients of each tenant.
const CLIENTS: u64 = 3;
/// One tenant's calls write nothing, the other's write a conversation each.
const TENANTS: [&str; 2] = ["reader", "writer"];

fn realm(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_realm"));
    command.args(arguments).env_remove("RUST_LOG").env_remove("REALM_URL").stdin(Stdio::null());
    command
}

/// The `dev` chain with these tenants. A cached token costs what a computed one does, so that every call costs the same.
fn write_chain(path: &Path) {
    let spec = realm(&["build-spec", "--chain", "dev"]).output().unwrap();
    let mut spec: Value = serde_json::from_slice(&spec.stdout).expect("a specification");
    let prices =
        json!({"prompt_nano_usd_per_1k": 1_001, "cached_nano_usd_per_1k": 1_001, "generated_nano_usd_per_1k": 3_003});
    let tenant = spec["tenants"][0].clone();
    spec["tenants"] = TENANTS
        .iter()
        .map(|id| {
            let mut tenant = tenant.clone();
            (tenant["id"], tenant["prices"]) = (json!(id), prices.clone());
            tenant
        })
        .collect();
    std::fs::write(path, spec.to_string()).unwrap();
}

struct Served {
    child: Child,
    url: String,
}

impl Served {
    fn start(base: &Path, chain: &Path, model: &Path) -> Self {
        let [base, chain, model] = [base, chain, model].map(|path| path.to_str().unwrap());
        let mut child = realm(&["serve", "--no-metrics", "--port", "0", "--log-format", "json"])
            .args(["--base-path", base, "--chain", chain, "--model", model])
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let log = BufReader::new(child.stderr.take().unwrap());
        let (listening, url) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            for line in log.lines().map_while(Result::ok) {
                let event: Value = serde_json::from_str(&line).expect("the log is JSON");
                if event["fields"]["message"] == "listening" {
                    let _ = listening.send(event["fields"]["url"].as_str().expect("a url").to_owned());
                }
            }
        });
        let url = url.recv_timeout(HANG).expect("the node comes back");
        Self { child, url }
    }

    /// What the books say of each tenant.
    async fn books(&self) -> [Books; 2] {
        let client = WsClientBuilder::default().build(&self.url).await.expect("a connection");
        let usage = client.usage(None, Some("2000-01-01".into()), None, Some("month".into())).await.expect("usage");
        TENANTS.map(|tenant| {
            let rows = usage["totals"].as_array().expect("totals");
            let total = rows.iter().find(|row| row["tenant_id"] == tenant);
            let figure = |name: &str| total.map_or(0, |total| total[name].as_u64().expect("a number"));
            let interrupted = figure("interrupted");
            Books { settled: figure("calls") - interrupted, interrupted, nano_usd: figure("cost_nano_usd") }
        })
    }
}

#[derive(Clone, Copy, Debug)]
struct Books {
    settled: u64,
    interrupted: u64,
    nano_usd: u64,
}

/// What the clients of one tenant know of their calls.
#[derive(Default)]
struct Calls {
    sent: AtomicU64,
    /// Answered, with a cost.
    answered: AtomicU64,
    /// What each of them cost.
    nano_usd: AtomicU64,
}

/// Calls one after the other until the node is gone.
async fn call_on(url: String, tenant: usize, calls: Arc<Calls>, over: Arc<AtomicBool>) {
    let Ok(client) = WsClientBuilder::default().build(&url).await else { return };
    let options = json!({"tenant_id": TENANTS[tenant]});
    while !over.load(Ordering::Relaxed) {
        let number = calls.sent.fetch_add(1, Ordering::Relaxed);
        let (function, params) = match tenant {
            0 => ("generate", json!({"prompt": "Once upon a time", "max_tokens": 40, "temperature": 0})),
            _ => (
                "chat",
                json!({"message": "Hi", "conversation": format!("N{number}"), "max_tokens": 3, "temperature": 0}),
            ),
        };
        match client.call(function.to_owned(), Some(params), Some(options.clone())).await {
            Ok(answer) => {
                let nano_usd = (answer["cost_usd"].as_f64().expect("a cost") * 1e9).round() as u64;
                let before = calls.nano_usd.swap(nano_usd, Ordering::Relaxed);
                assert!(nano_usd > 0 && (before == 0 || before == nano_usd), "every call costs the same");
                calls.answered.fetch_add(1, Ordering::Relaxed);
            }
            Err(error) => {
                assert!(!matches!(error, jsonrpsee::core::ClientError::Call(_)), "the node refused a call: {error}");
                return;
            }
        }
    }
}

/// Conversations that the writer's calls stored.
fn stored_conversations(base: &Path) -> u64 {
    let store = Store::open(&base.join("realm.redb"), StoreConfig::default()).expect("the database opens");
    let entries = store.namespace(&format!("tenant/{}", TENANTS[1])).entries().expect("the state is readable");
    // Each is named by a number of its own.
    let name = |key: &[u8]| -> Option<String> {
        let text = String::from_utf8_lossy(key).into_owned();
        let at = text.find('N')?;
        Some(text[at..].chars().take_while(|c| c.is_ascii_alphanumeric()).collect())
    };
    entries.iter().filter_map(|(key, _)| name(key)).collect::<HashSet<_>>().len() as u64
}

#[tokio::test(flavor = "multi_thread")]
async fn no_acknowledged_cent_is_lost_or_counted_twice() {
    let rounds = std::env::var("REALM_KILL_ROUNDS").map_or(ROUNDS_DEFAULT, |rounds| rounds.parse().expect("a number"));
    let folder = tempfile::tempdir().unwrap();
    let [base, chain, model] = ["base", "chain.json", "tiny.gguf"].map(|name| folder.path().join(name));
    write_tiny_llama(&model, &TinyLlama::default()).unwrap();
    write_chain(&chain);

    let calls = TENANTS.map(|_| Arc::new(Calls::default()));
    for round in 0..=rounds {
        let mut served = Served::start(&base, &chain, &model);
        let books = served.books().await;
        for ((calls, books), tenant) in calls.iter().zip(books).zip(TENANTS) {
            let [sent, answered, price] =
                [&calls.sent, &calls.answered, &calls.nano_usd].map(|figure| figure.load(Ordering::Relaxed));
            assert!(books.settled >= answered, "round {round}, {tenant}: {books:?} lost some of {answered} answers");
            assert!(books.settled + books.interrupted <= sent, "round {round}, {tenant}: {books:?} of {sent} calls");
            assert_eq!(books.nano_usd, books.settled * price, "round {round}, {tenant}: {books:?} at {price}");
        }
        if round == rounds {
            println!("{rounds} kills: {books:?}");
            assert!(books.iter().all(|books| books.settled > 0), "{books:?}");
        } else {
            let over = Arc::new(AtomicBool::new(false));
            let clients = (0..CLIENTS * 2).map(|client| {
                let tenant = (client % 2) as usize;
                tokio::spawn(call_on(served.url.clone(), tenant, calls[tenant].clone(), over.clone()))
            });
            let clients: Vec<_> = clients.collect();
            // From before the first answer to many calls later, spread without a clock or chance.
            tokio::time::sleep(Duration::from_millis(60 + round * 137 % 700)).await;
            served.child.kill().unwrap();
            over.store(true, Ordering::Relaxed);
            for client in clients {
                tokio::time::timeout(HANG, client)
                    .await
                    .expect("the connection is lost")
                    .expect("every call was as it should be");
            }
        }
        if round == rounds {
            served.child.kill().unwrap();
        }
        served.child.wait().unwrap();
        if round == rounds {
            assert_eq!(
                stored_conversations(&base),
                books[1].settled,
                "a conversation for each settled call, and for no other"
            );
        }
    }
}
