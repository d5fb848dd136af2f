//! Host functions over a real model: a tiny llama made on the spot.

use super::{
    guest::{Guest, Options, executor_config},
    script::{Arg::*, SCRATCH, Script, script_blob},
};
use parity_scale_codec::{Decode, Encode};
use realm_engine::{EngineConfig, KvPrecision, Model, Silent, TenantKey};
use realm_host_functions::{HostFunction, HostLimits, InferenceLimits, WEIGHT_CACHE_BYTES_MAX};
use realm_node::executor::{HostModel, TenantResources};
use realm_primitives::{
    F32, Milli, ModelFacts, RuntimeError, SamplingParams, SignedMilli, TokenLogprob,
    abi::{HostErrorCode, flag},
};
use realm_test_models::{Quant, TinyLlama, write_tiny_llama};
use std::{path::Path, sync::Arc};
use tempfile::TempDir;

/// A folder of a model that embeds.
const BERT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../host-functions/engine/tests/fixtures/architectures/bert");

pub struct Fixture {
    pub guest: Guest,
    pub model: Arc<Model>,
    _folder: TempDir,
}

pub fn fixture(llama: &TinyLlama) -> Fixture {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tiny.gguf");
    write_tiny_llama(&path, llama).unwrap();
    // Keys and values as exact as the composed pass has them.
    let config = EngineConfig { threads: 1, kv_precision: Some(KvPrecision::F32), ..EngineConfig::default() };
    let model = Model::load(&path, &config, &Silent).unwrap();
    let host_model = HostModel::new("tiny", model.clone(), WEIGHT_CACHE_BYTES_MAX);
    let guest = Guest::with(executor_config(), HostLimits::default(), Some(host_model));
    Fixture { guest, model, _folder: folder }
}

fn words(values: &[u32]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_le_bytes()).collect()
}

