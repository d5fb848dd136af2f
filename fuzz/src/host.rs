//! Any sequence of host calls in a live instance, while a call of another tenant holds handles of every kind.

use crate::node::Running;
use realm_chain_spec::{CodeSource, TenantSpec};
use realm_tests::Socket;
use serde_json::{Value, json};
use std::sync::OnceLock;

/// The tenant whose call holds handles.
const HOLDER: &str = "eve";
/// Items of 64 KiB that the holder sends and nobody reads: more than lies between it and its reader.
const ITEMS: u32 = 96;

/// A program for the hostile runtime (`tests/runtimes/hostile/src/program.rs`). Its first byte says whether the call has
/// a subscriber.
///
/// # Panics
/// A host call was answered that had to be refused, or the call ended otherwise than with a result or a guest's trap.
pub fn host_functions(bytes: &[u8]) {
    static NODE: OnceLock<Running> = OnceLock::new();
    let node = NODE.get_or_init(start);
    let Some((&streams, program)) = bytes.split_first() else { return };
    let accept = if streams & 1 == 1 { "text/event-stream" } else { "application/json" };
    let head = format!("POST /call/run HTTP/1.1\r\ncontent-type: application/json\r\naccept: {accept}");
    let body = json!({"program": format!("0x{}", hex::encode(program))}).to_string();
    let (status, answer) = node.ask(&head, body.as_bytes()).expect("an answer");
    match accept {
        "application/json" => check(status, &answer),
        _ => {
            assert_eq!(status, 200, "{answer}");
            let last = answer.lines().filter_map(|line| line.strip_prefix("data: ")).last().expect("an event");
            let event: Value = serde_json::from_str(last).expect("events are JSON");
            match event["type"].as_str() {
                Some("result") => check(200, &event["data"].to_string()),
                _ => check_error(&event["error"]),
            }
        }
    }
}

fn check(status: u16, answer: &str) {
    let answer: Value = serde_json::from_str(answer).unwrap_or_else(|error| panic!("{status} {answer}: {error}"));
    if status == 200 {
        assert_eq!(answer["reached"], json!([]), "host calls that had to be refused: {answer}");
    } else {
        check_error(&answer["error"]);
    }
}

/// A guest may run out of memory or of time; the node itself must not fail.
fn check_error(error: &Value) {
    let code = error["data"]["code"].as_str().or(error["code"].as_str()).unwrap_or_default();
    let documented = ["RUNTIME_TRAP", "DEADLINE_EXCEEDED", "QUOTA_EXCEEDED", "SLOW_CONSUMER", "CONFLICT"];
    assert!(documented.contains(&code), "{error}");
}

fn start() -> Running {
    let node = Running::start(|config| {
        config.chain.runtime = CodeSource::Code(realm_hostile_runtime::WASM_BINARY.to_vec());
        config.chain.tenants.push(TenantSpec::new(HOLDER, "default"));
        config.server.messages_max = 4;
    });
    node.runtime.block_on(async {
        let mut socket = Socket::connect_narrow(node.address).await;
        let params = json!({"value": 7, "tokens": 17, "items": ITEMS});
        socket.subscribe("hold", params, json!({"tenant_id": HOLDER})).await;
        socket.event().await;
        // Open until the process ends, and never read again.
        std::mem::forget(socket);
    });
    node
}
