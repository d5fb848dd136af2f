//! What one tenant's connection must not see of another.

use realm_chain_spec::TenantSpec;
use realm_tests::{Socket, TinyNode};
use serde_json::{Value, json};

async fn two_tenants() -> TinyNode {
    TinyNode::with(|config| config.chain.tenants.push(TenantSpec::new("other", "default"))).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_that_is_not_there_is_forbidden_without_a_hint() {
    let node = two_tenants().await;
    let mut socket = Socket::connect(node.node.address()).await;
    let error = socket.error("realm_call", json!(["health_check", {}, {"tenant_id": "nobody"}])).await;
    assert_eq!((&error["code"], &error["data"]["code"]), (&json!(5002), &json!("FORBIDDEN")));
    assert!(!error.to_string().contains("nobody"), "{error}");
    node.node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_remembers_for_each_tenant_by_itself() {
    let node = two_tenants().await;
    let mut socket = Socket::connect(node.node.address()).await;
    let say = |tenant: &str| -> Value {
        json!(["chat", {"message": "Hi", "max_tokens": 2, "temperature": 0}, {"tenant_id": tenant}])
    };
    assert_eq!(socket.result("realm_call", say("dev")).await["turns"], 1);
    assert_eq!(socket.result("realm_call", say("dev")).await["turns"], 2);
    assert_eq!(socket.result("realm_call", say("other")).await["turns"], 1);
    node.node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_named_conversation_is_its_tenants_alone() {
    let node = two_tenants().await;
    let say = |tenant: &str| -> Value {
        let params = json!({"message": "Hi", "conversation": "plans", "max_tokens": 2, "temperature": 0});
        json!(["chat", params, {"tenant_id": tenant}])
    };
    let mut socket = Socket::connect(node.node.address()).await;
    assert_eq!(socket.result("realm_call", say("dev")).await["turns"], 1);
    let mut another = Socket::connect(node.node.address()).await;
    assert_eq!(another.result("realm_call", say("dev")).await["turns"], 2);
    assert_eq!(another.result("realm_call", say("other")).await["turns"], 1);
    node.node.stop().await;
}
