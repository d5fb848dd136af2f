//! A conversation's KV cache: a turn computes only what is new, and nothing but time depends on it.

use realm_chain_spec::TenantSpec;
use realm_tests::{Socket, TinyNode};
use serde_json::{Value, json};

/// Tokens of a block of the cache: what is not a whole block is computed anew.
const BLOCK_TOKENS: u64 = 16;

async fn say(socket: &mut Socket, tenant: &str, text: &str) -> Value {
    let params = json!({"message": text, "conversation": "warm", "max_tokens": 12, "temperature": 0});
    socket.result("realm_call", json!(["chat", params, {"tenant_id": tenant}])).await
}

fn number(made: &Value, field: &str) -> u64 {
    made[field].as_u64().unwrap_or_else(|| panic!("{field}: {made}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_turn_computes_what_is_new_and_says_the_same() {
    let start = || TinyNode::with(|config| config.chain.tenants.push(TenantSpec::new("other", "default")));
    let node = start().await;
    let mut socket = Socket::connect(node.node.address()).await;
    let long = "Once upon a time there was a girl who had a box. ".repeat(8);
    let first = say(&mut socket, "dev", &long).await;
    assert_eq!(number(&first, "cached_tokens"), 0);
    let second = say(&mut socket, "dev", "And then?").await;
    let cached = number(&second, "cached_tokens");
    assert!(cached + BLOCK_TOKENS >= number(&first, "prompt_tokens"), "{cached} of {first}");
    assert!(cached < number(&second, "prompt_tokens"));

    // The same prompts of another tenant find nothing.
    let other = say(&mut socket, "other", &long).await;
    assert_eq!((number(&other, "cached_tokens"), &other["text"]), (0, &first["text"]));

    // A node that has nothing in its cache says the same.
    let turns =
        socket.result("realm_call", json!(["export_conversation", {"conversation": "warm"}])).await["turns"].clone();
    node.node.stop().await;
    let cold = start().await;
    let mut socket = Socket::connect(cold.node.address()).await;
    let imported = json!({"conversation": "warm", "turns": [turns[0]]});
    socket.result("realm_call", json!(["import_conversation", imported])).await;
    let again = say(&mut socket, "dev", "And then?").await;
    assert_eq!(number(&again, "cached_tokens"), 0);
    assert_eq!((&again["text"], &again["prompt_tokens"]), (&second["text"], &second["prompt_tokens"]));
    cold.node.stop().await;
}
