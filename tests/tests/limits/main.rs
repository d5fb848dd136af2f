//! Each of a tenant's limits, met over the socket: what the answer says, while another tenant calls on undisturbed.

mod rates;
mod shares;
mod sizes;

use realm_chain_spec::{TenantLimits, TenantSpec};
use realm_tests::{Socket, TinyNode};
use serde_json::{Value, json};

/// A node whose tenant `narrow` has these limits; `dev` has the defaults.
async fn node(change: impl FnOnce(&mut TenantLimits)) -> TinyNode {
    TinyNode::with(|config| {
        let mut narrow = TenantSpec::new("narrow", "default");
        change(&mut narrow.limits);
        config.chain.tenants.push(narrow);
    })
    .await
}

/// The parameters of a call of `generate`.
fn generate(tenant: &str, prompt: &str, tokens: u32) -> Value {
    json!(["generate", {"prompt": prompt, "max_tokens": tokens, "temperature": 0}, {"tenant_id": tenant}])
}

/// A call that lasts until it is unsubscribed; it is in its sandbox when this returns.
async fn long_call(socket: &mut Socket, tenant: &str) -> String {
    let params = json!({"prompt": "Once upon a time", "max_tokens": 3_000, "temperature": 0});
    let id = socket.subscribe("stream_generate", params, json!({"tenant_id": tenant})).await;
    let (from, event) = socket.event().await;
    assert_eq!((&from, &event["type"]), (&id, &json!("stream")), "{event}");
    id
}

/// The other tenant is answered as ever.
async fn undisturbed(node: &TinyNode) {
    let mut socket = Socket::connect(node.node.address()).await;
    let answer = socket.result("realm_call", generate("dev", "Once", 2)).await;
    assert_eq!(answer["tokens_generated"], 2);
}

/// An error's stable code and one of its figures.
fn told<'e>(error: &'e Value, figure: &str) -> (&'e str, &'e Value) {
    (error["data"]["code"].as_str().expect("a code"), &error["data"][figure])
}
