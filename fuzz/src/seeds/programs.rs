//! Seeds of `host_functions`: programs for `tests/runtimes/hostile/src/program.rs` that do what runtimes do.

use super::named;
use parity_scale_codec::Encode;
use realm_host_functions::HostFunction;
use realm_primitives::{ChatMessage, SamplingParams};

/// Ops from here on fill the room.
const FILL_OP: u8 = 255;
/// A length operand: the last answer.
const LAST: u8 = 192;
/// A pointer operand: the end of memory.
const END: u8 = 224;
/// An operand of a handle of any kind.
const ANY_HANDLE: u8 = 192;

pub(super) fn programs() -> Vec<(String, Vec<u8>)> {
    let seeds = [("generate", generate()), ("tensors", tensors()), ("storage", storage()), ("text", text())];
    let mut seeds: Vec<_> = seeds.into_iter().map(|(name, program)| named(name, [vec![0], program].concat())).collect();
    seeds.push(named("stream", [vec![1], storage()].concat()));
    seeds.push(named("wild", [vec![0], wild()].concat()));
    seeds
}

/// A call with these operands.
fn call(name: &str, operands: &[u8]) -> Vec<u8> {
    let at = HostFunction::ALL.iter().position(|function| function.name() == name).expect("a host function");
    [&[at as u8], operands].concat()
}

/// Writes into the room at 16 times `at`.
fn fill(at: u8, bytes: &[u8]) -> Vec<u8> {
    [&[FILL_OP, at, bytes.len() as u8], bytes].concat()
}

fn generate() -> Vec<u8> {
    let params = SamplingParams { logprobs: Some(2), ..SamplingParams::greedy(7) }.encode();
    [
        call("session_open", &[0, 0]),
        call("session_forward", &[0, 0, 4, 0]),
        fill(64, &params),
        call("sampler_open", &[64, params.len() as u8]),
        call("sample_token", &[0, 0, 0]),
        call("sampled_logprob", &[0]),
        call("take", &[128, LAST]),
        call("session_fork", &[0]),
        call("session_truncate", &[1, 2]),
        call("session_len", &[1]),
        call("session_forward", &[1, 1, 3, 1]),
        call("logits_rows", &[1]),
        call("logits_bias", &[1, 2, 64, 9]),
        call("logits_read", &[1, 0, 0, LAST]),
        call("sampler_accept", &[0, 0, 4]),
        call("logits_drop", &[0]),
        call("session_drop", &[0]),
    ]
    .concat()
}

fn tensors() -> Vec<u8> {
    // A shape of 2, 2 and four values.
    let shape: Vec<u8> = [2u32, 2].iter().flat_map(|size| size.to_le_bytes()).collect();
    let values: Vec<u8> = [1f32, -2.0, 0.5, 3.0].iter().flat_map(|value| value.to_le_bytes()).collect();
    [
        fill(0, &shape),
        fill(1, &values),
        call("tensor_new", &[0, 2, 1, 16]),
        call("candle_matmul", &[0, 0, 0]),
        call("add", &[0, 1]),
        call("mul", &[1, 2]),
        call("silu", &[2]),
        call("softmax", &[3]),
        call("transpose", &[0, 0, 1]),
        call("narrow", &[0, 0, 1, 1]),
        call("concat", &[0, 1, 0]),
        call("repeat", &[0, 1, 3]),
        call("reshape", &[0, 0, 2]),
        call("tensor_shape", &[1]),
        call("take", &[128, LAST]),
        call("tensor_read", &[0, 128, 16]),
        fill(64, b"token_embd.weight"),
        call("get_tensor", &[64, 17]),
        call("embedding_lookup", &[9, 0, 2]),
        call("memory64_load_layer", &[0]),
        call("tensor_drop", &[0]),
    ]
    .concat()
}

fn storage() -> Vec<u8> {
    [
        call("storage_lock", &[0, 0, 4]),
        call("storage_set", &[0, 0, 4, 1, 32]),
        call("storage_get", &[0, 0, 4]),
        call("take", &[128, LAST]),
        call("storage_next_key", &[0, 0, 0]),
        call("storage_set", &[1, 0, 4, 1, 8]),
        call("storage_clear", &[0, 0, 4]),
        call("emit", &[0, 64]),
        call("crypto_hash", &[0, 0, 64, 128]),
        call("log", &[3, 0, 4]),
    ]
    .concat()
}

fn text() -> Vec<u8> {
    let messages = vec![ChatMessage { role: "user".into(), content: "hello".into() }].encode();
    [
        fill(0, b"hello world"),
        call("tokenize", &[0, 11, 1]),
        call("take", &[64, LAST]),
        call("detokenize", &[64, 3]),
        call("detokenizer_open", &[]),
        call("detokenizer_push", &[0, 5]),
        call("detokenizer_finish", &[0]),
        fill(32, &messages),
        call("chat_tokens", &[32, messages.len() as u8, 1]),
        call("is_end_token", &[2]),
        call("embed_pooled", &[0, 5]),
        call("model_info", &[]),
        call("call_context", &[]),
        call("error_message", &[]),
    ]
    .concat()
}

fn wild() -> Vec<u8> {
    [
        call("take", &[END, 4]),
        call("tokenize", &[END, 4, 0]),
        call("session_open", &[0, 0]),
        call("tensor_drop", &[ANY_HANDLE]),
        call("crypto_hash", &[0, 0, 4, END]),
        call("storage_get", &[0, END, 4]),
        call("session_forward", &[255, 1, 0, 0, 0, 0, 4, 0]),
    ]
    .concat()
}
