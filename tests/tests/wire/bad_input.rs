//! Bad input gets its error, and a stream on the same connection goes on unharmed.

use realm_tests::{Http, Socket, TinyNode};
use serde_json::{Value, json};

/// Tokens of a stream that is seen through beside bad input.
const SHORT: u32 = 48;
/// Tokens of a stream that is still under way when the bad input is answered.
const LONG: u32 = 2000;

/// Runs `bad` while a stream of the same connection is under way, and sees the stream through.
async fn beside_a_stream(node: &TinyNode, bad: impl AsyncFnOnce(&mut Socket)) {
    beside_a_stream_of(SHORT, node, bad).await;
}

async fn beside_a_stream_of(tokens: u32, node: &TinyNode, bad: impl AsyncFnOnce(&mut Socket)) {
    let mut socket = Socket::connect(node.node.address()).await;
    let params = json!({"prompt": "Once upon a time", "max_tokens": tokens, "temperature": 0});
    socket.subscribe("stream_generate", params, json!({})).await;
    bad(&mut socket).await;
    let events = socket.events().await;
    assert_eq!(events.last().unwrap()["data"]["tokens_generated"], tokens);
    for (index, event) in events.iter().enumerate() {
        assert_eq!(event["seq"], json!(index));
    }
}

async fn check(node: &TinyNode, method: &str, params: Value, code: &str, number: i64, data: Value) {
    beside_a_stream(node, async |socket| {
        let error = socket.error(method, params.clone()).await;
        assert_eq!((&error["code"], &error["data"]["code"]), (&json!(number), &json!(code)), "{params}: {error}");
        for (field, expected) in data.as_object().unwrap() {
            assert_eq!(&error["data"][field], expected, "{error}");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_calls_are_refused_by_name() {
    let node = TinyNode::start().await;
    let unknown = json!(["generat", {"prompt": "x"}]);
    check(&node, "realm_call", unknown.clone(), "UNKNOWN_FUNCTION", -32601, json!({"nearest": "generate"})).await;
    check(&node, "realm_subscribe", unknown, "UNKNOWN_FUNCTION", -32601, json!({"nearest": "generate"})).await;

    let cases = [
        (json!({}), "prompt"),
        (json!({"prompt": 5}), "prompt"),
        (json!({"prompt": "x", "max_tokens": "ten"}), "max_tokens"),
        (json!({"prompt": "x", "options": {"max_tokens": -1}}), "options.max_tokens"),
        (json!({"prompt": "x", "options": {"stop": ["a", 7]}}), "options.stop[1]"),
        (json!({"prompt": "x", "max_tokns": 1}), "max_tokns"),
        (json!({"prompt": "x", "temperature": -0.5}), "temperature"),
        (json!({"prompt": "x", "temperature": "NaN"}), "temperature"),
        (json!({"prompt": "x", "temperature": 1e300}), "temperature"),
        (json!("prompt"), "params"),
        (json!("0xzz"), "params"),
        (json!("0x00"), "params"),
    ];
    for (params, field) in cases {
        let call = json!(["generate", params]);
        check(&node, "realm_call", call.clone(), "INVALID_PARAMS", -32602, json!({"field": field})).await;
        check(&node, "realm_subscribe", call, "INVALID_PARAMS", -32602, json!({"field": field})).await;
    }
    let options = [
        (json!({"deadline_ms": 0}), "options.deadline_ms"),
        (json!({"tenant": "dev"}), "options.tenant"),
        (json!({"id": 5}), "options.id"),
        (json!(5), "options"),
    ];
    for (options, field) in options {
        let call = json!(["generate", {"prompt": "x"}, options]);
        check(&node, "realm_call", call, "INVALID_PARAMS", -32602, json!({"field": field})).await;
    }
    node.node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_prompt_of_a_megabyte_overflows_with_numbers() {
    let node = TinyNode::start().await;
    let prompt = "a ".repeat(512 << 10);
    beside_a_stream(&node, async |socket| {
        let error = socket.error("realm_call", json!(["generate", {"prompt": prompt, "max_tokens": 7}])).await;
        assert_eq!((&error["code"], &error["data"]["code"]), (&json!(5006), &json!("CONTEXT_OVERFLOW")), "{error}");
        assert_eq!((&error["data"]["context_length"], &error["data"]["max_tokens"]), (&json!(4096), &json!(7)));
        assert!(error["data"]["prompt_tokens"].as_u64().unwrap() > 4096, "{error}");
    })
    .await;
    node.node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_json_rpc_is_answered_and_the_connection_goes_on() {
    let node = TinyNode::start().await;
    let cases = [
        ("{", -32700),
        (r#"{"jsonrpc":"2.0","id":1,"method":"realm_call","params":["generate",{"temperature":NaN}]}"#, -32700),
        ("nonsense", -32700),
        (r#"{"jsonrpc":"2.0","id":1}"#, -32600),
        (r#"{"id":1,"method":5}"#, -32600),
        ("[]", -32600),
    ];
    for (frame, number) in cases {
        beside_a_stream(&node, async |socket| {
            socket.send_raw(frame).await;
            let answer = socket.frame_but_events().await;
            assert_eq!(answer["error"]["code"], number, "{frame}: {answer}");
        })
        .await;
    }
    beside_a_stream(&node, async |socket| {
        let error = socket.error("no_such_method", json!([])).await;
        assert_eq!(error["code"], -32601);
    })
    .await;
    node.node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_oversized_frame_is_refused_and_harms_nothing() {
    let node = TinyNode::with(|config| config.server.request_bytes_max = 64 << 10).await;
    let big = json!({"jsonrpc": "2.0", "id": 1, "method": "realm_call",
        "params": ["generate", {"prompt": "x".repeat(1 << 20)}]})
    .to_string();
    beside_a_stream(&node, async |socket| {
        let big = big.clone();
        socket.send_raw(big).await;
        let answer = socket.frame_but_events().await;
        assert_eq!((&answer["id"], &answer["error"]["code"]), (&Value::Null, &json!(-32007)), "{answer}");
    })
    .await;
    let http = Http::ask(node.node.address(), "POST", "/", &big).await;
    assert_eq!(http.status, 413, "{}", http.body);
    node.node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn more_than_a_connection_may_have_is_refused() {
    let node = TinyNode::with(|config| {
        config.server.subscriptions_max = 1;
        config.server.batch_len_max = 2;
        config.server.connections_max = 1;
    })
    .await;
    beside_a_stream_of(LONG, &node, async |socket| {
        let error = socket.error("realm_subscribe", json!(["stream_generate", {"prompt": "x"}])).await;
        assert_eq!(error["code"], -32006, "{error}");
        let one = r#"{"jsonrpc":"2.0","id":1,"method":"system_health"}"#;
        socket.send_raw(format!("[{one},{one},{one}]")).await;
        let answer = socket.frame_but_events().await;
        assert_eq!(answer["error"]["code"], -32010, "{answer}");
        let http = Http::ask(node.node.address(), "GET", "/health", "").await;
        assert_eq!(http.status, 503);
    })
    .await;
    node.node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_queue_tells_the_place_that_was_refused() {
    let node = TinyNode::with(|config| {
        let limits = &mut config.chain.tenants[0].limits;
        limits.concurrent_calls_max = 1;
        limits.queue_len_max = 1;
    })
    .await;
    let mut socket = Socket::connect(node.node.address()).await;
    let long = json!(["generate", {"prompt": "Once upon a time", "max_tokens": LONG, "temperature": 0}]);
    let ids = [socket.send("realm_call", long.clone()).await, socket.send("realm_call", long.clone()).await];
    // Frames are handled side by side, so any one of the three may be the one too many.
    let third = socket.send("realm_call", long).await;
    let (mut refused, mut answered) = (0, 0);
    for _ in 0..3 {
        let response = socket.frame().await;
        assert!(ids.contains(&response["id"].as_u64().unwrap()) || response["id"] == json!(third));
        match response.get("error") {
            Some(error) => {
                assert_eq!((&error["code"], &error["data"]["position"]), (&json!(5004), &json!(2)), "{error}");
                refused += 1;
            }
            None => answered += 1,
        }
    }
    assert_eq!((refused, answered), (1, 2));
    node.node.stop().await;
}
