//! Requests that cannot be answered: each gets a status and an error in OpenAI's shape that names the field.

use realm_tests::{Http, TinyNode};
use serde_json::{Value, json};
use std::net::SocketAddr;

/// Posts a body; the error must have this status, code and param.
async fn check(node: SocketAddr, path: &str, body: Value, expected: (u16, &str, Value)) {
    check_raw(node, path, &body.to_string(), expected).await;
}

async fn check_raw(node: SocketAddr, path: &str, body: &str, expected: (u16, &str, Value)) {
    let answer = Http::ask(node, "POST", path, body).await;
    let error: Value = serde_json::from_str(&answer.body).expect("errors are JSON");
    let got = (answer.status, error["error"]["code"].as_str().unwrap_or("?"), error["error"]["param"].clone());
    assert_eq!(got, expected, "{path} {} gave {}", &body[..body.len().min(200)], answer.body);
    assert!(error["error"]["message"].as_str().is_some_and(|message| !message.is_empty()), "{}", answer.body);
    assert!(error["error"]["type"].is_string(), "{}", answer.body);
}

fn chat(extra: Value) -> Value {
    with(json!({"model": "default", "messages": [{"role": "user", "content": "Hi"}], "max_tokens": 4}), extra)
}

fn with(mut base: Value, extra: Value) -> Value {
    for (name, value) in extra.as_object().unwrap() {
        base[name] = value.clone();
    }
    base
}

