//! Sampling against distributions computed the long way, in f64.

use realm_engine::sampling::{LOGPROBS_MAX, SampleError, Sampler, SamplingParams, SamplingParamsError, uniform};

fn sampler(params: SamplingParams) -> Sampler {
    Sampler::new(params).expect("valid parameters")
}

/// Pseudo-random logits of a spread that real models have.
fn logits(vocab: usize, seed: u64) -> Vec<f32> {
    (0..vocab as u64).map(|i| (uniform(seed, i) * 18.0 - 6.0) as f32).collect()
}

/// The filters as their definitions read: sort everything, softmax everything.
fn expected(logits: &[f32], p: &SamplingParams) -> Vec<(u32, f64)> {
    let mut all: Vec<(u32, f64)> = (0..).zip(logits.iter().map(|&l| f64::from(l) / f64::from(p.temperature))).collect();
    all.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    if p.top_k > 0 {
        all.truncate(p.top_k as usize);
    }
    let softmax = |kept: &mut Vec<(u32, f64)>| {
        let best = kept[0].1;
        let sum: f64 = kept.iter().map(|k| (k.1 - best).exp()).sum();
        kept.iter_mut().for_each(|k| k.1 = (k.1 - best).exp() / sum);
    };
    softmax(&mut all);
    let mut reached = 0.0;
    let keep = all.iter().take_while(|k| {
        let more = p.top_p >= 1.0 || reached < f64::from(p.top_p);
        reached += k.1;
        more
    });
    let keep = keep.count();
    all.truncate(keep);
    let floor = all[0].1 * f64::from(p.min_p);
    all.retain(|k| k.1 >= floor);
    let sum: f64 = all.iter().map(|k| k.1).sum();
    all.iter_mut().for_each(|k| k.1 /= sum);
    all.sort_by_key(|k| k.0);
    all
}

#[test]
fn distributions_are_what_the_definitions_say() {
    let settings = [
        (1.0, 0, 1.0, 0.0),
        (0.7, 40, 1.0, 0.0),
        (0.7, 0, 0.9, 0.0),
        (1.3, 50, 0.95, 0.02),
        (2.0, 0, 1.0, 0.1),
        (0.3, 1, 0.5, 0.5),
        (5.0, 0, 0.999, 0.0),
        (1.0, 7, 0.2, 0.0),
    ];
    for vocab in [1, 5, 16, 33, 1_000, 4_099] {
        for (temperature, top_k, top_p, min_p) in settings {
            let params = SamplingParams { temperature, top_k, top_p, min_p, ..Default::default() };
            let row = logits(vocab, 7 + vocab as u64);
            let got = sampler(params.clone()).distribution(&row).expect("finite logits");
            let want: Vec<_> = expected(&row, &params).into_iter().filter(|k| k.1 > 1e-37).collect();
            assert_eq!(
                got.iter().map(|k| k.0).collect::<Vec<_>>(),
                want.iter().map(|k| k.0).collect::<Vec<_>>(),
                "{vocab} {params:?}"
            );
            for (got, want) in got.iter().zip(&want) {
                assert!(
                    (f64::from(got.1) - want.1).abs() <= 2e-6 * want.1 + 1e-12,
                    "{vocab} {params:?}: {got:?} {want:?}"
                );
            }
        }
    }
}

#[test]
fn filters_come_in_the_documented_order() {
    // Probabilities 0.5, 0.3, 0.15, 0.05. Among the best two they are 0.625 and 0.375, so that top_p 0.6
    // keeps one token after top_k, and two without it.
    let row: Vec<f32> = [0.5f32, 0.3, 0.15, 0.05].iter().map(|p| p.ln()).collect();
    let kept = |params| sampler(params).distribution(&row).expect("finite").iter().map(|k| k.0).collect::<Vec<_>>();
    assert_eq!(kept(SamplingParams { top_p: 0.6, ..Default::default() }), [0, 1]);
    assert_eq!(kept(SamplingParams { top_k: 2, top_p: 0.6, ..Default::default() }), [0]);
    // Temperature first: at 0.5 the probabilities are squared, 0.69 for the best.
    assert_eq!(kept(SamplingParams { temperature: 0.5, top_p: 0.6, ..Default::default() }), [0]);
    assert_eq!(kept(SamplingParams { min_p: 0.31, ..Default::default() }), [0, 1]);
}

#[test]
fn draws_follow_the_distribution() {
    let row = vec![1.0, 0.0, 2.0, -1.0, 0.5, -30.0, 1.5];
    let params = SamplingParams { temperature: 0.9, top_p: 0.97, seed: 42, ..Default::default() };
    let want = expected(&row, &params);
    let mut sampler = sampler(params);
    let draws = 20_000;
    let mut counts = vec![0f64; row.len()];
    for _ in 0..draws {
        counts[sampler.sample(&row).expect("finite").token as usize] += 1.0;
    }
    let chi_square: f64 = want
        .iter()
        .map(|&(token, p)| (counts[token as usize] - p * f64::from(draws)).powi(2) / (p * f64::from(draws)))
        .sum();
    // 5 tokens survive or so; 20 is beyond the 99.9th percentile of every such chi-square.
    assert!(chi_square < 20.0, "{chi_square} {counts:?} {want:?}");
    assert_eq!(counts.iter().sum::<f64>(), want.iter().map(|k| counts[k.0 as usize]).sum::<f64>());
}

