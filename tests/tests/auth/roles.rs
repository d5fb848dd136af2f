//! What the roles of a key let its holder do.

use super::{code, health, may_call_as};
use realm_node::auth::{Roles, now_unix_ms};
use realm_tests::{Socket, TinyNode};
use serde_json::{Value, json};

const ADMIN: Roles = Roles { call: false, admin: true };

#[tokio::test(flavor = "multi_thread")]
async fn each_role_lets_one_do_its_own() {
    let node = TinyNode::keyed(|_| {}).await;
    let address = node.node.address();
    // Tenant, roles; may it call as acme, administer acme, administer the node?
    for (tenant, roles, calls, tenant_admin, node_admin) in [
        (None, Roles::ALL, true, true, true),
        (None, ADMIN, false, true, true),
        (None, Roles::CALL, true, false, false),
        (Some("acme"), Roles::ALL, true, true, false),
        (Some("acme"), ADMIN, false, true, false),
        (Some("acme"), Roles::CALL, true, false, false),
        (Some("beta"), Roles::ALL, false, false, false),
    ] {
        let key = node.key(tenant, roles).await;
        let mut socket = Socket::connect_as(address, &key).await;
        let who = format!("{tenant:?} {roles:?}");
        assert_eq!(may_call_as(&mut socket, "acme").await, calls, "{who} calls");
        let listed = socket.request("realm_keyList", json!(["acme"])).await;
        assert_eq!(listed.get("result").is_some(), tenant_admin, "{who} administers acme: {listed}");
        let log = socket.request("realm_chainLog", json!([])).await;
        assert_eq!(log.get("result").is_some(), node_admin, "{who} administers the node: {log}");
        let refused = [listed, log].into_iter().filter_map(|answer| answer.get("error").cloned());
        refused.for_each(|error| assert_eq!(code(&error), "FORBIDDEN"));
    }
    node.node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_are_made_listed_and_taken_back_over_the_wire() {
    let node = TinyNode::keyed(|_| {}).await;
    let address = node.node.address();
    let root = node.key(None, Roles::ALL).await;
    let mut admin = Socket::connect_as(address, &root).await;
    let expires = now_unix_ms() + 3_600_000;
    let made = admin
        .result(
            "realm_keyGenerate",
            json!({"tenant_id": "acme", "roles": ["call", "admin"], "expires_at_unix_ms": expires, "label": "ci"}),
        )
        .await;
    let key = made["key"].as_str().unwrap().to_owned();
    assert_eq!(
        (&made["tenant_id"], &made["roles"], &made["expires_at_unix_ms"], &made["label"]),
        (&json!("acme"), &json!(["call", "admin"]), &json!(expires), &json!("ci"))
    );
    assert_eq!(key.len(), 83);

    let mut socket = Socket::connect(address).await;
    let answer = socket.result("realm_authenticate", json!([key])).await;
    assert_eq!(answer["expires_at_unix_ms"], json!(expires));
    socket.result("realm_call", health(None)).await;

    // A tenant's administrator sees and makes its tenant's keys alone.
    let own = socket.result("realm_keyGenerate", json!([])).await;
    assert_eq!((&own["tenant_id"], &own["roles"]), (&json!("acme"), &json!(["call"])));
    let listed = socket.result("realm_keyList", json!([])).await;
    assert_eq!(listed.as_array().unwrap().len(), 2, "{listed}");
    let everything = admin.result("realm_keyList", json!([])).await;
    assert_eq!(everything.as_array().unwrap().len(), 3);
    let secret = |key: &str| key[key.len() - 64..].to_owned();
    for hidden in [secret(&key), secret(&root), secret(own["key"].as_str().unwrap()), "hash".into()] {
        assert!(!everything.to_string().contains(&hidden), "{everything}");
    }
    assert_eq!(code(&socket.error("realm_keyRevoke", json!([&root[6..18]])).await), "INVALID_PARAMS");
    let taken = socket.result("realm_keyRevoke", json!([own["prefix"]])).await;
    assert_eq!(taken["prefix"], own["prefix"]);
    node.node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_no_key_can_be_made_of_is_named() {
    let node = TinyNode::keyed(|config| config.auth.keys.keys_max = 1).await;
    let mut admin = Socket::connect_as(node.node.address(), &node.key(None, Roles::ALL).await).await;
    let mut refused = async |params: Value, field: &str| {
        let error = admin.error("realm_keyGenerate", params).await;
        assert_eq!((code(&error), error["data"]["field"].as_str()), ("INVALID_PARAMS", Some(field)), "{error}");
    };
    refused(json!({"tenant_id": "nobody"}), "tenant_id").await;
    refused(json!({"roles": []}), "roles").await;
    refused(json!({"roles": ["root"]}), "roles").await;
    refused(json!({"expires_at_unix_ms": 1}), "expires_at_unix_ms").await;
    refused(json!({"label": "x".repeat(200)}), "label").await;
    let error = admin.error("realm_keyGenerate", json!([])).await;
    assert_eq!((code(&error), &error["data"]["limit"]), ("QUOTA_EXCEEDED", &json!(1)));
    node.node.stop().await;
}
