//! Streams that outlive their connections, over raw sockets: taken up from any event that is kept, by several readers,
//! by nobody of another tenant, within bounds.

use realm_chain_spec::TenantSpec;
use realm_node::NodeConfig;
use realm_tests::{HANG, Socket, TinyNode};
use serde_json::{Value, json};
use std::time::Duration;

/// A generation that no test waits for.
const LONG: u32 = 3000;

fn greedy(tokens: u32) -> Value {
    json!({"prompt": "Once upon a time", "max_tokens": tokens, "temperature": 0})
}

async fn connect(node: &TinyNode) -> Socket {
    Socket::connect(node.node.address()).await
}

/// Reads this many events and loses the connection.
async fn read_and_lose(mut socket: Socket, count: usize) -> Vec<Value> {
    let mut events = Vec::new();
    for _ in 0..count {
        events.push(socket.event().await.1);
    }
    socket.kill();
    events
}

async fn resume(socket: &mut Socket, id: &str, from_seq: u64) -> Vec<Value> {
    socket.result("realm_resume", json!([id, from_seq])).await;
    socket.events().await
}

/// The code and the figures of a refusal.
async fn refused(socket: &mut Socket, params: Value) -> Value {
    socket.error("realm_resume", params).await["data"].clone()
}

fn instances(node: &TinyNode) -> u64 {
    node.node.dispatcher().executor.stats().instances_alive() as u64
}

