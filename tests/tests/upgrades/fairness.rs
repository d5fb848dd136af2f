//! One tenant's administrator at its own runtime, and what the others notice: nothing.

use super::{
    blob::{Blob, LOOP},
    fixture::{Fixture, hex, three_tenants},
};
use realm_node::auth::Roles;
use realm_tests::{Socket, TinyNode};
use serde_json::{Value, json};
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    time::Duration,
};

/// A chain with keys and the tenants `acme` and `beta`, whose trial calls and migrations may take as long as a test.
async fn keyed() -> TinyNode {
    let code = Blob::version(1).wasm();
    TinyNode::keyed(|config| {
        config.chain.runtime = realm_chain_spec::CodeSource::Code(code);
        (config.upgrade.trial_time_max, config.upgrade.tenant_upgrade_time_max) =
            (realm_tests::HANG, realm_tests::HANG);
        config.upgrade.tenant_attempts_per_minute_max = 3;
        config.upgrade.tenant_upgrades_per_day_max = 2;
    })
    .await
}

async fn administrator(node: &TinyNode, tenant: Option<&str>) -> Socket {
    Socket::connect_as(node.node.address(), &node.key(tenant, Roles::ALL).await).await
}

/// A blob whose trial call ends at its time limit only.
fn endless(spec_version: u32) -> String {
    hex(&Blob { health_check: LOOP, ..Blob::version(spec_version) }.wasm())
}

/// Waits until the node runs a trial.
async fn trial_runs(node: &TinyNode) {
    while node.node.dispatcher().executor.stats().instances_alive() == 0 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

/// One dry run with an endless `health_check` held the one upgrade place of the node for 30 s, again and again, so that
/// the operator could neither upgrade nor roll back.
#[tokio::test(flavor = "multi_thread")]
async fn a_tenants_endless_trial_holds_up_nobody_else() {
    let node = keyed().await;
    let (mut acme, mut beta) = (administrator(&node, Some("acme")).await, administrator(&node, Some("beta")).await);
    let mut operator = administrator(&node, None).await;
    let endless_run = acme.send("realm_dryRunUpgrade", json!([endless(9), "acme"])).await;
    trial_runs(&node).await;

    let own = json!([hex(&Blob::version(3).wasm()), "beta"]);
    assert_eq!(beta.result("realm_upgradeRuntime", own).await["to"]["spec_version"], 3);
    let chains = json!([hex(&Blob::version(2).wasm())]);
    assert_eq!(operator.result("realm_upgradeRuntime", chains).await["to"]["spec_version"], 2);
    assert_eq!(operator.result("realm_rollbackRuntime", json!([])).await["to"]["spec_version"], 1);
    // Only the same runtime is busy, and for the operator not even that.
    let mut second = administrator(&node, Some("acme")).await;
    let busy = second.error("realm_dryRunUpgrade", json!([endless(9), "acme"])).await;
    assert_eq!(busy["data"]["step"], "busy", "{busy}");
    let operators = json!([hex(&Blob::version(4).wasm()), "acme"]);
    assert_eq!(operator.result("realm_upgradeRuntime", operators).await["to"]["spec_version"], 4);
    let aborted = acme.response(endless_run).await;
    assert_eq!(aborted["error"]["data"]["step"], "busy", "{aborted}");
    node.node.stop().await;
}

/// Dry runs cost nothing and were counted by nobody; each upgrade leaves its code and its description on disk.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_tenants_administrator_may_try_is_bounded_by_minute_and_day() {
    let node = keyed().await;
    let mut acme = administrator(&node, Some("acme")).await;
    let upgrade = |version| json!([hex(&Blob::version(version).wasm()), "acme"]);
    acme.result("realm_upgradeRuntime", upgrade(2)).await;
    acme.result("realm_rollbackRuntime", json!(["acme"])).await;
    let day = acme.error("realm_upgradeRuntime", upgrade(3)).await;
    assert_eq!((&day["data"]["code"], &day["data"]["step"]), (&json!("RATE_LIMIT"), &json!("rate")), "{day}");
    let hours = day["data"]["retry_after_ms"].as_u64().unwrap_or_default() / 3_600_000;
    assert!((22..=24).contains(&hours), "{day}");
    let minute = acme.error("realm_dryRunUpgrade", upgrade(3)).await;
    assert_eq!((&minute["data"]["code"], &minute["data"]["limit"]), (&json!("RATE_LIMIT"), &json!(3)), "{minute}");
    assert!(minute["data"]["retry_after_ms"].as_u64().is_some_and(|ms| (1..=60_000).contains(&ms)), "{minute}");
    // Neither is the other tenants' or the operator's matter.
    administrator(&node, Some("beta")).await.result("realm_dryRunUpgrade", json!([upgrade(3)[0], "beta"])).await;
    let mut operator = administrator(&node, None).await;
    for version in [3, 4, 5] {
        operator.result("realm_upgradeRuntime", upgrade(version)).await;
    }
    node.node.stop().await;
}

/// At its last attempt a migration stopped the commits of all tenants, for as long as it took.
#[tokio::test(flavor = "multi_thread")]
async fn others_write_while_a_tenants_state_is_migrated() {
    let mut fixture = Fixture::with(&Blob::version(1), |config| {
        three_tenants(config);
        config.upgrade.migration_attempts_max = 1;
        config.upgrade.migration_time_max = Duration::from_secs(3);
    })
    .await;
    let (over, written) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU32::new(0)));
    let writer = {
        let (address, over, written) = (fixture.node.node.address(), over.clone(), written.clone());
        tokio::spawn(async move {
            let mut socket = Socket::connect(address).await;
            while !over.load(Ordering::Relaxed) {
                let params = json!(["hold_and_write", {}, {"tenant_id": "fay"}]);
                assert_eq!(socket.result("realm_call", params).await, Value::Null);
                // What ended after the migration does not count.
                if !over.load(Ordering::Relaxed) {
                    written.fetch_add(1, Ordering::Relaxed);
                }
            }
        })
    };
    let endless = Blob { migrate: LOOP, ..Blob::version(2) }.wasm();
    let refused = fixture.admin.error("realm_upgradeRuntime", json!([hex(&endless), "eve"])).await;
    over.store(true, Ordering::Relaxed);
    writer.await.unwrap();
    assert_eq!(refused["data"]["step"], "migration", "{refused}");
    // Before and after the pause there was time for a few, and in 3 s of it for hundreds.
    let written = written.load(Ordering::Relaxed);
    assert!(written >= 20, "{written} commits of another tenant beside a migration");
    fixture.node.node.stop().await;
}
