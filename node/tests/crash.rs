//! Kills a node with a base path again and again while callers go on with conversations. What a
//! caller was told is there afterwards.
//!
//! `REALM_CRASH_ROUNDS` says how often; 15 if nothing does.

use realm_host_functions::storage::REPAIRED;
use realm_test_models::{TinyLlama, write_tiny_llama};
use serde_json::{Value, json};
use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpStream},
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

const ROUNDS_DEFAULT: u64 = 15;
const CALLERS: u64 = 4;
/// Only a hang takes so long.
const HANG: Duration = Duration::from_secs(120);

struct Served {
    child: Child,
    address: SocketAddr,
}

impl Served {
    fn start(base: &Path, model: &Path) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_realm"));
        command.args(["serve", "--dev", "--no-metrics", "--port", "0", "--log-format", "json", "--model"]);
        command.arg(model).arg("--base-path").arg(base).env_remove("RUST_LOG").stderr(Stdio::piped());
        let mut child = command.spawn().expect("the program starts");
        let mut log = BufReader::new(child.stderr.take().expect("piped"));
        let mut line = String::new();
        let address = loop {
            line.clear();
            assert!(log.read_line(&mut line).expect("a log") > 0, "the node ended before it listened");
            let event: Value = serde_json::from_str(&line).expect("the log is JSON");
            assert_ne!(event["fields"]["message"], REPAIRED, "a kill left nothing to repair");
            if event["fields"]["message"] == "listening" {
                let url = event["fields"]["url"].as_str().expect("an address");
                break url.trim_start_matches("ws://").trim_end_matches('/').parse().expect("an address");
            }
        };
        // So that the node is never held up by a full pipe.
        std::thread::spawn(move || std::io::copy(&mut log, &mut std::io::sink()));
        Self { child, address }
    }
}

/// A function's result; `None` if the node went away or refused.
fn call(address: SocketAddr, function: &str, params: &Value) -> Option<Value> {
    let mut stream = TcpStream::connect(address).ok()?;
    stream.set_read_timeout(Some(HANG)).ok()?;
    let body = params.to_string();
    write!(
        stream,
        "POST /call/{function} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\ncontent-type: application/json\r\n\
         content-length: {}\r\n\r\n{body}",
        body.len()
    )
    .ok()?;
    let mut response = String::new();
    stream.read_to_string(&mut response).ok()?;
    let (head, body) = response.split_once("\r\n\r\n")?;
    head.starts_with("HTTP/1.1 200").then_some(())?;
    serde_json::from_str(body).ok()
}

/// Goes on with a conversation until the node is gone; how many turns were acknowledged.
fn converse(address: SocketAddr, conversation: &str) -> u64 {
    let mut acknowledged = 0;
    loop {
        let params = json!({"message": format!("turn {acknowledged}"), "conversation": conversation, "max_tokens": 1});
        match call(address, "chat", &params) {
            Some(result) => {
                acknowledged += 1;
                assert_eq!(result["turns"], acknowledged, "{result}");
            }
            None => return acknowledged,
        }
    }
}

/// All that was acknowledged is there, in order, and at most the turn that was under way besides.
fn check(address: SocketAddr, conversation: &str, acknowledged: u64) {
    let exported = call(address, "export_conversation", &json!({"conversation": conversation}));
    let turns = exported.as_ref().and_then(|exported| exported["turns"].as_array()).cloned().unwrap_or_default();
    let stored = turns.len() as u64;
    assert!((acknowledged..=acknowledged + 1).contains(&stored), "{conversation}: {stored} of {acknowledged}");
    for (index, turn) in turns.iter().enumerate() {
        assert_eq!(turn["asked"][0]["content"], format!("turn {index}"), "{conversation}");
    }
}

#[test]
fn no_acknowledged_turn_is_lost() {
    let rounds =
        std::env::var("REALM_CRASH_ROUNDS").ok().map_or(ROUNDS_DEFAULT, |rounds| rounds.parse().expect("a number"));
    let folder = tempfile::tempdir().expect("a folder");
    let (base, model) = (folder.path().join("base"), folder.path().join("tiny.gguf"));
    write_tiny_llama(&model, &TinyLlama { context_length: 4096, ..TinyLlama::default() }).expect("a model");
    let mut all: Vec<(String, u64)> = Vec::new();
    for round in 0..rounds {
        let mut served = Served::start(&base, &model);
        let address = served.address;
        for (conversation, acknowledged) in all.iter().rev().take(CALLERS as usize) {
            check(address, conversation, *acknowledged);
        }
        let callers: Vec<_> = (0..CALLERS)
            .map(|caller| {
                let conversation = format!("{round}-{caller}");
                std::thread::spawn(move || (converse(address, &conversation), conversation))
            })
            .collect();
        // Spread without chance: from the first commits on.
        std::thread::sleep(Duration::from_millis(100 + round * 137 % 400));
        served.child.kill().expect("it is killed");
        served.child.wait().expect("it ends");
        all.extend(
            callers.into_iter().map(|caller| caller.join().expect("a caller")).map(|(turns, name)| (name, turns)),
        );
    }
    let mut served = Served::start(&base, &model);
    all.iter().for_each(|(conversation, acknowledged)| check(served.address, conversation, *acknowledged));
    let turns: u64 = all.iter().map(|(_, acknowledged)| acknowledged).sum();
    println!("{rounds} kills, {turns} acknowledged turns, none lost");
    assert!(turns > rounds, "{turns} turns are no load");
    served.child.kill().expect("it is killed");
    served.child.wait().expect("it ends");
}
