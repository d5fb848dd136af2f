//! Places, the line before them, and the engine's.

use super::{generate, long_call, node, told, undisturbed};
use realm_chain_spec::TenantSpec;
use realm_tests::{Socket, TinyNode};
use serde_json::json;
use std::collections::HashMap;

#[tokio::test(flavor = "multi_thread")]
async fn one_runs_one_waits_and_the_third_is_told_its_place() {
    let node = node(|limits| (limits.concurrent_calls_max, limits.queue_len_max) = (1, 1)).await;
    let mut running = Socket::connect(node.node.address()).await;
    let id = long_call(&mut running, "narrow").await;
    let mut socket = Socket::connect(node.node.address()).await;
    let waits = socket.send("realm_call", generate("narrow", "Once", 1)).await;
    while node.node.dispatcher().admission.waiting() == 0 {
        tokio::task::yield_now().await;
    }
    let mut third = Socket::connect(node.node.address()).await;
    let error = third.error("realm_call", generate("narrow", "Once", 1)).await;
    assert_eq!((told(&error, "position"), &error["data"]["queue_len_max"]), (("OVERLOADED", &json!(2)), &json!(1)));
    undisturbed(&node).await;
    running.result("realm_unsubscribe", json!([id])).await;
    assert_eq!(socket.response(waits).await["result"]["tokens_generated"], 1, "its turn came");
    node.node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_are_the_tenants_own() {
    let node = node(|limits| limits.sessions_max = 1).await;
    let mut running = Socket::connect(node.node.address()).await;
    let id = long_call(&mut running, "narrow").await;
    let mut socket = Socket::connect(node.node.address()).await;
    let error = socket.error("realm_call", generate("narrow", "Once", 1)).await;
    assert_eq!(told(&error, "position"), ("OVERLOADED", &json!(2)));
    undisturbed(&node).await;
    running.result("realm_unsubscribe", json!([id])).await;
    node.idle().await;
    socket.result("realm_call", generate("narrow", "Once", 1)).await;
    node.node.stop().await;
}

/// By the chain's weights the engine shares what it computes: of two tenants with the same work, the one of weight 3 is
/// through with all of it when the other has a third of its own. The work is long prompts, which wait for nothing but the
/// engine: with generated tokens a slow machine's sandboxes or readers would be the ones to share, and not the engine.
#[tokio::test(flavor = "multi_thread")]
async fn a_weight_of_the_chain_reaches_the_engine() {
    const CALLS: usize = 12;
    let node = TinyNode::with(|config| {
        let mut heavy = TenantSpec::new("heavy", "default");
        heavy.weight = 3;
        config.chain.tenants.push(heavy);
        // So few that the calls, which come one by one, are all there long before the first is through.
        config.engine.batch_tokens_max = 4;
    })
    .await;
    // One connection: its answers are in the order in which the node had them.
    let mut socket = Socket::connect(node.node.address()).await;
    let mut sent = HashMap::new();
    for tenant in ["heavy", "dev"] {
        for index in 0..CALLS {
            let prompt = format!("{index} {}", "again and ".repeat(100));
            sent.insert(socket.send("realm_call", generate(tenant, &prompt, 1)).await, tenant);
        }
    }
    let mut answered = HashMap::from([("heavy", 0), ("dev", 0)]);
    while answered["heavy"] < CALLS {
        let response = socket.frame_but_events().await;
        assert!(response["result"]["prompt_tokens"].is_u64(), "{response}");
        let tenant = sent.remove(&response["id"].as_u64().expect("an id")).expect("asked for");
        *answered.entry(tenant).or_default() += 1;
    }
    // A third of twelve; without weights it would be nearly all.
    assert!(
        (2..=6).contains(&answered["dev"]),
        "{} of {CALLS} calls of weight 1 beside all of weight 3",
        answered["dev"]
    );
    while !sent.is_empty() {
        let response = socket.frame_but_events().await;
        sent.remove(&response["id"].as_u64().expect("an id"));
    }
    node.node.stop().await;
}

/// Fair shares are of tokens and not of requests: behind a hundred long prompts of one tenant, another's short one is
/// answered when a small part of those is computed. How small exactly is a matter of the scheduler, which is held to it
/// step by step in `realm-engine`; here it is seen to be so through sockets, sandboxes and admission.
#[tokio::test(flavor = "multi_thread")]
async fn a_short_prompt_does_not_wait_for_a_hundred_long_ones_of_another_tenant() {
    const CALLS: u32 = 100;
    let node = TinyNode::with(|config| {
        let mut crowd = TenantSpec::new("crowd", "default");
        crowd.limits.concurrent_calls_max = CALLS;
        config.chain.tenants.push(crowd);
        config.executor.instances_max = 2 * CALLS;
    })
    .await;
    let model = node.node.dispatcher().tenants.all()[0].resources.model.clone().expect("a model");
    let computed = || model.model().counters().tokens;
    let mut one = Socket::connect(node.node.address()).await;
    let mut first_token = async || {
        let began = std::time::Instant::now();
        one.result("realm_call", generate("dev", "Once upon a time", 1)).await;
        began.elapsed()
    };
    let idle = first_token().await;

    // What one of the crowd's prompts takes, and then all of them at once.
    let prompt = |index: u32| generate("crowd", &format!("{index} {}", "again and ".repeat(40)), 1);
    let mut crowd = Socket::connect(node.node.address()).await;
    let before = computed();
    crowd.result("realm_call", prompt(CALLS)).await;
    let all = u64::from(CALLS) * (computed() - before);
    let before = computed();
    let mut ids = Vec::new();
    for index in 0..CALLS {
        ids.push(crowd.send("realm_call", prompt(index)).await);
    }
    while computed() - before < all / 10 {
        tokio::time::sleep(std::time::Duration::from_millis(1)).await;
    }
    let begun = computed();
    let loaded = first_token().await;
    let between = computed() - begun;
    println!("first token: idle {idle:?}, loaded {loaded:?}; meanwhile {between} tokens of {all} were computed");
    assert!(between < all / 4, "{between} of {all} tokens came before the short prompt's answer");
    // They end in any order.
    while !ids.is_empty() {
        let response = crowd.frame_but_events().await;
        // Some may end without a token: the model is random.
        assert!(response["result"]["tokens_generated"].is_u64(), "{response}");
        ids.retain(|id| response["id"] != *id);
    }
    node.node.stop().await;
}
