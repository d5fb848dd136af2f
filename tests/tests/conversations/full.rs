//! A conversation that no longer fits in the model's context.

use realm_tests::{Socket, TinyNode};
use serde_json::{Value, json};

/// Some 400 tokens of the tiny model.
fn long_text() -> String {
    "There was a box. ".repeat(25)
}

fn say(when_full: Option<&str>) -> Value {
    json!(["chat", {"message": long_text(), "conversation": "full", "max_tokens": 8, "temperature": 0, "when_full": when_full}])
}

#[tokio::test(flavor = "multi_thread")]
async fn it_is_an_error_with_the_numbers_unless_the_oldest_turns_may_go() {
    let node = TinyNode::start().await;
    let mut socket = Socket::connect(node.node.address()).await;
    let system = json!([{"role": "system", "content": "Be brief."}, {"role": "user", "content": long_text()}]);
    let first = json!(["chat", {"messages": system, "conversation": "full", "max_tokens": 8, "temperature": 0}]);
    let mut made = socket.result("realm_call", first).await;
    let error = loop {
        let response = socket.request("realm_call", say(None)).await;
        match response.get("error") {
            Some(error) => break error.clone(),
            None => made = response["result"].clone(),
        }
        assert_eq!(made["dropped_turns"], 0);
    };
    assert_eq!(error["data"]["code"], "CONTEXT_OVERFLOW", "{error}");
    let number = |name: &str| error["data"][name].as_u64().unwrap_or_else(|| panic!("{name}: {error}"));
    assert!(number("prompt_tokens") + number("max_tokens") > number("context_length"), "{error}");
    assert_eq!(number("context_length"), 4096);

    // The refused turn left nothing, and dropping leaves as much as fits.
    let turns = made["turns"].as_u64().expect("turns");
    let after = socket.result("realm_call", say(Some("drop_oldest"))).await;
    assert_eq!(after["turns"], turns + 1);
    let dropped = after["dropped_turns"].as_u64().expect("a number");
    assert!((1..=2).contains(&dropped), "{after}");
    let prompt_tokens = after["prompt_tokens"].as_u64().expect("tokens");
    assert!(prompt_tokens + 8 <= 4096 && prompt_tokens > 4096 - 1400, "{prompt_tokens}");

    // What was dropped is stored, and counted.
    let exported = socket.result("realm_call", json!(["export_conversation", {"conversation": "full"}])).await;
    assert_eq!(exported["turns"].as_array().map(Vec::len), Some(turns as usize + 1));
    assert_eq!(exported["turns"][0]["asked"][0]["role"], "system");
    let listed = socket.result("realm_call", json!(["list_conversations", {}])).await;
    assert_eq!(listed["conversations"][0]["dropped_turns"], dropped);

    // What can never fit stays an error, and drops nothing.
    let much = json!({"message": "x", "conversation": "full", "max_tokens": 4096, "when_full": "drop_oldest"});
    let error = socket.error("realm_call", json!(["chat", much])).await;
    assert_eq!(error["data"]["code"], "CONTEXT_OVERFLOW", "{error}");
    let stateless = json!({"messages": [{"role": "user", "content": "x"}], "when_full": "drop_oldest"});
    let error = socket.error("realm_call", json!(["chat", stateless])).await;
    assert_eq!(error["data"]["field"], "when_full", "{error}");
    node.node.stop().await;
}
