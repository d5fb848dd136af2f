//! What anonymous clients may take up, and that callers with a key are answered beside them.

use super::{code, health, post};
use realm_node::{NodeConfig, auth::Roles};
use realm_tests::{HANG, Http, Socket, TinyNode};
use serde_json::{Value, json};
use std::time::Duration;
use tokio::{io::AsyncWriteExt, net::TcpStream};

/// A keyed chain whose anonymous connections end by nothing but what a test is about.
async fn patient(change: impl FnOnce(&mut NodeConfig)) -> TinyNode {
    TinyNode::keyed(|config| {
        config.auth.unauthenticated_wait_max = 10 * HANG;
        config.server.ping_interval = 10 * HANG;
        config.server.head_wait_max = 10 * HANG;
        config.server.body_wait_max = 10 * HANG;
        // Debug builds are slow; what the share does has a test of its own.
        config.server.anonymous.cpu.percent = 1_000;
        change(config);
    })
    .await
}

/// A caller with a key is answered, on a connection of its own.
async fn keyed_callers_are_answered(node: &TinyNode, key: &str) {
    let bearer = format!("Bearer {key}");
    let (status, answer) = post(node.node.address(), &[("authorization", &bearer)], "realm_call", health(None)).await;
    assert_eq!((status, answer.get("error")), (200, None), "{answer}");
    let mut socket = Socket::connect_as(node.node.address(), key).await;
    socket.result("realm_call", health(None)).await;
}

/// All slots went to whoever came first: half-sent bodies of anonymous clients kept callers with a key out.
#[tokio::test(flavor = "multi_thread")]
async fn anonymous_connections_leave_slots_to_callers_with_a_key() {
    let node = patient(|config| config.server.connections_max = 8).await;
    let (address, key) = (node.node.address(), node.key(Some("acme"), Roles::CALL).await);
    let mut held = Vec::new();
    for _ in 0..40 {
        let mut tcp = TcpStream::connect(address).await.unwrap();
        let half = "POST / HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{";
        tcp.write_all(half.as_bytes()).await.unwrap();
        held.push(tcp);
    }
    let refused = Socket::connect_with(address, &[]).await.err();
    assert_eq!(refused, Some(503));
    let answer = Http::ask(address, "GET", "/metadata", "").await;
    assert!(answer.status == 503 && answer.body.contains("2 connections for clients without a key"), "{}", answer.body);
    // A load balancer must not take the node for dead.
    assert_eq!(Http::ask(address, "GET", "/health", "").await.status, 200);
    keyed_callers_are_answered(&node, &key).await;
    drop(held);
    node.node.stop().await;
}

