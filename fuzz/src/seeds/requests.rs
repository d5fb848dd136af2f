//! Seeds of `http`: a good request of each route, and frames.

use super::named;
use serde_json::{Value, json};

/// The first byte: how the bytes reach the node.
const HTTP: u8 = 0;
const FRAME: u8 = 3;
const RAW: u8 = 5;
/// Flags: the header `content-type: application/json`, without which JSON-RPC over HTTP is refused.
const JSON: u8 = 8;
/// Flags: the first line of the body is the value of the header with this number.
const OWN_VALUE: u8 = 16;
/// Flags: the answer as server-sent events.
const EVENTS: u8 = 32;

pub(super) fn requests() -> Vec<(String, Vec<u8>)> {
    let messages = json!([{"role": "user", "content": "hello"}]);
    let chat = json!({"model": "default", "messages": messages, "max_tokens": 3, "temperature": 0.5, "seed": 1});
    let mut streamed = chat.clone();
    streamed["stream"] = json!(true);
    streamed["stream_options"] = json!({"include_usage": true});
    let complete = json!({"model": "default", "prompt": "once", "max_tokens": 2, "logprobs": 1, "stop": ["x"]});
    let embed = json!({"model": "default", "input": ["a", "b"], "encoding_format": "base64"});
    let mut seeds = vec![
        post("rpc", 0, JSON, &rpc("system_metadata", json!([]))),
        post(
            "rpc-batch",
            0,
            JSON,
            &json!([rpc("system_health", json!([])), rpc("realm_call", json!(["health_check"]))]),
        ),
        post("chat-completions", 1, 15, &chat),
        post("chat-completions-stream", 1, 15, &streamed),
        post("completions", 2, 15, &complete),
        post("embeddings", 3, 15, &embed),
        post("generate", 6, 15, &json!({"prompt": "once", "max_tokens": 2})),
        post("stream-generate", 7, 15 | EVENTS, &json!({"prompt": "once", "max_tokens": 2})),
        post("chat", 8, 15, &json!({"messages": messages, "max_tokens": 2, "conversation": "c"})),
        post("embed", 9, 15, &json!({"text": "a"})),
        post("options", 11, 2, &json!({})),
        named("own-options", [&[HTTP, 0, 11, 2 | OWN_VALUE], "{\"id\": \"é\"}\nnull".as_bytes()].concat()),
        named("models", vec![HTTP, 1, 4, 15]),
        named("model", vec![HTTP, 1, 5, 15]),
        named("metadata", vec![HTTP, 1, 14, 15]),
        named("console", vec![HTTP, 1, 15, 15]),
        named("preflight", vec![HTTP, 3, 0, 6]),
        named(
            "raw",
            [
                &[RAW],
                b"POST /call/embed HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n"
                    .as_slice(),
            ]
            .concat(),
        ),
    ];
    let calls = [
        ("realm_subscribe", json!(["chat", {"messages": messages, "max_tokens": 2}])),
        ("realm_subscribe", json!(["generate", {"prompt": "a"}, {"resumable": true, "keep_ms": 10}])),
        ("realm_authenticate", json!(["realm_key"])),
        ("realm_tenantAdd", json!([{"id": "t", "model": "default"}])),
        ("realm_keyGenerate", json!([{"tenant": "t", "roles": ["call"]}])),
        ("realm_usage", json!([{}])),
        ("realm_status", json!([])),
        ("realm_chainLog", json!([])),
        ("realm_dryRunUpgrade", json!(["0x00"])),
        ("state_call", json!(["Core_version", "0x"])),
        ("state_getMetadata", json!([])),
        ("state_getStorage", json!(["0x3a636f6465"])),
        ("state_getKeysPaged", json!(["0x", 3])),
        ("chainHead_v1_follow", json!([true])),
        ("archive_v1_call", json!(["0x00", "Core_version", "0x"])),
        ("chain_getBlock", json!([])),
        ("rpc.discover", json!([])),
    ];
    for (at, (method, params)) in calls.into_iter().enumerate() {
        let frame = rpc(method, params).to_string();
        seeds.push(named(&format!("frame-{at:02}-{method}"), [&[FRAME], frame.as_bytes()].concat()));
    }
    seeds
}

fn rpc(method: &str, params: Value) -> Value {
    json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params})
}

/// A POST to the path with this number in `requests::PATHS`.
fn post(name: &str, path: u8, flags: u8, body: &Value) -> (String, Vec<u8>) {
    named(name, [&[HTTP, 0, path, flags], body.to_string().as_bytes()].concat())
}
