//! Storage queries: the code is large, so what asks for it is bounded before it is read.

use super::code;
use realm_node::auth::Roles;
use realm_tests::{Socket, TinyNode};
use serde_json::{Value, json};

/// `:code`
const CODE: &str = "0x3a636f6465";

async fn follow(socket: &mut Socket) -> (String, Value) {
    let follow = socket.result("chainHead_v1_follow", json!([false])).await.as_str().unwrap().to_owned();
    let initialized = socket.notification().await["params"]["result"].clone();
    (follow, initialized["finalizedBlockHashes"][0].clone())
}

/// The events of one operation, the last one included.
async fn operation(socket: &mut Socket, follow: &str, hash: &Value, items: Value) -> Vec<Value> {
    let started = socket.result("chainHead_v1_storage", json!([follow, hash, items, null])).await;
    assert_eq!(started["result"], "started", "{started}");
    let mut events = Vec::new();
    loop {
        let event = socket.notification().await["params"]["result"].clone();
        if event["operationId"] == started["operationId"] {
            let last = event["event"] != "operationStorageItems";
            events.push(event);
            if last {
                return events;
            }
        }
    }
}

/// 8,571 bytes without a key asked for the code two hundred times in one query and got 128 MB.
#[tokio::test(flavor = "multi_thread")]
async fn an_anonymous_client_gets_hash_and_size_of_the_code_and_not_the_code() {
    let node = TinyNode::keyed(|_| {}).await;
    let mut socket = Socket::connect(node.node.address()).await;
    for (method, params) in [
        ("state_getStorage", json!([CODE])),
        ("state_getStorageAt", json!([CODE])),
        ("state_queryStorageAt", json!([[CODE]])),
    ] {
        let error = socket.error(method, params).await;
        assert_eq!(code(&error), "UNAUTHENTICATED", "{method}");
        assert!(error["message"].as_str().unwrap().contains("ask for its hash or its size"), "{error}");
    }
    assert!(socket.result("state_getStorageSize", json!([CODE])).await.as_u64().unwrap() > 10_000);
    let hash = socket.result("state_getStorageHash", json!([CODE])).await;
    let (follow, block) = follow(&mut socket).await;
    let events = operation(&mut socket, &follow, &block, json!([{"key": CODE, "type": "value"}])).await;
    assert_eq!(events[0]["event"], "operationError", "{events:?}");
    let events = operation(&mut socket, &follow, &block, json!([{"key": CODE, "type": "hash"}])).await;
    assert_eq!((&events[0]["items"][0]["hash"], &events[1]["event"]), (&hash, &json!("operationStorageDone")));
    node.node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_with_a_key_gets_the_code_once_in_a_query() {
    let node = TinyNode::keyed(|_| {}).await;
    let key = node.key(None, Roles::ALL).await;
    let mut socket = Socket::connect_as(node.node.address(), &key).await;
    let value = socket.result("state_getStorage", json!([CODE])).await;
    let size = socket.result("state_getStorageSize", json!([CODE])).await.as_u64().unwrap();
    assert_eq!(value.as_str().unwrap().len() as u64, 2 + 2 * size);
    let changes = socket.result("state_queryStorageAt", json!([[CODE, "0x00"]])).await;
    assert_eq!((&changes[0]["changes"][0][1], &changes[0]["changes"][1][1]), (&value, &Value::Null));
    let error = socket.error("state_queryStorageAt", json!([[CODE, "3a636f6465"]])).await;
    assert_eq!(code(&error), "INVALID_PARAMS");
    assert!(error["message"].as_str().unwrap().contains("asked for twice"), "{error}");
    let error = socket.error("state_queryStorageAt", json!([vec!["0x00"; 257]])).await;
    assert!(error["message"].as_str().unwrap().contains("at most 256"), "{error}");

    let (follow, block) = follow(&mut socket).await;
    let both = json!([{"key": CODE, "type": "value"}, {"key": CODE, "type": "hash"}]);
    let events = operation(&mut socket, &follow, &block, both).await;
    assert_eq!(events[0]["items"][0]["value"], value);
    assert!(events[0]["items"][1]["hash"].is_string());
    let twice = json!([{"key": CODE, "type": "value"}, {"key": CODE, "type": "value"}]);
    let events = operation(&mut socket, &follow, &block, twice).await;
    assert_eq!(events[0]["event"], "operationError", "{events:?}");
    node.node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_bytes_of_a_query_are_bounded_before_they_are_built() {
    let node = TinyNode::with(|config| config.queries.values_bytes_max = 100_000).await;
    let mut socket = Socket::connect(node.node.address()).await;
    let error = socket.error("state_getStorage", json!([CODE])).await;
    assert_eq!((code(&error), &error["data"]["limit_bytes"]), ("INVALID_PARAMS", &json!(100_000)), "{error}");
    socket.result("state_getStorageHash", json!([CODE])).await;
    let (follow, block) = follow(&mut socket).await;
    let events = operation(&mut socket, &follow, &block, json!([{"key": CODE, "type": "value"}])).await;
    assert_eq!(events[0]["event"], "operationError", "{events:?}");
    node.node.stop().await;
}
