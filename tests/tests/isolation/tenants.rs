//! Stored values, connections and the KV cache of tenants who call their keys and prompts alike.

use super::{TENANTS, call, hex, hostile};
use realm_tests::Socket;
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn storage_shows_each_tenant_its_own() {
    let node = hostile(|_| {}).await;
    // One connection for all: its memory is kept by tenant, too.
    let mut socket = Socket::connect(node.node.address()).await;
    for tenant in &TENANTS[..2] {
        call(&mut socket, tenant, "keep", json!({"secret": hex(format!("of {tenant}").as_bytes())})).await;
    }
    let guesses = json!({"guesses": [hex(b"secret"), hex(b"tenant/dev"), hex(b"dev"), hex(b"eve"), hex(&[0xff; 8])]});
    for tenant in TENANTS {
        // Another tenant's call holds the lock of the same key meanwhile.
        let other = TENANTS.into_iter().find(|other| *other != tenant).expect("three tenants");
        let mut holder = Socket::connect_narrow(node.node.address()).await;
        let held = json!({"value": 1, "tokens": 1, "items": 96});
        holder.subscribe("hold", held, json!({"tenant_id": other})).await;
        holder.event().await;
        let spied = call(&mut socket, tenant, "spy", guesses.clone()).await;
        let own = hex(format!("of {tenant}").as_bytes());
        let expected = match tenant {
            "fay" => json!({"values": [], "keys": []}),
            // The guess and the iteration, durable and of the connection.
            _ => json!({"values": [own, own, own, own], "keys": [hex(b"secret"), hex(b"secret")]}),
        };
        assert_eq!(spied, expected, "{tenant}");
        holder.kill();
        node.idle().await;
    }
    // A new connection remembers nothing.
    let spied = call(&mut Socket::connect(node.node.address()).await, "dev", "spy", guesses).await;
    assert_eq!(spied["keys"], json!([hex(b"secret")]));
    node.node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_prompt_is_cached_for_its_tenant_alone() {
    let node = hostile(|_| {}).await;
    let mut socket = Socket::connect(node.node.address()).await;
    let text = json!({"text": "Once upon a time there was a girl who had a box. ".repeat(8)});
    for tenant in TENANTS {
        assert_eq!(call(&mut socket, tenant, "cached", text.clone()).await, 0, "{tenant} found another's prefix");
        assert!(call(&mut socket, tenant, "cached", text.clone()).await.as_u64() > Some(16), "{tenant}");
    }
    node.node.stop().await;
}