/// Sockets that send nothing held slots until the time for heads was over.
#[tokio::test(flavor = "multi_thread")]
async fn silent_connections_give_way_to_those_that_speak() {
    let node = patient(|config| {
        config.server.connections_max = 8;
        config.server.handshakes_max = 4;
    })
    .await;
    let key = node.key(Some("acme"), Roles::CALL).await;
    let mut silent = Vec::new();
    for _ in 0..40 {
        silent.push(TcpStream::connect(node.node.address()).await.unwrap());
    }
    keyed_callers_are_answered(&node, &key).await;
    let few = async {
        while node.node.dispatcher().metrics.connections.get() > 4 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::time::timeout(HANG, few).await.expect("the oldest are closed");
    node.node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_has_so_many_anonymous_connections_and_authentication_frees_one() {
    let node = patient(|config| config.server.anonymous.connections_per_address_max = 1).await;
    let (address, key) = (node.node.address(), node.key(Some("acme"), Roles::CALL).await);
    let mut first = Socket::connect(address).await;
    let answer = Http::ask(address, "GET", "/metadata", "").await;
    assert!(answer.status == 503 && answer.head.contains("retry-after: 1"), "{}", answer.head);
    keyed_callers_are_answered(&node, &key).await;
    first.result("realm_authenticate", json!([key])).await;
    assert_eq!(Http::ask(address, "GET", "/metadata", "").await.status, 200);
    node.node.stop().await;
}

/// An anonymous client could make the node hold 10 MB of a frame that never ended, and parse whole ones before it was
/// refused.
#[tokio::test(flavor = "multi_thread")]
async fn half_a_frame_of_an_anonymous_client_closes_its_connection() {
    let node = patient(|_| {}).await;
    let mut socket = Socket::connect(node.node.address()).await;
    socket.result("system_health", json!([])).await;
    // The head of a masked text frame of 9 MB, and less of it than system buffers hold.
    let mut half = vec![0x81, 0xff];
    half.extend(9_000_000_u64.to_be_bytes());
    half.extend([0; 4]);
    half.resize(200 << 10, b' ');
    // An error says that it is closed already.
    let _ = socket.send_bytes(&half).await;
    tokio::time::timeout(HANG, socket.closed()).await.expect("the connection is closed");
    node.node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_authenticates_may_send_large_frames_from_then_on() {
    let node = patient(|_| {}).await;
    let key = node.key(Some("acme"), Roles::CALL).await;
    let large = json!(["health_check", {}, {"id": "x".repeat(1 << 20)}]);
    let mut socket = Socket::connect(node.node.address()).await;
    // As large as it may be without a key.
    let error = socket.error("realm_call", json!(["health_check", {"x": "x".repeat(60 << 10)}])).await;
    assert_eq!(code(&error), "UNAUTHENTICATED");
    socket.result("realm_authenticate", json!([key])).await;
    let response = socket.request("realm_call", large).await;
    assert!(response.get("result").is_some() || code(&response["error"]) == "INVALID_PARAMS", "{response}");
    node.node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_and_batches_of_anonymous_clients_are_small() {
    let node = patient(|_| {}).await;
    let (address, key) = (node.node.address(), node.key(Some("acme"), Roles::CALL).await);
    let bearer = format!("Bearer {key}");
    let large = json!(["x".repeat(100 << 10)]);
    let (status, answer) = post(address, &[], "system_health", large.clone()).await;
    assert_eq!((status, &answer["error"]["code"]), (413, &json!(-32007)), "{answer}");
    assert!(answer["error"]["message"].as_str().unwrap().contains("65536 bytes"), "{answer}");
    assert_eq!(post(address, &[("authorization", &bearer)], "system_health", large).await.0, 200);

    let entry = json!({"jsonrpc": "2.0", "id": 1, "method": "system_health"});
    let batch = |len: usize| Value::Array(vec![entry.clone(); len]).to_string();
    let mut anonymous = Socket::connect(address).await;
    let mut keyed = Socket::connect_as(address, &key).await;
    anonymous.send_raw(batch(9)).await;
    assert_eq!(anonymous.frame().await["error"]["code"], -32010);
    for (socket, len) in [(&mut anonymous, 8), (&mut keyed, 64)] {
        socket.send_raw(batch(len)).await;
        assert_eq!(socket.frame().await.as_array().map(Vec::len), Some(len));
    }
    node.node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_anonymous_connection_begins_so_many_subscriptions() {
    let node = patient(|config| config.server.anonymous.subscriptions_max = 2).await;
    let key = node.key(Some("acme"), Roles::CALL).await;
    let mut socket = Socket::connect(node.node.address()).await;
    for _ in 0..2 {
        socket.result("chain_subscribeNewHeads", json!([])).await;
    }
    assert_eq!(socket.error("chain_subscribeNewHeads", json!([])).await["code"], -32006);
    socket.result("realm_authenticate", json!([key])).await;
    socket.result("chain_subscribeNewHeads", json!([])).await;
    let (status, answer) = post(node.node.address(), &[], "chain_subscribeNewHeads", json!([])).await;
    assert_eq!((status, &answer["error"]["code"]), (200, &json!(-32601)), "{answer}");
    node.node.stop().await;
}

/// A client that asked and never read held its connection and all answers until it chose to leave.
#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_reads_nothing_is_closed() {
    let node = patient(|config| {
        config.server.send_buffer_bytes = 16 << 10;
        config.server.anonymous.write_wait_max = Duration::from_millis(200);
    })
    .await;
    let mut unread = Socket::connect_narrow(node.node.address()).await;
    for _ in 0..100 {
        unread.send("state_getMetadata", json!([])).await;
    }
    let gone = async {
        while node.node.dispatcher().metrics.connections.get() > 0 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::time::timeout(HANG, gone).await.expect("the connection is closed");
    drop(unread);
    node.node.stop().await;
}

/// Anonymous requests ran whenever a worker was free, and batches of them took all workers for half a minute.
#[tokio::test(flavor = "multi_thread")]
async fn anonymous_clients_have_a_share_of_the_processor() {
    let node = patient(|config| {
        config.server.anonymous.cpu.percent = 1;
        config.server.anonymous.cpu.burst = Duration::from_millis(1);
    })
    .await;
    let (address, key) = (node.node.address(), node.key(Some("acme"), Roles::CALL).await);
    let refused = async {
        loop {
            let (status, answer) = post(address, &[], "rpc.discover", json!([])).await;
            if status != 200 {
                return (status, answer);
            }
        }
    };
    let (status, answer) = tokio::time::timeout(HANG, refused).await.expect("the share is used up");
    assert_eq!((status, &answer["error"]["data"]["code"]), (503, &json!("OVERLOADED")), "{answer}");
    assert!(answer["error"]["data"]["retry_after_ms"].as_u64().unwrap() > 0, "{answer}");
    assert_eq!(Http::ask(address, "GET", "/health", "").await.status, 200);
    keyed_callers_are_answered(&node, &key).await;
    node.node.stop().await;
}

/// Over plain HTTP an anonymous connection could be kept alive for ever.
#[tokio::test(flavor = "multi_thread")]
async fn an_anonymous_http_connection_ends_after_a_while() {
    let node = patient(|config| config.auth.unauthenticated_wait_max = Duration::from_millis(300)).await;
    let key = node.key(Some("acme"), Roles::CALL).await;
    let ask = |authorization: &str| format!("GET /metadata HTTP/1.1\r\nhost: x\r\n{authorization}\r\n");
    let mut anonymous = TcpStream::connect(node.node.address()).await.unwrap();
    let mut keyed = TcpStream::connect(node.node.address()).await.unwrap();
    anonymous.write_all(ask("").as_bytes()).await.unwrap();
    keyed.write_all(ask(&format!("authorization: Bearer {key}\r\n")).as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    let read = tokio::io::AsyncReadExt::read_to_end(&mut anonymous, &mut answer);
    tokio::time::timeout(HANG, read).await.expect("the connection is closed").unwrap();
    assert!(answer.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&answer));
    assert_eq!(node.node.dispatcher().metrics.connections.get(), 1);
    drop(keyed);
    node.node.stop().await;
}
