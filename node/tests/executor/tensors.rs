//! Tensor operations by hand-made numbers: what the host computes is what the names say.

use super::{
    guest::Guest,
    script::{Arg, Arg::*, SCRATCH, Script, script_blob},
};
use realm_host_functions::{HostLimits, TensorLimits};
use realm_primitives::abi::{HostErrorCode, flag};

fn words(values: &[u32]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_le_bytes()).collect()
}

fn tensor(script: &mut Script, shape: &[u32], values: &[f32]) -> Arg {
    let shape_at = script.data(&words(shape)).0;
    let (data, data_len) = script.data(&values.iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<_>>());
    Of(script.step("tensor_new", &[shape_at, Is(shape.len() as u32), data, data_len]))
}

/// Makes a tensor by `make` and compares its values, within 1e-6.
async fn check(name: &str, make: impl FnOnce(&mut Script) -> u32, expected: &[f32]) {
    let guest = Guest::new();
    let blob = guest.compile(&script_blob());
    let mut script = Script::new();
    let made = make(&mut script);
    script.step("tensor_read", &[Of(made), Is(SCRATCH), Is(expected.len() as u32 * 4)]);
    let played = script.play(&guest, &blob).await.unwrap();
    assert!(played.results.iter().all(|result| *result >= 0), "{name}: {:?}", played.results);
    let found: Vec<f32> =
        played.scratch.as_chunks::<4>().0.iter().map(|value| f32::from_le_bytes(*value)).take(expected.len()).collect();
    for (found_value, expected_value) in found.iter().zip(expected) {
        assert!((found_value - expected_value).abs() <= 1e-6, "{name}: {found:?}, not {expected:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sums_products_and_shapes() {
    let matrix = |script: &mut Script| tensor(script, &[2, 3], &[1., 2., 3., 4., 5., 6.]);
    check(
        "add",
        |s| {
            let (a, b) = (matrix(s), tensor(s, &[3], &[10., 20., 30.]));
            s.step("add", &[a, b])
        },
        &[11., 22., 33., 14., 25., 36.],
    )
    .await;
    check(
        "mul",
        |s| {
            let (a, b) = (matrix(s), tensor(s, &[2, 1], &[2., -1.]));
            s.step("mul", &[a, b])
        },
        &[2., 4., 6., -4., -5., -6.],
    )
    .await;
    check(
        "scale",
        |s| {
            let a = matrix(s);
            s.step("scale", &[a, Is(0.5f32.to_bits())])
        },
        &[0.5, 1., 1.5, 2., 2.5, 3.],
    )
    .await;
    check(
        "transpose",
        |s| {
            let a = matrix(s);
            s.step("transpose", &[a, Is(0), Is(1)])
        },
        &[1., 4., 2., 5., 3., 6.],
    )
    .await;
    check(
        "narrow",
        |s| {
            let a = matrix(s);
            s.step("narrow", &[a, Is(1), Is(1), Is(2)])
        },
        &[2., 3., 5., 6.],
    )
    .await;
    check(
        "repeat",
        |s| {
            let a = matrix(s);
            s.step("repeat", &[a, Is(0), Is(2)])
        },
        &[1., 2., 3., 1., 2., 3., 4., 5., 6., 4., 5., 6.],
    )
    .await;
    check(
        "concat",
        |s| {
            let (a, b) = (matrix(s), tensor(s, &[2, 1], &[7., 8.]));
            s.step("concat", &[a, b, Is(1)])
        },
        &[1., 2., 3., 7., 4., 5., 6., 8.],
    )
    .await;
    check(
        "reshape",
        |s| {
            let (a, to) = (matrix(s), s.data(&words(&[3, 2])).0);
            let a = s.step("reshape", &[a, to, Is(2)]);
            s.step("transpose", &[Of(a), Is(0), Is(1)])
        },
        &[1., 3., 5., 2., 4., 6.],
    )
    .await;
    check(
        "embedding_lookup",
        |s| {
            let (a, ids) = (matrix(s), s.data(&words(&[1, 0, 1])).0);
            s.step("embedding_lookup", &[a, ids, Is(3)])
        },
        &[4., 5., 6., 1., 2., 3., 4., 5., 6.],
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn matrix_products() {
    let a = |script: &mut Script| tensor(script, &[2, 2], &[1., 2., 3., 4.]);
    let b = |script: &mut Script| tensor(script, &[2, 2], &[5., 6., 7., 8.]);
    check(
        "plain",
        |s| {
            let (a, b) = (a(s), b(s));
            s.step("candle_matmul", &[a, b])
        },
        &[19., 22., 43., 50.],
    )
    .await;
    check(
        "transposed",
        |s| {
            let (a, b) = (a(s), b(s));
            s.step("candle_matmul", &[a, b, Is(flag::MATMUL_TRANSPOSED)])
        },
        &[17., 23., 39., 53.],
    )
    .await;
    let batch = |script: &mut Script| tensor(script, &[2, 1, 2], &[1., 0., 0., 1.]);
    check(
        "batch by matrix",
        |s| {
            let (a, b) = (batch(s), b(s));
            s.step("candle_matmul", &[a, b])
        },
        &[5., 6., 7., 8.],
    )
    .await;
    check(
        "batch by batch",
        |s| {
            let (a, b) = (batch(s), tensor(s, &[2, 2, 1], &[1., 2., 3., 4.]));
            s.step("candle_matmul", &[a, b])
        },
        &[1., 4.],
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn along_rows() {
    let silu = |x: f32| x / (1.0 + (-x).exp());
    check(
        "silu",
        |s| {
            let a = tensor(s, &[3], &[-1., 0., 2.]);
            s.step("silu", &[a])
        },
        &[silu(-1.), 0., silu(2.)],
    )
    .await;
    let (e1, e2) = (1f32.exp(), 2f32.exp());
    check(
        "softmax",
        |s| {
            let a = tensor(s, &[2, 2], &[1., 2., 1000., f32::NEG_INFINITY]);
            s.step("softmax", &[a])
        },
        &[e1 / (e1 + e2), e2 / (e1 + e2), 1., 0.],
    )
    .await;
    let norm = (12.5f32 + 0.5).sqrt();
    check(
        "rms_norm",
        |s| {
            let (a, w) = (tensor(s, &[1, 2], &[3., 4.]), tensor(s, &[2], &[1., 2.]));
            s.step("rms_norm", &[a, w, Is(0.5f32.to_bits())])
        },
        &[3. / norm, 8. / norm],
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rotary_embedding() {
    // Two positions from 3 on, one head of four values, base 100: the second pair turns a tenth as fast.
    let x = [1., 0., 1., 0., 1., 0., 1., 0.];
    let (s3, c3) = 3f32.sin_cos();
    let (s03, c03) = 0.3f32.sin_cos();
    let (s4, c4) = 4f32.sin_cos();
    let (s04, c04) = 0.4f32.sin_cos();
    let rope = |flags: u32| {
        move |s: &mut Script| {
            let a = tensor(s, &[2, 1, 4], &x);
            s.step("rope", &[a, Is(3), Is(100f32.to_bits()), Is(flags)])
        }
    };
    check("interleaved", rope(flag::ROPE_INTERLEAVED), &[c3, s3, c03, s03, c4, s4, c04, s04]).await;
    check("halves", rope(0), &[c3 - s3, 0., s3 + c3, 0., c4 - s4, 0., s4 + c4, 0.]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_holds_so_many_bytes_and_no_more() {
    let tensor_limits = TensorLimits { bytes_max: 64, ..TensorLimits::default() };
    let guest = Guest::with_limits(HostLimits { tensor: tensor_limits, ..HostLimits::default() });
    let blob = guest.compile(&script_blob());
    let mut script = Script::new();
    let a = tensor(&mut script, &[8], &[1.; 8]);
    let b = script.step("silu", &[a]);
    script.step("silu", &[a]);
    script.step("tensor_drop", &[Of(b)]);
    script.step("concat", &[a, a, Is(0)]);
    script.step("narrow", &[a, Is(0), Is(0), Is(4)]);
    script.step("silu", &[a]);
    let limit = -(HostErrorCode::LimitExceeded as i64);
    let failed: Vec<bool> = script.play(&guest, &blob).await.unwrap().results.iter().map(|r| *r == limit).collect();
    assert_eq!(failed, [false, false, true, false, true, false, true]);
}
