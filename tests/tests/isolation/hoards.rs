//! Native memory: a tenant's runtime takes as much of each kind as it gets, in many calls at once, and keeps it.

use super::{TENANTS, hostile};
use realm_host_functions::NativeBudget;
use realm_tests::{HANG, Socket, TinyNode};
use serde_json::{Value, json};
use std::time::Duration;

const MIB: u64 = 1 << 20;
/// Native memory of each tenant.
const TENANT_BYTES: u64 = 24 * MIB;
/// Native memory of the node: less than two tenants may have.
const NODE_BYTES: u64 = 40 * MIB;

/// Kinds of the hostile runtime's `hoard`, and more of each than the tenant may hold.
const TENSORS: (u32, u32) = (0, 64);
const READS: (u32, u32) = (1, 20_000);
const WRITES: (u32, u32) = (2, 100_000);
const OF_CONNECTION: (u32, u32) = (3, 60_000);
const ACCEPTED: (u32, u32) = (5, 4);

async fn small() -> TinyNode {
    hostile(|config| {
        config.native_bytes_max = NODE_BYTES;
        for tenant in &mut config.chain.tenants {
            tenant.limits.native_bytes_max = TENANT_BYTES;
            tenant.limits.storage_bytes_max = 1 << 30;
        }
    })
    .await
}

fn budget(node: &TinyNode, tenant: &str) -> NativeBudget {
    node.node.dispatcher().tenants.get(&tenant.into()).expect("a tenant").resources.budget.clone()
}

fn options(tenant: &str) -> Value {
    json!({"tenant_id": tenant})
}

/// The code and the message of what a hoard ends with.
async fn refusal(node: &TinyNode, tenant: &str, (kind, count): (u32, u32)) -> (String, String) {
    let mut socket = Socket::connect(node.node.address()).await;
    let params = json!(["hoard", {"kind": kind, "count": count}, options(tenant)]);
    let error = socket.error("realm_call", params).await;
    (error["data"]["code"].to_string(), error["message"].to_string())
}

