//! Bad blobs, each refused by its own step. The node serves on, and nothing of them is left on disk.

use super::{
    blob::{Blob, EAT_MEMORY, LOOP, TRAP},
    fixture::{Fixture, hex},
};
use realm_host_functions::storage::{Store, StoreConfig};
use serde_json::json;
use std::{path::Path, time::Duration};

/// Everything that upgrades write, and the files beside it.
fn on_disk(folder: &Path) -> Vec<Vec<(Vec<u8>, Vec<u8>)>> {
    let files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().file_name()).collect();
    assert_eq!(files, ["realm.redb"]);
    let store = Store::open(&folder.join("realm.redb"), StoreConfig::default()).unwrap();
    ["node/blocks", "node/code", "node/code-facts", "tenant/dev"]
        .map(|namespace| store.namespace(namespace).entries().unwrap())
        .into()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_bad_blob_is_refused_by_its_own_step() {
    let disk = tempfile::tempdir().unwrap();
    let base = disk.path().to_owned();
    let start = async || {
        Fixture::with(&Blob::version(5), |config| {
            config.base_path = Some(base.clone());
            (config.upgrade.trial_time_max, config.upgrade.migration_time_max) =
                (Duration::from_secs(2), Duration::from_secs(2));
            // 100 MB must reach the upgrade to be refused by it; as hex they are twice as many.
            config.server.request_bytes_max = 210_000_000;
            // A heartbeat would be a change on disk that is not the upgrade's.
            config.blocks.heartbeat_interval = Duration::from_secs(3600);
        })
        .await
    };
    start().await.node.node.stop().await;
    let before = on_disk(disk.path());

    let mut fixture = start().await;
    let next = || Blob::version(6);
    let good = next().wasm();
    let zeros = vec![0; 100_000_000];
    let bomb = sp_maybe_compressed_blob::compress_weakly(&zeros, 200_000_000).unwrap();
    assert!(bomb.len() < 1_000_000, "{} bytes", bomb.len());
    let unknown = r#"(import "realm_storage_v9" "teleport" (func (param i32) (result i64)))"#;
    let cases: Vec<(&str, &str, Vec<u8>)> = vec![
        ("traps in its trial", "trial", Blob { health_check: TRAP, ..next() }.wasm()),
        ("loops in its trial", "trial", Blob { health_check: LOOP, ..next() }.wasm()),
        ("eats memory in its trial", "trial", Blob { health_check: EAT_MEMORY, ..next() }.wasm()),
        ("traps in its migration", "migration", Blob { migrate: TRAP, ..next() }.wasm()),
        ("loops in its migration", "migration", Blob { migrate: LOOP, ..next() }.wasm()),
        ("eats memory in its migration", "migration", Blob { migrate: EAT_MEMORY, ..next() }.wasm()),
        ("imports what is not there", "imports", Blob { imports: unknown, ..next() }.wasm()),
        ("lies about its version", "core_version", Blob { says_version: Some(7), ..next() }.wasm()),
        ("says nothing about itself", "metadata", Blob { metadata: false, ..next() }.wasm()),
        ("lowers spec_version", "spec_version", Blob::version(4).wasm()),
        ("repeats spec_version", "spec_version", Blob::version(5).wasm()),
        ("has another spec_name", "spec_name", Blob { spec_name: "other", ..next() }.wasm()),
        ("is truncated", "format", good[..good.len() / 2].to_vec()),
        ("lacks its last byte", "format", good[..good.len() - 1].to_vec()),
        ("is empty", "format", Vec::new()),
        ("is text", "format", b"This is no runtime.".to_vec()),
        ("has no sections", "sections", wat::parse_str("(module)").unwrap()),
        ("unpacks to 100 MB of zeros", "unpack", bomb.clone()),
        ("is packed and truncated", "unpack", bomb[..bomb.len() - 2].to_vec()),
    ];
    for (what, step, code) in cases {
        let error = fixture.refusal(&code).await;
        assert_eq!(error["data"]["step"], step, "a blob that {what}: {error}");
        let error = fixture.admin.error("realm_dryRunUpgrade", json!([hex(&code)])).await;
        assert_eq!(error["data"]["step"], step, "a dry run of a blob that {what}: {error}");
        assert_eq!(fixture.health("dev").await["spec_version"], 5, "after a blob that {what}");
    }
    let error = fixture.refusal(&zeros).await;
    assert_eq!((&error["data"]["step"], &error["data"]["len"]), (&json!("size"), &json!(zeros.len())), "{error}");
    let log = fixture.admin.result("realm_chainLog", json!([10, true])).await;
    assert_eq!(log.as_array().unwrap().len(), 1, "only genesis: {log}");
    fixture.node.idle().await;
    fixture.node.node.stop().await;
    assert!(on_disk(disk.path()) == before, "nothing on disk has changed");

    // None of this was in the way of a good one.
    let mut fixture = start().await;
    assert_eq!(fixture.upgrade(&good).await["to"]["spec_version"], 6);
    assert_eq!(fixture.health("dev").await["spec_version"], 6);
    fixture.node.node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_upgrade_at_the_same_time_is_refused() {
    let mut fixture = Fixture::of(&Blob::version(1)).await;
    // Two that take long, because the node may take up either first.
    for version in [2, 3] {
        let slow = Blob { health_check: LOOP, ..Blob::version(version) }.wasm();
        fixture.admin.send("realm_upgradeRuntime", json!([hex(&slow)])).await;
    }
    let mut step = async || fixture.admin.frame_but_events().await["error"]["data"]["step"].clone();
    let steps = [step().await, step().await];
    assert_eq!(steps, [json!("busy"), json!("trial")]);
    fixture.upgrade(&Blob::version(3).wasm()).await;
    fixture.node.node.stop().await;
}
