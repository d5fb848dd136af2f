//! Every wrong way.

use super::{code, health, post};
use realm_node::auth::{ApiKey, Roles, WrongKeysConfig};
use realm_tests::{Socket, TinyNode};
use serde_json::{Value, json};
use std::time::Duration;

#[tokio::test(flavor = "multi_thread")]
async fn wrong_keys_are_refused_in_the_same_words() {
    let node = TinyNode::keyed(|config| config.auth.wrong_keys.burst_max = 1000).await;
    let address = node.node.address();
    let good = node.key(Some("acme"), Roles::CALL).await;
    let unknown = ApiKey::generate().unwrap();
    let revoked = node.key(Some("acme"), Roles::CALL).await;
    let mut admin = Socket::connect_as(address, &node.key(None, Roles::ALL).await).await;
    admin.result("realm_keyRevoke", json!([revoked])).await;
    let mut last_digit = good.clone();
    let last = last_digit.pop();
    last_digit.push(if last == Some('0') { '1' } else { '0' });

    let mut said: Vec<Value> = Vec::new();
    for wrong in ["", "x", "realm_", unknown.reveal(), &revoked, &last_digit, &good.to_uppercase()] {
        let mut socket = Socket::connect(address).await;
        said.push(socket.error("realm_authenticate", json!([wrong])).await);
        assert_eq!(code(&socket.error("realm_call", health(None)).await), "UNAUTHENTICATED");
        let bearer = format!("Bearer {wrong}");
        let (status, answer) = post(address, &[("authorization", &bearer)], "system_health", json!([])).await;
        assert_eq!(
            (status, answer["error"]["data"]["code"].as_str()),
            (401, Some("UNAUTHENTICATED")),
            "{wrong}: {answer}"
        );
        assert!(Socket::connect_with(address, &[("authorization", &bearer)]).await.is_err_and(|status| status == 401));
    }
    assert!(said.iter().all(|error| *error == said[0] && code(error) == "UNAUTHENTICATED"), "{said:?}");
    node.node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn malformed_proofs_say_what_is_expected() {
    let node = TinyNode::keyed(|_| {}).await;
    let address = node.node.address();
    let key = node.key(Some("acme"), Roles::CALL).await;
    let (bearer, protocol) = (format!("Bearer {key}"), format!("realm, realm-key.{key}"));
    let alone = format!("realm-key.{key}");
    for (headers, expected) in [
        (vec![("authorization", key.as_str())], 401),
        (vec![("authorization", "Basic YTpi")], 401),
        (vec![("authorization", bearer.as_str()), ("authorization", bearer.as_str())], 401),
        (vec![("authorization", bearer.as_str()), ("sec-websocket-protocol", protocol.as_str())], 400),
        (vec![("sec-websocket-protocol", alone.as_str())], 400),
    ] {
        assert_eq!(Socket::connect_with(address, &headers).await.err(), Some(expected), "{headers:?}");
    }
    node.node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_shows_wrong_keys_has_to_wait_and_right_keys_pass() {
    let burst = WrongKeysConfig { burst_max: 3, interval: Duration::from_secs(3600), ..WrongKeysConfig::default() };
    let node = TinyNode::keyed(|config| config.auth.wrong_keys = burst).await;
    let address = node.node.address();
    let key = node.key(Some("acme"), Roles::CALL).await;
    let mut socket = Socket::connect(address).await;
    for _ in 0..3 {
        assert_eq!(code(&socket.error("realm_authenticate", json!(["x"])).await), "UNAUTHENTICATED");
    }
    let error = socket.error("realm_authenticate", json!(["x"])).await;
    assert_eq!((code(&error), &error["code"]), ("RATE_LIMIT", &json!(5003)));
    assert!(error["data"]["retry_after_ms"].as_u64().unwrap() > 0, "{error}");
    let (status, answer) = post(address, &[("authorization", "Bearer x")], "system_health", json!([])).await;
    assert_eq!((status, answer["error"]["data"]["code"].as_str()), (429, Some("RATE_LIMIT")), "{answer}");
    assert_eq!(Socket::connect_with(address, &[("authorization", "Bearer x")]).await.err(), Some(429));
    socket.result("realm_authenticate", json!([key])).await;
    socket.result("realm_call", health(None)).await;
    node.node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_answer_tells_which_tenants_there_are() {
    let node = TinyNode::keyed(|_| {}).await;
    let key = node.key(Some("acme"), Roles::ALL).await;
    let mut socket = Socket::connect_as(node.node.address(), &key).await;
    let same = |one: Value, other: Value| {
        assert_eq!(code(&one), "FORBIDDEN");
        assert_eq!(one, other);
    };
    same(
        socket.error("realm_call", health(Some("beta"))).await,
        socket.error("realm_call", health(Some("nobody"))).await,
    );
    for method in ["realm_keyGenerate", "realm_keyList", "realm_rollbackRuntime"] {
        same(socket.error(method, json!(["beta"])).await, socket.error(method, json!(["nobody"])).await);
    }
    let mut fresh = Socket::connect(node.node.address()).await;
    same(
        fresh.error("realm_authenticate", json!([key, "beta"])).await,
        fresh.error("realm_authenticate", json!([key, "nobody"])).await,
    );
    node.node.stop().await;
}
