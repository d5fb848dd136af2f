//! Calls: answers, tokens that pass through the sandbox, many at once.

use parity_scale_codec::{Decode, Encode};
use realm_host_functions::HostFunction;
use realm_node::executor::CallSetup;
use realm_primitives::{CallContext, GenerateOptions, GenerateResult, H256, Milli, Prices, RuntimeError};
use realm_tests::{Http, Socket, TinyNode};
use serde_json::{Value, json};
use std::collections::HashSet;

fn greedy(tokens: u32) -> Value {
    json!({"prompt": "Once upon a time", "max_tokens": tokens, "temperature": 0})
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_is_answered_over_both_transports_alike() {
    let node = TinyNode::start().await;
    let mut socket = Socket::connect(node.node.address()).await;
    let mut answer = socket.result("realm_call", json!(["generate", greedy(8)])).await;
    assert_eq!(answer["tokens_generated"], 8);
    assert_eq!(answer["finish_reason"], "length");

    let by_name = json!({"jsonrpc": "2.0", "id": 1, "method": "realm_call",
        "params": {"function": "generate", "params": greedy(8)}});
    let http = Http::ask(node.node.address(), "POST", "/", &by_name.to_string()).await;
    let mut over_http: Value = serde_json::from_str(&http.body).unwrap();
    // The node draws a seed for each call, and the second finds the first's prompt in the cache.
    for answer in [&mut answer, &mut over_http["result"]] {
        answer.as_object_mut().unwrap().retain(|field, _| !["seed", "cached_tokens", "cost_usd"].contains(&&**field));
    }
    assert_eq!((http.status, &over_http["result"]), (200, &answer));
    node.node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_token_passes_through_the_sandbox() {
    let node = TinyNode::start().await;
    let dispatcher = node.node.dispatcher();
    let tenant = dispatcher.tenants.get(&"dev".into()).unwrap();
    let setup = CallSetup {
        context: CallContext {
            tenant: "dev".into(),
            call_id: "count".into(),
            seed: 1,
            deadline_ms: 60_000,
            streaming: false,
            connected: false,
            code_hash: H256::default(),
            prices: Prices::default(),
            max_tokens_limit: 64,
        },
        tenant: tenant.resources.clone(),
        connection: None,
        events: None,
        deadline: None,
        tally: std::sync::Arc::default(),
    };
    let options = GenerateOptions { max_tokens: Some(24), temperature: Some(Milli(0)), ..GenerateOptions::default() };
    let arguments = ("Once".to_owned(), options).encode();
    let code = tenant.runtime.current().code.clone();
    let before = dispatcher.executor.stats().instances_created();
    let outcome = dispatcher.executor.call(&code, "RealmApi_generate", &arguments, setup).await;

    let result = Result::<GenerateResult, RuntimeError>::decode(&mut &outcome.result.unwrap()[..]).unwrap().unwrap();
    assert_eq!(dispatcher.executor.stats().instances_created(), before + 1);
    assert_eq!(result.tokens_generated, 24);
    assert_eq!(outcome.usage.host_calls(HostFunction::SampleToken), 24);
    // The first pass reads the prompt; the last token is sampled and not read again.
    assert_eq!(outcome.usage.host_calls(HostFunction::SessionForward), 24);
    node.node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_connection_carries_many_calls_at_once_out_of_order() {
    let node = TinyNode::start().await;
    let mut socket = Socket::connect(node.node.address()).await;
    // Long enough to outlast 21 answers of a few tokens on any machine.
    let long = socket.send("realm_call", json!(["generate", greedy(3_000)])).await;
    let mut waiting: HashSet<u64> = HashSet::new();
    for index in 0..20 {
        let params = json!({"prompt": format!("Number {index}"), "max_tokens": 2 + index % 3, "temperature": 0});
        waiting.insert(socket.send("realm_call", json!(["generate", params])).await);
    }
    let health = socket.send("realm_call", json!(["health_check"])).await;
    waiting.insert(health);
    let mut order = Vec::new();
    while !waiting.is_empty() || !order.contains(&long) {
        let response = socket.frame().await;
        assert!(response.get("error").is_none(), "{response}");
        let id = response["id"].as_u64().unwrap();
        waiting.remove(&id);
        order.push(id);
    }
    assert_eq!(order.len(), 22, "each is answered once");
    assert_eq!(order.last(), Some(&long), "the long call began first and ends last");
    node.node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_seed_in_a_result_gives_the_result_again() {
    let node = TinyNode::start().await;
    let mut socket = Socket::connect(node.node.address()).await;
    let params = |seed: Option<&Value>| json!({"prompt": "Once", "max_tokens": 16, "temperature": 1.5, "seed": seed});
    let first = socket.result("realm_call", json!(["generate", params(None)])).await;
    let again = socket.result("realm_call", json!(["generate", params(Some(&first["seed"]))])).await;
    assert_eq!(first["text"], again["text"]);
    node.node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_remembers_its_conversation_and_another_does_not() {
    let node = TinyNode::start().await;
    let mut socket = Socket::connect(node.node.address()).await;
    let say = |text: &str| json!(["chat", {"message": text, "max_tokens": 4, "temperature": 0}]);
    assert_eq!(socket.result("realm_call", say("Hi, my name is Alice")).await["turns"], 1);
    assert_eq!(socket.result("realm_call", say("What is my name?")).await["turns"], 2);
    let mut other = Socket::connect(node.node.address()).await;
    assert_eq!(other.result("realm_call", say("What is my name?")).await["turns"], 1);
    node.node.stop().await;
}
