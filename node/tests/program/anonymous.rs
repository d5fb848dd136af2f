//! What clients cost a node in memory: its own process is measured, over raw sockets that read nothing or little.

use super::{Served, keys::said, serve_chain, tiny_model};
use serde_json::{Value, json};
use std::{
    fs,
    io::{self, Read, Write},
    net::TcpStream,
    time::{Duration, Instant},
};

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;
/// `:code`
const CODE: &str = "0x3a636f6465";
/// Only a hang takes so long.
const HANG: Duration = Duration::from_secs(120);
/// How long growth is watched that nobody answers.
const WATCHED: Duration = Duration::from_secs(5);

/// A chain that needs keys, and the operator's key.
fn keyed() -> (tempfile::TempDir, Served, String) {
    let folder = tempfile::tempdir().unwrap();
    let (model, data) = (tiny_model(folder.path()), folder.path().join("data"));
    let data = data.to_str().unwrap();
    let key = said(&["key", "generate", "--base-path", data, "--label", "operator"]);
    let flags = ["--chain", "local", "--model", &model, "--base-path", data, "--kv-bytes", "16777216", "--log", "info"];
    // Debug builds are slow: the share of the processor has a test of its own.
    let served = serve_chain(&[&flags[..], &["--anonymous-cpu-percent", "1000"]].concat(), &[]);
    (folder, served, key)
}

/// A figure of the process, in bytes: `VmRSS`, or `VmHWM` for its highest since [`forget_peak`].
fn memory(served: &Served, figure: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", served.child.id())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(figure)?.strip_prefix(':')).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * KIB
}

fn forget_peak(served: &Served) {
    fs::write(format!("/proc/{}/clear_refs", served.child.id()), "5").unwrap();
}

/// A WebSocket without a library, so that nothing is read that a test does not read.
struct Raw(TcpStream);

impl Raw {
    fn connect(served: &Served, key: Option<&str>) -> Self {
        let address = served.url.trim_start_matches("ws://").trim_end_matches('/');
        let mut tcp = TcpStream::connect(address).unwrap();
        tcp.set_read_timeout(Some(HANG)).unwrap();
        let authorization = key.map(|key| format!("authorization: Bearer {key}\r\n")).unwrap_or_default();
        write!(
            tcp,
            "GET / HTTP/1.1\r\nhost: {address}\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
             sec-websocket-version: 13\r\nsec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n{authorization}\r\n"
        )
        .unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            tcp.read_exact(&mut byte).unwrap();
            head.push(byte[0]);
        }
        assert!(head.starts_with(b"HTTP/1.1 101"), "{}", String::from_utf8_lossy(&head));
        Self(tcp)
    }

    fn send(&mut self, text: &str) -> io::Result<()> {
        let mut frame = vec![0x81];
        match u16::try_from(text.len()) {
            Ok(len) if len < 126 => frame.push(0x80 | len as u8),
            Ok(len) => {
                frame.push(0x80 | 126);
                frame.extend(len.to_be_bytes());
            }
            Err(_) => {
                frame.push(0x80 | 127);
                frame.extend((text.len() as u64).to_be_bytes());
            }
        }
        // A mask of zeros leaves the text as it is.
        frame.extend([0; 4]);
        frame.extend(text.as_bytes());
        self.0.write_all(&frame)
    }

    fn request(&mut self, id: u64, method: &str, params: Value) {
        self.send(&json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params}).to_string()).unwrap();
    }

    /// The next text frame; `None` when the connection is closed.
    fn receive(&mut self) -> Option<String> {
        loop {
            let mut head = [0; 2];
            self.0.read_exact(&mut head).ok()?;
            let mut wide = [0; 8];
            let len = match head[1] {
                126 => {
                    self.0.read_exact(&mut wide[6..]).ok()?;
                    u64::from_be_bytes(wide)
                }
                127 => {
                    self.0.read_exact(&mut wide).ok()?;
                    u64::from_be_bytes(wide)
                }
                len => u64::from(len),
            };
            let mut body = vec![0; len as usize];
            self.0.read_exact(&mut body).ok()?;
            match head[0] & 0x0f {
                1 => return Some(String::from_utf8(body).unwrap()),
                8 => return None,
                _ => {}
            }
        }
    }

    /// Reads until a frame with these words, or until the connection is closed.
    fn receive_until(&mut self, words: &str) -> Option<String> {
        loop {
            let text = self.receive()?;
            if text.contains(words) {
                return Some(text);
            }
        }
    }

    /// Follows the chain: the follower's id and the block that it holds.
    fn follow(&mut self, id: u64) -> (String, String) {
        self.request(id, "chainHead_v1_follow", json!([false]));
        let answer: Value = serde_json::from_str(&self.receive_until(&format!("\"id\":{id}")).unwrap()).unwrap();
        let event: Value = serde_json::from_str(&self.receive_until("initialized").unwrap()).unwrap();
        let block = event["params"]["result"]["finalizedBlockHashes"][0].as_str().unwrap().to_owned();
        (answer["result"].as_str().unwrap().to_owned(), block)
    }
}

