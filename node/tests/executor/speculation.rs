//! Speculation changes how many forward passes an answer takes and nothing else.

use super::models::fixture;
use parity_scale_codec::{Decode, Encode};
use realm_host_functions::HostFunction;
use realm_primitives::{GenerateOptions, GenerateResult, Milli, RuntimeError, SignedMilli};
use realm_test_models::{Quant, TinyLlama};

const PROMPT: &str = "the crow had the cheese and the fox had the crow and the cheese had";

#[tokio::test(flavor = "multi_thread")]
async fn any_draft_length_gives_the_same_answer() {
    let base = || GenerateOptions { max_tokens: Some(60), seed: Some(7), ..GenerateOptions::default() };
    let greedy = || GenerateOptions { temperature: Some(Milli(0)), logprobs: Some(2), ..base() };
    let cases = [
        ("greedy", greedy()),
        ("sampled", GenerateOptions { temperature: Some(Milli(300)), logprobs: Some(1), ..base() }),
        ("flat", GenerateOptions { temperature: Some(Milli(2_000)), top_k: Some(0), ..base() }),
        (
            "penalised",
            GenerateOptions {
                temperature: Some(Milli(500)),
                repetition_penalty: Some(Milli(1_100)),
                frequency_penalty: Some(SignedMilli(200)),
                ..base()
            },
        ),
        ("one token", GenerateOptions { max_tokens: Some(1), ..greedy() }),
        ("stop text", GenerateOptions { stop: Some(vec!["e".into()]), ..base() }),
    ];
    let mut passes_saved = 0;
    for quant in [Quant::F32, Quant::Q8_0] {
        let tiny = fixture(&TinyLlama { quant, ..TinyLlama::default() });
        let code = tiny.guest.compile(realm_runtime::WASM_BINARY);
        let generate = async |options: GenerateOptions| {
            let arguments = (PROMPT.to_owned(), options).encode();
            let outcome = tiny.guest.call(&code, "RealmApi_generate", &arguments).await;
            let answer = Result::<GenerateResult, RuntimeError>::decode(&mut &outcome.result.unwrap()[..]).unwrap();
            // What the cache held depends on what was asked before.
            let answer = GenerateResult { cached_tokens: 0, ..answer.unwrap() };
            (answer, outcome.usage.host_calls(HostFunction::SessionForward))
        };
        for (name, options) in &cases {
            let (plain, passes) = generate(options.clone()).await;
            assert!(passes <= u64::from(plain.tokens_generated) + 1, "{name}: a pass per token");
            for speculation in [1, 3, 16] {
                let options = GenerateOptions { speculation: Some(speculation), ..options.clone() };
                let (guessed, fewer) = generate(options).await;
                assert_eq!(guessed, plain, "{name}, {quant:?}, speculation {speculation}");
                assert!(fewer <= passes, "{name}: {fewer} passes instead of {passes}");
                passes_saved += passes - fewer;
            }
        }
    }
    // A greedy tiny model repeats itself, and what repeats is guessed.
    assert!(passes_saved > 0, "no guess was ever right");
}
