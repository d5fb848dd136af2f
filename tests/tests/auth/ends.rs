//! Keys end: they expire, or are taken back; what they opened is closed.

use super::{code, health};
use realm_node::auth::{NewKey, Roles, now_unix_ms};
use realm_tests::{HANG, Socket, TinyNode, tiny_config, write_model};
use serde_json::json;
use std::time::Duration;

#[tokio::test(flavor = "multi_thread")]
async fn taking_a_key_back_closes_what_it_opened_and_nothing_else() {
    let node = TinyNode::keyed(|_| {}).await;
    let address = node.node.address();
    let key = node.key(Some("acme"), Roles::CALL).await;
    let mut other = Socket::connect_as(address, &node.key(Some("acme"), Roles::CALL).await).await;
    let mut admin = Socket::connect_as(address, &node.key(None, Roles::ALL).await).await;
    let mut by_header = Socket::connect_as(address, &key).await;
    let mut by_method = Socket::connect(address).await;
    by_method.result("realm_authenticate", json!([key])).await;
    // It generates for longer than anybody would wait.
    by_header.subscribe("stream_generate", json!({"prompt": "x", "max_tokens": 4000}), json!({})).await;
    by_header.event().await;

    admin.result("realm_keyRevoke", json!([&key[6..18]])).await;
    for socket in [&mut by_header, &mut by_method] {
        tokio::time::timeout(HANG, socket.closed()).await.expect("its connections are closed");
    }
    node.idle().await;
    assert_eq!(Socket::connect_with(address, &[("authorization", &format!("Bearer {key}"))]).await.err(), Some(401));
    other.result("realm_call", health(None)).await;
    admin.result("realm_call", health(Some("acme"))).await;
    node.node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_takes_its_own_key_back_is_told_so_first() {
    let node = TinyNode::keyed(|_| {}).await;
    let key = node.key(None, Roles::ALL).await;
    let mut socket = Socket::connect_as(node.node.address(), &key).await;
    let taken = socket.result("realm_keyRevoke", json!([key])).await;
    assert_eq!(taken["prefix"], json!(&key[6..18]));
    tokio::time::timeout(HANG, socket.closed()).await.expect("then it is closed");
    node.node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_expired_key_is_worth_nothing_and_its_connection_is_closed() {
    let node = TinyNode::keyed(|_| {}).await;
    let address = node.node.address();
    let expires_at_unix_ms = Some(now_unix_ms() + 1500);
    let new = NewKey { tenant: Some("acme".into()), roles: Roles::CALL, expires_at_unix_ms, label: None };
    let (key, _) = node.node.dispatcher().auth.keys.generate(new).await.unwrap();
    let mut socket = Socket::connect(address).await;
    let answer = socket.request("realm_authenticate", json!([key.reveal()])).await;
    // On a machine so busy that the key is over by now, nothing is left to be seen but that.
    if answer.get("error").is_none() {
        tokio::time::timeout(HANG, socket.closed()).await.expect("it is closed when the key ends");
    }
    let mut again = Socket::connect(address).await;
    assert_eq!(code(&again.error("realm_authenticate", json!([key.reveal()])).await), "UNAUTHENTICATED");
    node.node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_cannot_become_another_tenants() {
    let node = TinyNode::keyed(|_| {}).await;
    let (acme, beta) = (node.key(Some("acme"), Roles::CALL).await, node.key(Some("beta"), Roles::CALL).await);
    let fresh = node.key(Some("acme"), Roles::CALL).await;
    let mut socket = Socket::connect_as(node.node.address(), &acme).await;
    let error = socket.error("realm_authenticate", json!([beta])).await;
    assert_eq!(code(&error), "FORBIDDEN");
    // A fresh key of the same tenant takes the place of the old one, which may then be taken back.
    socket.result("realm_authenticate", json!([fresh])).await;
    node.node.dispatcher().auth.keys.revoke(|key| key.prefix == acme[6..18]).await.unwrap();
    tokio::time::sleep(Duration::from_millis(300)).await;
    socket.result("realm_call", health(None)).await;
    node.node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_survive_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let mut config = tiny_config(&write_model(folder.path()));
    config.chain.authentication = realm_chain_spec::Authentication::Keys;
    config.auth.start_without_keys = true;
    config.base_path = Some(folder.path().join("data"));
    let node = realm_node::Node::start(config.clone()).await.unwrap();
    let new = NewKey { tenant: Some("dev".into()), roles: Roles::CALL, expires_at_unix_ms: None, label: None };
    let (key, _) = node.dispatcher().auth.keys.generate(new).await.unwrap();
    node.stop().await;
    let node = realm_node::Node::start(config).await.unwrap();
    let mut socket = Socket::connect_as(node.address(), key.reveal()).await;
    socket.result("realm_call", health(None)).await;
    node.stop().await;
}
