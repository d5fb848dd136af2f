//! What a connection may do that has not said who it is, where keys are needed.

use super::{code, health};
use realm_node::server::{CLOSED_METHODS, OPEN_METHODS};
use realm_tests::{HANG, Http, Socket, TinyNode};
use serde_json::{Value, json};
use std::{collections::BTreeSet, time::Duration};

#[tokio::test(flavor = "multi_thread")]
async fn a_stranger_gets_health_and_metadata_and_no_more() {
    let node = TinyNode::keyed(|_| {}).await;
    let address = node.node.address();
    let mut socket = Socket::connect(address).await;
    for (method, params) in [
        ("system_health", json!([])),
        ("system_metadata", json!([])),
        ("system_chain", json!([])),
        ("rpc_methods", json!([])),
        ("rpc.discover", json!([])),
        ("state_getMetadata", json!([])),
        ("state_getRuntimeVersion", json!([])),
        ("chain_getHeader", json!([])),
        ("chainSpec_v1_genesisHash", json!([])),
        ("realm_call", json!(["system_metadata"])),
        ("state_call", json!(["Core_version", "0x"])),
        ("state_call", json!(["Metadata_metadata_at_version", "0x0f000000"])),
    ] {
        socket.result(method, params).await;
    }
    for (method, params) in [
        ("realm_call", health(None)),
        ("realm_call", health(Some("acme"))),
        ("realm_subscribe", json!(["health_check"])),
        ("realm_unsubscribe", json!(["x"])),
        ("state_call", json!(["RealmApi_health_check", "0x"])),
        ("realm_upgradeRuntime", json!(["0x"])),
        ("realm_dryRunUpgrade", json!(["0x"])),
        ("realm_rollbackRuntime", json!([])),
        ("realm_chainLog", json!([])),
        ("realm_keyGenerate", json!([])),
        ("realm_keyList", json!([])),
        ("realm_keyRevoke", json!(["x"])),
        ("realm_noSuchMethod", json!([])),
    ] {
        let error = socket.error(method, params).await;
        assert_eq!((code(&error), &error["code"]), ("UNAUTHENTICATED", &json!(5001)), "{method}");
        assert!(error["message"].as_str().unwrap().contains("realm_authenticate"), "{error}");
    }
    let archive = socket.result("archive_v1_genesisHash", json!([])).await;
    let called = socket.result("archive_v1_call", json!([archive, "RealmApi_health_check", "0x"])).await;
    assert_eq!(called["success"], false, "{called}");

    for (path, status) in [("/health", 200), ("/metadata", 200)] {
        assert_eq!(Http::ask(address, "GET", path, "").await.status, status, "{path}");
    }
    node.node.stop().await;
}

/// The allow list was by prefix: a method that was added under `chain_` or `system_` was open to anonymous clients
/// without anyone deciding so. Now each registered method has to be put in one of the two lists.
#[tokio::test(flavor = "multi_thread")]
async fn each_registered_method_is_either_open_or_closed() {
    let node = TinyNode::keyed(|_| {}).await;
    let mut socket = Socket::connect(node.node.address()).await;
    let listed = socket.result("rpc_methods", json!([])).await;
    let registered: BTreeSet<&str> = listed["methods"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    let listed: Vec<&str> = OPEN_METHODS.into_iter().chain(CLOSED_METHODS).collect();
    let distinct: BTreeSet<&str> = listed.iter().copied().collect();
    assert_eq!(distinct.len(), listed.len(), "a method is in the lists twice");
    assert_eq!(distinct, registered);
    for method in CLOSED_METHODS {
        let error = socket.error(method, json!([])).await;
        assert_eq!(code(&error), "UNAUTHENTICATED", "{method}");
    }
    for unknown in ["chain_notYetWritten", "system_notYetWritten", "rpc_notYetWritten"] {
        let error = socket.error(unknown, json!([])).await;
        assert_eq!(code(&error), "UNAUTHENTICATED", "{unknown}");
    }
    node.node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_is_looked_at_entry_by_entry() {
    let node = TinyNode::keyed(|_| {}).await;
    let mut socket = Socket::connect(node.node.address()).await;
    let batch = json!([
        {"jsonrpc": "2.0", "id": 1, "method": "system_health"},
        {"jsonrpc": "2.0", "id": 2, "method": "realm_keyList"},
        {"jsonrpc": "2.0", "id": 3, "method": "realm_call", "params": ["health_check"]},
    ]);
    socket.send_raw(batch.to_string()).await;
    let answers = socket.frame().await;
    let of = |id: u64| answers.as_array().unwrap().iter().find(|answer| answer["id"] == json!(id)).unwrap();
    assert!(of(1)["result"].is_object(), "{answers}");
    let codes: Vec<&Value> = [2, 3].into_iter().map(|id| &of(id)["error"]["data"]["code"]).collect();
    assert_eq!(codes, ["UNAUTHENTICATED", "UNAUTHENTICATED"]);
    node.node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stranger_that_stays_one_is_shown_out() {
    let node = TinyNode::keyed(|config| config.auth.unauthenticated_wait_max = Duration::from_millis(200)).await;
    let key = node.key(Some("acme"), realm_node::auth::Roles::CALL).await;
    let mut proven = Socket::connect(node.node.address()).await;
    proven.result("realm_authenticate", json!([key])).await;
    let mut stranger = Socket::connect(node.node.address()).await;
    tokio::time::timeout(HANG, stranger.closed()).await.expect("the stranger is shown out");
    // By now the other would be out too, had it not said who it is.
    proven.result("realm_call", health(None)).await;
    node.node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn where_no_keys_are_needed_nobody_is_shown_out() {
    let node = TinyNode::with(|config| config.auth.unauthenticated_wait_max = Duration::from_millis(50)).await;
    let mut socket = Socket::connect(node.node.address()).await;
    tokio::time::sleep(Duration::from_millis(400)).await;
    socket.result("realm_call", health(None)).await;
    node.node.stop().await;
}
