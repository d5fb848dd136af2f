//! What a session promises: forks, cuts, cancellation, bounds, and the reuse of what was computed before.

mod common;

use std::sync::Arc;
use std::time::Duration;

use common::{OWNER, config, forward_all, forward_last, load, logits_of, tokens};
use realm_engine::{ComputeDevice, EngineConfig, ForwardError, Model, Rows, SessionError, TenantKey};
use realm_test_models::{Quant, SplitMix64, TinyLlama};

fn model() -> Arc<Model> {
    load(&TinyLlama::default(), &config())
}

/// Waits until nothing is open or computed any more; what is left is what was kept for later.
async fn all_free(model: &Arc<Model>) {
    loop {
        let load = model.load_now();
        if load.sessions == 0 && load.jobs == 0 {
            assert_eq!(load.kv_blocks_free + load.kv_blocks_cached as u32, load.kv_blocks, "{load:?}");
            return;
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

#[tokio::test]
async fn a_fork_goes_its_own_way() {
    for device in [ComputeDevice::Cpu, ComputeDevice::CandleCpu] {
        fork_on(device).await;
    }
}

async fn fork_on(device: ComputeDevice) {
    let model = load(&TinyLlama::default(), &EngineConfig { device, ..config() });
    let (common, left, right) = (tokens(1, 37), tokens(2, 30), tokens(3, 30));
    let expected = |own: &[u32]| [&common[..], own].concat();
    let (left_expected, right_expected) =
        (logits_of(&model, &expected(&left)).await, logits_of(&model, &expected(&right)).await);
    let mut first = model.open_session(OWNER, &[]).expect("room");
    forward_all(&mut first, &common).await;
    let mut second = first.fork().expect("room");
    assert_eq!(second.len(), 37);
    for (i, (l, r)) in left.iter().zip(&right).enumerate() {
        assert!(forward_last(&mut first, &[*l]).await == left_expected[37 + i], "left {i}");
        assert!(forward_last(&mut second, &[*r]).await == right_expected[37 + i], "right {i}");
    }
    drop((first, second));
    all_free(&model).await;
}

#[tokio::test]
async fn a_cut_sequence_goes_on_as_if_it_had_never_been_longer() {
    let model = model();
    let mut random = SplitMix64::new(5);
    let mut session = model.open_session(OWNER, &[]).expect("room");
    let mut kept: Vec<u32> = Vec::new();
    for round in 0..20 {
        let added = tokens(100 + round, 1 + random.below(40) as usize);
        kept.extend(&added);
        let rows = forward_all(&mut session, &added).await;
        let expected = logits_of(&model, &kept).await;
        assert!(rows == expected[kept.len() - added.len()..], "round {round}");
        kept.truncate(random.below(1 + kept.len().min(150) as u64) as usize);
        session.truncate(kept.len() as u32);
        assert_eq!(session.len() as usize, kept.len());
    }
}

#[tokio::test]
async fn a_dropped_forward_leaves_the_session_as_it_was() {
    let model = load(&TinyLlama::default(), &EngineConfig { prefill_chunk_tokens: 4, ..config() });
    let (first, dropped, second) = (tokens(1, 20), tokens(2, 200), tokens(3, 20));
    let expected = logits_of(&model, &[&first[..], &second].concat()).await;
    let mut session = model.open_session(OWNER, &[]).expect("room");
    forward_all(&mut session, &first).await;
    for polls in 0..30u64 {
        let mut forward = Box::pin(session.forward(dropped.clone(), Rows::Last));
        // From not at all to somewhere within: the promise holds wherever it stops.
        let pause = tokio::time::sleep(Duration::from_micros(polls * 50));
        tokio::select! { biased; _ = &mut forward => {}, _ = pause => {} }
        drop(forward);
        session.truncate(20);
        assert_eq!(session.len(), 20);
    }
    assert!(forward_all(&mut session, &second).await == expected[20..], "it goes on from where it was");
    drop(session);
    all_free(&model).await;
}

#[tokio::test]
async fn dropping_everything_at_any_time_frees_everything() {
    let model = load(&TinyLlama::default(), &EngineConfig { kv_bytes_max: 30 * 8192, ..config() });
    let mut streams = Vec::new();
    for seed in 0..20u64 {
        let model = model.clone();
        streams.push(tokio::spawn(async move {
            let mut session = model.open_session(TenantKey::new([seed as u8 % 4; 32]), &[]).expect("room");
            let work = async {
                forward_all(&mut session, &tokens(seed, 120)).await;
                loop {
                    forward_last(&mut session, &[seed as u32]).await;
                    if session.len() > 200 {
                        session.truncate(100);
                    }
                }
            };
            let _ = tokio::time::timeout(Duration::from_millis(seed * 3), work).await;
        }));
    }
    for stream in streams {
        stream.await.expect("no panic");
    }
    all_free(&model).await;
}

#[tokio::test]
async fn what_cannot_be_is_refused_with_the_numbers() {
    let model =
        load(&TinyLlama::default(), &EngineConfig { sequences_max: 2, logits_bytes_max: 10 * 2048, ..config() });
    let mut session = model.open_session(OWNER, &[]).expect("room");
    forward_all(&mut session, &tokens(1, 5)).await;
    let mut check = async |tokens: Vec<u32>, rows: Rows, expected: ForwardError| {
        assert_eq!(session.forward(tokens, rows).await, Err(expected));
        assert_eq!(session.len(), 5);
    };
    let overflow = ForwardError::ContextOverflow { len: 5, new_tokens: 252, context_length: 256 };
    check(tokens(1, 252), Rows::Last, overflow).await;
    check(vec![], Rows::Last, ForwardError::NoTokens).await;
    let stranger = ForwardError::TokenOutOfVocabulary { index: 1, token: 512, vocab_len: 512 };
    check(vec![3, 512], Rows::Last, stranger).await;
    check(tokens(1, 11), Rows::All, ForwardError::TooManyRows { rows: 11, rows_max: 10 }).await;
    let _second = model.open_session(OWNER, &[]).expect("room");
    assert_eq!(model.open_session(OWNER, &[]).err(), Some(SessionError::Overloaded { position: 3 }));
    let stranger = SessionError::TokenOutOfVocabulary { index: 0, token: 900, vocab_len: 512 };
    assert_eq!(model.open_session(OWNER, &[900]).err(), Some(stranger));
}

#[tokio::test]
async fn a_sequence_larger_than_the_cache_is_refused_with_the_numbers() {
    let model = load(&TinyLlama::default(), &EngineConfig { kv_bytes_max: 4 * 8192, ..config() });
    let mut session = model.open_session(OWNER, &[]).expect("room");
    let expected = ForwardError::CacheTooSmall { needed_bytes: 5 * 8192, budget_bytes: 4 * 8192 };
    assert_eq!(session.forward(tokens(1, 65), Rows::Last).await, Err(expected));
    forward_last(&mut session, &tokens(1, 64)).await;
}

#[tokio::test]
async fn a_known_beginning_is_not_computed_again_and_gives_the_same_bits() {
    for quant in [Quant::F32, Quant::Q8_0] {
        let tiny = TinyLlama { quant, ..TinyLlama::default() };
        let (model, cold) = (load(&tiny, &config()), load(&tiny, &EngineConfig { prefix_cache: false, ..config() }));
        let prompt = tokens(1, 100);
        let expected = logits_of(&cold, &prompt).await;
        assert!(logits_of(&model, &prompt).await == expected);
        for (len, reused) in [(100, 96), (97, 96), (96, 80), (17, 16), (16, 0), (1, 0)] {
            let mut session = model.open_session(OWNER, &prompt[..len]).expect("room");
            assert_eq!(session.len(), reused, "of {len}");
            assert_eq!(session.reused_len(), reused);
            let rows = forward_all(&mut session, &prompt[reused as usize..]).await;
            assert!(rows == expected[reused as usize..], "from {reused}");
        }
        let stranger = model.open_session(TenantKey::new([9; 32]), &prompt).expect("room");
        assert_eq!(stranger.len(), 0, "another tenant's beginnings are out of reach");
        let mut other = prompt.clone();
        other[40] ^= 1;
        assert_eq!(model.open_session(OWNER, &other).expect("room").len(), 32, "as far as it is the same");
        assert_eq!(cold.open_session(OWNER, &prompt).expect("room").len(), 0);
    }
}

#[tokio::test]
async fn embeddings_are_unit_vectors_that_do_not_depend_on_neighbours() {
    let model = load(&TinyLlama::default(), &EngineConfig { prefill_chunk_tokens: 5, ..config() });
    let whole = load(&TinyLlama::default(), &config());
    let texts: Vec<String> = ["hello world", "once upon a time there was a little girl", "x"].map(String::from).into();
    let together = model.embed(OWNER, texts.clone()).await.expect("embedded");
    for (text, vector) in texts.iter().zip(&together) {
        let length = vector.iter().map(|v| v * v).sum::<f32>().sqrt();
        assert!((length - 1.0).abs() < 1e-5, "{length}");
        let alone = whole.embed(OWNER, vec![text.clone()]).await.expect("embedded");
        assert_eq!(&alone[0], vector, "{text}");
    }
    all_free(&model).await;
}
