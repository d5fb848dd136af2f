//! Listing, forking, exporting, importing, deleting: found through metadata like every function.

use realm_chain_spec::TenantSpec;
use realm_tests::{Socket, TinyNode};
use serde_json::{Value, json};

struct Caller(Socket);

impl Caller {
    async fn call(&mut self, function: &str, params: Value) -> Value {
        self.0.result("realm_call", json!([function, params])).await
    }

    async fn say(&mut self, conversation: &str, text: &str) -> Value {
        let params = json!({"message": text, "conversation": conversation, "max_tokens": 2, "temperature": 0});
        self.call("chat", params).await
    }

    /// The function refuses, and names this field.
    async fn refused(&mut self, function: &str, params: Value, field: &str) {
        let error = self.0.error("realm_call", json!([function, params])).await;
        assert_eq!(
            (&error["data"]["code"], &error["data"]["field"]),
            (&json!("INVALID_PARAMS"), &json!(field)),
            "{error}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn from_the_first_turn_to_the_last() {
    let node = TinyNode::with(|config| config.chain.tenants.push(TenantSpec::new("other", "default"))).await;
    let mut caller = Caller(Socket::connect(node.node.address()).await);
    for (conversation, text) in [("b", "one"), ("b", "two"), ("b", "three"), ("a", "alone"), ("c!", "last")] {
        caller.say(conversation, text).await;
    }

    let info =
        |conversation: &str, turns: u32| json!({"conversation": conversation, "turns": turns, "dropped_turns": 0});
    let all = caller.call("list_conversations", json!({})).await;
    assert_eq!(all, json!({"conversations": [info("a", 1), info("b", 3), info("c!", 1)], "next": null}));
    let page = caller.call("list_conversations", json!({"limit": 2})).await;
    assert_eq!(page, json!({"conversations": [info("a", 1), info("b", 3)], "next": "b"}));
    let page = caller.call("list_conversations", json!({"limit": 2, "after": "b"})).await;
    assert_eq!(page, json!({"conversations": [info("c!", 1)], "next": null}));
    caller.refused("list_conversations", json!({"limit": 1001}), "limit").await;

    // A fork goes its own way.
    assert_eq!(caller.call("fork_conversation", json!({"conversation": "b", "to": "d", "turns": 2})).await, 2);
    let (forked, whole) =
        (caller.say("d", "other").await, caller.call("export_conversation", json!({"conversation": "b"})).await);
    assert_eq!(forked["turns"], 3);
    let texts = |exported: &Value| -> Vec<Value> {
        exported["turns"].as_array().expect("turns").iter().map(|turn| turn["asked"][0]["content"].clone()).collect()
    };
    assert_eq!(texts(&whole), ["one", "two", "three"]);
    let fork = caller.call("export_conversation", json!({"conversation": "d"})).await;
    assert_eq!(texts(&fork), ["one", "two", "other"]);
    caller.refused("fork_conversation", json!({"conversation": "b", "to": "a"}), "to").await;
    caller.refused("fork_conversation", json!({"conversation": "b", "to": "e", "turns": 4}), "turns").await;
    caller.refused("fork_conversation", json!({"conversation": "none", "to": "e"}), "conversation").await;
    caller.refused("export_conversation", json!({"conversation": "none"}), "conversation").await;

    // What is exported goes on elsewhere as it went on here.
    let imported = json!({"conversation": "copy", "turns": whole["turns"]});
    assert_eq!(caller.call("import_conversation", imported.clone()).await, 3);
    caller.refused("import_conversation", imported, "conversation").await;
    caller.refused("import_conversation", json!({"conversation": "x", "turns": []}), "turns").await;
    let (here, there) = (caller.say("b", "And now?").await, caller.say("copy", "And now?").await);
    assert_eq!((&here["text"], &here["turns"]), (&there["text"], &there["turns"]));

    assert_eq!(caller.call("delete_conversation", json!({"conversation": "b"})).await, true);
    assert_eq!(caller.call("delete_conversation", json!({"conversation": "b"})).await, false);
    assert_eq!(caller.say("b", "Who are you?").await["turns"], 1);

    let others = caller.0.result("realm_call", json!(["list_conversations", {}, {"tenant_id": "other"}])).await;
    assert_eq!(others["conversations"], json!([]), "another tenant's are not seen");
    node.node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn metadata_names_them() {
    let node = TinyNode::start().await;
    let mut socket = Socket::connect(node.node.address()).await;
    let metadata = socket.result("system_metadata", json!([])).await;
    for name in ["list", "fork", "export", "import", "delete"] {
        let known = metadata["functions"].as_array().expect("functions").iter().any(|function| {
            function["api"] == "ConversationApi" && function["name"].as_str().is_some_and(|full| full.starts_with(name))
        });
        assert!(known, "{name} is not in {metadata}");
    }
    node.node.stop().await;
}
