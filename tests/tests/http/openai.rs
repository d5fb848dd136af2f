//! Answers in OpenAI's shape.

use realm_tests::{HANG, Http, TinyNode};
use serde_json::{Value, json};
use std::net::SocketAddr;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

async fn post(node: SocketAddr, path: &str, body: Value) -> Value {
    let answer = Http::ask(node, "POST", path, &body.to_string()).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    serde_json::from_str(&answer.body).expect("answers are JSON")
}

/// The events of a stream; its last must be `[DONE]`.
async fn stream(node: SocketAddr, path: &str, body: Value) -> Vec<Value> {
    let answer = Http::ask(node, "POST", path, &body.to_string()).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    let text = unchunked(&answer.body);
    let mut events: Vec<&str> = text.split("\n\n").filter(|event| !event.is_empty()).collect();
    assert_eq!(events.pop(), Some("data: [DONE]"));
    let json = |event: &&str| serde_json::from_str(event.strip_prefix("data: ").expect("data")).expect("JSON");
    events.iter().map(json).collect()
}

/// A body without its chunks' lengths.
fn unchunked(mut body: &str) -> String {
    let mut whole = String::new();
    while let Some((length, rest)) = body.split_once("\r\n") {
        let length = usize::from_str_radix(length, 16).expect("a length");
        whole.push_str(&rest[..length]);
        body = rest[length..].strip_prefix("\r\n").expect("the end of a chunk");
    }
    whole
}

