//! How large one call may be.

use super::{generate, node, told, undisturbed};
use realm_chain_spec::TenantLimits;
use realm_tests::Socket;
use serde_json::{Value, json};

/// A call of `narrow` with these limits is refused with this code, this figure, and these words.
async fn check(change: impl FnOnce(&mut TenantLimits), call: Value, code: &str, figure: (&str, Value), words: &str) {
    let node = node(change).await;
    let mut socket = Socket::connect(node.node.address()).await;
    let error = socket.error("realm_call", call).await;
    assert_eq!(told(&error, figure.0), (code, &figure.1), "{error}");
    assert!(error["message"].as_str().unwrap().contains(words), "{error}");
    undisturbed(&node).await;
    // Its next call is as good as any, where it fits.
    let after = socket.request("realm_call", json!(["get_model_info", {}, {"tenant_id": "narrow"}])).await;
    assert!(after["result"].is_object() || code == "RUNTIME_TRAP", "{after}");
    node.node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_prompt_has_so_many_tokens() {
    let long = generate("narrow", &"again and ".repeat(60), 1);
    check(
        |limits| limits.prompt_tokens_max = 16,
        long,
        "QUOTA_EXCEEDED",
        ("limit", Value::Null),
        "tokens of the call's prompts",
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_has_so_many_tokens() {
    let figure = ("field", json!("options.max_tokens"));
    check(|limits| limits.max_tokens = 8, generate("narrow", "Once", 9), "INVALID_PARAMS", figure, "at most 8").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guest_has_so_much_memory() {
    let figure = ("limit_bytes", json!(1 << 20));
    // The guest has to hold its arguments.
    let large = generate("narrow", &"x".repeat(2 << 20), 1);
    check(|limits| limits.guest_memory_bytes_max = 1 << 20, large, "RUNTIME_TRAP", figure, "memory").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guest_has_so_much_processor_time() {
    let figure = ("limit_ms", json!(1));
    check(|limits| limits.guest_cpu_ms_max = 1, generate("narrow", "Once", 3_000), "RUNTIME_TRAP", figure, "processor")
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_has_so_much_time() {
    let figure = ("deadline_ms", json!(30));
    check(
        |limits| limits.deadline_ms_max = 30,
        generate("narrow", "Once", 3_000),
        "DEADLINE_EXCEEDED",
        figure,
        "30 ms",
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_stored_has_so_many_bytes() {
    let params =
        json!({"message": "a long message ".repeat(40), "conversation": "c", "max_tokens": 1, "temperature": 0});
    let call = json!(["chat", params, {"tenant_id": "narrow"}]);
    check(|limits| limits.storage_bytes_max = 200, call, "QUOTA_EXCEEDED", ("field", Value::Null), "200").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenants_calls_have_so_many_native_bytes() {
    // Tokenising takes 192 bytes for each byte of text.
    let long = generate("narrow", &"again and ".repeat(700), 1);
    let figure = ("limit", Value::Null);
    check(|limits| limits.native_bytes_max = 1 << 20, long, "QUOTA_EXCEEDED", figure, "native_bytes_max of 1048576")
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sequence_has_so_many_bytes_of_cache() {
    let long = generate("narrow", &"again and ".repeat(60), 1);
    check(|limits| limits.kv_bytes_max = 1, long, "QUOTA_EXCEEDED", ("limit", Value::Null), "bytes of KV cache").await;
}
