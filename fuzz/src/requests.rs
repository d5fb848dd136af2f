//! Any request at a running node: each route with each method, headers that the node reads, and any body; frames of a
//! WebSocket; and bytes that are not HTTP.

use crate::{choices::Choices, node::Running};
use realm_tests::{HANG, Socket};
use serde_json::{Value, json};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

const METHODS: [&str; 7] = ["POST", "GET", "HEAD", "OPTIONS", "PUT", "DELETE", "PATCH"];
/// Every route, and paths beside them.
const PATHS: [&str; 16] = [
    "/",
    "/v1/chat/completions",
    "/v1/completions",
    "/v1/embeddings",
    "/v1/models",
    "/v1/models/default",
    "/call/generate",
    "/call/stream_generate",
    "/call/chat",
    "/call/embed",
    "/call/get_model_info",
    "/call/health_check",
    "/call/",
    "/health",
    "/metadata",
    "/console/console.js",
];
/// Headers that the node reads, with values that mean something.
const HEADERS: [(&str, &str); 10] = [
    ("accept", "text/event-stream"),
    ("accept", "application/json"),
    ("realm-options", "{\"deadline_ms\": 2000}"),
    ("realm-options", "{\"tenant_id\": \"dev\", \"id\": \"x\"}"),
    ("authorization", "Bearer realm_0123456789abcdef"),
    ("origin", "http://localhost:3000"),
    ("origin", "https://example.com"),
    ("x-forwarded-for", "192.0.2.1"),
    ("content-type", "application/json"),
    ("expect", "100-continue"),
];
/// A frame or a request that must be answered after whatever came before.
const STILL_THERE: u64 = 10_000_019;
/// Inputs between two looks at whether the node is well.
const CHECK_INTERVAL: u64 = 256;

/// How the bytes reach the node.
const KINDS: [Kind; 6] = [Kind::Http, Kind::Http, Kind::Http, Kind::Frame, Kind::Frame, Kind::Raw];

#[derive(Clone, Copy)]
enum Kind {
    Http,
    Frame,
    Raw,
}

/// A request, a frame or raw bytes: three bytes choose, and the others are the body. With the right choice, the first
/// line of the others is the value of a header.
///
/// # Panics
/// No answer, a status from 500 up that is not one of those that say "later" (503, 504), or JSON-RPC's internal error.
pub fn http(bytes: &[u8]) {
    static NODE: OnceLock<Running> = OnceLock::new();
    static INPUTS: AtomicU64 = AtomicU64::new(1);
    let node = NODE.get_or_init(|| Running::start(|_| {}));
    let mut choices = Choices(bytes);
    match choices.one_of(&KINDS) {
        Some(Kind::Frame) => frame(node, choices.0),
        Some(Kind::Raw) => {
            node.exchange_and_close(choices.0);
        }
        _ => request(node, choices),
    }
    if INPUTS.fetch_add(1, Ordering::Relaxed).is_multiple_of(CHECK_INTERVAL) {
        let (status, _) = node.ask("GET /health HTTP/1.1", b"").expect("the node answers");
        assert_eq!(status, 200);
    }
}

fn request(node: &Running, mut choices: Choices<'_>) {
    let method = choices.one_of(&METHODS).unwrap_or_default();
    let path = choices.one_of(&PATHS).unwrap_or_default();
    let flags = choices.byte();
    let mut head = format!("{method} {path} HTTP/1.1\r\n");
    let mut body = choices.0;
    if let Some((name, value)) = HEADERS.get(usize::from(flags & 15)) {
        let mut value = (*value).to_owned();
        if flags & 16 != 0
            && let Some(at) = body.iter().position(|byte| *byte == b'\n')
        {
            value = String::from_utf8_lossy(&body[..at]).replace('\r', " ");
            body = &body[at + 1..];
        }
        head += &format!("{name}: {value}\r\n");
    }
    if flags & 32 != 0 {
        head += "accept: text/event-stream\r\n";
    }
    let Some((status, answer)) = node.ask(&head, body) else { return };
    let later = [503, 504];
    assert!(status < 500 || later.contains(&status), "{method} {path}: {status} {answer}");
    if status == 200 && path == "/" && method == "POST" {
        check_rpc(&answer);
    }
}

/// A text frame; then a request that must be answered unless the node closed the connection.
fn frame(node: &Running, bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes).into_owned();
    let answers = async {
        let mut socket = Socket::connect(node.address).await;
        socket.send_raw(text).await;
        socket.send_raw(json!({"jsonrpc": "2.0", "id": STILL_THERE, "method": "system_name"}).to_string()).await;
        while let Some(frame) = socket.try_frame().await {
            check_rpc(&frame.to_string());
            if frame["id"] == json!(STILL_THERE) {
                break;
            }
        }
    };
    node.runtime.block_on(async { tokio::time::timeout(HANG, answers).await }).expect("the node answers in time");
}

/// No answer may be the node's own failure.
fn check_rpc(answer: &str) {
    let Ok(answer) = serde_json::from_str::<Value>(answer) else { return };
    let answers = match answer {
        Value::Array(answers) => answers,
        answer => vec![answer],
    };
    for answer in answers {
        let code = answer["error"]["data"]["code"].as_str();
        assert!(answer["error"]["code"] != json!(-32603) && code != Some("RUNTIME_TRAP"), "{answer}");
    }
}