/// Checks that these are all events of a whole stream, and its text that of the same call without a stream.
async fn check_whole(node: &TinyNode, events: &[Value], tokens: u32) {
    for (seq, event) in events.iter().enumerate() {
        assert_eq!(event["seq"], json!(seq), "{event}");
    }
    let (last, items) = events.split_last().unwrap();
    let text: String = items.iter().map(|item| item["data"]["token"].as_str().unwrap()).collect();
    let whole = connect(node).await.result("realm_call", json!(["generate", greedy(tokens)])).await;
    assert_eq!((&last["type"], &last["data"]["text"], &whole["text"]), (&json!("result"), &json!(text), &json!(text)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_goes_on_where_its_connection_was_lost() {
    let node = TinyNode::start().await;
    let mut socket = connect(&node).await;
    socket.subscribe("stream_generate", greedy(200), json!({"id": "a", "resumable": true})).await;
    let mut events = read_and_lose(socket, 5).await;
    let mut again = connect(&node).await;
    events.extend(resume(&mut again, "a", 5).await);
    check_whole(&node, &events, 200).await;
    // Also after its end, from anywhere.
    assert_eq!(resume(&mut again, "a", 0).await, events);
    assert_eq!(resume(&mut again, "a", 7).await, events[7..]);
    node.node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_an_id_of_its_own_a_stream_goes_by_its_first_subscription() {
    let node = TinyNode::start().await;
    let mut socket = connect(&node).await;
    let id = socket.subscribe("stream_generate", greedy(50), json!({"resumable": true})).await;
    let mut events = read_and_lose(socket, 2).await;
    events.extend(resume(&mut connect(&node).await, &id, 2).await);
    check_whole(&node, &events, 50).await;
    node.node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_who_asked_outlives_the_connection() {
    let node = TinyNode::start().await;
    let mut socket = connect(&node).await;
    socket.subscribe("stream_generate", greedy(LONG), json!({"id": "a"})).await;
    read_and_lose(socket, 2).await;
    node.idle().await;
    assert_eq!(refused(&mut connect(&node).await, json!(["a", 0])).await["code"], "UNKNOWN_STREAM");
    node.node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn several_readers_follow_and_the_last_to_unsubscribe_cancels() {
    let node = TinyNode::start().await;
    let mut first = connect(&node).await;
    let one = first.subscribe("stream_generate", greedy(LONG), json!({"id": "a", "resumable": true})).await;
    let mut second = connect(&node).await;
    let two = second.result("realm_resume", json!(["a", 0])).await;
    for seq in 0..3 {
        assert_eq!((first.event().await.1, seq), (second.event().await.1, seq));
    }
    assert_eq!(first.result("realm_unsubscribe", json!([one])).await, json!(true));
    // It runs on for the other.
    assert_eq!(instances(&node), 1);
    assert_eq!(second.event().await.1["type"], "stream");
    assert_eq!(second.result("realm_unsubscribe", json!([two])).await, json!(true));
    node.idle().await;
    let gone = async {
        while refused(&mut first, json!(["a", 9999])).await["code"] != "UNKNOWN_STREAM" {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(HANG, gone).await.expect("a cancelled stream is forgotten");
    node.node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_tenants_stream_is_no_stream() {
    let node = TinyNode::with(|config| config.chain.tenants.push(TenantSpec::new("other", "default"))).await;
    let mut socket = connect(&node).await;
    let options = json!({"id": "a", "resumable": true, "tenant_id": "dev"});
    socket.subscribe("stream_generate", greedy(4), options).await;
    socket.events().await;
    let foreign = socket.error("realm_resume", json!(["a", 0, {"tenant_id": "other"}])).await;
    let unknown = socket.error("realm_resume", json!(["b", 0, {"tenant_id": "other"}])).await;
    assert_eq!((&foreign["data"]["code"], &foreign), (&json!("UNKNOWN_STREAM"), &unknown));
    // The same id is free for another tenant.
    let options = json!({"id": "a", "resumable": true, "tenant_id": "other"});
    socket.subscribe("stream_generate", greedy(4), options).await;
    socket.events().await;
    node.node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn lost_events_are_an_error_that_says_where_to_go_on() {
    let node = TinyNode::with(|config| config.events.replay.events_max = 8).await;
    let mut socket = connect(&node).await;
    socket.subscribe("stream_generate", greedy(40), json!({"id": "a", "resumable": true})).await;
    let events = socket.events().await;
    let first_kept = events.len() - 8;
    let mut again = connect(&node).await;
    let lost = refused(&mut again, json!(["a", 1])).await;
    assert_eq!(lost, json!({"code": "EVENTS_LOST", "resume_from": first_kept}));
    assert_eq!(resume(&mut again, "a", first_kept as u64).await, events[first_kept..]);
    let ahead = refused(&mut again, json!(["a", events.len()])).await;
    assert_eq!(ahead, json!({"code": "INVALID_PARAMS", "field": "from_seq", "next_seq": events.len()}));
    node.node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_nobody_takes_up_ends() {
    let node = TinyNode::start().await;
    let mut socket = connect(&node).await;
    let options = json!({"id": "a", "resumable": true, "keep_ms": 50});
    socket.subscribe("stream_generate", greedy(LONG), options).await;
    read_and_lose(socket, 1).await;
    node.idle().await;
    let mut again = connect(&node).await;
    let gone = async {
        while refused(&mut again, json!(["a", 9999])).await["code"] != "UNKNOWN_STREAM" {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(HANG, gone).await.expect("it is forgotten");
    node.node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ids_are_unique_and_streams_are_bounded() {
    let node = TinyNode::with(|config: &mut NodeConfig| config.events.replay.streams_per_tenant_max = 2).await;
    let mut socket = connect(&node).await;
    let mut refusal = async |tokens: u32, options: Value| {
        let error = socket.request("realm_subscribe", json!(["stream_generate", greedy(tokens), options])).await;
        error["error"]["data"].clone()
    };
    assert_eq!(refusal(LONG, json!({"id": "a", "resumable": true})).await, Value::Null);
    let taken = refusal(1, json!({"id": "a", "resumable": true})).await;
    assert_eq!(taken, json!({"code": "INVALID_PARAMS", "field": "options.id"}));
    let long = refusal(1, json!({"id": "b", "resumable": true, "keep_ms": 86_400_000})).await;
    assert_eq!(long, json!({"code": "INVALID_PARAMS", "field": "options.keep_ms"}));
    assert_eq!(refusal(LONG, json!({"id": "b", "resumable": true})).await, Value::Null);
    let full = refusal(1, json!({"id": "c", "resumable": true})).await;
    assert_eq!(full, json!({"code": "QUOTA_EXCEEDED", "streams_max": 2}));
    drop(socket);

    let error = connect(&node).await.error("realm_call", json!(["generate", greedy(1), {"resumable": true}])).await;
    assert_eq!(error["data"], json!({"code": "INVALID_PARAMS", "field": "options.resumable"}));
    node.node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_stream_takes_the_place_of_one_that_is_over() {
    let node = TinyNode::with(|config| config.events.replay.streams_per_tenant_max = 1).await;
    let mut socket = connect(&node).await;
    for id in ["a", "b"] {
        // The reader of the one before may still be on its way out.
        let made = async {
            let options = json!({"id": id, "resumable": true});
            let params = json!(["stream_generate", greedy(2), options]);
            while socket.request("realm_subscribe", params.clone()).await.get("error").is_some() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(HANG, made).await.expect("there is a place");
        socket.events().await;
    }
    assert_eq!(refused(&mut socket, json!(["a", 0])).await["code"], "UNKNOWN_STREAM");
    resume(&mut socket, "b", 0).await;
    node.node.stop().await;
}
