//! Upgrades under traffic: calls and streams from many connections through swaps and refusals, without an error,
//! without a lost event, and each answered by code that was in force when it began.

use super::{
    blob::Blob,
    fixture::{Fixture, hex},
};
use realm_tests::Socket;
use serde_json::{Value, json};
use std::{
    collections::BTreeSet,
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

const CONNECTIONS: usize = 8;
/// 200 calls per second of all connections together. A slow machine makes fewer.
const PERIOD: Duration = Duration::from_millis(CONNECTIONS as u64 * 1000 / 200);
/// Pairs of an upgrade and its way back.
const ROUNDS: usize = 20;
const REFUSALS: usize = 5;

/// Which code may be in force: an upgrade's from when it is asked for, and the one before it until it is answered.
#[derive(Clone, Default)]
struct Timeline(Arc<Mutex<Vec<InForce>>>);

struct InForce {
    code: String,
    from: Instant,
    until: Option<Instant>,
}

impl Timeline {
    fn begins(&self, code: &Value, from: Instant) {
        let code = code.as_str().expect("a hash").to_owned();
        let mut codes = self.0.lock().unwrap();
        if let Some(before) = codes.last_mut() {
            before.until = Some(Instant::now());
        }
        codes.push(InForce { code, from, until: None });
    }

    /// The codes that may have been in force at some time between these.
    fn between(&self, from: Instant, until: Instant) -> BTreeSet<String> {
        let codes = self.0.lock().unwrap();
        let fits = |code: &&InForce| code.from <= until && code.until.is_none_or(|end| end >= from);
        codes.iter().filter(fits).map(|code| code.code.clone()).collect()
    }
}

/// What a call said of itself: when it was sent, when its first sign came, its receipt.
struct Call {
    sent: Instant,
    first_sign: Instant,
    code: String,
}

fn receipt(result: &Value) -> String {
    result["receipt"]["code_hash"].as_str().unwrap_or_else(|| panic!("no receipt in {result}")).to_owned()
}

async fn call(socket: &mut Socket, number: usize) -> Option<Call> {
    let sent = Instant::now();
    let params = json!({"prompt": format!("Once {number}"), "max_tokens": 1 + number % 5, "temperature": 0});
    if number % 4 == 0 {
        socket.result("realm_call", json!(["health_check"])).await;
        return None;
    }
    if number % 4 != 1 {
        let result = socket.result("realm_call", json!(["generate", params])).await;
        return Some(Call { sent, first_sign: Instant::now(), code: receipt(&result) });
    }
    socket.subscribe("stream_generate", params, json!({})).await;
    // The answer comes when the call has been given its code.
    let first_sign = Instant::now();
    let events = socket.events().await;
    for (seq, event) in events.iter().enumerate() {
        assert_eq!(event["seq"], json!(seq), "an event is lost: {events:?}");
    }
    let result = &events.last().expect("a last event")["data"];
    let pieces: String = events.iter().filter_map(|event| event["data"]["token"].as_str()).collect();
    assert_eq!(result["text"], json!(pieces), "{events:?}");
    Some(Call { sent, first_sign, code: receipt(result) })
}

async fn caller(address: SocketAddr, first: usize, over: Arc<Mutex<bool>>) -> (usize, Vec<Call>) {
    let mut socket = Socket::connect(address).await;
    let mut tick = tokio::time::interval(PERIOD);
    let (mut made, mut calls) = (0, Vec::new());
    while !*over.lock().unwrap() {
        tick.tick().await;
        calls.extend(call(&mut socket, first + made).await);
        made += 1;
    }
    (made, calls)
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_through_twenty_upgrades_and_five_refusals() {
    let mut fixture = Fixture::default_runtime().await;
    let timeline = Timeline::default();
    let genesis = fixture.admin.result("realm_chainLog", json!([1, false])).await;
    timeline.begins(&genesis[0]["change"]["to"]["code_hash"], Instant::now());
    let over = Arc::new(Mutex::new(false));
    let callers: Vec<_> =
        (0..CONNECTIONS).map(|first| tokio::spawn(caller(fixture.node.node.address(), first, over.clone()))).collect();

    let began = Instant::now();
    let bad = hex(&Blob::version(9).wasm());
    for round in 0..ROUNDS {
        let asked = Instant::now();
        let report = fixture.upgrade(realm_summarize_runtime::WASM_BINARY).await;
        timeline.begins(&report["to"]["code_hash"], asked);
        if round < REFUSALS {
            let error = fixture.admin.error("realm_upgradeRuntime", json!([bad])).await;
            assert_eq!(error["data"]["step"], "spec_name", "{error}");
        }
        let asked = Instant::now();
        let report = fixture.roll_back(None).await;
        timeline.begins(&report["to"]["code_hash"], asked);
    }
    *over.lock().unwrap() = true;
    let (mut made, mut by_code) = (0, BTreeSet::new());
    for caller in callers {
        let (count, calls) = caller.await.expect("no call fails");
        made += count;
        for call in calls {
            let allowed = timeline.between(call.sent, call.first_sign);
            assert!(allowed.contains(&call.code), "{} answered, and in force were {allowed:?}", call.code);
            by_code.insert(call.code);
        }
    }
    let seconds = began.elapsed().as_secs_f64();
    println!("{made} calls in {seconds:.1} s, {:.0} per second, through {} swaps", made as f64 / seconds, 2 * ROUNDS);
    assert_eq!(by_code.len(), 2, "both runtimes answered");
    fixture.node.idle().await;
    fixture.node.node.stop().await;
}
