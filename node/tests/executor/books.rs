//! What a call is charged for, by what its guest makes the engine do.

use super::{
    guest::{Guest, Options, executor_config},
    models::{Fixture, fixture},
    script::{Arg::*, SCRATCH, Script, script_blob},
};
use parity_scale_codec::Encode;
use realm_engine::{EngineConfig, Model, Silent};
use realm_host_functions::{CallTally, HostLimits, InferenceLimits, WEIGHT_CACHE_BYTES_MAX};
use realm_node::executor::HostModel;
use realm_primitives::{LogitBias, SamplingParams, SignedMilli, abi::HostErrorCode};
use realm_test_models::{TinyLlama, write_tiny_llama};
use std::{sync::Arc, time::Duration};

/// Bytes of a row of the tiny model's logits.
const ROW_BYTES: u32 = 512 * 4;

fn words(values: &[u32]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_le_bytes()).collect()
}

/// Plays a script; gives what its host calls answered, and its tally.
async fn play(guest: &Guest, script: &Script) -> (Vec<i64>, Arc<CallTally>) {
    let setup = guest.setup(Options::default());
    let tally = setup.tally.clone();
    let code = guest.compile(&script_blob());
    let answer = guest.executor.call(&code, "script", &script.encoded(), setup).await.result.expect("it ends well");
    let results = answer.as_chunks::<8>().0.iter().take(script.len());
    (results.map(|result| i64::from_le_bytes(*result)).collect(), tally)
}

fn charged(tally: &CallTally) -> (u64, u64) {
    (tally.computed_prompt_tokens(), tally.generated_tokens())
}

/// A prompt of ten tokens, and five that the guest chooses by reading the logits.
fn own_sampling() -> Script {
    let mut script = Script::new();
    let tokens = script.data(&words(&[7; 10])).0;
    let session = Of(script.step("session_open", &[tokens, Is(0)]));
    let mut logits = Of(script.step("session_forward", &[session, tokens, Is(10), Is(0)]));
    for _ in 0..5 {
        // Read twice, which is looked at once.
        script.step("logits_read", &[logits, Is(0), Is(SCRATCH), Is(ROW_BYTES)]);
        script.step("logits_read", &[logits, Is(0), Is(SCRATCH), Is(ROW_BYTES)]);
        logits = Of(script.step("session_forward", &[session, tokens, Is(1), Is(0)]));
    }
    script
}

/// A runtime that reads the logits and takes the likeliest token itself was charged for 400 generated tokens as tokens of a
/// prompt, and the tenant's `max_tokens` did not hold.
#[tokio::test(flavor = "multi_thread")]
async fn tokens_that_the_guest_chooses_by_the_logits_are_generated_ones() {
    let Fixture { guest, .. } = fixture(&TinyLlama::default());
    let (results, tally) = play(&guest, &own_sampling()).await;
    assert!(results.iter().all(|result| *result >= 0), "{results:?}");
    assert_eq!(charged(&tally), (10, 5));
    assert_eq!(tally.computed_tokens(), 15);

    let limits = InferenceLimits { generated_tokens_max: 3, ..InferenceLimits::default() };
    let tenant = realm_node::executor::TenantResources {
        limits: HostLimits { inference: limits, ..HostLimits::default() },
        ..realm_node::executor::TenantResources::clone(&guest.tenant)
    };
    let guest = Guest { tenant: Arc::new(tenant), ..guest };
    let (results, tally) = play(&guest, &own_sampling()).await;
    // Two steps open and fill the session; then each token takes two reads and a pass, and the fourth pass is one too many.
    assert!(results[10] >= 0, "{results:?}");
    assert_eq!(results[13], -(HostErrorCode::LimitExceeded as i64), "{results:?}");
    assert_eq!(charged(&tally), (10, 3));
}

/// A draw that ends an answer is not charged; with a bias that forces it, its alternatives told the likeliest tokens for
/// nothing.
#[tokio::test(flavor = "multi_thread")]
async fn the_alternatives_of_a_draw_that_is_not_charged_are_a_look_at_the_logits() {
    let Fixture { guest, model, .. } = fixture(&TinyLlama::default());
    let end = (0..512).find(|token| model.tokenizer().is_end(*token)).expect("a token that ends an answer");
    let forced = SamplingParams {
        logprobs: Some(3),
        logit_bias: vec![LogitBias { token: end, bias: SignedMilli(1_000_000) }],
        ..SamplingParams::greedy(1)
    };
    let script = |look: bool| {
        let mut script = Script::new();
        let tokens = script.data(&words(&[7; 10])).0;
        let (params, params_len) = script.data(&forced.encode());
        let session = Of(script.step("session_open", &[tokens, Is(0)]));
        let logits = Of(script.step("session_forward", &[session, tokens, Is(10), Is(0)]));
        let sampler = Of(script.step("sampler_open", &[params, params_len]));
        script.step("sample_token", &[sampler, logits, Is(0)]);
        script.step("logits_drop", &[logits]);
        if look {
            script.step("sampled_logprob", &[sampler]);
            script.step("sampled_logprob", &[sampler]);
        }
        script.step("session_forward", &[session, tokens, Is(2), Is(0)]);
        script
    };
    for (look, expected) in [(true, (11, 1)), (false, (12, 0))] {
        let (results, tally) = play(&guest, &script(look)).await;
        assert_eq!(results[3], i64::from(end), "{results:?}");
        assert_eq!(charged(&tally), expected, "look: {look}");
    }
}

/// A call that was dropped in the middle of its prompt was charged for nothing of it, though what was computed lay in the
/// prefix cache: the next call had it for the price of cached tokens.
#[tokio::test(flavor = "multi_thread")]
async fn a_dropped_call_is_charged_for_what_was_computed() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("tiny.gguf");
    write_tiny_llama(&path, &TinyLlama { context_length: 4096, ..TinyLlama::default() }).expect("a model");
    let config = EngineConfig { threads: 1, prefill_chunk_tokens: 4, ..EngineConfig::default() };
    let model = Model::load(&path, &config, &Silent).expect("the model loads");
    let host_model = HostModel::new("tiny", model.clone(), WEIGHT_CACHE_BYTES_MAX);
    let guest = Guest::with(executor_config(), HostLimits::default(), Some(host_model));
    let code = guest.compile(&script_blob());
    let mut script = Script::new();
    let tokens = script.data(&words(&[7; 4_000])).0;
    let session = Of(script.step("session_open", &[tokens, Is(0)]));
    script.step("session_forward", &[session, tokens, Is(4_000), Is(0)]);
    let setup = guest.setup(Options::default());
    let tally = setup.tally.clone();
    let arguments = script.encoded();
    let begun = async {
        while model.counters().tokens < 40 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::select! {
        _ = guest.executor.call(&code, "script", &arguments, setup) => panic!("4,000 tokens in steps of 4 take longer"),
        () = begun => {}
    }
    // Only a hang takes so long.
    tokio::time::timeout(Duration::from_secs(60), tally.idle()).await.expect("the last step ends");
    let computed = model.counters().tokens;
    assert!((40..4_000).contains(&computed), "{computed}");
    assert_eq!((tally.computed_tokens(), charged(&tally)), (computed, (computed, 0)));
}
