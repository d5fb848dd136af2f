//! What host functions answer, against values that were not computed by this code: other tests only saw them refuse.

use super::{
    guest::Guest,
    models::{Fixture, fixture},
    script::{Arg::*, SCRATCH, Script, script_blob},
};
use parity_scale_codec::{Decode, Encode};
use realm_primitives::{LogitBias, SamplingParams, SignedMilli, abi::hash};
use realm_test_models::TinyLlama;
use std::{
    fmt::Write,
    sync::{Mutex, PoisonError},
};
use tracing_subscriber::{Layer, layer::SubscriberExt};

/// SHA-256 as in FIPS 180-4, Keccak-256 as in its authors' test vectors, BLAKE2b with 32 bytes by Python's hashlib, four
/// XXH64 with the seeds 0 to 3 by Python's xxhash; the last input goes over the block size of each.
const HASHES: [(&str, [(u32, &str); 4]); 3] = [
    (
        "",
        [
            (hash::BLAKE2_256, "0e5751c026e543b2e8ab2eb06099daa1d1e5df47778f7787faab45cdf12fe3a8"),
            (hash::SHA2_256, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
            (hash::KECCAK_256, "c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470"),
            (hash::TWOX_256, "99e9d85137db46ef4bbea33613baafd56f963c64b1f3685a4eb4abd67ff6203a"),
        ],
    ),
    (
        "abc",
        [
            (hash::BLAKE2_256, "bddd813c634239723171ef3fee98579b94964e3bb1cb3e427262c8c068d52319"),
            (hash::SHA2_256, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
            (hash::KECCAK_256, "4e03657aea45a94fc7d47ba826c8d667c0d1e6e33a64a036ec44f58fa12d6c45"),
            (hash::TWOX_256, "990977adf52cbc440889329981caa9bef7da5770b2b8a05303b75d95360dd62b"),
        ],
    ),
    (
        "the bytes from 0 to 199",
        [
            (hash::BLAKE2_256, "63c3d97a9f8894d5e043a707b0fee7f7ec4c049a23bbf1079df20b4165f9e22d"),
            (hash::SHA2_256, "1901da1c9f699b48f6b2636e65cbf73abf99d0441ef67f5c540a42f7051dec6f"),
            (hash::KECCAK_256, "bfb0aa97863e797943cf7c33bb7e880bb4543f3d2703c0923c6901c2af57b890"),
            (hash::TWOX_256, "9c879eb97910dc50fa1dcb004809bd2095c559d89534b2a5b8560a9a17e9be6b"),
        ],
    ),
];

/// Zeros, or two algorithms swapped, passed every test.
#[tokio::test(flavor = "multi_thread")]
async fn hashes_are_those_of_the_standards() {
    let guest = Guest::new();
    let blob = guest.compile(&script_blob());
    for (input, digests) in HASHES {
        let bytes = if input.len() > 3 { (0..200).collect() } else { input.as_bytes().to_vec() };
        let mut script = Script::new();
        let (at, len) = script.data(&bytes);
        for (place, (algorithm, _)) in (0u32..).zip(digests) {
            script.step("crypto_hash", &[Is(algorithm), at, len, Is(SCRATCH + 32 * place)]);
        }
        let played = script.play(&guest, &blob).await.unwrap();
        assert_eq!(played.results, [0; 4]);
        for (found, (algorithm, expected)) in played.scratch.as_chunks::<32>().0.iter().zip(digests) {
            assert_eq!(hex::encode(found), expected, "algorithm {algorithm} of {input:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tensor_tells_its_shape() {
    let guest = Guest::new();
    let mut script = Script::new();
    let shape = script.data(&[2u32, 3, 1].map(u32::to_le_bytes).concat()).0;
    let (data, data_len) = script.data(&[0; 6 * 4]);
    let tensor = Of(script.step("tensor_new", &[shape, Is(3), data, data_len]));
    let turned = Of(script.step("transpose", &[tensor, Is(0), Is(1)]));
    for (place, tensor) in [(0, tensor), (256, turned)] {
        let len = script.step("tensor_shape", &[tensor]);
        script.step("take", &[Is(SCRATCH + place), Of(len)]);
    }
    let played = script.play(&guest, &guest.compile(&script_blob())).await.unwrap();
    assert!(played.results.iter().all(|result| *result >= 0), "{:?}", played.results);
    let shape = |place: usize| Vec::<u32>::decode(&mut &played.scratch[place..]).unwrap();
    assert_eq!((shape(0), shape(256)), (vec![2, 3, 1], vec![3, 2, 1]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bias_changes_these_logits_and_what_is_drawn_from_them() {
    let Fixture { guest, .. } = fixture(&TinyLlama::default());
    let mut script = Script::new();
    let tokens = script.data(&[1u32, 2, 3].map(u32::to_le_bytes).concat()).0;
    let session = Of(script.step("session_open", &[tokens, Is(0)]));
    let logits = Of(script.step("session_forward", &[session, tokens, Is(3), Is(0)]));
    let row_bytes = Is(512 * 4);
    script.step("logits_read", &[logits, Is(0), Is(SCRATCH), row_bytes]);
    let bias = |token, thousandths| LogitBias { token, bias: SignedMilli(thousandths) };
    let (biases, biases_len) = script.data(&vec![bias(7, 2_500), bias(9, -1_000), bias(300, 100_000)].encode());
    script.step("logits_bias", &[logits, Is(0), biases, biases_len]);
    script.step("logits_read", &[logits, Is(0), Is(SCRATCH + 512 * 4), row_bytes]);
    let (params, params_len) = script.data(&SamplingParams::greedy(1).encode());
    let sampler = Of(script.step("sampler_open", &[params, params_len]));
    let token = script.step("sample_token", &[sampler, logits, Is(0)]);
    let played = script.play(&guest, &guest.compile(&script_blob())).await.unwrap();
    assert!(played.results.iter().all(|result| *result >= 0), "{:?}", played.results);
    let values: Vec<f32> = played.scratch.as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
    let (before, after) = values.split_at(512);
    for (token, (before, after)) in before.iter().zip(after).enumerate() {
        let expected = match token {
            7 => before + 2.5,
            9 => before - 1.0,
            300 => before + 100.0,
            _ => *before,
        };
        assert_eq!(*after, expected, "token {token}");
    }
    assert_eq!(played.results[token as usize], 300);
}

/// Level and text of the lines that guests log in this process.
static LINES: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// Puts the lines of guests into [`LINES`].
struct Listening;

impl<S: tracing::Subscriber> Layer<S> for Listening {
    fn on_event(&self, event: &tracing::Event<'_>, _: tracing_subscriber::layer::Context<'_, S>) {
        if event.metadata().target() != "realm::guest" {
            return;
        }
        let mut line = event.metadata().level().to_string();
        event.record(&mut |field: &tracing::field::Field, value: &dyn std::fmt::Debug| {
            // Writing into a string does not fail.
            let _ = write!(line, " {field}={value:?}");
        });
        LINES.lock().unwrap_or_else(PoisonError::into_inner).push(line);
    }
}

/// A guest's lines were only seen where a panic's text is quoted to its caller.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_guest_logs_is_in_the_log_with_its_level_and_call() {
    // Of the process, because a call may run on any of its threads. No other test here listens.
    tracing::subscriber::set_global_default(tracing_subscriber::registry().with(Listening)).unwrap();
    let guest = Guest::new();
    let mut script = Script::new();
    for (level, text) in [
        (0, "hearing is believing 0"),
        (1, "hearing is believing 1"),
        (2, "hearing is believing 2"),
        (3, "hearing is believing 3"),
    ] {
        let (at, len) = script.data(text.as_bytes());
        script.step("log", &[Is(level), at, len]);
    }
    let played = script.play(&guest, &guest.compile(&script_blob())).await.unwrap();
    assert_eq!(played.results, [0; 4]);
    let lines = LINES.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let ours: Vec<_> = lines.iter().filter(|line| line.contains("hearing is believing")).collect();
    let levels = ["ERROR", "WARN", "INFO", "DEBUG"];
    assert_eq!(ours.len(), levels.len(), "{lines:?}");
    for (number, (line, level)) in ours.iter().zip(levels).enumerate() {
        assert!(line.starts_with(level) && line.contains(&format!("believing {number}")), "{line}");
        assert!(line.contains("tenant=tenant") && line.contains("call=call"), "{line}");
    }
}
