//! Every way to say who one is.

use super::{code, health, may_call_as, post};
use realm_node::auth::Roles;
use realm_tests::{Http, Socket, TinyNode};
use serde_json::{Value, json};

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_shown_as_header_as_subprotocol_or_by_method() {
    let node = TinyNode::keyed(|_| {}).await;
    let address = node.node.address();
    let key = node.key(Some("acme"), Roles::CALL).await;

    let mut by_header = Socket::connect_as(address, &key).await;
    assert!(may_call_as(&mut by_header, "acme").await);

    let offered = format!("realm, realm-key.{key}");
    let connected = Socket::connect_with(address, &[("sec-websocket-protocol", &offered)]).await;
    let (mut by_protocol, answered) = connected.unwrap_or_else(|status| panic!("refused with {status}"));
    assert!(may_call_as(&mut by_protocol, "acme").await);
    assert_eq!(answered["sec-websocket-protocol"], "realm");
    assert!(!format!("{answered:?}").contains(&key[6..]), "the key is not echoed: {answered:?}");

    let mut by_method = Socket::connect(address).await;
    let answer = by_method.result("realm_authenticate", json!([key])).await;
    assert_eq!(answer, json!({"tenant_id": "acme", "roles": ["call"]}));
    by_method.result("realm_call", health(None)).await;

    let bearer = format!("bearer {key}");
    let (status, answer) = post(address, &[("authorization", &bearer)], "realm_call", health(None)).await;
    assert_eq!((status, answer.get("error")), (200, None), "{answer}");
    node.node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_sees_its_tenants_runtime_and_streams_as_it() {
    let node = TinyNode::keyed(|_| {}).await;
    let key = node.key(Some("beta"), Roles::CALL).await;
    let mut socket = Socket::connect_as(node.node.address(), &key).await;
    socket.subscribe("stream_generate", json!({"prompt": "Hi", "max_tokens": 3}), json!({})).await;
    let events = socket.events().await;
    assert_eq!(events.last().unwrap()["type"], "result", "{events:?}");
    assert!(socket.result("system_metadata", json!([])).await["functions"].is_array());
    node.node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chain_without_keys_takes_them_all_the_same() {
    let node = TinyNode::start().await;
    let address = node.node.address();
    let key = node.key(Some("dev"), Roles::CALL).await;
    let mut socket = Socket::connect_as(address, &key).await;
    assert!(may_call_as(&mut socket, "dev").await);
    // Who shows a key has no more rights than it gives, and a wrong one is wrong here too.
    assert_eq!(code(&socket.error("realm_chainLog", json!([])).await), "FORBIDDEN");
    let mut nobody = Socket::connect(address).await;
    nobody.result("realm_chainLog", json!([])).await;
    assert_eq!(Socket::connect_with(address, &[("authorization", "Bearer realm_x")]).await.err(), Some(401));
    // What cannot be one of ours is somebody else's word: OpenAI's clients always send one.
    for word in ["Bearer none", "Bearer sk-abc", "Basic YTpi"] {
        let (mut ignored, _) = Socket::connect_with(address, &[("authorization", word)]).await.expect(word);
        ignored.result("realm_call", health(None)).await;
    }
    node.node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_key_chooses_whom_it_calls_as() {
    let node = TinyNode::keyed(|_| {}).await;
    let key = node.key(None, Roles::ALL).await;
    let mut socket = Socket::connect(node.node.address()).await;
    let answer = socket.result("realm_authenticate", json!({"api_key": key, "tenant_id": "beta"})).await;
    assert_eq!(answer, json!({"tenant_id": "beta", "roles": ["call", "admin"]}));
    let say = |tenant: Option<&str>| -> Value {
        let options = tenant.map_or(json!({}), |tenant| json!({"tenant_id": tenant}));
        json!(["chat", {"message": "Hi", "max_tokens": 2, "temperature": 0}, options])
    };
    // What it says to the tenant that it chose is remembered there and not elsewhere.
    assert_eq!(socket.result("realm_call", say(None)).await["turns"], 1);
    assert_eq!(socket.result("realm_call", say(Some("beta"))).await["turns"], 2);
    assert_eq!(socket.result("realm_call", say(Some("acme"))).await["turns"], 1);
    let absent = socket.error("realm_authenticate", json!([key, "nobody"])).await;
    assert_eq!(code(&absent), "FORBIDDEN");
    node.node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_in_a_query_is_refused_with_the_reason() {
    let node = TinyNode::keyed(|_| {}).await;
    let key = node.key(Some("acme"), Roles::CALL).await;
    for path in [format!("/?api_key={key}"), format!("/health?x={key}"), "/?token=abc".to_owned()] {
        let answer = Http::ask(node.node.address(), "GET", &path, "").await;
        assert_eq!(answer.status, 400, "{path}");
        assert!(answer.body.contains("Authorization: Bearer"), "{}", answer.body);
        assert!(!answer.body.contains("abc") && !answer.body.contains(&key), "{}", answer.body);
    }
    node.node.stop().await;
}
