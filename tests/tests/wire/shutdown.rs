//! Stopping: no new calls, running ones finish or get a clean error.

use realm_tests::{HANG, Socket, TinyNode};
use serde_json::{Value, json};
use std::time::Duration;

fn stream(tokens: u32) -> Value {
    json!({"prompt": "Once upon a time", "max_tokens": tokens, "temperature": 0})
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_can_finish_does_and_a_new_call_is_refused() {
    let node = TinyNode::with(|config| config.shutdown_wait_max = HANG).await;
    let address = node.node.address();
    let mut socket = Socket::connect(address).await;
    socket.subscribe("stream_generate", stream(2000), json!({})).await;
    assert_eq!(socket.event().await.1["type"], "stream");

    let dispatcher = node.node.dispatcher().clone();
    let stopping = tokio::spawn(node.node.stop());
    while !dispatcher.drain.is_draining() {
        tokio::task::yield_now().await;
    }
    // `system_health` answered as if nothing happened.
    let error = socket.error("system_health", json!([])).await;
    assert_eq!(error["data"]["code"], "SHUTTING_DOWN", "{error}");
    let error = socket.error("realm_call", json!(["health_check"])).await;
    assert_eq!((&error["code"], &error["data"]["code"]), (&json!(5013), &json!("SHUTTING_DOWN")), "{error}");
    assert_eq!(socket.events().await.last().unwrap()["data"]["tokens_generated"], 2000);
    stopping.await.unwrap();
    assert_eq!(socket.try_frame().await, None, "the connection is closed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_cannot_finish_gets_a_clean_error() {
    let node = TinyNode::with(|config| config.shutdown_wait_max = Duration::from_millis(50)).await;
    let mut socket = Socket::connect(node.node.address()).await;
    socket.subscribe("stream_generate", stream(3000), json!({})).await;
    assert_eq!(socket.event().await.1["type"], "stream");
    let call = socket.send("realm_call", json!(["generate", stream(3000)])).await;
    let stopping = tokio::spawn(node.node.stop());
    // The stream's end and the call's answer come in either order.
    let (mut stream_end, mut answer) = (None, None);
    while stream_end.is_none() || answer.is_none() {
        let frame = socket.frame().await;
        if frame["id"] == json!(call) {
            answer = Some(frame["error"]["data"]["code"].clone());
        } else if frame["params"]["result"]["type"] != "stream" {
            stream_end = Some(frame["params"]["result"]["error"]["code"].clone());
        }
    }
    assert_eq!((stream_end, answer), (Some(json!("SHUTTING_DOWN")), Some(json!("SHUTTING_DOWN"))));
    stopping.await.unwrap();
    assert_eq!(socket.try_frame().await, None, "the connection is closed");
}
