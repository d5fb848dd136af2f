//! Requests and tokens a minute.

use super::{generate, node, told, undisturbed};
use realm_tests::{Http, Socket};
use serde_json::json;
use std::time::Duration;

#[tokio::test(flavor = "multi_thread")]
async fn requests_past_the_burst_are_told_when_to_come_back() {
    let node = node(|limits| (limits.requests_per_minute, limits.requests_burst) = (30, 2)).await;
    let mut socket = Socket::connect(node.node.address()).await;
    let health = || json!(["health_check", {}, {"tenant_id": "narrow"}]);
    for _ in 0..2 {
        socket.result("realm_call", health()).await;
    }
    let error = socket.error("realm_call", health()).await;
    let (code, retry) = told(&error, "retry_after_ms");
    let retry = retry.as_u64().expect("milliseconds");
    assert_eq!((code, &error["code"]), ("RATE_LIMIT", &json!(5003)));
    assert!((1..=2_000).contains(&retry), "one every two seconds: {retry}");
    undisturbed(&node).await;
    let body = json!({"jsonrpc": "2.0", "id": 1, "method": "realm_call", "params": health()});
    let over_http = Http::ask(node.node.address(), "POST", "/", &body.to_string()).await;
    assert!(over_http.body.contains("RATE_LIMIT"), "the tenant's, not the connection's: {}", over_http.body);
    // Who waits as told is let in; another request may not have been counted.
    tokio::time::sleep(Duration::from_millis(retry)).await;
    socket.result("realm_call", health()).await;
    node.node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_that_were_computed_are_waited_for() {
    let node = node(|limits| (limits.tokens_per_minute, limits.tokens_burst) = (60, 10)).await;
    let mut socket = Socket::connect(node.node.address()).await;
    // Let in with a full bucket, it overdraws it; the next one waits for all of that.
    socket.result("realm_call", generate("narrow", "Once upon a time", 40)).await;
    let error = socket.error("realm_call", generate("narrow", "Once", 1)).await;
    let (code, retry) = told(&error, "retry_after_ms");
    assert_eq!(code, "RATE_LIMIT");
    assert!((10_000..=60_000).contains(&retry.as_u64().unwrap()), "a token a second: {error}");
    undisturbed(&node).await;
    node.node.stop().await;
}