#[test]
fn a_draw_depends_on_seed_and_index_alone() {
    assert_eq!([uniform(0, 0), uniform(0, 1), uniform(1, 0), uniform(u64::MAX, u64::MAX)], REFERENCE_UNIFORMS);
    let row = logits(100, 3);
    let draw = |seed| {
        let mut sampler = sampler(SamplingParams { seed, ..Default::default() });
        (0..50).map(|_| sampler.sample(&row).expect("finite").token).collect::<Vec<_>>()
    };
    assert_eq!(draw(5), draw(5));
    assert_ne!(draw(5), draw(6));
    // A sampler that drew from other rows before draws the same at the same index.
    let mut other = sampler(SamplingParams { seed: 5, ..Default::default() });
    for i in 0..49 {
        other.sample(&logits(100, 100 + i)).expect("finite");
    }
    assert_eq!(other.sample(&row).expect("finite").token, draw(5)[49]);
}

/// From the formula, evaluated in Python.
const REFERENCE_UNIFORMS: [f64; 4] = [0.8833108082136426, 0.43152799704850997, 0.7497482413580301, 0.2968726164944935];

#[test]
fn greedy_takes_the_lowest_of_equals() {
    let mut row = vec![0.0f32; 70];
    row[33] = 4.0;
    row[65] = 4.0;
    let mut greedy = sampler(SamplingParams { temperature: 0.0, seed: 9, ..Default::default() });
    assert_eq!(greedy.sample(&row).expect("finite").token, 33);
    assert_eq!(greedy.distribution(&row).expect("finite"), [(33, 1.0)]);
    assert_eq!(sampler(SamplingParams { top_k: 1, ..Default::default() }).sample(&row).expect("finite").token, 33);
    row.fill(f32::NEG_INFINITY);
    row[69] = -5.0;
    assert_eq!(greedy.sample(&row).expect("one left").token, 69);
}

#[test]
fn penalties_and_biases_move_logits_as_documented() {
    let greedy = SamplingParams { temperature: 0.0, ..Default::default() };
    let row = [2.0, 1.9, -1.0, 1.0];
    // Repetition divides a positive logit and multiplies a negative one, once, however often it was seen.
    let mut repetition = sampler(SamplingParams { repetition_penalty: 1.1, ..greedy.clone() });
    repetition.accept(&[0, 0, 0, 77]);
    assert_eq!(repetition.sample(&row).expect("finite").token, 1);
    assert_eq!(repetition.sample(&row).expect("finite").token, 0, "2.0 / 1.1 = 1.818 against 1.9 / 1.1 = 1.727");
    let mut negative = sampler(SamplingParams { repetition_penalty: 2.0, ..greedy.clone() });
    negative.accept(&[2]);
    assert_eq!(negative.sample(&[-9.0, -1.5, -1.0]).expect("finite").token, 1);
    // Presence counts once, frequency each time; neither looks at accepted tokens.
    let drawn = |params: SamplingParams| {
        let mut sampler = sampler(params);
        sampler.accept(&[0, 1, 3]);
        (0..6).map(|_| sampler.sample(&row).expect("finite").token).collect::<Vec<_>>()
    };
    assert_eq!(drawn(SamplingParams { presence_penalty: 0.5, ..greedy.clone() }), [0, 1, 0, 0, 0, 0]);
    assert_eq!(drawn(SamplingParams { frequency_penalty: 0.4, ..greedy.clone() }), [0, 1, 0, 1, 0, 1]);
    // Bias: the last entry for a token counts.
    let mut biased = sampler(SamplingParams { logit_bias: vec![(0, 50.0), (3, 2.0), (0, 0.5)], ..greedy.clone() });
    assert_eq!(biased.sample(&row).expect("finite").token, 3);
    let mut outside = sampler(SamplingParams { logit_bias: vec![(4, 1.0)], ..greedy });
    assert_eq!(outside.sample(&row), Err(SampleError::BiasOutOfVocabulary { token: 4, vocab: 4 }));
}