#[tokio::test(flavor = "multi_thread")]
async fn chats_that_cannot_be_had() {
    let node = TinyNode::start().await;
    let at = node.node.address();
    let path = "/v1/chat/completions";
    let unsupported = |param: &str| (400, "unsupported_parameter", json!(param));
    let invalid = |param: &str| (400, "invalid_value", json!(param));
    let missing = |param: &str| (400, "missing_required_parameter", json!(param));

    check(
        at,
        path,
        chat(json!({"response_format": {"type": "json_schema", "json_schema": {}}})),
        unsupported("response_format"),
    )
    .await;
    check(at, path, chat(json!({"response_format": {"type": "json_object"}})), unsupported("response_format")).await;
    check(at, path, chat(json!({"tools": [{"type": "function"}]})), unsupported("tools")).await;
    check(at, path, chat(json!({"tool_choice": "required"})), unsupported("tool_choice")).await;
    check(at, path, chat(json!({"reasoning_effort": "high"})), unsupported("reasoning_effort")).await;
    check(at, path, chat(json!({"temprature": 1})), unsupported("temprature")).await;
    check(
        at,
        path,
        chat(json!({"messages": [{"role": "user", "content": [{"type": "image_url"}]}]})),
        unsupported("messages[0].content[0]"),
    )
    .await;
    check(at, path, chat(json!({"messages": [{"role": "tool", "content": "x"}]})), unsupported("messages[0].role"))
        .await;
    check(
        at,
        path,
        chat(json!({"messages": [{"role": "user", "content": "x", "weight": 1}]})),
        unsupported("messages[0].weight"),
    )
    .await;
    check(at, path, chat(json!({"messages": [{"role": "user"}]})), missing("messages[0].content")).await;
    check(at, path, chat(json!({"messages": [{"role": "wizard", "content": "x"}]})), invalid("messages[0].role")).await;
    check(at, path, chat(json!({"messages": []})), invalid("messages")).await;
    check(at, path, chat(json!({"messages": null})), missing("messages")).await;
    check(at, path, chat(json!({"model": null})), missing("model")).await;
    check(at, path, chat(json!({"model": 5})), invalid("model")).await;
    check(at, path, chat(json!({"temperature": 3})), invalid("temperature")).await;
    check(at, path, chat(json!({"temperature": "hot"})), invalid("temperature")).await;
    check(at, path, chat(json!({"max_tokens": 0})), invalid("max_tokens")).await;
    check(at, path, chat(json!({"max_completion_tokens": -1})), invalid("max_tokens")).await;
    check(at, path, chat(json!({"n": 0})), invalid("n")).await;
    check(at, path, chat(json!({"n": 17})), invalid("n")).await;
    check(at, path, chat(json!({"seed": 1.5})), invalid("seed")).await;
    check(at, path, chat(json!({"stop": [1]})), invalid("stop[0]")).await;
    check(at, path, chat(json!({"logit_bias": {"cat": 1}})), invalid("logit_bias")).await;
    check(at, path, chat(json!({"top_logprobs": 2})), invalid("top_logprobs")).await;
    check(at, path, chat(json!({"logprobs": true, "top_logprobs": 21})), invalid("top_logprobs")).await;
    check(at, path, chat(json!({"stream": "yes"})), invalid("stream")).await;
    check(at, path, chat(json!({"stream_options": {"include_usage": true}})), invalid("stream_options")).await;
    check(at, path, chat(json!({"stream": true, "stream_options": {"x": 1}})), unsupported("stream_options.x")).await;
    check(at, path, chat(json!({"model": "gpt-4o"})), (404, "model_not_found", json!("model"))).await;
    check_raw(at, path, "{", (400, "invalid_body", Value::Null)).await;
    check_raw(at, path, "", (400, "invalid_body", Value::Null)).await;
    check_raw(at, path, "[]", (400, "invalid_body", Value::Null)).await;
    check(at, "/v1/audio/speech", json!({}), (404, "unknown_url", Value::Null)).await;
    node.idle().await;
    // Nobody was harmed.
    let answer = Http::ask(at, "POST", path, &chat(json!({})).to_string()).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    node.node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn completions_and_embeddings_that_cannot_be_had() {
    let node = TinyNode::start().await;
    let at = node.node.address();
    let unsupported = |param: &str| (400, "unsupported_parameter", json!(param));
    let invalid = |param: &str| (400, "invalid_value", json!(param));
    let text = |extra| with(json!({"model": "default", "prompt": "Hi"}), extra);
    let path = "/v1/completions";
    check(at, path, text(json!({"prompt": [1, 2]})), unsupported("prompt")).await;
    check(at, path, text(json!({"prompt": []})), invalid("prompt")).await;
    check(at, path, text(json!({"echo": true})), unsupported("echo")).await;
    check(at, path, text(json!({"suffix": "end"})), unsupported("suffix")).await;
    check(at, path, text(json!({"best_of": 3})), unsupported("best_of")).await;
    check(at, path, text(json!({"logprobs": 6})), invalid("logprobs")).await;
    check(at, path, text(json!({"messages": []})), unsupported("messages")).await;
    check(at, path, text(json!({"prompt": vec!["x"; 33], "n": 2})), invalid("n")).await;

    let input = |extra| with(json!({"model": "default", "input": "Hi"}), extra);
    let path = "/v1/embeddings";
    check(at, path, input(json!({"input": [1, 2]})), unsupported("input")).await;
    check(at, path, input(json!({"input": [[1, 2]]})), unsupported("input")).await;
    check(at, path, input(json!({"input": []})), invalid("input")).await;
    check(at, path, input(json!({"input": ""})), invalid("input")).await;
    check(at, path, input(json!({"input": {}})), invalid("input")).await;
    check(at, path, input(json!({"encoding_format": "hex"})), invalid("encoding_format")).await;
    check(at, path, input(json!({"dimensions": 3})), unsupported("dimensions")).await;
    check(at, path, input(json!({"model": "no"})), (404, "model_not_found", json!("model"))).await;
    node.node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_prompt_that_does_not_fit_is_refused_with_the_numbers_also_when_streaming() {
    let node = TinyNode::start().await;
    for stream in [false, true] {
        let body = chat(
            json!({"max_tokens": 1, "messages": [{"role": "user", "content": "word ".repeat(6000)}], "stream": stream}),
        );
        let answer = Http::ask(node.node.address(), "POST", "/v1/chat/completions", &body.to_string()).await;
        let error: Value = serde_json::from_str(&answer.body).expect("JSON, and no stream");
        assert_eq!((answer.status, &error["error"]["code"]), (400, &json!("context_length_exceeded")), "{error}");
        assert_eq!(error["error"]["data"]["context_length"], 4096);
        assert!(error["error"]["message"].as_str().unwrap().contains("4096 tokens"), "{error}");
    }
    node.node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_beyond_the_limit_is_refused() {
    let node = TinyNode::with(|config| config.server.request_bytes_max = 2000).await;
    let body = chat(json!({"user": "x".repeat(3000)}));
    check(node.node.address(), "/v1/chat/completions", body.clone(), (413, "invalid_body", Value::Null)).await;
    let answer = Http::ask(node.node.address(), "POST", "/call/health_check", &body.to_string()).await;
    assert_eq!(answer.status, 413, "{}", answer.body);
    node.node.stop().await;
}
