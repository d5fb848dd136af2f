//! Migrations: once for each tenant's state, all of them or none, whatever calls do meanwhile.

use super::{
    blob::{Blob, KEY, LENGTHEN, LENGTHEN_OR_TRAP},
    fixture::{Fixture, three_tenants},
};
use realm_tests::Socket;
use serde_json::json;
use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

#[tokio::test(flavor = "multi_thread")]
async fn a_migration_runs_once_for_each_tenant() {
    let mut fixture = Fixture::with(&Blob::version(1), three_tenants).await;
    fixture.store("eve", KEY, b"abcde").await;
    fixture.store("fay", b"another key", b"untouched").await;
    let report = fixture.upgrade(&Blob { migrate: LENGTHEN, ..Blob::version(2) }.wasm()).await;
    let changed = |tenant: &str| json!({"tenant_id": tenant, "state_changed": true});
    assert_eq!(report["tenants"], json!([changed("dev"), changed("eve"), changed("fay")]));
    assert_eq!(fixture.stored("dev", KEY).unwrap(), b"2");
    assert_eq!(fixture.stored("eve", KEY).unwrap(), b"abcde2");
    assert_eq!(fixture.stored("fay", KEY).unwrap(), b"2");
    assert_eq!(fixture.stored("fay", b"another key").unwrap(), b"untouched");
    // The way back runs the old runtime's migration, which changes nothing here.
    let report = fixture.roll_back(None).await;
    assert_eq!(report["tenants"][1], json!({"tenant_id": "eve", "state_changed": false}));
    assert_eq!(fixture.stored("eve", KEY).unwrap(), b"abcde2");
    // And whoever was kept from the state in between is let in again.
    assert_eq!(fixture.admin.result("realm_call", json!(["hold_and_write"])).await, json!(null));
    assert_eq!(fixture.stored("dev", KEY).unwrap(), b"11111111");
    fixture.node.node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trap_in_one_migration_rolls_all_of_them_back() {
    let mut fixture = Fixture::with(&Blob::version(1), three_tenants).await;
    fixture.store("eve", KEY, b"abcde").await;
    fixture.store("fay", KEY, b"abc").await;
    let error = fixture.refusal(&Blob { migrate: LENGTHEN_OR_TRAP, ..Blob::version(2) }.wasm()).await;
    assert_eq!(error["data"]["step"], "migration");
    assert!(error["message"].as_str().unwrap().contains("tenant fay"), "{error}");
    assert_eq!(fixture.stored("dev", KEY), None);
    assert_eq!(fixture.stored("eve", KEY).unwrap(), b"abcde");
    assert_eq!(fixture.stored("fay", KEY).unwrap(), b"abc");
    assert_eq!(fixture.health("dev").await["spec_version"], 1);
    fixture.node.node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_migrates_nothing() {
    let mut fixture = Fixture::of(&Blob::version(1)).await;
    let code = super::fixture::hex(&Blob { migrate: LENGTHEN, ..Blob::version(2) }.wasm());
    let report = fixture.admin.result("realm_dryRunUpgrade", json!([code])).await;
    assert_eq!((&report["block"], &report["tenants"][0]["state_changed"]), (&json!(null), &json!(true)));
    assert_eq!(fixture.stored("dev", KEY), None);
    assert_eq!(fixture.health("dev").await["spec_version"], 1);
    fixture.node.node.stop().await;
}

/// Calls that write all the time would overtake a migration at each attempt; at the last one they wait.
#[tokio::test(flavor = "multi_thread")]
async fn a_migration_gets_through_among_calls_that_write() {
    let mut fixture = Fixture::with(&Blob::version(1), |config| config.upgrade.migration_attempts_max = 2).await;
    let over = Arc::new(AtomicBool::new(false));
    let writers: Vec<_> = (0..4)
        .map(|_| {
            let (address, over) = (fixture.node.node.address(), over.clone());
            tokio::spawn(async move {
                let mut socket = Socket::connect(address).await;
                let mut written = 0;
                while !over.load(Ordering::Relaxed) {
                    let answer = socket.request("realm_call", json!(["hold_and_write"])).await;
                    match answer["error"]["data"]["code"].as_str() {
                        None => written += 1,
                        // It began before the migration and would have written what nobody expects any more.
                        Some(code) => assert_eq!(code, "RUNTIME_CHANGED", "{answer}"),
                    }
                }
                written
            })
        })
        .collect();
    for version in 2..6 {
        fixture.upgrade(&Blob { migrate: LENGTHEN, ..Blob::version(version) }.wasm()).await;
    }
    over.store(true, Ordering::Relaxed);
    for writer in writers {
        assert!(writer.await.unwrap() > 0);
    }
    fixture.node.node.stop().await;
}
