//! The methods beside calls: discovery, Substrate's, HTTP routes.

use parity_scale_codec::{Decode, Encode};
use realm_primitives::{GenerateOptions, GenerateResult, RuntimeError, RuntimeVersion};
use realm_tests::{HANG, Http, Socket, TinyNode};
use serde_json::{Value, json};
use sp_crypto_hashing::twox_128;
use std::time::Duration;

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_knows_nothing_can_find_out_everything() {
    let node = TinyNode::start().await;
    let mut socket = Socket::connect(node.node.address()).await;
    let document = socket.result("system_metadata", json!([])).await;
    assert_eq!(document, socket.result("realm_call", json!(["system_metadata"])).await);
    let names: Vec<_> = document["functions"].as_array().unwrap().iter().map(|f| f["name"].as_str().unwrap()).collect();
    for name in ["generate", "stream_generate", "chat", "embed", "get_model_info", "health_check"] {
        assert!(names.contains(&name), "{names:?}");
    }
    let generate = document["functions"].as_array().unwrap().iter().find(|f| f["name"] == "generate").unwrap();
    assert_eq!(generate["params"][0]["name"], "prompt");

    let http = Http::ask(node.node.address(), "GET", "/metadata", "").await;
    assert_eq!((http.status, serde_json::from_str::<Value>(&http.body).unwrap()), (200, document));
    let health = Http::ask(node.node.address(), "GET", "/health", "").await;
    assert_eq!((health.status, health.body.as_str()), (200, r#"{"status":"ok"}"#));
    node.node.stop().await;
}

/// `realm_subscribe` answered UNKNOWN_FUNCTION here, where `realm_call` answers; clients that subscribe every call could not
/// ask.
#[tokio::test(flavor = "multi_thread")]
async fn the_metadata_can_be_subscribed_like_a_function() {
    let node = TinyNode::start().await;
    let mut socket = Socket::connect(node.node.address()).await;
    let document = socket.result("realm_call", json!(["system_metadata"])).await;
    for (options, id) in [(json!({"id": "req_1", "resumable": true}), json!("req_1")), (Value::Null, Value::Null)] {
        socket.result("realm_subscribe", json!(["system_metadata", {}, options])).await;
        let (_, event) = socket.event().await;
        assert_eq!((&event["seq"], &event["type"], &event["id"]), (&json!(0), &json!("result"), &id));
        assert_eq!(event["data"], document);
    }
    let error = socket.error("realm_subscribe", json!(["system_metadata", {}, {"id": 5}])).await;
    assert_eq!(error["data"], json!({"code": "INVALID_PARAMS", "field": "options.id"}));
    node.node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_method_is_listed_and_described() {
    let node = TinyNode::start().await;
    let mut socket = Socket::connect(node.node.address()).await;
    let listed = socket.result("rpc_methods", json!([])).await;
    let listed: Vec<_> = listed["methods"].as_array().unwrap().iter().map(|name| name.as_str().unwrap()).collect();
    for name in [
        "realm_call",
        "realm_subscribe",
        "realm_unsubscribe",
        "state_call",
        "system_health",
        "rpc_methods",
        "rpc.discover",
    ] {
        assert!(listed.contains(&name), "{name}: {listed:?}");
    }
    let document = socket.result("rpc.discover", json!([])).await;
    assert!(document["openrpc"].is_string());
    let methods = document["methods"].as_array().unwrap();
    for name in listed.iter().copied().chain(["RealmApi_generate"]) {
        assert!(methods.iter().any(|method| method["name"] == name), "{name} is not described");
    }
    node.node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_node_answers_for_itself_as_substrate_nodes_do() {
    let node = TinyNode::start().await;
    let mut socket = Socket::connect(node.node.address()).await;
    let health = json!({"peers": 0, "isSyncing": false, "shouldHavePeers": false});
    assert_eq!(socket.result("system_health", json!([])).await, health);
    assert_eq!(socket.result("system_chain", json!([])).await, "Realm Development");
    assert_eq!(socket.result("system_name", json!([])).await, "realm");
    assert_eq!(socket.result("system_properties", json!([])).await["tokenDecimals"], 9);
    node.node.stop().await;
}

/// The answer was always an empty list, although `state_getStorage` found keys.
#[tokio::test(flavor = "multi_thread")]
async fn every_key_of_storage_is_listed_and_no_other() {
    let node = TinyNode::start().await;
    let mut socket = Socket::connect(node.node.address()).await;
    let system = format!("0x{}", hex::encode(twox_128(b"System")));
    let all = socket.result("state_getKeysPaged", json!(["0x", 1000])).await;
    let all = all.as_array().unwrap().clone();
    let mut sorted = all.clone();
    sorted.sort_by_key(ToString::to_string);
    assert_eq!(all, sorted);
    assert!(all.contains(&json!(format!("0x{}", hex::encode(b":code")))), "{all:?}");
    for key in &all {
        let size = socket.result("state_getStorageSize", json!([key])).await;
        assert!(size.as_u64().unwrap() > 0, "{key}");
    }
    // The events, and the hash of the genesis block at least.
    let of_system = socket.result("state_getKeysPaged", json!([system, 1000])).await;
    let of_system = of_system.as_array().unwrap();
    assert!(of_system.len() >= 2 && of_system.iter().all(|key| key.as_str().unwrap().starts_with(&system)));
    // Page by page it is the same list.
    let (mut paged, mut start) = (Vec::new(), Value::Null);
    loop {
        let page = socket.result("state_getKeysPaged", json!(["", 1, start])).await;
        let Some(key) = page.as_array().unwrap().first() else { break };
        assert_eq!(page.as_array().unwrap().len(), 1);
        start = key.clone();
        paged.push(key.clone());
    }
    assert_eq!(paged[..all.len()], all[..]);
    assert_eq!(socket.result("state_getKeysPaged", json!(["0xff", 10])).await, json!([]));
    for (params, field) in [(json!(["0x", 1001]), "count"), (json!(["0x0", 1]), "key")] {
        let error = socket.error("state_getKeysPaged", params).await;
        assert_eq!(error["data"], json!({"code": "INVALID_PARAMS", "field": field}));
    }
    node.node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn raw_calls_go_to_the_same_functions() {
    let node = TinyNode::start().await;
    let mut socket = Socket::connect(node.node.address()).await;
    let answer = socket.result("state_call", json!(["Core_version", "0x"])).await;
    let bytes = hex::decode(answer.as_str().unwrap().strip_prefix("0x").unwrap()).unwrap();
    let version = RuntimeVersion::decode(&mut &bytes[..]).unwrap();
    let shape = socket.result("state_getRuntimeVersion", json!([])).await;
    assert_eq!((&shape["specName"], &shape["specVersion"]), (&json!(version.spec_name), &json!(version.spec_version)));
    assert_eq!(socket.result("state_call", json!(["Core_version", "", null])).await, answer);

    // SCALE in, SCALE out: the same answer by both ways.
    let options = GenerateOptions { max_tokens: Some(4), seed: Some(1), ..GenerateOptions::default() };
    let arguments = format!("0x{}", hex::encode(("Once", options).encode()));
    let raw = socket.result("state_call", json!(["RealmApi_generate", &arguments[2..]])).await;
    let by_name = socket.result("realm_call", json!(["generate", arguments])).await;
    let decoded = |answer: &Value| {
        let bytes = hex::decode(answer.as_str().unwrap().strip_prefix("0x").unwrap()).unwrap();
        Result::<GenerateResult, RuntimeError>::decode(&mut &bytes[..]).unwrap().unwrap()
    };
    let (raw, by_name) = (decoded(&raw), decoded(&by_name));
    // The second finds its prompt in the cache; nothing else may differ.
    assert_eq!((raw.tokens_generated, raw.cached_tokens), (4, 0));
    assert_eq!(GenerateResult { cached_tokens: raw.cached_tokens, cost_usd: raw.cost_usd, ..by_name }, raw);

    let error = socket.error("state_call", json!(["Core_versio", "0x"])).await;
    assert_eq!(error["data"], json!({"code": "UNKNOWN_FUNCTION", "nearest": "Core_version"}));
    let error = socket.error("state_call", json!(["Core_version", "0x0"])).await;
    assert_eq!(error["data"], json!({"code": "INVALID_PARAMS", "field": "data"}));
    node.node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_pinned_to_other_metadata_is_not_executed() {
    let node = TinyNode::start().await;
    let mut socket = Socket::connect(node.node.address()).await;
    let hash = socket.result("system_metadata", json!([])).await["metadata_hash"].clone();
    socket.result("realm_call", json!(["health_check", {}, {"runtime": hash}])).await;
    let other = format!("0x{}", "00".repeat(32));
    let before = node.node.dispatcher().executor.stats().calls();
    let error = socket.error("realm_call", json!(["health_check", {}, {"runtime": other}])).await;
    assert_eq!((&error["data"]["code"], &error["data"]["metadata_hash"]), (&json!("RUNTIME_CHANGED"), &hash));
    assert_eq!(node.node.dispatcher().executor.stats().calls(), before);
    node.node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_model_the_node_says_how_to_give_one() {
    let node = TinyNode::with(|config| {
        config.chain.tenants.push(realm_chain_spec::TenantSpec::new("modelless", "absent"));
    })
    .await;
    let mut socket = Socket::connect(node.node.address()).await;
    let error = socket.error("realm_call", json!(["generate", {"prompt": "x"}, {"tenant_id": "modelless"}])).await;
    assert_eq!((&error["code"], &error["data"]["code"]), (&json!(5012), &json!("MODEL_UNAVAILABLE")));
    assert!(error["message"].as_str().unwrap().contains("--model"), "{error}");
    node.node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_of_other_origins_may_not_use_the_node() {
    let node = TinyNode::start().await;
    let body = r#"{"jsonrpc":"2.0","id":1,"method":"system_health"}"#;
    for (origin, status) in [("https://evil.example", 403), ("null", 403), ("http://localhost:8000", 200)] {
        let answer = Http::ask_with(node.node.address(), "POST", "/", &[("origin", origin)], body).await;
        assert_eq!(answer.status, status, "{origin}");
    }
    node.node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_answers_no_heartbeat_is_dropped_and_who_does_is_not() {
    let node = TinyNode::with(|config| config.server.ping_interval = Duration::from_millis(50)).await;
    let silent = Socket::connect(node.node.address()).await;
    let mut lively = Socket::connect(node.node.address()).await;
    let connections = || node.node.dispatcher().metrics.connections.get();
    assert_eq!(connections(), 2);
    let dropped = async {
        while connections() > 1 {
            // Reading answers the pings that came meanwhile.
            lively.result("system_health", json!([])).await;
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(HANG, dropped).await.expect("the silent connection is dropped");
    lively.result("system_health", json!([])).await;
    drop(silent);
    node.node.stop().await;
}
