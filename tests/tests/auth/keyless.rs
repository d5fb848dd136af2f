//! Chains without keys: who is of this machine, and by which names the node is reached.

use super::{code, health, post};
use realm_node::server::AllowedHosts;
use realm_tests::{Http, TinyNode};
use serde_json::json;
use std::net::SocketAddr;

async fn ask(address: SocketAddr, host: &str) -> u16 {
    let request = format!("GET /metadata HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n");
    Http::ask_raw(address, &request).await.status
}

/// The host was never looked at: by DNS rebinding a page of any site read the node's metadata and models.
#[tokio::test(flavor = "multi_thread")]
async fn a_chain_without_keys_is_reached_by_its_own_names() {
    let node = TinyNode::with(|config| config.hosts = AllowedHosts(vec!["realm.internal".into()])).await;
    let address = node.node.address();
    let port = address.port();
    for host in [address.to_string(), format!("localhost:{port}"), "10.1.2.3".into(), "realm.internal".into()] {
        assert_eq!(ask(address, &host).await, 200, "{host}");
    }
    for host in ["evil.example".to_owned(), format!("evil.example:{port}")] {
        assert_eq!(ask(address, &host).await, 403, "{host}");
    }
    node.node.stop().await;
    // Where keys are needed they decide, and names do not matter.
    let node = TinyNode::keyed(|_| {}).await;
    assert_eq!(ask(node.node.address(), "realm.example").await, 200);
    node.node.stop().await;
}

/// Whoever came through a proxy on this machine was taken for somebody of this machine, who may administer.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_proxy_passed_on_is_not_of_this_machine() {
    let node = TinyNode::start().await;
    let address = node.node.address();
    for (name, value) in [
        ("x-forwarded-for", "203.0.113.7"),
        ("forwarded", "for=203.0.113.7"),
        ("x-real-ip", "203.0.113.7"),
        ("via", "1.1 proxy"),
    ] {
        let (_, answer) = post(address, &[(name, value)], "realm_keyGenerate", json!([])).await;
        assert_eq!(code(&answer["error"]), "FORBIDDEN", "{name}");
        let (_, answer) = post(address, &[(name, value)], "realm_call", health(None)).await;
        assert!(answer["result"].is_object(), "{name}: {answer}");
    }
    let (_, answer) = post(address, &[], "realm_keyGenerate", json!([])).await;
    assert!(answer["result"].is_object(), "{answer}");
    node.node.stop().await;
}

/// Each page of any local port could administer, as the node's own console can.
#[tokio::test(flavor = "multi_thread")]
async fn only_the_nodes_own_page_administers() {
    let node = TinyNode::start().await;
    let address = node.node.address();
    for origin in ["http://localhost:3000", "http://127.0.0.1:1", "https://localhost"] {
        let (status, answer) = post(address, &[("origin", origin)], "realm_keyList", json!([])).await;
        assert_eq!((status, code(&answer["error"])), (200, "FORBIDDEN"), "{origin}");
        let (_, answer) = post(address, &[("origin", origin)], "realm_call", health(None)).await;
        assert!(answer["result"].is_object(), "{origin}: {answer}");
    }
    let own = format!("http://{address}");
    let (_, answer) = post(address, &[("origin", &own)], "realm_keyList", json!([])).await;
    assert!(answer["result"].is_array(), "{answer}");
    node.node.stop().await;
}
