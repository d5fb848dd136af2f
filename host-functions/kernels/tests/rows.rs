//! Row operations: against f64, the same on every instruction set and for any number of threads.

mod common;

use common::Random;
use realm_kernels::*;

/// Lengths around the sixteen lanes and the four chains.
const LENGTHS: [usize; 8] = [1, 15, 16, 17, 64, 100, 288, 2048];

/// Runs `f` on every instruction set with one and three threads, and demands the same bits.
fn everywhere(f: impl Fn(&Pool) -> Vec<f32>) -> Vec<f32> {
    let bits = |x: &[f32]| x.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
    let reference = f(&Pool::with_isa(1, Isa::all().next().unwrap()));
    for isa in Isa::all() {
        for threads in [1, 3] {
            assert_eq!(bits(&f(&Pool::with_isa(threads, isa))), bits(&reference), "{isa:?}, {threads} threads");
        }
    }
    reference
}

#[track_caller]
fn check(actual: &[f32], expected: impl IntoIterator<Item = f64>, tolerance: f64) {
    let expected: Vec<f64> = expected.into_iter().collect();
    assert_eq!(actual.len(), expected.len());
    for (i, (&actual, expected)) in actual.iter().zip(expected).enumerate() {
        let close = (f64::from(actual) - expected).abs() <= tolerance * expected.abs().max(1.0);
        assert!(close || f64::from(actual) == expected, "{i}: {actual} is not {expected}");
    }
}

fn wide(x: &[f32]) -> impl Iterator<Item = f64> + Clone {
    x.iter().map(|&x| f64::from(x))
}

#[test]
fn norms() {
    for len in LENGTHS {
        let rows = 20;
        let mut random = Random::new(len as u64);
        let (x, w, b) = (random.values(rows * len), random.values(len), random.values(len));
        let rms = everywhere(|pool| {
            let mut out = vec![0.0; x.len()];
            rms_norm(pool, Rows::whole(&x, rows).unwrap(), &w, 1e-5, RowsMut::whole(&mut out, rows).unwrap()).unwrap();
            out
        });
        let heads = everywhere(|pool| {
            let mut out = x.clone();
            rms_norm_heads(pool, RowsMut::whole(&mut out, rows / 4).unwrap(), &w, 1e-5).unwrap();
            out
        });
        assert_eq!(heads, rms);
        let layer = everywhere(|pool| {
            let mut out = vec![0.0; x.len()];
            layer_norm(pool, Rows::whole(&x, rows).unwrap(), &w, &b, 1e-5, RowsMut::whole(&mut out, rows).unwrap())
                .unwrap();
            out
        });
        for ((x, rms), layer) in x.chunks(len).zip(rms.chunks(len)).zip(layer.chunks(len)) {
            let n = len as f64;
            let square = wide(x).map(|x| x * x).sum::<f64>() / n;
            check(rms, wide(x).zip(wide(&w)).map(|(x, w)| x / (square + 1e-5).sqrt() * w), 2e-6);
            let mean = wide(x).sum::<f64>() / n;
            let variance = wide(x).map(|x| (x - mean) * (x - mean)).sum::<f64>() / n;
            let expected = wide(x).zip(wide(&w)).zip(wide(&b));
            check(layer, expected.map(|((x, w), b)| (x - mean) / (variance + 1e-5).sqrt() * w + b), 5e-6);
        }
    }
}

#[test]
fn activations() {
    let erf = |x: f64| {
        // The integral by Simpson's rule.
        let (n, h) = (2000, x / 2000.0);
        let f = |i: i32| (-(h * f64::from(i)).powi(2)).exp();
        let inner: f64 = (1..n).map(|i| f(i) * if i % 2 == 0 { 2.0 } else { 4.0 }).sum();
        (f(0) + f(n) + inner) * h / 3.0 * 2.0 / std::f64::consts::PI.sqrt()
    };
    let x: Vec<f32> = (-1000..=1000).map(|i| i as f32 / 100.0).chain([-200.0, 200.0, 0.0, -90.0, 88.5]).collect();
    let f = |gate: Gate, x: f64| match gate {
        Gate::Silu => x / (1.0 + (-x).exp()),
        Gate::GeluTanh => 0.5 * x * (1.0 + (0.797_884_560_802_865_4 * (x + 0.044715 * x * x * x)).tanh()),
        Gate::GeluErf => 0.5 * x * (1.0 + erf(x / 2f64.sqrt())),
        Gate::Relu => x.max(0.0),
    };
    for gate in [Gate::Silu, Gate::GeluTanh, Gate::GeluErf, Gate::Relu] {
        let out = everywhere(|pool| {
            let mut x = x.clone();
            activate(pool, gate, &mut x);
            x
        });
        let values = || wide(&x).take(2001);
        check(&out[..2001], values().map(|x| f(gate, x)), 2e-6);
        assert!(out[2001].abs() < 1e-30 && out[2002] == 200.0 && out[2003] == 0.0, "{gate:?}: {:?}", &out[2001..]);
        let glu = everywhere(|pool| {
            let mut out = vec![0.0; x.len()];
            let (g, u) = (Rows::whole(&x, 1).unwrap(), Rows::whole(&x, 1).unwrap());
            gated(pool, gate, g, u, RowsMut::whole(&mut out, 1).unwrap()).unwrap();
            out
        });
        check(&glu[..2001], values().map(|x| f(gate, x) * x), 2e-6);
    }
    let capped = everywhere(|pool| {
        let mut x = x.clone();
        softcap(pool, 30.0, &mut x);
        x
    });
    check(&capped, wide(&x).map(|x| 30.0 * (x / 30.0).tanh()), 8e-6);
    let scaled = everywhere(|pool| {
        let mut x = x.clone();
        scale(pool, 3.0, &mut x);
        x
    });
    check(&scaled, x.iter().map(|x| f64::from(x * 3.0)), 0.0);
}

