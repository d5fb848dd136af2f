//! Stored runtimes when a node starts: one that does not load concerns its own tenant, and nobody else.

use super::{
    blob::Blob,
    fixture::{Fixture, three_tenants},
};
use realm_host_functions::storage::{Changes, Store, StoreConfig};
use serde_json::json;
use std::{path::Path, time::Duration};

async fn start(base: &Path) -> Fixture {
    Fixture::with(&Blob::version(1), |config| {
        three_tenants(config);
        config.base_path = Some(base.to_owned());
        config.blocks.heartbeats_max = 2;
        config.blocks.heartbeat_interval = Duration::from_secs(3600);
    })
    .await
}

/// A node did not start at all if one tenant's stored runtime could not be loaded.
#[tokio::test(flavor = "multi_thread")]
async fn one_that_does_not_load_refuses_its_own_tenant_only() {
    let disk = tempfile::tempdir().unwrap();
    let mut fixture = start(disk.path()).await;
    let report = fixture.upgrade_tenant(&Blob::version(5).wasm(), "eve").await;
    let hash = report["to"]["code_hash"].as_str().unwrap().to_owned();
    fixture.node.node.stop().await;
    {
        let store = Store::open(&disk.path().join("realm.redb"), StoreConfig::default()).unwrap();
        let code = store.namespace("node/code");
        let mut changes = Changes::new();
        code.write(&mut changes, &hex::decode(&hash[2..]).unwrap(), Some(b"no longer a runtime".to_vec()));
        code.commit(changes).await.unwrap();
    }

    let mut fixture = start(disk.path()).await;
    assert_eq!(fixture.health("dev").await["spec_version"], 1);
    let call = json!(["health_check", {}, {"tenant_id": "eve"}]);
    let refused = fixture.admin.error("realm_call", call).await;
    let data = (&refused["data"]["code"], &refused["data"]["code_hash"]);
    assert_eq!(data, (&json!("RUNTIME_UNAVAILABLE"), &json!(hash)), "{refused}");
    // It is still in force, so a newer one must be newer than it; the chain's upgrades do not concern it.
    let code = super::fixture::hex(&Blob::version(4).wasm());
    let older = fixture.admin.error("realm_upgradeRuntime", json!([code, "eve"])).await;
    assert_eq!((&older["data"]["step"], &older["data"]["in_force"]), (&json!("spec_version"), &json!(5)), "{older}");
    let report = fixture.upgrade(&Blob::version(2).wasm()).await;
    assert_eq!(report["tenants"].as_array().map(Vec::len), Some(2), "{report}");
    fixture.upgrade_tenant(&Blob::version(6).wasm(), "eve").await;
    assert_eq!(fixture.health("eve").await["spec_version"], 6);
    fixture.node.node.stop().await;
}

/// What each blob said about itself was kept for ever.
#[tokio::test(flavor = "multi_thread")]
async fn descriptions_of_old_runtimes_do_not_pile_up() {
    let disk = tempfile::tempdir().unwrap();
    let mut fixture = start(disk.path()).await;
    for version in 2..20 {
        fixture.upgrade_tenant(&Blob::version(version).wasm(), "eve").await;
    }
    fixture.node.node.stop().await;
    let store = Store::open(&disk.path().join("realm.redb"), StoreConfig::default()).unwrap();
    let kept = |namespace: &str| store.namespace(namespace).keys().unwrap().len();
    // In force for the chain and for the tenant, in reach of eight rollbacks, and the code of the last few blocks.
    assert_eq!(kept("node/code"), 10);
    assert!((10..=12).contains(&kept("node/code-facts")), "{}", kept("node/code-facts"));
}
