//! Whose usage is told to whom, where callers have keys.

use realm_node::auth::Roles;
use realm_tests::{HANG, Socket, TinyNode};
use serde_json::{Value, json};
use std::time::Duration;

/// The tenants of the chain, and how many calls each makes here.
const CALLS: [(&str, u64); 2] = [("acme", 1), ("beta", 2)];

/// Usage as it is told once the calls are in it; free ones are written a little later than they are answered.
async fn usage(socket: &mut Socket, params: Value, calls: u64) -> Value {
    let counted = async {
        loop {
            let usage = socket.result("realm_usage", params.clone()).await;
            if usage["total"]["calls"].as_u64() >= Some(calls) {
                return usage;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let usage = tokio::time::timeout(HANG, counted).await.expect("the calls are counted");
    assert_eq!(usage["total"]["calls"], calls, "{usage}");
    usage
}

/// The tenants that are named in it, rows and totals alike.
fn told(usage: &Value) -> Vec<&str> {
    let lists = ["rows", "totals"].map(|list| usage[list].as_array().expect("a list"));
    let mut names: Vec<&str> =
        lists.into_iter().flatten().map(|row| row["tenant_id"].as_str().expect("a name")).collect();
    names.sort_unstable();
    names.dedup();
    names
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_is_told_its_own_usage_and_never_anothers() {
    let node = TinyNode::keyed(|_| {}).await;
    let address = node.node.address();
    for (tenant, calls) in CALLS {
        let mut socket = Socket::connect_as(address, &node.key(Some(tenant), Roles::CALL).await).await;
        for _ in 0..calls {
            socket.result("realm_call", json!(["generate", {"prompt": "Once", "max_tokens": 2}])).await;
        }
    }
    // Everything is in the books before anybody is asked what is told of it.
    let mut operator = Socket::connect_as(address, &node.key(None, Roles::ALL).await).await;
    let all = usage(&mut operator, json!([]), 3).await;
    assert_eq!(told(&all), ["acme", "beta"]);

    for (index, (own, calls)) in CALLS.into_iter().enumerate() {
        let (other, _) = CALLS[1 - index];
        // Administering a tenant tells no more of the others than calling as it.
        for roles in [Roles::CALL, Roles::ALL] {
            let mut socket = Socket::connect_as(address, &node.key(Some(own), roles).await).await;
            for params in
                [json!([]), json!([own]), json!({"period": "hour"}), json!([null, "2001-01-01", null, "month"])]
            {
                let usage = usage(&mut socket, params, calls).await;
                assert_eq!(told(&usage), [own]);
                assert!(!usage.to_string().contains(other), "{usage}");
            }
            let refused = socket.error("realm_usage", json!([other])).await;
            assert_eq!(refused["data"]["code"], "FORBIDDEN");
            // Nor does it tell which others there are.
            assert_eq!(socket.error("realm_usage", json!(["nobody"])).await, refused);
        }
        assert_eq!(told(&usage(&mut operator, json!([own]), calls).await), [own]);
    }
    node.node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_only_calls_for_all_tenants_and_who_shows_no_key_are_told_nothing() {
    let node = TinyNode::keyed(|_| {}).await;
    let mut caller = Socket::connect_as(node.node.address(), &node.key(None, Roles::CALL).await).await;
    let mut stranger = Socket::connect(node.node.address()).await;
    for params in [json!([]), json!(["acme"])] {
        assert_eq!(caller.error("realm_usage", params.clone()).await["data"]["code"], "FORBIDDEN");
        assert_eq!(stranger.error("realm_usage", params).await["data"]["code"], "UNAUTHENTICATED");
    }
    node.node.stop().await;
}