#[test]
fn sums() {
    let mut random = Random::new(8);
    let (x, y, bias) = (random.values(40_000), random.values(40_000), random.values(100));
    let sum = everywhere(|pool| {
        let mut x = x.clone();
        add(pool, &mut x, &y).unwrap();
        x
    });
    check(&sum, x.iter().zip(&y).map(|(x, y)| f64::from(x + y)), 0.0);
    // Columns 50 to 150 of rows of 200.
    let biased = everywhere(|pool| {
        let mut x = x.clone();
        add_bias(pool, RowsMut::columns(&mut x, 200, 50..150).unwrap(), &bias).unwrap();
        x
    });
    let expected =
        x.iter().enumerate().map(|(i, x)| if (50..150).contains(&(i % 200)) { x + bias[i % 200 - 50] } else { *x });
    check(&biased, expected.map(f64::from), 0.0);
}

#[test]
fn softmax_rows() {
    for len in LENGTHS {
        let mut x = Random::new(1).values(3 * len);
        x.iter_mut().for_each(|x| *x *= 20.0);
        let out = everywhere(|pool| {
            let mut x = x.clone();
            softmax(pool, &mut x, 3).unwrap();
            x
        });
        for (x, out) in x.chunks(len).zip(out.chunks(len)) {
            let sum: f64 = wide(x).map(f64::exp).sum();
            check(out, wide(x).map(|x| x.exp() / sum), 1e-6);
        }
    }
}

#[test]
fn rotary_positions() {
    let (head_dim, heads) = (16, 3);
    let positions = [0, 1, 17, 1_000_000];
    let x = Random::new(4).values(positions.len() * heads * head_dim);
    for dims in [0, 8, 16] {
        let frequencies = RopeFrequencies::new(dims, 10_000.0, &RopeScaling::None).unwrap();
        assert_eq!(frequencies.dims(), dims);
        let mut angles = RopeAngles::new();
        angles.prepare(&frequencies, &positions);
        for style in [RopeStyle::Interleaved, RopeStyle::Halves] {
            let out = everywhere(|pool| {
                let mut x = x.clone();
                rope(pool, RowsMut::whole(&mut x, positions.len()).unwrap(), head_dim, &angles, style).unwrap();
                x
            });
            let mut expected: Vec<f64> = wide(&x).collect();
            for (i, head) in expected.chunks_mut(head_dim).enumerate() {
                for pair in 0..dims / 2 {
                    let angle = f64::from(positions[i / heads]) * 10_000f64.powf(-2.0 * pair as f64 / dims as f64);
                    let (a, b) = match style {
                        RopeStyle::Interleaved => (2 * pair, 2 * pair + 1),
                        RopeStyle::Halves => (pair, pair + dims / 2),
                    };
                    let (sine, cosine) = angle.sin_cos();
                    (head[a], head[b]) = (head[a] * cosine - head[b] * sine, head[a] * sine + head[b] * cosine);
                }
            }
            check(&out, expected, 3e-7);
        }
    }
}