fn chat(extra: Value) -> Value {
    let mut body = json!({
        "model": "default", "temperature": 0, "max_tokens": 12,
        "messages": [{"role": "system", "content": "Be brief"}, {"role": "user", "content": [{"type": "text", "text": "Hi"}]}],
    });
    for (name, value) in extra.as_object().unwrap() {
        body[name] = value.clone();
    }
    body
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chat_streams_what_it_answers_whole() {
    let node = TinyNode::start().await;
    let at = node.node.address();
    let path = "/v1/chat/completions";
    let whole =
        post(at, path, chat(json!({"logprobs": true, "top_logprobs": 2, "user": "me", "store": true, "tools": []})))
            .await;
    assert_eq!((&whole["object"], &whole["model"]), (&json!("chat.completion"), &json!("default")));
    let text = whole["choices"][0]["message"]["content"].as_str().unwrap();
    let tokens = whole["choices"][0]["logprobs"]["content"].as_array().unwrap();
    assert_eq!(tokens.len(), 12);
    for token in tokens {
        let top = token["top_logprobs"].as_array().unwrap();
        // Greedy: the token is the likeliest.
        assert_eq!((top.len(), &top[0]["bytes"]), (2, &token["bytes"]), "{token}");
    }
    let usage = &whole["usage"];
    assert_eq!(usage["completion_tokens"], 12);
    assert_eq!(usage["total_tokens"].as_u64(), Some(usage["prompt_tokens"].as_u64().unwrap() + 12));

    let options =
        json!({"stream": true, "stream_options": {"include_usage": true}, "logprobs": true, "top_logprobs": 2});
    let events = stream(at, path, chat(options)).await;
    let (last, chunks) = events.split_last().unwrap();
    assert_eq!((&last["choices"], &last["usage"]["completion_tokens"]), (&json!([]), &json!(12)));
    assert_eq!(chunks[0]["choices"][0]["delta"]["role"], "assistant");
    assert_eq!(chunks.last().unwrap()["choices"][0]["finish_reason"], "length");
    let mut streamed = String::new();
    let mut streamed_tokens = Vec::new();
    for chunk in chunks {
        assert_eq!((&chunk["object"], &chunk["usage"]), (&json!("chat.completion.chunk"), &Value::Null), "{chunk}");
        assert_eq!(chunk["id"], chunks[0]["id"]);
        assert_eq!(chunk["system_fingerprint"], whole["system_fingerprint"]);
        streamed.push_str(chunk["choices"][0]["delta"]["content"].as_str().unwrap_or_default());
        streamed_tokens.extend(chunk["choices"][0]["logprobs"]["content"].as_array().cloned().unwrap_or_default());
    }
    assert_eq!((streamed.as_str(), &streamed_tokens), (text, tokens));
    node.node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn choices_differ_and_can_be_had_again() {
    let node = TinyNode::start().await;
    let at = node.node.address();
    let body =
        json!({"model": "default", "prompt": ["One", "Two"], "n": 2, "seed": 7, "temperature": 1.5, "logprobs": 1});
    let first = post(at, "/v1/completions", body.clone()).await;
    let again = post(at, "/v1/completions", body.clone()).await;
    assert_eq!((&first["choices"], &first["usage"]["completion_tokens"]), (&again["choices"], &json!(4 * 16)));
    let choices = first["choices"].as_array().unwrap();
    assert_eq!(choices.len(), 4);
    assert_ne!(choices[0]["text"], choices[1]["text"]);
    let offsets = choices[0]["logprobs"]["text_offset"].as_array().unwrap();
    assert_eq!((offsets.len(), &offsets[0]), (16, &json!(0)));

    let mut body = body;
    body["stream"] = json!(true);
    let mut texts = vec![String::new(); 4];
    for event in stream(at, "/v1/completions", body).await {
        let choice = &event["choices"][0];
        texts[choice["index"].as_u64().unwrap() as usize].push_str(choice["text"].as_str().unwrap());
    }
    let whole: Vec<_> = choices.iter().map(|choice| choice["text"].as_str().unwrap()).collect();
    assert_eq!(texts, whole);
    node.node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn negative_seeds_and_stop_texts_are_taken() {
    let node = TinyNode::start().await;
    let at = node.node.address();
    let seeded = |seed: i64| chat(json!({"temperature": 1.2, "seed": seed}));
    let [first, again, other] = [seeded(-1), seeded(-1), seeded(-2)].map(|body| post(at, "/v1/chat/completions", body));
    let text = |answer: &Value| answer["choices"][0]["message"]["content"].clone();
    let (first, again, other) = (text(&first.await), text(&again.await), text(&other.await));
    assert_eq!(first, again);
    assert_ne!(first, other);

    let whole = text(&post(at, "/v1/chat/completions", chat(json!({}))).await);
    let whole = whole.as_str().unwrap();
    let (middle, end) = (whole.len() / 2, whole.len());
    let stop = (middle..end).find_map(|start| whole.get(start..)).unwrap();
    let stopped = post(at, "/v1/chat/completions", chat(json!({ "stop": stop }))).await;
    assert_eq!(stopped["choices"][0]["finish_reason"], "stop");
    assert_eq!(text(&stopped), json!(&whole[..whole.find(stop).unwrap()]));
    node.node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn vectors_are_the_runtimes() {
    let node = TinyNode::start().await;
    let at = node.node.address();
    let one = Http::ask(at, "POST", "/call/embed", r#"{"text":"Hi"}"#).await;
    let one: Value = serde_json::from_str(&one.body).unwrap();
    let body = json!({"model": "default", "input": ["Hi", "Once"], "dimensions": one.as_array().unwrap().len()});
    let vectors = post(at, "/v1/embeddings", body.clone()).await;
    assert_eq!((&vectors["data"][0]["embedding"], &vectors["data"][1]["index"]), (&one, &json!(1)));
    assert!(vectors["usage"]["prompt_tokens"].as_u64().unwrap() >= 2);

    let mut body = body;
    body["encoding_format"] = json!("base64");
    let packed = post(at, "/v1/embeddings", body).await;
    let length = packed["data"][0]["embedding"].as_str().unwrap().len();
    assert_eq!(length, (one.as_array().unwrap().len() * 4).div_ceil(3) * 4);
    node.node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn models_are_listed_and_found() {
    let node = TinyNode::start().await;
    let list = Http::ask(node.node.address(), "GET", "/v1/models", "").await;
    let list: Value = serde_json::from_str(&list.body).unwrap();
    assert_eq!((&list["object"], &list["data"][0]["id"]), (&json!("list"), &json!("default")));
    let one = Http::ask(node.node.address(), "GET", "/v1/models/default", "").await;
    assert_eq!(serde_json::from_str::<Value>(&one.body).unwrap(), list["data"][0]);
    assert_eq!(Http::ask(node.node.address(), "GET", "/v1/models/other", "").await.status, 404);
    assert_eq!(Http::ask(node.node.address(), "POST", "/v1/models", "{}").await.status, 405);
    node.node.stop().await;
}

/// Sends a request that takes long, waits for `seen` in the answer, and cuts the connection.
async fn leave_after(node: SocketAddr, body: &Value, seen: Option<&str>) {
    let body = body.to_string();
    let mut tcp = TcpStream::connect(node).await.unwrap();
    let head = format!(
        "POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    tcp.write_all(head.as_bytes()).await.unwrap();
    let mut read = Vec::new();
    while seen.is_some_and(|seen| !String::from_utf8_lossy(&read).contains(seen)) {
        let some = tokio::time::timeout(HANG, tcp.read_buf(&mut read)).await.expect("an answer").unwrap();
        assert!(some > 0, "{}", String::from_utf8_lossy(&read));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_leaves_takes_the_generation_along() {
    let node = TinyNode::start().await;
    let long = |stream: bool| chat(json!({"max_tokens": 3000, "stream": stream}));
    leave_after(node.node.address(), &long(true), Some(r#""content":"#)).await;
    node.idle().await;

    let address = node.node.address();
    let body = long(false);
    let waiting = tokio::spawn(async move {
        let body = body.to_string();
        Http::ask(address, "POST", "/v1/chat/completions", &body).await
    });
    let running = async {
        while node.node.dispatcher().executor.stats().instances_alive() == 0 {
            tokio::time::sleep(std::time::Duration::from_millis(1)).await;
        }
    };
    tokio::time::timeout(HANG, running).await.expect("the call begins");
    waiting.abort();
    node.idle().await;
    node.node.stop().await;
}
