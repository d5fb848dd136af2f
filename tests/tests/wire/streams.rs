//! Subscriptions: items in order, one end, cancelling, slow readers.

use realm_tests::{Socket, TinyNode};
use serde_json::{Value, json};
use std::time::Duration;

/// A generation that no test waits for.
const LONG: u32 = 3000;

fn greedy(tokens: u32) -> Value {
    json!({"prompt": "Once upon a time", "max_tokens": tokens, "temperature": 0})
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_stream_and_then_one_result() {
    let node = TinyNode::start().await;
    let mut socket = Socket::connect(node.node.address()).await;
    let whole = socket.result("realm_call", json!(["generate", greedy(32)])).await;

    socket.subscribe("stream_generate", greedy(32), json!({"id": "req_123"})).await;
    let events = socket.events().await;
    let (last, items) = events.split_last().unwrap();
    for (index, event) in events.iter().enumerate() {
        assert_eq!((&event["seq"], &event["id"]), (&json!(index), &json!("req_123")), "{event}");
    }
    assert!(items.len() > 1 && items.iter().all(|item| item["type"] == "stream"));
    let indices: Vec<_> = items.iter().map(|item| item["data"]["index"].as_u64().unwrap()).collect();
    assert!(indices.is_sorted_by(|a, b| a < b), "{indices:?}");
    let text: String = items.iter().map(|item| item["data"]["token"].as_str().unwrap()).collect();
    assert_eq!(last["type"], "result");
    assert_eq!((&last["data"]["text"], &last["data"]["text"]), (&json!(text), &whole["text"]));
    node.node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_function_without_items_streams_only_its_result() {
    let node = TinyNode::start().await;
    let mut socket = Socket::connect(node.node.address()).await;
    socket.subscribe("get_model_info", json!({}), json!({})).await;
    let events = socket.events().await;
    assert_eq!(events.len(), 1);
    assert_eq!((&events[0]["type"], &events[0]["data"]["architecture"]), (&json!("result"), &json!("llama")));
    node.node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn unsubscribing_ends_the_generation() {
    let node = TinyNode::start().await;
    let mut socket = Socket::connect(node.node.address()).await;
    let id = socket.subscribe("stream_generate", greedy(LONG), json!({})).await;
    for _ in 0..3 {
        assert_eq!(socket.event().await.1["type"], "stream");
    }
    assert_eq!(node.node.dispatcher().executor.stats().instances_alive(), 1);
    assert_eq!(socket.result("realm_unsubscribe", json!([id])).await, json!(true));
    node.idle().await;
    // What was on its way may still come; an end must not.
    let health = socket.send("system_health", json!([])).await;
    loop {
        let frame = socket.frame().await;
        if frame["id"] == json!(health) {
            break;
        }
        assert_eq!(frame["params"]["result"]["type"], "stream", "{frame}");
    }
    node.node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_dies_takes_its_calls_along() {
    let node = TinyNode::start().await;
    let mut socket = Socket::connect(node.node.address()).await;
    socket.subscribe("stream_generate", greedy(LONG), json!({})).await;
    socket.send("realm_call", json!(["generate", greedy(LONG)])).await;
    assert_eq!(socket.event().await.1["type"], "stream");
    socket.kill();
    node.idle().await;
    node.node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_tenants_streams_advance_side_by_side() {
    let node = TinyNode::with(|config| {
        let other = realm_chain_spec::TenantSpec::new("other", "default");
        config.chain.tenants.push(other);
    })
    .await;
    let mut socket = Socket::connect(node.node.address()).await;
    let dev = socket.subscribe("stream_generate", greedy(200), json!({"tenant_id": "dev"})).await;
    let other = socket.subscribe("stream_generate", greedy(200), json!({"tenant_id": "other"})).await;
    let mut order = Vec::new();
    let mut ended = 0;
    while ended < 2 {
        let (id, event) = socket.event().await;
        match event["type"].as_str() {
            Some("stream") => order.push(id),
            Some("result") => ended += 1,
            _ => panic!("{event}"),
        }
    }
    // Were one served after the other, the streams would change places once or twice.
    let changes = order.windows(2).filter(|pair| pair[0] != pair[1]).count();
    assert!(changes > 20, "{changes} changes between {} items of {dev} and {other}", order.len());
    node.node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_reader_ends_its_own_generation_and_no_other() {
    let node = TinyNode::with(|config| {
        config.server.messages_max = 4;
        config.server.send_buffer_bytes = 16 << 10;
        config.events.slow_consumer_after = Duration::from_millis(300);
    })
    .await;
    // Long events, so that the system's buffers are full soon.
    let mut heavy = greedy(LONG);
    heavy["logprobs"] = json!(20);
    let mut slow = Socket::connect_narrow(node.node.address()).await;
    slow.subscribe("stream_generate", heavy, json!({})).await;

    let mut quick = Socket::connect(node.node.address()).await;
    quick.subscribe("stream_generate", greedy(64), json!({})).await;
    assert_eq!(quick.events().await.last().unwrap()["type"], "result");
    // Nobody reads: the generation ends although it is far from its last token.
    node.idle().await;

    let events = slow.events().await;
    let last = events.last().unwrap();
    assert_eq!(last["type"], "error", "{} events", events.len());
    assert_eq!((&last["error"]["code"], &last["error"]["data"]["waited_ms"]), (&json!("SLOW_CONSUMER"), &json!(300)));
    assert!(events.len() < LONG as usize);
    for (index, event) in events.iter().enumerate() {
        assert_eq!(event["seq"], json!(index), "no event is lost before the end");
    }
    node.node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deadline_ends_a_stream_with_its_error() {
    let node = TinyNode::start().await;
    let mut socket = Socket::connect(node.node.address()).await;
    socket.subscribe("stream_generate", greedy(LONG), json!({"deadline_ms": 5})).await;
    let events = socket.events().await;
    let last = events.last().unwrap();
    assert_eq!(
        (&last["error"]["code"], &last["error"]["data"]["deadline_ms"]),
        (&json!("DEADLINE_EXCEEDED"), &json!(5))
    );
    node.idle().await;
    node.node.stop().await;
}
