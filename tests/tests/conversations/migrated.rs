//! What the project's own model remembers over a restart, and over an upgrade that stores turns in
//! another form.

use realm_host_functions::storage::{Store, StoreConfig};
use realm_node::{Node, NodeConfig};
use realm_tests::{HANG, Socket};
use serde_json::{Value, json};
use std::path::Path;

async fn start(base_path: &Path) -> Node {
    let mut config = NodeConfig::new(realm_chain_spec::ChainSpec::dev());
    config.listen.set_port(0);
    config.metrics = None;
    config.executor.instances_max = 16;
    config.base_path = Some(base_path.to_owned());
    tokio::time::timeout(HANG, Node::start(config)).await.expect("it starts").expect("the node starts")
}

/// Says something on a connection of its own.
async fn say(node: &Node, text: &str) -> Value {
    let params = json!({"message": text, "conversation": "alice", "max_tokens": 24, "temperature": 0});
    let mut socket = Socket::connect(node.address()).await;
    let options = json!({"deadline_ms": 100_000});
    socket.result("realm_call", json!(["chat", params, options])).await
}

async fn remembers(node: &Node, turns: u32) {
    let made = say(node, "What is my name?").await;
    assert!(made["text"].as_str().is_some_and(|text| text.contains("Alice")), "{made}");
    assert_eq!(made["turns"], turns);
}

/// Bytes of the stored turns.
fn stored(base_path: &Path) -> Vec<usize> {
    let store = Store::open(&base_path.join("realm.redb"), StoreConfig::default()).expect("the database opens");
    let entries = store.namespace("tenant/dev").entries().expect("it can be read");
    let turns = entries.into_iter().filter(|(key, _)| key.starts_with(b"conversation/alice\0"));
    turns.map(|(_, value)| value.len()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_is_remembered_over_restarts_and_migrations() {
    let folder = tempfile::tempdir().expect("a folder");
    let node = start(folder.path()).await;
    say(&node, "Hi, my name is Alice").await;
    remembers(&node, 2).await;
    node.stop().await;
    let before = stored(folder.path());

    let node = start(folder.path()).await;
    remembers(&node, 3).await;
    let mut admin = Socket::connect(node.address()).await;
    let blob = format!("0x{}", hex::encode(realm_summarize_runtime::WASM_BINARY));
    let report = admin.result("realm_upgradeRuntime", json!([blob])).await;
    assert_eq!(report["tenants"][0]["state_changed"], true, "{report}");
    drop(admin);
    node.stop().await;
    let migrated = stored(folder.path());
    assert_eq!(migrated.len(), 3);
    // Version 2 appends four bytes to each turn.
    assert!(before.iter().zip(&migrated).all(|(before, after)| before + 4 == *after), "{before:?} {migrated:?}");

    let node = start(folder.path()).await;
    remembers(&node, 4).await;
    // Version 1 still reads what version 2 left.
    let mut admin = Socket::connect(node.address()).await;
    admin.result("realm_rollbackRuntime", json!([])).await;
    remembers(&node, 5).await;
    drop(admin);
    node.stop().await;
}
