//! What an upgrade tells those who watch: a block, its parent's link, the new version, the digest.

use super::{blob::Blob, fixture::Fixture};
use realm_tests::Socket;
use serde_json::{Value, json};
use std::time::Duration;

#[tokio::test(flavor = "multi_thread")]
async fn an_upgrade_is_a_block_that_watchers_are_told_of() {
    let mut fixture = Fixture::with(&Blob::version(1), |config| {
        config.blocks.heartbeat_interval = Duration::from_secs(3600);
    })
    .await;
    let mut watcher = Socket::connect(fixture.node.node.address()).await;
    watcher.result("state_subscribeRuntimeVersion", json!([])).await;
    assert_eq!(
        watcher.notification().await["params"]["result"]["specVersion"],
        1,
        "the version in force comes at once"
    );
    watcher.result("chain_subscribeNewHeads", json!([])).await;
    let genesis = watcher.notification().await["params"]["result"].clone();
    assert_eq!(genesis["number"], "0x0");

    let report = fixture.upgrade(&Blob::version(2).wasm()).await;
    // Version and heads come over one socket, in either order.
    let (mut version, mut heads) = (Value::Null, Vec::new());
    while version.is_null() || heads.len() < 2 {
        let notification = watcher.notification().await;
        let result = notification["params"]["result"].clone();
        match notification["method"].as_str() {
            Some("state_runtimeVersion") => version = result,
            Some("chain_newHead") => heads.push(result),
            _ => panic!("{notification}"),
        }
    }
    assert_eq!(version["specVersion"], 2);
    let hash_at = async |socket: &mut Socket, number: u32| socket.result("chain_getBlockHash", json!([number])).await;
    // RuntimeEnvironmentUpdated, and a heartbeat right behind it for clients that look at a parent's runtime.
    assert_eq!((&heads[0]["number"], &heads[0]["digest"]["logs"]), (&json!("0x1"), &json!(["0x08"])));
    assert_eq!((&heads[1]["number"], &heads[1]["digest"]["logs"]), (&json!("0x2"), &json!([])));
    assert_eq!(heads[0]["parentHash"], hash_at(&mut watcher, 0).await);
    assert_eq!(heads[1]["parentHash"], report["block"]["hash"]);
    assert_eq!(hash_at(&mut watcher, 1).await, report["block"]["hash"]);

    // Each block answers for its own runtime.
    for (number, spec_version) in [(0, 1), (1, 2), (2, 2)] {
        let at = hash_at(&mut watcher, number).await;
        let version = watcher.result("state_getRuntimeVersion", json!([at])).await;
        assert_eq!(version["specVersion"], json!(spec_version), "block {number}");
    }
    let code = "0x3a636f6465";
    let (genesis, upgrade) = (hash_at(&mut watcher, 0).await, hash_at(&mut watcher, 1).await);
    let old = watcher.result("state_getStorageHash", json!([code, genesis])).await;
    let new = watcher.result("state_getStorageHash", json!([code, upgrade])).await;
    assert!(old.is_string() && new.is_string() && old != new, "{old} {new}");
    fixture.node.node.stop().await;
}