/// 8,571 bytes without a key made a node build 128 MB, and a frame of 10 MB was read and parsed before it was refused.
#[test]
fn one_request_without_a_key_costs_at_most_4_mib() {
    let (_folder, served, key) = keyed();
    // A call with a key first, so that what every node has anyway is there.
    let mut caller = Raw::connect(&served, Some(&key));
    caller.request(1, "realm_call", json!(["health_check"]));
    caller.receive_until("\"id\":1").expect("an answer");

    let cost = |name: &str, request: &dyn Fn(&str, &str) -> String| {
        let mut socket = Raw::connect(&served, None);
        let (follow, block) = socket.follow(1);
        let text = request(&follow, &block);
        let before = memory(&served, "VmRSS");
        forget_peak(&served);
        // A client whose frame is too large is closed, perhaps while it still sends.
        let sent = socket.send(&text);
        let last = if text.contains("chainHead_v1_storage") { "operation" } else { "\"id\":2" };
        while sent.is_ok()
            && socket.receive().is_some_and(|answer| !answer.contains(last) || answer.contains("started"))
        {}
        let grown = memory(&served, "VmHWM").saturating_sub(before);
        eprintln!("{name}: {} bytes sent, {} KiB grown", text.len(), grown / KIB);
        grown
    };
    let call = |method: &str, params: Value| {
        json!({"jsonrpc": "2.0", "id": 2, "method": method, "params": params}).to_string()
    };
    let discover = |_: &str, _: &str| {
        let entry = json!({"jsonrpc": "2.0", "id": 2, "method": "rpc.discover"});
        Value::Array(vec![entry; 8]).to_string()
    };
    let item = json!({"key": CODE, "type": "value"});
    let code_items = |follow: &str, block: &str| {
        call("chainHead_v1_storage", json!([follow, block, vec![item.clone(); 1000], null]))
    };
    let code_keys = |_: &str, _: &str| call("state_queryStorageAt", json!([vec![CODE; 256]]));
    let fields = |_: &str, _: &str| call("realm_call", json!(["generate", vec![json!({}); 20_000]]));
    let nested = |_: &str, _: &str| call("realm_call", json!(["generate", vec![json!([]); 600_000]]));
    let requests: [(&str, &dyn Fn(&str, &str) -> String); 5] = [
        ("a batch of rpc.discover", &discover),
        ("chainHead_v1_storage", &code_items),
        ("state_queryStorageAt", &code_keys),
        ("a frame of 60 kB", &fields),
        ("a frame of 1.8 MB", &nested),
    ];
    // The first time threads and pools come into being.
    for (name, request) in &requests {
        cost(name, *request);
    }
    for (name, request) in &requests {
        let grown = cost(name, *request);
        assert!(grown <= 4 * MIB, "{name}: {grown} bytes");
    }
}

/// The notifications of storage operations were queued whatever their size: a follower that read nothing held 640 kB for
/// each of its operations, as long as it liked.
#[test]
fn a_follower_that_reads_nothing_holds_a_bounded_number_of_bytes() {
    let (_folder, served, key) = keyed();
    let mut socket = Raw::connect(&served, Some(&key));
    let followers: Vec<_> = (1..=4).map(|id| socket.follow(id)).collect();
    let before = memory(&served, "VmRSS");
    forget_peak(&served);
    let items = json!([{"key": CODE, "type": "value"}]);
    for id in 0..200_u64 {
        let (follow, block) = &followers[id as usize % followers.len()];
        socket.request(100 + id, "chainHead_v1_storage", json!([follow, block, items, null]));
    }
    let began = Instant::now();
    while began.elapsed() < WATCHED {
        std::thread::sleep(Duration::from_millis(50));
    }
    let grown = memory(&served, "VmHWM").saturating_sub(before);
    eprintln!("{} KiB grown", grown / KIB);
    // 16 MiB unread, and what building one and the allocator take beside them; 200 values are 120 MiB.
    assert!(grown < 48 * MIB, "{grown} bytes");
    // Once it reads, all operations end.
    let mut ended = 0;
    while ended < 200 {
        let text = socket.receive().expect("the connection stands");
        ended += u32::from(text.contains("operationStorageDone"));
    }
}
