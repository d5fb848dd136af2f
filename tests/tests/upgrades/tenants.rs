//! A tenant with a runtime of its own, beside the chain's.

use super::{
    blob::Blob,
    fixture::{Fixture, hex, three_tenants},
};
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn a_tenants_own_runtime_is_its_own_until_it_goes_back() {
    let mut fixture = Fixture::with(&Blob::version(1), three_tenants).await;
    let report = fixture.upgrade_tenant(&Blob::version(5).wasm(), "eve").await;
    assert_eq!(report["scope"], json!({"tenant_id": "eve"}));
    check(&mut fixture, [1, 5, 1]).await;
    fixture.upgrade(&Blob::version(2).wasm()).await;
    check(&mut fixture, [2, 5, 2]).await;
    // Newer than the chain's, and not newer than its own.
    let code = hex(&Blob::version(3).wasm());
    let error = fixture.admin.error("realm_upgradeRuntime", json!([code, "eve"])).await;
    assert_eq!((&error["data"]["step"], &error["data"]["in_force"]), (&json!("spec_version"), &json!(5)));
    let error = fixture.admin.error("realm_upgradeRuntime", json!([code, "nobody"])).await;
    assert_eq!(error["data"]["step"], "tenant");
    fixture.roll_back(Some("eve")).await;
    check(&mut fixture, [2, 2, 2]).await;
    fixture.roll_back(None).await;
    check(&mut fixture, [1, 1, 1]).await;
    let error = fixture.admin.error("realm_rollbackRuntime", json!([])).await;
    assert_eq!(error["data"]["step"], "rollback");

    let log = fixture.admin.result("realm_chainLog", json!([10, false])).await;
    let told = |block: &serde_json::Value| {
        let change = &block["change"];
        json!([block["event"], change["tenant_id"], change["from"]["spec_version"], change["to"]["spec_version"]])
    };
    let told: Vec<_> = log.as_array().unwrap().iter().map(told).collect();
    let expected = [
        json!(["rollback", null, 2, 1]),
        json!(["rollback", "eve", 5, null]),
        json!(["upgrade", null, 1, 2]),
        json!(["upgrade", "eve", null, 5]),
        json!(["genesis", null, null, 1]),
    ];
    assert_eq!(told, expected);
    fixture.node.node.stop().await;
}

/// The versions that answer `dev`, `eve` and `fay`.
async fn check(fixture: &mut Fixture, versions: [u32; 3]) {
    for (tenant, version) in ["dev", "eve", "fay"].into_iter().zip(versions) {
        assert_eq!(fixture.health(tenant).await["spec_version"], json!(version), "{tenant}");
    }
}