/// Waits until the tenant's native memory is what it is without calls.
async fn free(budget: &NativeBudget) {
    let freed = async {
        while budget.used() > 0 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    let outcome = tokio::time::timeout(HANG, freed).await;
    assert!(outcome.is_ok(), "{} bytes are held and nobody holds them", budget.used());
}

/// A sampler remembered 42 million tokens that the vocabulary has not, 100,000 keys of a kilobyte that were read took
/// 104 MiB, and 200,000 small keys counted as a tenth of what they take.
#[tokio::test(flavor = "multi_thread")]
async fn each_kind_of_native_memory_is_refused_past_the_tenants_part_and_given_back() {
    let node = small().await;
    let dev = budget(&node, "dev");
    for hoard in [TENSORS, WRITES, OF_CONNECTION] {
        let (code, message) = refusal(&node, "dev", hoard).await;
        assert_eq!(code, "\"QUOTA_EXCEEDED\"", "{hoard:?}: {message}");
        node.idle().await;
        free(&dev).await;
    }
    let (code, message) = refusal(&node, "dev", ACCEPTED).await;
    assert!(code == "\"INTERNAL\"" && message.contains("is not one of the model's"), "{code} {message}");
    // However long the keys are, each counts 96 bytes.
    let mut socket = Socket::connect(node.node.address()).await;
    let reads = json!(["hoard", {"kind": READS.0, "count": READS.1}, options("dev")]);
    assert_eq!(socket.result("realm_call", reads).await, READS.1);
    free(&dev).await;
    node.node.stop().await;
}

/// Tensors were bounded for each call alone: sixteen calls of one tenant took the node from 307 to 4,572 MB.
#[tokio::test(flavor = "multi_thread")]
async fn many_calls_of_a_tenant_hold_what_the_tenant_may() {
    let node = small().await;
    let dev = budget(&node, "dev");
    let before = resident_bytes();
    let mut holders = Vec::new();
    for _ in 0..12 {
        // Each as much as all may hold.
        let mut socket = Socket::connect_narrow(node.node.address()).await;
        socket.subscribe("hoard", json!({"kind": TENSORS.0, "count": 20}), options("dev")).await;
        holders.push(socket);
    }
    let mut codes = Vec::new();
    for socket in &mut holders {
        let first = socket.event().await.1;
        codes.push(first["error"]["code"].as_str().unwrap_or("held").to_owned());
    }
    let refused = codes.iter().filter(|code| *code == "QUOTA_EXCEEDED").count();
    assert!(refused >= 10 && codes.iter().all(|code| code == "held" || code == "QUOTA_EXCEEDED"), "{codes:?}");
    assert!(dev.used() <= TENANT_BYTES);
    if let (Some(before), Some(now)) = (before, resident_bytes()) {
        // 12 calls have sandboxes of their own beside it, each with a copy of the values of one tensor.
        let grown = now.saturating_sub(before);
        assert!(grown < TENANT_BYTES + 12 * 6 * MIB, "grown by {grown} bytes");
    }
    holders.into_iter().for_each(Socket::kill);
    node.idle().await;
    free(&dev).await;
    node.node.stop().await;
}

/// A full node is not the caller's fault.
#[tokio::test(flavor = "multi_thread")]
async fn a_full_node_answers_overloaded() {
    let node = small().await;
    let mut holders = Vec::new();
    for tenant in &TENANTS[..2] {
        let mut socket = Socket::connect_narrow(node.node.address()).await;
        socket.subscribe("hoard", json!({"kind": TENSORS.0, "count": 17}), options(tenant)).await;
        assert_eq!(socket.event().await.1["type"], "stream");
        assert!(budget(&node, tenant).used() >= 17 * MIB, "{tenant} holds {} bytes", budget(&node, tenant).used());
        holders.push(socket);
    }
    // 34 of 40 MiB are held, with one or two more of items that wait, and the third tenant holds nothing.
    let held = TENANTS.map(|tenant| budget(&node, tenant).used());
    let (code, message) = refusal(&node, TENANTS[2], (TENSORS.0, 10)).await;
    assert_eq!(code, "\"OVERLOADED\"", "{message}; before it {held:?} bytes were held");
    // What is left is given.
    let mut socket = Socket::connect(node.node.address()).await;
    let fits = json!(["hoard", {"kind": TENSORS.0, "count": 2}, options(TENANTS[2])]);
    assert_eq!(socket.result("realm_call", fits).await, 2);
    holders.into_iter().for_each(Socket::kill);
    node.idle().await;
    for tenant in TENANTS {
        free(&budget(&node, tenant)).await;
    }
    node.node.stop().await;
}

/// A connection's memory counted four megabytes for a million keys that took 126.
#[tokio::test(flavor = "multi_thread")]
async fn a_connections_memory_counts_its_keys_and_is_given_back_with_the_connection() {
    let node = hostile(|_| {}).await;
    let dev = budget(&node, "dev");
    let mut socket = Socket::connect(node.node.address()).await;
    let put = |count: u32| json!(["hoard", {"kind": OF_CONNECTION.0, "count": count}, options("dev")]);
    assert_eq!(socket.result("realm_call", put(10_000)).await, 10_000);
    assert_eq!(dev.used(), 10_000 * (4 + 160));
    // The limit of 4 MiB of a connection counts the same.
    let error = socket.error("realm_call", put(30_000)).await;
    assert_eq!(error["data"]["code"], "QUOTA_EXCEEDED", "{error}");
    // The function answered with an error, and so what it wrote up to the limit stays.
    assert!(dev.used() <= 4 * MIB && dev.used() > 4 * MIB - (4 + 160), "{} bytes", dev.used());
    socket.kill();
    free(&dev).await;
    node.node.stop().await;
}

/// Events were bounded in number: a client that did not read eight streams of fat items made the node grow from 236 to
/// 1,519 MB.
#[tokio::test(flavor = "multi_thread")]
async fn unread_events_are_bounded_in_bytes() {
    let node = hostile(|config| {
        // As in force by default: so many messages may wait for a connection.
        config.server.messages_max = 128;
    })
    .await;
    let dev = budget(&node, "dev");
    let before = resident_bytes();
    let mut sockets = Vec::new();
    for _ in 0..4 {
        let mut socket = Socket::connect_narrow(node.node.address()).await;
        socket.subscribe("flood", json!({"items": 200}), options("dev")).await;
        sockets.push(socket);
    }
    // Until all of them stand still: each has a full queue.
    let full = async {
        while dev.used() < 4 * 900_000 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    };
    tokio::time::timeout(HANG, full).await.expect("the queues fill");
    assert!(dev.used() < 4 * 3 * MIB, "{} bytes", dev.used());
    if let (Some(before), Some(now)) = (before, resident_bytes()) {
        // Some twelve items each, in SCALE and JSON, and the sandboxes.
        let grown = now.saturating_sub(before);
        assert!(grown < 4 * 32 * MIB, "grown by {grown} bytes");
    }
    sockets.into_iter().for_each(Socket::kill);
    node.idle().await;
    free(&dev).await;
    node.node.stop().await;
}

fn resident_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    Some(line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()? * 1024)
}

/// The last event of a resumable stream was kept whatever its size: thirty finished exports of 6 MB took 205 MiB.
#[tokio::test(flavor = "multi_thread")]
async fn finished_streams_are_kept_within_the_tenants_bytes() {
    const KEPT_BYTES: u64 = 8 * MIB;
    let node = hostile(|config| config.events.replay.tenant_bytes_max = KEPT_BYTES as usize).await;
    let dev = budget(&node, "dev");
    // Two mebibytes of JSON each.
    for number in 0..10 {
        let mut socket = Socket::connect(node.node.address()).await;
        let options = json!({"tenant_id": "dev", "id": number.to_string(), "resumable": true});
        socket.subscribe("answer", json!({"bytes": MIB}), options).await;
        assert_eq!(socket.event().await.1["type"], "result");
        socket.kill();
        assert!(dev.used() <= KEPT_BYTES, "{} bytes after stream {number}", dev.used());
    }
    let mut socket = Socket::connect(node.node.address()).await;
    let gone = socket.error("realm_resume", json!(["0", 0, options("dev")])).await;
    assert_eq!(gone["data"]["code"], "UNKNOWN_STREAM", "{gone}");
    socket.result("realm_resume", json!(["9", 0, options("dev")])).await;
    assert_eq!(socket.event().await.1["type"], "result");
    // A result that is larger than all that may be kept.
    let options = json!({"tenant_id": "dev", "id": "large", "resumable": true});
    socket.subscribe("answer", json!({"bytes": 5 * MIB}), options).await;
    let last = socket.event().await.1;
    assert_eq!(last["error"]["code"], "QUOTA_EXCEEDED", "{last}");
    assert_eq!(last["error"]["data"]["limit_bytes"], KEPT_BYTES, "{last}");
    node.node.stop().await;
}