#[test]
fn log_probabilities_are_of_the_models_own_distribution() {
    let row = logits(1_003, 11);
    let total: f64 = row.iter().map(|&l| f64::from(l).exp()).sum::<f64>().ln();
    let params = SamplingParams {
        temperature: 0.2,
        top_k: 5,
        logit_bias: vec![(10, 3.0)],
        logprobs: Some(8),
        seed: 3,
        ..Default::default()
    };
    let sampled = sampler(params).sample(&row).expect("finite");
    let want = |token: u32| f64::from(row[token as usize]) - total;
    assert!((f64::from(sampled.logprob.expect("asked for")) - want(sampled.token)).abs() < 1e-5);
    let mut order: Vec<u32> = (0..1_003).collect();
    order.sort_by(|a, b| row[*b as usize].total_cmp(&row[*a as usize]));
    assert_eq!(sampled.top.iter().map(|t| t.0).collect::<Vec<_>>(), order[..8]);
    assert!(sampled.top.iter().all(|&(token, logprob)| (f64::from(logprob) - want(token)).abs() < 1e-5));
    assert_eq!(
        sampler(SamplingParams { logprobs: Some(0), ..Default::default() }).sample(&row).expect("finite").top,
        []
    );
    assert_eq!(sampler(SamplingParams::default()).sample(&row).expect("finite").logprob, None);
}

#[test]
fn broken_rows_are_errors() {
    let check = |row: &[f32], expected: &str| {
        for temperature in [0.0, 1.0] {
            let error = sampler(SamplingParams { temperature, ..Default::default() }).sample(row).expect_err(expected);
            assert_eq!(error.to_string(), expected);
        }
    };
    let mut row = vec![1.0f32; 40];
    row[37] = f32::NAN;
    check(&row, "the model's logit for token 37 is NaN");
    row[2] = f32::INFINITY;
    check(&row, "the model's logit for token 2 is inf");
    check(&[f32::NEG_INFINITY; 3], "every one of the 3 logits is -inf: no token is left to draw");
    check(&[], "every one of the 0 logits is -inf: no token is left to draw");
}

#[test]
fn parameters_out_of_bounds_are_named() {
    let check = |params: SamplingParams, expected: &str| {
        assert_eq!(Sampler::new(params).expect_err(expected).to_string(), expected)
    };
    let d = SamplingParams::default;
    check(SamplingParams { temperature: -0.1, ..d() }, "temperature is -0.1; it must lie in [0, 100]");
    check(SamplingParams { temperature: f32::NAN, ..d() }, "temperature is NaN; it must lie in [0, 100]");
    check(SamplingParams { temperature: f32::INFINITY, ..d() }, "temperature is inf; it must lie in [0, 100]");
    check(SamplingParams { top_p: 0.0, ..d() }, "top_p is 0; it must lie in (0, 1]");
    check(SamplingParams { top_p: 1.5, ..d() }, "top_p is 1.5; it must lie in (0, 1]");
    check(SamplingParams { min_p: -1.0, ..d() }, "min_p is -1; it must lie in [0, 1]");
    check(SamplingParams { repetition_penalty: 0.0, ..d() }, "repetition_penalty is 0; it must lie in (0, 100]");
    check(SamplingParams { presence_penalty: f32::NAN, ..d() }, "presence_penalty is NaN; it must lie in [-100, 100]");
    check(SamplingParams { frequency_penalty: 101.0, ..d() }, "frequency_penalty is 101; it must lie in [-100, 100]");
    check(
        SamplingParams { logit_bias: vec![(1, f32::NEG_INFINITY)], ..d() },
        "logit_bias is -inf; it must lie in [-1000, 1000]",
    );
    check(SamplingParams { logit_bias: vec![(1, 0.0); 2_000], ..d() }, "logit_bias names 2000 tokens; at most 1024");
    assert_eq!(
        Sampler::new(SamplingParams { logprobs: Some(LOGPROBS_MAX + 1), ..d() }).err(),
        Some(SamplingParamsError::TooManyLogprobs { count: 65 })
    );
}

/// A sampler remembered every token that it accepted, in memory that nobody counted.
#[test]
fn a_samplers_memory_is_what_it_says_before_and_after() {
    let penalised = SamplingParams { repetition_penalty: 1.1, ..SamplingParams::default() };
    let mut sampler = Sampler::new(penalised).unwrap();
    assert_eq!(sampler.memory_bytes(), 0);
    for block in 0..100u32 {
        let tokens: Vec<u32> = (0..50).map(|token| block * 50 + token).collect();
        let bound = sampler.memory_bytes_after(tokens.len(), 0);
        sampler.accept(&tokens);
        let bytes = sampler.memory_bytes();
        assert!(bytes <= bound && bytes >= u64::from(block + 1) * 50 * 9, "{bytes} of {bound} after block {block}");
    }
    // The same again takes nothing.
    let before = sampler.memory_bytes();
    sampler.accept(&(0..5000).collect::<Vec<u32>>());
    assert_eq!(sampler.memory_bytes(), before);
    let row: Vec<f32> = (0..5000).map(|logit| logit as f32).collect();
    let bound = sampler.memory_bytes_after(1, row.len());
    sampler.sample(&row).unwrap();
    assert!(sampler.memory_bytes() <= bound && sampler.memory_bytes() >= before + 4 * 5000);
    // One that penalises nothing remembers nothing.
    let mut plain = Sampler::new(SamplingParams::default()).unwrap();
    plain.accept(&[1, 2, 3]);
    plain.sample(&row).unwrap();
    assert_eq!((plain.memory_bytes(), plain.memory_bytes_after(100, 5000)), (0, 0));
}
