//! What is charged, over the socket: that it agrees with what the calls themselves say, and that no call goes free by
//! failing or by being given up.

mod own;
mod property;

use parity_scale_codec::Encode;
use realm_chain_spec::{TenantPrices, TenantSpec};
use realm_primitives::GenerateOptions;
use realm_tests::{HANG, Http, Socket, TinyNode};
use serde_json::{Value, json};

/// Prices that leave fractions.
const PRICES: TenantPrices = TenantPrices {
    prompt_nano_usd_per_1k: 500_333,
    cached_nano_usd_per_1k: 50_777,
    generated_nano_usd_per_1k: 1_500_111,
};

async fn node(change: impl FnOnce(&mut TenantSpec)) -> TinyNode {
    TinyNode::with(|config| {
        let mut payer = TenantSpec::new("payer", "default");
        payer.prices = PRICES;
        change(&mut payer);
        config.chain.tenants.push(payer);
    })
    .await
}

fn generate(prompt: &str, tokens: u32) -> Value {
    json!(["generate", {"prompt": prompt, "max_tokens": tokens, "temperature": 0}, {"tenant_id": "payer"}])
}

/// The tenant's total of this month, once `calls` calls are in it.
async fn total(socket: &mut Socket, calls: u64) -> Value {
    let counted = async {
        loop {
            let usage = socket.result("realm_usage", json!(["payer", null, null, "month"])).await;
            let total = usage["total"].clone();
            if total["calls"].as_u64().unwrap() >= calls {
                return total;
            }
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    };
    let total = tokio::time::timeout(HANG, counted).await.expect("the calls are counted");
    assert_eq!(total["calls"], calls);
    total
}

/// The story: two places compute a price, the runtime for its caller and the node for its books, and the tenant's own
/// runtime could say anything in the first.
#[tokio::test(flavor = "multi_thread")]
async fn the_books_agree_with_what_each_call_says() {
    let node = node(|_| {}).await;
    let mut socket = Socket::connect(node.node.address()).await;
    let chat = |message: &str| json!(["chat", {"message": message, "conversation": "c", "max_tokens": 5, "temperature": 0}, {"tenant_id": "payer"}]);
    let sampled =
        json!(["generate", {"prompt": "A", "max_tokens": 60, "temperature": 1.8, "seed": 7}, {"tenant_id": "payer"}]);
    let stopped = json!(["generate", {"prompt": "A", "max_tokens": 60, "temperature": 1.8, "seed": 7, "stop": ["e", "a"]},
        {"tenant_id": "payer"}]);
    let long = "over and over ".repeat(12);
    let calls =
        [generate("Once", 1), generate(&long, 7), generate(&long, 3), chat("Hi"), chat("And?"), sampled, stopped];
    let (mut nano_usd, mut prompt, mut cached, mut generated) = (0.0, 0, 0, 0);
    for call in &calls {
        let answer = socket.result("realm_call", call.clone()).await;
        nano_usd += (answer["cost_usd"].as_f64().unwrap() * 1e9).round();
        prompt += answer["prompt_tokens"].as_u64().unwrap_or_default();
        cached += answer["cached_tokens"].as_u64().unwrap_or_default();
        generated += answer["tokens_generated"].as_u64().unwrap_or_default();
    }
    let total = total(&mut socket, calls.len() as u64).await;
    assert_eq!(total["cost_nano_usd"].as_f64().unwrap(), nano_usd, "{total}");
    assert_eq!(total["generated_tokens"], generated, "{total}");
    assert_eq!((&total["prompt_tokens"], &total["cached_tokens"]), (&json!(prompt), &json!(cached)), "{total}");
    assert!(cached > 0, "the prefix cache was at work");
    assert_eq!((&total["failed"], &total["cancelled"]), (&json!(0), &json!(0)));

    // What was computed on a guess is charged too, and said to be.
    let guessing = json!(["generate", {"prompt": long, "max_tokens": 60, "temperature": 0, "speculation": 8}, {"tenant_id": "payer"}]);
    let answer = socket.result("realm_call", guessing).await;
    let after = self::total(&mut socket, calls.len() as u64 + 1).await;
    let said = (answer["cost_usd"].as_f64().unwrap() * 1e9).round();
    assert_eq!(after["cost_nano_usd"].as_f64().unwrap() - nano_usd, said, "{answer} {after}");
    node.node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_fails_or_is_given_up_is_charged_for_what_it_used() {
    let node = node(|payer| payer.limits.guest_cpu_ms_max = 60_000).await;
    let mut socket = Socket::connect(node.node.address()).await;
    let params = json!({"prompt": "Once", "max_tokens": 3_000, "temperature": 0});
    // Not read before its deadline is over, so that no machine is fast enough to be through with it.
    let mut late = Socket::connect_narrow(node.node.address()).await;
    late.subscribe("stream_generate", params.clone(), json!({"tenant_id": "payer", "deadline_ms": 400})).await;
    tokio::time::sleep(std::time::Duration::from_millis(500)).await;
    assert_eq!(late.events().await.last().expect("events")["error"]["code"], "DEADLINE_EXCEEDED");
    let failed = total(&mut socket, 1).await;
    assert_eq!((&failed["failed"], &failed["cancelled"]), (&json!(1), &json!(0)));
    let charged =
        |total: &Value| (total["generated_tokens"].as_u64().unwrap(), total["cost_nano_usd"].as_u64().unwrap());
    assert!(charged(&failed).0 > 0 && charged(&failed).1 > 0, "{failed}");

    // One stops its stream, another's connection is gone.
    let id = socket.subscribe("stream_generate", params.clone(), json!({"tenant_id": "payer"})).await;
    socket.event().await;
    socket.result("realm_unsubscribe", json!([id])).await;
    let mut lost = Socket::connect(node.node.address()).await;
    lost.subscribe("stream_generate", params, json!({"tenant_id": "payer"})).await;
    lost.event().await;
    lost.kill();
    let all = total(&mut socket, 3).await;
    assert_eq!((&all["failed"], &all["cancelled"]), (&json!(1), &json!(2)), "{all}");
    assert!(charged(&all).0 >= charged(&failed).0 + 2 && charged(&all).1 > charged(&failed).1, "{all}");
    // Counted from having a place, which comes a little after the deadline's clock began.
    assert!(all["wall_ms"].as_u64().unwrap() >= 300, "{all}");
    node.node.stop().await;
}

/// In SCALE a function's error is a result, and in the books a failure all the same.
#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_fails_in_scale_is_a_failed_one() {
    let node = node(|_| {}).await;
    let mut socket = Socket::connect(node.node.address()).await;
    let arguments = ("again and ".repeat(2_000), GenerateOptions::default()).encode();
    let params = format!("0x{}", hex::encode(arguments));
    let answer = socket.result("realm_call", json!(["generate", params, {"tenant_id": "payer"}])).await;
    assert!(answer.as_str().is_some_and(|hex| hex.starts_with("0x01")), "{answer}");
    assert_eq!(total(&mut socket, 1).await["failed"], 1);
    node.node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_spending_cap_is_never_passed() {
    // Each call may cost 64 × 500.333 + 8 × 1500.111 = 44022.2 at most.
    let cap = 100_000;
    let node = node(|payer| {
        (payer.limits.prompt_tokens_max, payer.limits.max_tokens) = (64, 8);
        payer.limits.spend_nano_usd_per_day_max = cap;
    })
    .await;
    let mut sockets = Vec::new();
    for index in 0..40 {
        let mut socket = Socket::connect(node.node.address()).await;
        let id = socket.send("realm_call", generate(&format!("Number {index}"), 8)).await;
        sockets.push((socket, id));
    }
    let mut answered = 0;
    for (socket, id) in &mut sockets {
        let response = socket.response(*id).await;
        match response.get("error") {
            None => answered += 1,
            Some(error) => {
                assert_eq!(
                    (&error["data"]["code"], &error["data"]["period"]),
                    (&json!("QUOTA_EXCEEDED"), &json!("day"))
                );
                assert_eq!(
                    (&error["data"]["limit_nano_usd"], &error["data"]["asked_nano_usd"]),
                    (&json!(cap), &json!(44_023))
                );
            }
        }
    }
    let (socket, _) = &mut sockets[0];
    let total = total(socket, answered).await;
    assert!(answered >= 2 && total["cost_nano_usd"].as_u64().unwrap() <= cap, "{answered}: {total}");
    // Others spend on.
    socket.result("realm_call", json!(["generate", {"prompt": "Once", "max_tokens": 2}])).await;
    node.node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn usage_is_told_by_tenant_and_period_and_bad_questions_are_answered() {
    let node = node(|_| {}).await;
    let mut socket = Socket::connect(node.node.address()).await;
    socket.result("realm_call", generate("Once", 2)).await;
    socket.result("realm_call", json!(["generate", {"prompt": "Once", "max_tokens": 2}])).await;
    for period in ["hour", "day", "month"] {
        let usage = socket.result("realm_usage", json!({"period": period})).await;
        let rows = usage["rows"].as_array().unwrap();
        // The clock may turn in between.
        let calls: u64 = rows.iter().map(|row| row["calls"].as_u64().unwrap()).sum();
        assert_eq!((usage["period"].as_str(), calls), (Some(period), 2), "{usage}");
        let tenants: Vec<_> = usage["totals"].as_array().unwrap().iter().map(|row| row["tenant_id"].clone()).collect();
        assert_eq!(tenants, ["dev", "payer"]);
        assert_eq!(usage["total"]["generated_tokens"], 4);
    }
    let past = socket.result("realm_usage", json!([null, "2001-01-01", "2002-01-01T10:00:00Z"])).await;
    assert_eq!(
        (&past["rows"], &past["from"], &past["to"]),
        (&json!([]), &json!("2001-01-01T00:00:00Z"), &json!("2002-01-01T10:00:00Z"))
    );
    for (params, field) in [
        (json!([null, "yesterday"]), "from"),
        (json!([null, null, "12"]), "to"),
        (json!([null, null, null, "week"]), "period"),
        (json!([null, "2026-02-01", "2026-01-01"]), "to"),
    ] {
        let error = socket.error("realm_usage", params).await;
        assert_eq!((&error["data"]["code"], &error["data"]["field"]), (&json!("INVALID_PARAMS"), &json!(field)));
    }
    let body = json!({"jsonrpc": "2.0", "id": 1, "method": "realm_usage", "params": ["payer"]});
    let over_http = Http::ask(node.node.address(), "POST", "/", &body.to_string()).await;
    assert!(over_http.body.contains("\"cost_nano_usd\""), "{}", over_http.body);
    node.node.stop().await;
}
