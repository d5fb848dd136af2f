//! `/health` of a node whose database takes no writes.

use realm_node::auth::Roles;
use realm_tests::{HANG, Http, Socket, TinyNode};
use serde_json::json;
use std::{fs, time::Duration};

/// A database that was deleted under a node was not noticed: calls were acknowledged, `/health` said `ok`, and a restart
/// had nothing of it.
#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_database_refuses_writes_and_health_says_so() {
    let disk = tempfile::tempdir().unwrap();
    let (path, away) = (disk.path().join("realm.redb"), disk.path().join("away"));
    let node = TinyNode::keyed(|config| config.base_path = Some(disk.path().to_owned())).await;
    let address = node.node.address();
    let mut admin = Socket::connect_as(address, &node.key(None, Roles::ALL).await).await;
    let health = async || {
        let answer = Http::ask(address, "GET", "/health", "").await;
        (answer.status, answer.body)
    };
    assert_eq!(health().await, (200, r#"{"status":"ok"}"#.to_owned()));

    fs::rename(&path, &away).unwrap();
    let error = admin.error("realm_keyGenerate", json!({"label": "lost"})).await;
    assert_eq!(error["data"]["code"], "INTERNAL", "{error}");
    assert_eq!(health().await, (200, r#"{"status":"degraded","database":"read-only"}"#.to_owned()));
    let kept = admin.result("realm_keyList", json!([])).await;
    assert_eq!(kept.as_array().map(Vec::len), Some(1), "reads go on, and nothing unwritten shows: {kept}");

    fs::rename(&away, &path).unwrap();
    admin.result("realm_keyGenerate", json!({"label": "kept"})).await;
    let ok = async {
        while health().await.1 != r#"{"status":"ok"}"# {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(HANG, ok).await.expect("it takes writes again");
    node.node.stop().await;
}