fn greedy() -> SamplingParams {
    SamplingParams { logprobs: Some(3), ..SamplingParams::greedy(1) }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_llama_composed_in_the_sandbox_is_the_fused_one() {
    for llama in [
        TinyLlama::default(),
        TinyLlama {
            seed: 2,
            heads: 8,
            kv_heads: 8,
            tied: true,
            layers: 3,
            rope_theta: 500_000.0,
            ..TinyLlama::default()
        },
        TinyLlama { seed: 3, kv_heads: 1, quant: Quant::F16, ..TinyLlama::default() },
    ] {
        let Fixture { guest, model, .. } = fixture(&llama);
        let code = guest.compile(realm_compose_runtime::WASM_BINARY);
        let tokens: Vec<u32> = (0..40u32).map(|index| index * 37 % llama.vocab as u32).collect();
        let logits = async |function: &str| {
            let outcome = guest.call(&code, function, &(tokens.clone(),).encode()).await;
            let answer = Result::<Vec<F32>, RuntimeError>::decode(&mut &outcome.result.unwrap()[..]).unwrap();
            (answer.unwrap().into_iter().map(F32::get).collect::<Vec<f32>>(), outcome.usage)
        };
        let (composed, usage) = logits("ComposeApi_composed_logits").await;
        let (fused, _) = logits("ComposeApi_fused_logits").await;
        assert_eq!(composed.len(), tokens.len() * llama.vocab);
        assert_eq!(composed.len(), fused.len());
        // Relative to the greatest logit of the row, because single ones may be near 0.
        for (row, (composed, fused)) in composed.chunks(llama.vocab).zip(fused.chunks(llama.vocab)).enumerate() {
            let scale = fused.iter().fold(0f32, |scale, value| scale.max(value.abs()));
            let worst = composed.iter().zip(fused).map(|(x, y)| (x - y).abs()).fold(0f32, f32::max) / scale;
            assert!(worst <= 1e-4, "row {row} of seed {}: off by {worst} of {scale}", llama.seed);
        }
        // Every matrix product went through the sandbox: seven per layer and two of attention, and the output.
        let products = llama.layers as u64 * 9 + 1;
        assert_eq!(usage.host_calls(HostFunction::CandleMatmul), products);
        assert_eq!(usage.host_calls(HostFunction::Memory64LoadLayer), llama.layers as u64);
        assert_eq!(usage.host_calls(HostFunction::SessionForward), 0);
        assert_eq!(model.load_now().sessions, 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn quantised_weights_multiply_as_what_they_stand_for() {
    let Fixture { guest, .. } = fixture(&TinyLlama { quant: Quant::Q8_0, ..TinyLlama::default() });
    let blob = guest.compile(&script_blob());
    let mut script = Script::new();
    let (name, name_len) = script.data(b"blk.0.attn_k.weight");
    let weight = Of(script.step("get_tensor", &[name, name_len]));
    // A row of the product with the identity is a column of the weight; so is a row of its transpose.
    let mut unit = [0f32; 64];
    unit[5] = 1.0;
    let shape = script.data(&words(&[1, 64])).0;
    let (data, data_len) = script.data(&unit.iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<_>>());
    let unit = Of(script.step("tensor_new", &[shape, Is(2), data, data_len]));
    let product = Of(script.step("candle_matmul", &[unit, weight, Is(flag::MATMUL_TRANSPOSED)]));
    script.step("tensor_read", &[product, Is(SCRATCH), Is(128)]);
    let turned = Of(script.step("transpose", &[weight, Is(0), Is(1)]));
    let column = Of(script.step("narrow", &[turned, Is(0), Is(5), Is(1)]));
    script.step("tensor_read", &[column, Is(SCRATCH + 128), Is(128)]);
    let played = script.play(&guest, &blob).await.unwrap();
    assert!(played.results.iter().all(|result| *result >= 0), "{:?}", played.results);
    let values: Vec<f32> = played.scratch.as_chunks::<4>().0.iter().map(|value| f32::from_le_bytes(*value)).collect();
    let (product, column) = (&values[..32], &values[32..64]);
    for (x, y) in product.iter().zip(column) {
        assert!((x - y).abs() <= 0.01 * y.abs() + 1e-4, "{product:?} {column:?}");
    }
    assert!(column.iter().any(|value| value.abs() > 0.01));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_decode_loop_by_hand() {
    let Fixture { guest, model, .. } = fixture(&TinyLlama::default());
    let blob = guest.compile(&script_blob());
    let mut script = Script::new();
    let (text, text_len) = script.data("Hello, wörld".as_bytes());
    let tokens_len = script.step("tokenize", &[text, text_len, Is(flag::TOKENIZE_SPECIAL)]);
    script.step("take", &[Is(SCRATCH), Of(tokens_len)]);
    let prompt = model.tokenizer().encode("Hello, wörld", true).unwrap();
    let count = Is(prompt.len() as u32);
    let back_len = script.step("detokenize", &[Is(SCRATCH), count]);
    script.step("take", &[Is(SCRATCH + 1024), Of(back_len)]);
    let session = Of(script.step("session_open", &[Is(SCRATCH), count]));
    let logits = Of(script.step("session_forward", &[session, Is(SCRATCH), count, Is(0)]));
    let rows = script.step("logits_rows", &[logits]);
    let (params, params_len) = script.data(&greedy().encode());
    let sampler = Of(script.step("sampler_open", &[params, params_len]));
    let token = script.step("sample_token", &[sampler, logits, Is(0)]);
    let logprob_len = script.step("sampled_logprob", &[sampler]);
    script.step("take", &[Is(SCRATCH + 2048), Of(logprob_len)]);
    let session_len = script.step("session_len", &[session]);
    let fork = Of(script.step("session_fork", &[session]));
    script.step("session_truncate", &[fork, Is(1)]);
    let fork_len = script.step("session_len", &[fork]);
    let facts_len = script.step("model_info", &[]);
    script.step("take", &[Is(SCRATCH + 3072), Of(facts_len)]);
    let played = script.play(&guest, &blob).await.unwrap();
    let result = |step: u32| played.results[step as usize];
    assert!(played.results.iter().all(|result| *result >= 0), "{:?}", played.results);
    assert_eq!(played.scratch[..prompt.len() * 4], words(&prompt));
    assert_eq!(&played.scratch[1024..1024 + result(back_len) as usize], "Hello, wörld".as_bytes());
    assert_eq!((result(rows), result(session_len), result(fork_len)), (1, prompt.len() as i64, 1));
    let logprob = TokenLogprob::decode(&mut &played.scratch[2048..]).unwrap();
    assert_eq!(i64::from(logprob.token), result(token));
    assert_eq!(logprob.top.len(), 3);
    assert_eq!(logprob.top[0].token, logprob.token, "greedy draws the likeliest");
    let facts = ModelFacts::decode(&mut &played.scratch[3072..]).unwrap();
    assert_eq!((facts.name.as_str(), facts.vocabulary_length, facts.head_length), ("tiny", 512, 16));
    assert_eq!(facts.model_hash.0, model.info().hash);
    assert_eq!(played.usage.sampled_tokens, 1);
    assert_eq!(played.usage.computed_tokens, prompt.len() as u64);
    assert_eq!(model.load_now().sessions, 0, "the call's sessions ended with it");
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_tokens_and_rows_have_codes() {
    let Fixture { guest, .. } = fixture(&TinyLlama { context_length: 16, ..TinyLlama::default() });
    let blob = guest.compile(&script_blob());
    let code = |code: HostErrorCode| -(code as i64);
    let mut script = Script::new();
    let mut expected = Vec::new();
    let tokens = script.data(&words(&[1, 2, 3])).0;
    let foreign = script.data(&words(&[1, 5000])).0;
    let long = script.data(&words(&[7; 17])).0;
    let params = SamplingParams { top_p: Milli(5000), ..greedy() }.encode();
    let (params, params_len) = script.data(&params);
    let (bias, bias_len) =
        script.data(&vec![realm_primitives::LogitBias { token: 512, bias: SignedMilli(1) }].encode());
    let (no_text, no_text_len) = script.data(&[0xff, 0xfe]);
    let session = Of(script.step("session_open", &[tokens, Is(0)]));
    let logits = Of(script.step("session_forward", &[session, tokens, Is(3), Is(0)]));
    for (name, arguments, wanted) in [
        ("session_forward", vec![session, foreign, Is(2), Is(0)], HostErrorCode::InvalidArgument),
        ("session_forward", vec![session, long, Is(0), Is(0)], HostErrorCode::InvalidArgument),
        ("session_forward", vec![session, long, Is(17), Is(0)], HostErrorCode::ContextOverflow),
        ("session_forward", vec![session, tokens, Is(3), Is(9)], HostErrorCode::InvalidArgument),
        ("session_open", vec![foreign, Is(2)], HostErrorCode::InvalidArgument),
        ("session_truncate", vec![session, Is(4)], HostErrorCode::InvalidArgument),
        ("logits_read", vec![logits, Is(1), Is(SCRATCH), Is(2048)], HostErrorCode::InvalidArgument),
        ("logits_read", vec![logits, Is(0), Is(SCRATCH), Is(2047)], HostErrorCode::InvalidArgument),
        ("logits_bias", vec![logits, Is(0), bias, bias_len], HostErrorCode::InvalidArgument),
        ("sampler_open", vec![params, params_len], HostErrorCode::InvalidArgument),
        ("memory64_load_layer", vec![Is(2)], HostErrorCode::NotFound),
        ("get_tensor", vec![no_text, no_text_len], HostErrorCode::InvalidArgument),
        ("embed_pooled", vec![no_text, no_text_len], HostErrorCode::InvalidArgument),
    ] {
        script.step(name, &arguments);
        expected.push((name, code(wanted)));
    }
    let results = script.play(&guest, &blob).await.unwrap().results;
    let found: Vec<_> = expected.iter().map(|(name, _)| *name).zip(results[2..].iter().copied()).collect();
    assert_eq!(found, expected);
    assert!(results[1] >= 0);
}

/// A text that is longer than an encoder reads was charged as a whole, and refused by limits that what is read keeps.
#[tokio::test(flavor = "multi_thread")]
async fn of_an_embedded_text_what_is_read_is_charged() {
    // 64 tokens is what the model reads at most, and 3 are those of the other text.
    let limits = InferenceLimits { prompt_tokens_max: 64 + 3, ..InferenceLimits::default() };
    let limits = HostLimits { inference: limits, ..HostLimits::default() };
    let config = EngineConfig { threads: 1, ..EngineConfig::default() };
    let model = Model::load(Path::new(BERT), &config, &Silent).unwrap();
    let guest = Guest::with(executor_config(), limits, Some(HostModel::new("bert", model, WEIGHT_CACHE_BYTES_MAX)));
    let mut script = Script::new();
    let (long, long_len) = script.data("cat ".repeat(100).as_bytes());
    let (short, short_len) = script.data(b"cat");
    for text in [[long, long_len], [short, short_len], [short, short_len]] {
        script.step("embed_pooled", &text);
    }
    let played = script.play(&guest, &guest.compile(&script_blob())).await.unwrap();
    let vector_bytes = 32 * 4;
    assert_eq!(played.results, [vector_bytes, vector_bytes, -(HostErrorCode::LimitExceeded as i64)]);
    assert_eq!(played.usage.computed_tokens, 64 + 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_number_reaches_another_tenants_session() {
    let Fixture { guest: holder, model, .. } = fixture(&TinyLlama::default());
    let thief = Guest {
        executor: holder.executor.clone(),
        store: holder.store.clone(),
        tenant: Arc::new(TenantResources {
            key: TenantKey::new([2; 32]),
            weight: 1,
            model: holder.tenant.model.clone(),
            embedding_model: None,
            storage: holder.store.namespace("thief"),
            budget: holder.tenant.budget.clone(),
            limits: HostLimits::default(),
        }),
    };
    let blob = holder.compile(&script_blob());
    let (events, mut inbox) = realm_node::executor::event_queue(1, 1 << 20);
    let holding = {
        let blob = blob.clone();
        tokio::spawn(async move {
            let mut script = Script::new();
            let (key, key_len) = script.data(b"secret");
            script.step("storage_set", &[Is(0), key, key_len, key, key_len]);
            let tokens = script.data(&words(&[1, 2, 3])).0;
            let session = Of(script.step("session_open", &[tokens, Is(3)]));
            let logits = Of(script.step("session_forward", &[session, tokens, Is(3), Is(0)]));
            let (params, params_len) = script.data(&greedy().encode());
            script.step("sampler_open", &[params, params_len]);
            script.step("detokenizer_open", &[]);
            // The first item is read, the second lies in the channel, the third waits: so does the call.
            for _ in 0..3 {
                script.step("emit", &[key, key_len]);
            }
            script.step("logits_rows", &[logits]);
            let options = Options { events: Some(events), ..Options::default() };
            script.play_with(&holder, &blob, options).await.unwrap().results
        })
    };
    inbox.recv().await.unwrap();
    let mut script = Script::new();
    let mut tried = Vec::new();
    for slot in 0..3u32 {
        for (tag, functions) in [
            (2, vec!["session_len", "session_forward", "session_fork", "session_truncate", "session_drop"]),
            (3, vec!["logits_rows", "logits_read", "logits_bias", "logits_drop"]),
            (4, vec!["sampled_logprob", "sampler_accept", "sample_token", "sampler_drop"]),
            (5, vec!["detokenizer_push", "detokenizer_finish"]),
        ] {
            for name in functions {
                script.step(name, &[Is((tag << 28) | slot), Is(0), Is(0), Is(0)]);
                tried.push(name);
            }
        }
    }
    let bad_handles = script.len();
    let (key, key_len) = script.data(b"secret");
    script.step("storage_get", &[Is(0), key, key_len]);
    script.step("storage_next_key", &[Is(0), key, Is(0)]);
    let tokens = script.data(&words(&[1, 2, 3])).0;
    let session = script.step("session_open", &[tokens, Is(3)]);
    let session_len = script.step("session_len", &[Of(session)]);
    let results = script.play(&thief, &blob).await.unwrap().results;
    for (name, result) in tried.iter().zip(&results[..bad_handles]) {
        // `logits_bias` decodes what it is given first; either way it gets no logits.
        let refused = [HostErrorCode::BadHandle, HostErrorCode::InvalidArgument].map(|code| -(code as i64));
        assert!(refused.contains(result), "{name} answered {result}");
    }
    let not_found = -(HostErrorCode::NotFound as i64);
    assert_eq!(results[bad_handles..bad_handles + 2], [not_found; 2]);
    assert_eq!(results[session_len as usize], 0, "the other tenant's cached beginning is not this one's");
    while inbox.recv().await.is_some() {}
    assert!(holding.await.unwrap().iter().all(|result| *result >= 0));
    assert_eq!(model.load_now().sessions, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn dropping_a_call_frees_its_session() {
    let Fixture { guest, model, .. } = fixture(&TinyLlama::default());
    let guest = Arc::new(guest);
    let blob = guest.compile(&script_blob());
    let (events, mut inbox) = realm_node::executor::event_queue(1, 1 << 20);
    let mut script = Script::new();
    let tokens = script.data(&words(&[1, 2, 3])).0;
    let session = Of(script.step("session_open", &[tokens, Is(3)]));
    script.step("session_forward", &[session, tokens, Is(3), Is(0)]);
    script.step("emit", &[tokens, Is(4)]);
    script.step("emit", &[tokens, Is(4)]);
    script.step("emit", &[tokens, Is(4)]);
    let call = {
        let guest = guest.clone();
        tokio::spawn(async move {
            let options = Options { events: Some(events), ..Options::default() };
            script.play_with(&guest, &blob, options).await.map(drop)
        })
    };
    inbox.recv().await.unwrap();
    assert_eq!(model.load_now().sessions, 1);
    call.abort();
    assert!(call.await.unwrap_err().is_cancelled());
    assert_eq!(model.load_now().sessions, 0);
    assert_eq!(guest.executor.stats().instances_alive(), 0);
}
