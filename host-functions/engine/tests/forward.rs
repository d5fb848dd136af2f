//! The forward pass against the equations, and against itself: a sequence's bits depend on its tokens alone.

mod common;
#[path = "common/reference.rs"]
mod reference;

use common::{OWNER, config, forward_all, forward_last, load, logits_of, tokens};
use realm_engine::{ComputeDevice, EngineConfig, KvPrecision, TenantKey};
use realm_test_models::{Quant, RopeScaling, SplitMix64, TinyLlama};
use reference::{Reference, relative_error};

/// The two executors: on the processor both, so that what is true of candle's devices is tested on every machine.
const DEVICES: [ComputeDevice; 2] = [ComputeDevice::Cpu, ComputeDevice::CandleCpu];

/// As much of a test's work as a device is given: candle's way on the processor is some fifty times slower.
fn share(device: ComputeDevice, of: u64) -> u64 {
    if device == ComputeDevice::Cpu { of } else { of.div_ceil(3) }
}

/// Prompt logits and decode with cache agree with the reference within `tolerance`.
async fn check(model: TinyLlama, tolerance: f64) {
    for device in DEVICES {
        check_on(device, &model, tolerance).await;
    }
}

async fn check_on(device: ComputeDevice, model: &TinyLlama, tolerance: f64) {
    let engine = load(model, &EngineConfig { kv_precision: Some(KvPrecision::F32), device, ..config() });
    let tokens: Vec<u32> = tokens(7, 60).into_iter().map(|token| token % model.vocab as u32).collect();
    let expected = Reference::new(model).logits(&tokens);
    let mut session = engine.open_session(OWNER, &[]).expect("room");
    let mut rows = forward_all(&mut session, &tokens[..45]).await;
    for token in &tokens[45..] {
        rows.push(forward_last(&mut session, &[*token]).await);
    }
    for (position, (row, expected)) in rows.iter().zip(&expected).enumerate() {
        let error = relative_error(row, expected);
        assert!(error < tolerance, "position {position}: off by {error:.2e} on {device} in {model:?}");
    }
}

#[tokio::test]
async fn logits_are_those_of_the_equations() {
    let llama = TinyLlama::default;
    check(llama(), 1e-5).await;
    check(TinyLlama { tied: true, ..llama() }, 1e-5).await;
    check(TinyLlama { qkv_bias: true, ..llama() }, 1e-5).await;
    check(TinyLlama { kv_heads: 4, layers: 3, ..llama() }, 1e-5).await;
    check(TinyLlama { kv_heads: 1, hidden: 96, feed_forward: 172, vocab: 509, ..llama() }, 1e-5).await;
    check(TinyLlama { rope_scaling: RopeScaling::Linear(4.0), ..llama() }, 1e-5).await;
    let factors = vec![1.0, 1.0, 1.5, 2.0, 4.0, 8.0, 8.0, 8.0];
    check(TinyLlama { rope_scaling: RopeScaling::Factors(factors), rope_theta: 500_000.0, ..llama() }, 1e-5).await;
    check(TinyLlama { quant: Quant::F16, ..llama() }, 1e-5).await;
    check(TinyLlama { quant: Quant::BF16, ..llama() }, 1e-5).await;
    // Activations are rounded to 8 bits: 1/254 of a block's largest, some times over.
    check(TinyLlama { quant: Quant::Q8_0, ..llama() }, 4e-2).await;
    check(TinyLlama { quant: Quant::Q4_0, ..llama() }, 4e-2).await;
}

/// Models whose bits are compared, and the engines that compute them: on each device, and with 8-bit keys and values.
fn models_on_devices() -> impl Iterator<Item = (TinyLlama, EngineConfig)> {
    let models = [Quant::F32, Quant::Q8_0, Quant::Q4_0].map(|quant| TinyLlama { quant, ..TinyLlama::default() });
    models.into_iter().flat_map(|model| {
        let devices = DEVICES.map(|device| EngineConfig { device, ..config() });
        let small = EngineConfig { kv_precision: Some(KvPrecision::Int8), ..config() };
        devices.into_iter().chain([small]).map(move |config| (model.clone(), config))
    })
}

