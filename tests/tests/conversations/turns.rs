//! Turns of many callers on one conversation: each waits for the one before it.

use futures::future::join_all;
use realm_tests::{HANG, Socket, TinyNode};
use serde_json::{Value, json};
use std::{collections::BTreeSet, time::Duration};

/// Waits until so many calls are in sandboxes.
async fn alive(node: &TinyNode, calls: u64) {
    let counted = async {
        while node.node.dispatcher().executor.stats().instances_alive() as u64 != calls {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::time::timeout(HANG, counted).await.expect("calls come and go");
}

fn say(text: &str, conversation: Option<&str>) -> Value {
    json!(["chat", {"message": text, "conversation": conversation, "max_tokens": 3, "temperature": 0}])
}

/// Ten callers said something at once; nine of them got CONFLICT after their tokens were computed.
#[tokio::test(flavor = "multi_thread")]
async fn turns_at_once_all_land() {
    let node = TinyNode::start().await;
    let address = node.node.address();
    let turns = join_all((0..10).map(|caller| async move {
        let mut socket = Socket::connect(address).await;
        let result = socket.result("realm_call", say(&format!("I am number {caller}"), Some("many"))).await;
        result["turns"].as_u64().expect("a number")
    }));
    let turns: BTreeSet<u64> = turns.await.into_iter().collect();
    assert_eq!(turns, (1..=10).collect());

    let mut socket = Socket::connect(address).await;
    let exported = socket.result("realm_call", json!(["export_conversation", {"conversation": "many"}])).await;
    let asked: BTreeSet<&str> = exported["turns"]
        .as_array()
        .expect("turns")
        .iter()
        .map(|turn| turn["asked"][0]["content"].as_str().expect("text"))
        .collect();
    assert_eq!(asked.len(), 10, "{exported}");
    node.node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn turns_at_once_on_the_connections_own_conversation_all_land() {
    let node = TinyNode::start().await;
    let mut socket = Socket::connect(node.node.address()).await;
    for text in ["one", "two", "three", "four", "five"] {
        socket.send("realm_call", say(text, None)).await;
    }
    let mut turns = BTreeSet::new();
    // Which of them comes first is nobody's promise.
    for _ in 0..5 {
        let response = socket.frame_but_events().await;
        turns.insert(response["result"]["turns"].as_u64().unwrap_or_else(|| panic!("{response}")));
    }
    assert_eq!(turns, (1..=5).collect());
    node.node.stop().await;
}

/// Who holds the lock and who waits for it may go at any time; the next gets it.
#[tokio::test(flavor = "multi_thread")]
async fn callers_that_go_leave_the_lock() {
    let node = TinyNode::start().await;
    let address = node.node.address();
    let mut holder = Socket::connect(address).await;
    let long = json!({"message": "On and on", "conversation": "left", "max_tokens": 3000, "temperature": 0});
    holder.subscribe("chat", long.clone(), json!({})).await;
    assert_eq!(holder.event().await.1["type"], "stream");
    let mut waiting = Socket::connect(address).await;
    waiting.subscribe("chat", long.clone(), json!({})).await;
    let mut timed = Socket::connect(address).await;
    let late = timed.error("realm_call", json!(["chat", long, {"deadline_ms": 50}])).await;
    assert_eq!(late["data"]["code"], "DEADLINE_EXCEEDED");
    // One holds the lock and one waits for it; the one that waits goes first.
    alive(&node, 2).await;
    waiting.kill();
    alive(&node, 1).await;
    holder.kill();
    let mut next = Socket::connect(address).await;
    assert_eq!(next.result("realm_call", say("Hi", Some("left"))).await["turns"], 1);
    node.node.stop().await;
}
