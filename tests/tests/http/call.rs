//! `POST /call/{function}`.

use realm_tests::{Http, TinyNode};
use serde_json::{Value, json};

#[tokio::test(flavor = "multi_thread")]
async fn any_function_answers_and_streams() {
    let node = TinyNode::start().await;
    let at = node.node.address();
    let health = Http::ask(at, "POST", "/call/health_check", "").await;
    assert_eq!(
        (health.status, serde_json::from_str::<Value>(&health.body).unwrap()["healthy"].clone()),
        (200, json!(true))
    );

    let params = r#"{"prompt":"Once","max_tokens":8,"temperature":0}"#;
    let whole = Http::ask(at, "POST", "/call/generate", params).await;
    let whole: Value = serde_json::from_str(&whole.body).unwrap();
    let headers = [("accept", "text/event-stream"), ("realm-options", r#"{"id":"req_1"}"#)];
    let events = Http::ask_with(at, "POST", "/call/stream_generate", &headers, params).await;
    let data = events.body.lines().filter_map(|line| line.strip_prefix("data: "));
    let events: Vec<Value> = data.map(|data| serde_json::from_str(data).unwrap()).collect();
    let (last, items) = events.split_last().unwrap();
    for (seq, event) in events.iter().enumerate() {
        assert_eq!((&event["seq"], &event["id"]), (&json!(seq), &json!("req_1")), "{event}");
    }
    let text: String = items.iter().map(|item| item["data"]["token"].as_str().unwrap()).collect();
    assert_eq!((&last["type"], &last["data"]["text"], &whole["text"]), (&json!("result"), &json!(text), &json!(text)));
    node.node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn errors_have_a_status_and_their_code() {
    let node = TinyNode::start().await;
    let at = node.node.address();
    for (function, body, options, status, code) in [
        ("generat", "{}", "{}", 404, "UNKNOWN_FUNCTION"),
        ("", "{}", "{}", 404, "UNKNOWN_FUNCTION"),
        ("generate", "{}", "{}", 400, "INVALID_PARAMS"),
        ("generate", "{", "{}", 400, "INVALID_PARAMS"),
        ("generate", "5", "{}", 400, "INVALID_PARAMS"),
        ("health_check", "", "{", 400, "INVALID_PARAMS"),
        ("health_check", "", r#"{"deadline":1}"#, 400, "INVALID_PARAMS"),
        ("Core_migrate", "[1]", "{}", 403, "FORBIDDEN"),
        ("generate", r#"{"prompt":"x","max_tokens":3000}"#, r#"{"deadline_ms":5}"#, 504, "DEADLINE_EXCEEDED"),
        ("generate", r#"{"prompt":"x","max_tokens":5000}"#, "{}", 400, "INVALID_PARAMS"),
    ] {
        let answer =
            Http::ask_with(at, "POST", &format!("/call/{function}"), &[("realm-options", options)], body).await;
        let error: Value = serde_json::from_str(&answer.body).unwrap();
        assert_eq!(
            (answer.status, &error["error"]["data"]["code"]),
            (status, &json!(code)),
            "{function} {body} {options}: {error}"
        );
    }
    assert_eq!(Http::ask(at, "GET", "/call/health_check", "").await.status, 405);
    node.idle().await;
    node.node.stop().await;
}