#[tokio::test]
async fn cutting_a_sequence_into_parts_changes_no_bit() {
    for (model, config) in models_on_devices() {
        let (device, precision) = (config.device, config.kv_precision);
        let config = || config.clone();
        let tokens = tokens(1, share(device, 150) as usize);
        let whole = load(&model, &EngineConfig { prefill_chunk_tokens: 512, ..config() });
        let expected = logits_of(&whole, &tokens).await;
        for (seed, chunk, threads) in [(1, 1, 1), (2, 7, 1), (3, 32, 2), (4, 150, 3)] {
            let engine = load(&model, &EngineConfig { prefill_chunk_tokens: chunk, threads, ..config() });
            let mut random = SplitMix64::new(seed);
            let mut session = engine.open_session(OWNER, &[]).expect("room");
            let (mut rest, mut rows) = (&tokens[..], Vec::new());
            while !rest.is_empty() {
                let (part, others) = rest.split_at((1 + random.below(40) as usize).min(rest.len()));
                rows.extend(forward_all(&mut session, part).await);
                rest = others;
            }
            let what = format!("{:?}, keys and values {precision:?}, {threads} threads of {device}", model.quant);
            assert!(rows == expected, "chunks of {chunk}, {what}");
        }
    }
}

#[tokio::test]
async fn neighbours_in_a_batch_change_no_bit() {
    for (model, config) in models_on_devices() {
        let device = config.device;
        let (alone, shared) = (load(&model, &config), load(&model, &config));
        let mut streams = Vec::new();
        for seed in 0..share(device, 9) {
            let tokens = tokens(seed, 20 + 13 * seed as usize);
            let expected = logits_of(&alone, &tokens).await;
            let shared = shared.clone();
            streams.push(tokio::spawn(async move {
                let owner = TenantKey::new([seed as u8 % 3; 32]);
                let mut session = shared.open_session(owner, &[]).expect("room");
                let mut rows = forward_all(&mut session, &tokens[..10 + seed as usize]).await;
                for token in &tokens[10 + seed as usize..] {
                    rows.push(forward_last(&mut session, &[*token]).await);
                }
                assert!(rows == expected, "stream {seed} on {device}");
            }));
        }
        for stream in streams {
            stream.await.expect("the stream is as it was alone");
        }
    }
}

/// 8 bits hold a value to 1/254 of its head's largest. They take little more than half of what f16 takes, and what they
/// hold of a position stays when sequences are cut back and go on, and when another one begins with it.
#[tokio::test]
async fn keys_and_values_of_8_bits_are_near_and_small() {
    let model = TinyLlama::default();
    let engine = |precision| load(&model, &EngineConfig { kv_precision: Some(precision), ..config() });
    let (small, half) = (engine(KvPrecision::Int8), engine(KvPrecision::F16));
    let (taken, whole) = (small.info().kv_bytes_per_token, half.info().kv_bytes_per_token);
    assert!(taken * 4 <= whole * 3, "{taken} bytes a token, {whole} as f16");

    let tokens = tokens(3, 90);
    let expected = logits_of(&small, &tokens).await;
    let reference = Reference::new(&model).logits(&tokens);
    for (position, (row, expected)) in expected.iter().zip(&reference).enumerate() {
        let error = relative_error(row, expected);
        assert!(error < 3e-2, "position {position}: off by {error:.2e}");
    }
    let mut session = small.open_session(OWNER, &[]).expect("room");
    forward_all(&mut session, &tokens[..70]).await;
    session.truncate(37);
    assert!(forward_all(&mut session, &tokens[37..]).await == expected[37..], "cut back");
    drop(session);
    let mut again = small.open_session(OWNER, &tokens).expect("room");
    let reused = again.len() as usize;
    assert!(reused >= 64, "{reused} positions are kept");
    assert!(forward_all(&mut again, &tokens[reused..]).await == expected[reused..], "begun with what was kept");
}

#[tokio::test]
async fn too_little_cache_makes_sequences_wait_and_changes_no_bit() {
    for device in DEVICES {
        too_little_cache(device).await;
    }
}

async fn too_little_cache(device: ComputeDevice) {
    let model = TinyLlama::default();
    let roomy = load(&model, &EngineConfig { device, ..config() });
    // Two layers, two kv heads of 16 values: 8 KiB a block of f32. Twelve blocks: hardly more than one sequence.
    let tight = load(&model, &EngineConfig { kv_bytes_max: 12 * 8192, device, ..config() });
    assert_eq!(tight.load_now().kv_blocks, 12);
    let mut streams = Vec::new();
    for seed in 0..share(device, 6) {
        let tokens = tokens(seed, 150);
        let expected = logits_of(&roomy, &tokens).await;
        let tight = tight.clone();
        streams.push(tokio::spawn(async move {
            let mut session = tight.open_session(TenantKey::new([seed as u8; 32]), &[]).expect("room");
            let mut rows = forward_all(&mut session, &tokens[..100]).await;
            for part in tokens[100..].chunks(5) {
                rows.extend(forward_all(&mut session, part).await);
            }
            assert!(rows == expected, "stream {seed}");
        }));
    }
    for stream in streams {
        stream.await.expect("the stream is as it was alone");
    }
}