#[test]
fn rotary_scalings() {
    // Turned by one position, the pair (1, 0) shows its frequency as an angle.
    let angles_of = |scaling: &RopeScaling| -> Vec<f64> {
        let mut angles = RopeAngles::new();
        angles.prepare(&RopeFrequencies::new(64, 10_000.0, scaling).unwrap(), &[1]);
        let mut x: Vec<f32> = [1.0, 0.0].repeat(32);
        rope(&Pool::new(1), RowsMut::whole(&mut x, 1).unwrap(), 64, &angles, RopeStyle::Interleaved).unwrap();
        x.chunks(2).map(|pair| f64::from(pair[1]).atan2(f64::from(pair[0]))).collect()
    };
    let plain = angles_of(&RopeScaling::None);
    let ratios = |scaling| angles_of(&scaling).iter().zip(&plain).map(|(a, b)| b / a).collect::<Vec<_>>();
    let close = |a: f64, b: f64| (a - b).abs() < 1e-4 * b;
    assert!(ratios(RopeScaling::Linear(4.0)).iter().all(|&r| close(r, 4.0)));
    let factors: Vec<f32> = (1..=32).map(|i| i as f32).collect();
    assert!(ratios(RopeScaling::Factors(factors)).iter().zip(1..).all(|(&r, i)| close(r, f64::from(i))));
    for scaling in [
        RopeScaling::Llama3 {
            factor: 8.0,
            low_frequency_factor: 1.0,
            high_frequency_factor: 4.0,
            original_context: 8192,
        },
        RopeScaling::Yarn {
            factor: 8.0,
            beta_fast: 32.0,
            beta_slow: 1.0,
            attention_factor: 1.0,
            original_context: 2048,
        },
    ] {
        let ratios = ratios(scaling.clone());
        assert!(close(ratios[0], 1.0) && close(ratios[31], 8.0), "{scaling:?}: {ratios:?}");
        assert!(ratios.is_sorted_by(|a, b| *a <= b * 1.0001), "{scaling:?}: {ratios:?}");
    }
    assert!(RopeFrequencies::new(63, 10_000.0, &RopeScaling::None).is_err());
    assert!(RopeFrequencies::new(64, 10_000.0, &RopeScaling::Factors(vec![1.0; 31])).is_err());
}

#[test]
fn choosing() {
    let nan = f32::NAN;
    for (x, expected) in
        [(vec![], None), (vec![nan, nan], None), (vec![1.0, 3.0, nan, 3.0], Some(1)), (vec![-2.0], Some(0))]
    {
        assert_eq!(argmax(&x), expected, "{x:?}");
    }
    let mut out = Vec::new();
    for len in [0, 1, 63, 64, 1000, 32_000] {
        // Many ties, some NaN.
        let mut random = Random::new(len as u64);
        let mut x: Vec<f32> = (0..len).map(|_| (random.value() * 500.0).round() + 0.0).collect();
        x.iter_mut().skip(7).step_by(97).for_each(|x| *x = nan);
        let mut expected: Vec<(u32, f32)> = (0..).zip(x.iter().copied()).filter(|(_, x)| !x.is_nan()).collect();
        expected.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        for k in [0, 1, 2, 40, 999, usize::MAX] {
            top_k(&x, k, &mut out);
            assert!(out == expected[..k.min(expected.len())], "{k} of {len}");
        }
        assert_eq!(argmax(&x), expected.first().map(|x| x.0));
    }
}

#[test]
fn bad_sizes_are_errors() {
    let pool = Pool::new(1);
    let (x, mut y) = ([0.0; 12], [0.0; 12]);
    assert!(Rows::whole(&x, 5).is_err() && Rows::whole(&x, 0).is_err() && Rows::whole(&[], 0).is_ok());
    assert!(Rows::columns(&x, 3, 2..5).is_err() && RowsMut::columns(&mut y, 3, 5..usize::MAX).is_err());
    let rows = || Rows::whole(&x, 3).unwrap();
    assert!(rms_norm(&pool, rows(), &[1.0; 3], 0.1, RowsMut::whole(&mut y, 3).unwrap()).is_err());
    assert!(rms_norm(&pool, rows(), &[1.0; 4], 0.1, RowsMut::whole(&mut y, 4).unwrap()).is_err());
    assert!(rms_norm(&pool, rows(), &[1.0; 4], 0.1, RowsMut::columns(&mut y, 3, 0..3).unwrap()).is_err());
    assert!(rms_norm_heads(&pool, RowsMut::whole(&mut y, 3).unwrap(), &[1.0; 3], 0.1).is_err());
    assert!(rms_norm_heads(&pool, RowsMut::whole(&mut y, 3).unwrap(), &[], 0.1).is_err());
    assert!(layer_norm(&pool, rows(), &[1.0; 4], &[1.0; 3], 0.1, RowsMut::whole(&mut y, 3).unwrap()).is_err());
    assert!(gated(&pool, Gate::Silu, rows(), Rows::whole(&x, 4).unwrap(), RowsMut::whole(&mut y, 3).unwrap()).is_err());
    assert!(add(&pool, &mut y, &x[1..]).is_err());
    assert!(add_bias(&pool, RowsMut::whole(&mut y, 3).unwrap(), &[0.0; 3]).is_err());
    assert!(softmax(&pool, &mut y, 5).is_err());
    let mut angles = RopeAngles::new();
    angles.prepare(&RopeFrequencies::new(4, 10.0, &RopeScaling::None).unwrap(), &[1, 2, 3]);
    let mut turn =
        |rows, head_dim| rope(&pool, RowsMut::whole(&mut y, rows).unwrap(), head_dim, &angles, RopeStyle::Halves);
    assert!(
        turn(3, 4).is_ok() && turn(2, 6).is_err() && turn(3, 3).is_err() && turn(3, 2).is_err() && turn(3, 0).is_err()
    );
}
