//! Tenants that come, change and go while the node runs: in force when it is answered, kept over a
//! restart, and of no consequence to the others.

use realm_chain_spec::{Authentication, TenantSpec};
use realm_node::{
    Node, NodeConfig,
    auth::{NewKey, Roles},
};
use realm_tests::{HANG, Socket, TinyNode, tiny_config, write_model};
use serde_json::{Value, json};

fn health(tenant: &str) -> Value {
    json!(["health_check", {}, {"tenant_id": tenant}])
}

/// Tokens of a stream that is not over while nobody reads it.
const STILL_RUNNING: u32 = 3_500;

fn code(error: &Value) -> &str {
    error["data"]["code"].as_str().unwrap_or_else(|| panic!("no code in {error}"))
}

async fn names(admin: &mut Socket) -> Vec<String> {
    let list = admin.result("realm_tenantList", json!([])).await;
    list.as_array().unwrap().iter().map(|told| told["tenant"]["id"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_is_added_changed_disabled_and_removed() {
    let node = TinyNode::keyed(|_| {}).await;
    let address = node.node.address();
    let mut admin = Socket::connect_as(address, &node.key(None, Roles::ALL).await).await;
    let added = admin.result("realm_tenantAdd", json!([{"id": "carol", "limits": {"max_tokens": 3}}])).await;
    assert_eq!((&added["tenant"]["model"], &added["source"]), (&json!("default"), &json!("run_time")), "{added}");
    assert_eq!(names(&mut admin).await, ["acme", "beta", "carol"]);

    let made = admin.result("realm_keyGenerate", json!({"tenant_id": "carol"})).await;
    let key = made["key"].as_str().unwrap();
    let mut carol = Socket::connect_as(address, key).await;
    let generate = |tokens: u32| json!(["generate", {"prompt": "x", "max_tokens": tokens, "temperature": 0}]);
    assert_eq!(carol.result("realm_call", generate(3)).await["tokens_generated"], 3);
    assert_eq!(code(&carol.error("realm_call", generate(5)).await), "INVALID_PARAMS");
    let changes = json!({"limits": {"max_tokens": 5}, "prices": {"generated_nano_usd_per_1k": 2_000_000}});
    let changed = admin.result("realm_tenantUpdate", json!(["carol", changes])).await;
    assert_eq!(changed["tenant"]["limits"]["max_tokens"], 5);
    let answer = carol.result("realm_call", generate(5)).await;
    assert_eq!((&answer["tokens_generated"], &answer["cost_usd"]), (&json!(5), &json!(0.00001)), "{answer}");

    // A call that runs when the tenant is disabled goes on to its end. Nobody reads its events meanwhile, so it still runs:
    // they are more than the connection's buffers hold.
    admin.result("realm_tenantUpdate", json!(["carol", {"limits": {"max_tokens": STILL_RUNNING}}])).await;
    let running = json!({"prompt": "x", "max_tokens": STILL_RUNNING, "temperature": 0});
    carol.subscribe("stream_generate", running, json!({})).await;
    carol.event().await;
    let told = admin.result("realm_tenantDisable", json!(["carol"])).await;
    assert_eq!((&told["disabled"], &told["calls"]), (&json!(true), &json!(1)), "{told}");
    let last = carol.events().await.pop().unwrap();
    assert_eq!((&last["type"], &last["data"]["tokens_generated"]), (&json!("result"), &json!(STILL_RUNNING)));
    let error = carol.error("realm_call", health("carol")).await;
    assert_eq!(code(&error), "FORBIDDEN");
    assert!(error["message"].as_str().unwrap().contains("disabled"), "{error}");
    admin.result("realm_tenantEnable", json!(["carol"])).await;
    carol.result("realm_call", health("carol")).await;

    admin.result("realm_tenantRemove", json!(["carol"])).await;
    tokio::time::timeout(HANG, carol.closed()).await.expect("its keys are revoked, which closes what they opened");
    assert_eq!(names(&mut admin).await, ["acme", "beta"]);
    assert_eq!(code(&admin.error("realm_call", health("carol")).await), "FORBIDDEN");
    // One of the same name is another one: keys of the old one are worth nothing.
    admin.result("realm_tenantAdd", json!([{"id": "carol"}])).await;
    assert_eq!(Socket::connect_with(address, &[("authorization", &format!("Bearer {key}"))]).await.err(), Some(401));
    node.node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn removing_cancels_what_runs_and_purging_deletes_what_is_stored() {
    let node = TinyNode::start().await;
    let mut admin = Socket::connect(node.node.address()).await;
    admin.result("realm_tenantAdd", json!([{"id": "carol"}])).await;
    let say = json!(["chat", {"message": "Hi", "conversation": "c", "max_tokens": 2, "temperature": 0}, {"tenant_id": "carol"}]);
    assert_eq!(admin.result("realm_call", say.clone()).await["turns"], 1);

    let mut caller = Socket::connect(node.node.address()).await;
    caller
        .subscribe("stream_generate", json!({"prompt": "x", "max_tokens": 4000}), json!({"tenant_id": "carol"}))
        .await;
    caller.event().await;
    admin.result("realm_tenantRemove", json!(["carol"])).await;
    let last = caller.events().await.pop().unwrap();
    assert_eq!((&last["type"], &last["error"]["code"]), (&json!("error"), &json!("FORBIDDEN")), "{last}");
    node.idle().await;

    // What it stored is there for one of its name, until it is purged.
    admin.result("realm_tenantAdd", json!([{"id": "carol"}])).await;
    assert_eq!(admin.result("realm_call", say.clone()).await["turns"], 2);
    admin.result("realm_tenantRemove", json!(["carol"])).await;
    assert_eq!(admin.result("realm_tenantRemove", json!(["carol", true])).await, Value::Null);
    admin.result("realm_tenantAdd", json!([{"id": "carol"}])).await;
    assert_eq!(admin.result("realm_call", say).await["turns"], 1);
    node.node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_changed_survives_a_restart_and_wins_over_the_specification() {
    let folder = tempfile::tempdir().unwrap();
    let mut config = tiny_config(&write_model(folder.path()));
    config.base_path = Some(folder.path().join("data"));
    config.chain.tenants = ["dev", "acme", "beta"].map(|id| TenantSpec::new(id, "default")).into();
    let node = Node::start(config.clone()).await.unwrap();
    let mut admin = Socket::connect(node.address()).await;
    admin.result("realm_tenantAdd", json!([{"id": "carol", "weight": 7}])).await;
    admin.result("realm_tenantUpdate", json!(["acme", {"weight": 3}])).await;
    admin.result("realm_tenantDisable", json!(["acme"])).await;
    admin.result("realm_tenantRemove", json!(["beta"])).await;
    let before = admin.result("realm_tenantList", json!([])).await;
    node.stop().await;

    let node = Node::start(config.clone()).await.unwrap();
    let mut admin = Socket::connect(node.address()).await;
    assert_eq!(admin.result("realm_tenantList", json!([])).await, before);
    assert_eq!(names(&mut admin).await, ["acme", "carol", "dev"]);
    for (tenant, expected) in [("acme", false), ("beta", false), ("carol", true), ("dev", true)] {
        let answer = admin.request("realm_call", health(tenant)).await;
        assert_eq!(answer.get("result").is_some(), expected, "{tenant}: {answer}");
    }
    node.stop().await;

    // A model that the tenant was given and that is there no more is said before the node starts.
    for model in &mut config.chain.models {
        model.name = "other".to_owned();
    }
    config.chain.tenants = vec![TenantSpec::new("dev", "other")];
    let error = Node::start(config).await.unwrap_err().to_string();
    assert!(error.contains("default") && error.contains("acme"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_is_named() {
    let node = TinyNode::with(|config| config.tenants_max = 2).await;
    let mut admin = Socket::connect(node.node.address()).await;
    let mut refused = async |method: &str, params: Value, field: &str| {
        let error = admin.error(method, params).await;
        assert_eq!((code(&error), error["data"]["field"].as_str()), ("INVALID_PARAMS", Some(field)), "{error}");
    };
    let long = "x".repeat(65);
    for (tenant, field) in [
        (json!({}), "tenant.id"),
        (json!(5), "tenant"),
        (json!({"id": "a b"}), "tenant.id"),
        (json!({"id": long}), "tenant.id"),
        (json!({"id": "dev"}), "tenant.id"),
        (json!({"id": "a", "model": "none"}), "tenant.model"),
        (json!({"id": "a", "weight": 0}), "tenant.weight"),
        (json!({"id": "a", "limits": {"max_tokns": 1}}), "tenant.limits.max_tokns"),
        (json!({"id": "a", "runtime": "embedded"}), "runtime"),
    ] {
        refused("realm_tenantAdd", json!([tenant]), field).await;
    }
    refused("realm_tenantUpdate", json!(["nobody", {}]), "tenant_id").await;
    refused("realm_tenantUpdate", json!(["dev", {"id": "other"}]), "changes.id").await;
    refused(
        "realm_tenantUpdate",
        json!(["dev", {"prices": {"prompt_nano_usd_per_1k": -1}}]),
        "tenant.prices.prompt_nano_usd_per_1k",
    )
    .await;
    for method in ["realm_tenantDisable", "realm_tenantEnable", "realm_tenantRemove"] {
        refused(method, json!(["nobody"]), "tenant_id").await;
    }
    refused("realm_tenantRemove", json!(["nobody", true]), "tenant_id").await;
    admin.result("realm_tenantAdd", json!([{"id": "a"}])).await;
    let error = admin.error("realm_tenantAdd", json!([{"id": "b"}])).await;
    assert_eq!((code(&error), &error["data"]["limit"]), ("QUOTA_EXCEEDED", &json!(2)));
    node.node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_nodes_administrators_may() {
    let node = TinyNode::keyed(|config: &mut NodeConfig| config.chain.authentication = Authentication::Keys).await;
    let address = node.node.address();
    let new = NewKey { tenant: Some("acme".into()), roles: Roles::ALL, expires_at_unix_ms: None, label: None };
    let (own, _) = node.node.dispatcher().auth.keys.generate(new).await.unwrap();
    let node_calls = node.key(None, Roles::CALL).await;
    for (key, expected) in
        [(None, "UNAUTHENTICATED"), (Some(own.reveal()), "FORBIDDEN"), (Some(node_calls.as_str()), "FORBIDDEN")]
    {
        let mut socket = match key {
            Some(key) => Socket::connect_as(address, key).await,
            None => Socket::connect(address).await,
        };
        for (method, params) in [
            ("realm_tenantAdd", json!([{"id": "x"}])),
            ("realm_tenantList", json!([])),
            ("realm_tenantUpdate", json!(["acme", {"weight": 9}])),
            ("realm_tenantDisable", json!(["acme"])),
            ("realm_tenantEnable", json!(["acme"])),
            ("realm_tenantRemove", json!(["acme", true])),
        ] {
            assert_eq!(code(&socket.error(method, params).await), expected, "{method}");
        }
    }
    node.node.stop().await;
}
