//! The books against the machine: whatever calls do, are cut off or dropped, and whatever upgrades run beside them, the
//! tokens that the engine computed are those in the books, and each of them is charged.
//!
//! Schedules are drawn by a seed; when exactly a call is cut is the machine's matter, so no two runs are the same, and the
//! sums must agree in all of them. `REALM_BOOKS_SEEDS=40` runs more schedules.

use super::PRICES;
use realm_chain_spec::TenantSpec;
use realm_test_models::SplitMix64;
use realm_tests::{
    HANG, Socket, TinyNode,
    blob::{Blob, COMPUTE, COMPUTE_IMPORTS},
};
use serde_json::{Value, json};
use std::{net::SocketAddr, time::Duration};

const SEEDS_DEFAULT: u64 = 3;
/// Clients at once, and calls of each.
const CLIENTS: u64 = 4;
const CALLS: u64 = 12;
/// Whom they call as. One has a runtime of its own that upgrades change.
const TENANTS: [&str; 3] = ["dev", "payer", "own"];

async fn node() -> TinyNode {
    TinyNode::with(|config| {
        for id in &TENANTS[1..] {
            let mut spec = TenantSpec::new(id, "default");
            spec.prices = PRICES;
            config.chain.tenants.push(spec);
        }
        for spec in &mut config.chain.tenants {
            (spec.limits.requests_per_minute, spec.limits.requests_burst) = (1_000_000, 1_000_000);
            (spec.limits.tokens_per_minute, spec.limits.tokens_burst) = (1_000_000_000, 1_000_000_000);
        }
        // So little that sequences lose their blocks and are computed again, and steps so short that cuts meet prompts.
        config.engine.kv_bytes_max = 1 << 19;
        config.engine.prefill_chunk_tokens = 16;
    })
    .await
}

fn prompt(random: &mut SplitMix64) -> String {
    const WORDS: [&str; 8] = ["once ", "upon ", "a ", "time ", "the fox ", "and ", "cheese ", "had "];
    (0..1 + random.below(60)).map(|_| WORDS[random.below(WORDS.len() as u64) as usize]).collect()
}

/// One client's calls, one after the other, each of which ends in its own way.
async fn call_on(address: SocketAddr, seed: u64) {
    let mut random = SplitMix64::new(seed);
    for _ in 0..CALLS {
        let mut socket = Socket::connect(address).await;
        let tenant = TENANTS[random.below(3) as usize];
        let pause = Duration::from_micros(random.below(20_000));
        let mut params = json!({"prompt": prompt(&mut random), "max_tokens": 1 + random.below(40), "temperature": 0});
        if random.below(3) == 0 {
            params["speculation"] = json!(4);
        }
        let mut options = json!({"tenant_id": tenant});
        match random.below(6) {
            0 => drop(socket.request("realm_call", json!(["generate", params, options])).await),
            1 => {
                options["deadline_ms"] = json!(1 + random.below(40));
                drop(socket.request("realm_call", json!(["generate", params, options])).await);
            }
            2 => drop(socket.request("realm_call", json!(["embed", {"text": prompt(&mut random)}, options])).await),
            3 => {
                socket.send("realm_call", json!(["embed", {"text": prompt(&mut random)}, options])).await;
                tokio::time::sleep(pause).await;
                socket.kill();
            }
            4 => {
                let id = socket.send("realm_subscribe", json!(["stream_generate", params, options])).await;
                let begun = socket.response(id).await;
                tokio::time::sleep(pause).await;
                socket.send("realm_unsubscribe", json!([begun["result"]])).await;
                socket.kill();
            }
            _ => {
                socket.send("realm_subscribe", json!(["stream_generate", params, options])).await;
                tokio::time::sleep(pause).await;
                socket.kill();
            }
        }
    }
}

/// Dry runs, upgrades and rollbacks beside them.
async fn upgrade_on(address: SocketAddr, seed: u64) {
    let mut random = SplitMix64::new(seed);
    let migrate = COMPUTE.replace("$healthy", "$ok").leak();
    let blob =
        Blob { spec_name: "realm", imports: COMPUTE_IMPORTS, health_check: COMPUTE, migrate, ..Blob::version(1_000) };
    let code = format!("0x{}", hex::encode(blob.wasm()));
    let mut admin = Socket::connect(address).await;
    for _ in 0..3 {
        let (method, params) = match random.below(4) {
            0 => ("realm_dryRunUpgrade", json!([code])),
            1 => ("realm_dryRunUpgrade", json!([code, "payer"])),
            2 => ("realm_upgradeRuntime", json!([code, "own"])),
            _ => ("realm_rollbackRuntime", json!(["own"])),
        };
        // Some are refused: there is nothing to go back to, or the code is in force already.
        drop(admin.request(method, params).await);
    }
    // One that is given up by its client.
    admin.send("realm_dryRunUpgrade", json!([code, "payer"])).await;
    tokio::time::sleep(Duration::from_millis(random.below(50))).await;
    admin.kill();
}

/// The books' rows, when nothing runs any more.
async fn rows(tiny: &TinyNode, socket: &mut Socket) -> Vec<Value> {
    let dispatcher = tiny.node.dispatcher();
    tiny.idle().await;
    dispatcher.metering.flush().await;
    let usage = socket.result("realm_usage", json!([null, null, null, "month"])).await;
    usage["totals"].as_array().expect("totals").clone()
}

fn figure(row: &Value, name: &str) -> u64 {
    row[name].as_u64().unwrap_or_else(|| panic!("{name} of {row}"))
}

/// Calls that were cancelled or cut by their deadline were charged for nothing of the forward pass that they were at, and
/// what dry runs computed was nobody's: of 3,398 computed tokens 163 were charged.
#[tokio::test(flavor = "multi_thread")]
async fn tokens_computed_are_tokens_in_the_books() {
    let seeds = std::env::var("REALM_BOOKS_SEEDS").map_or(SEEDS_DEFAULT, |seeds| seeds.parse().expect("a number"));
    let tiny = node().await;
    let address = tiny.node.address();
    let model = tiny.node.dispatcher().tenants.all()[0].resources.model.clone().expect("a model");
    let mut socket = Socket::connect(address).await;
    for seed in 0..seeds {
        let clients = (0..CLIENTS).map(|client| tokio::spawn(call_on(address, seed * 100 + client)));
        let mut tasks: Vec<_> = clients.collect();
        tasks.push(tokio::spawn(upgrade_on(address, seed)));
        for task in tasks {
            tokio::time::timeout(HANG, task).await.expect("it ends").expect("no panic");
        }
        // A connection that was killed is noticed in a moment, and its last call may only begin then.
        let agree = async {
            loop {
                let rows = rows(&tiny, &mut socket).await;
                let counters = model.model().counters();
                let booked: u64 = rows.iter().map(|row| figure(row, "computed_tokens")).sum();
                if booked == counters.tokens - counters.recomputed && model.model().load_now().jobs == 0 {
                    return rows;
                }
                eprintln!("seed {seed}: {booked} tokens are in the books, of {counters:?}");
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        let rows = tokio::time::timeout(HANG, agree).await.expect("the books agree with the engine");
        for row in &rows {
            let charged = figure(row, "prompt_tokens") - figure(row, "cached_tokens") + figure(row, "generated_tokens");
            assert!(charged >= figure(row, "computed_tokens"), "seed {seed}: {row}");
        }
    }
    let counters = model.model().counters();
    println!("{counters:?}");
    assert!(counters.tokens > 0);
    tiny.node.stop().await;
}
