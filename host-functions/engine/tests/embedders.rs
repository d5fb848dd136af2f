//! Models that embed texts: BERT against Hugging Face transformers (fixtures/architectures/make.py), from a GGUF file
//! and from a folder, and what a folder may say about pooling, scale and length.

mod common;
#[path = "common/folder.rs"]
mod folder;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use common::{OWNER, bits, config};
use folder::Folder;
use realm_engine::{EmbedError, EncodeTextError, EngineConfig, Model, SessionError, Silent, TenantKey};
use serde_json::{Value, json};

fn fixture() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/architectures/bert")
}

struct Expected {
    texts: Vec<String>,
    tokens: Vec<Vec<u32>>,
    vectors: Vec<Vec<f32>>,
}

fn expected() -> Expected {
    let text = std::fs::read(fixture().join("expected.json")).expect("the fixture is there");
    let json: Value = serde_json::from_slice(&text).expect("it is JSON");
    let read = |name: &str| serde_json::from_value(json[name].clone());
    Expected {
        texts: read("texts").map(|v: Vec<Value>| v.iter().map(|t| t.as_str().unwrap().to_owned()).collect()).unwrap(),
        tokens: serde_json::from_value(json["tokens"].clone()).expect("lists of ids"),
        vectors: serde_json::from_value(json["vectors"].clone()).expect("rows of numbers"),
    }
}

fn load(path: &Path) -> Arc<Model> {
    Model::load(path, &config(), &Silent).expect("the model loads")
}

/// The fixture's folder, with the folder of its pooling.
fn bert() -> Folder {
    let folder = Folder::of("bert");
    std::fs::create_dir(folder.path().join("1_Pooling")).expect("a folder");
    std::fs::copy(fixture().join("1_Pooling/config.json"), folder.path().join("1_Pooling/config.json"))
        .expect("copied");
    folder
}

async fn embed(model: &Model, texts: &[&str]) -> Vec<Vec<f32>> {
    model.embed(OWNER, texts.iter().map(|text| (*text).to_owned()).collect()).await.expect("vectors")
}

fn length(vector: &[f32]) -> f64 {
    vector.iter().map(|value| f64::from(*value).powi(2)).sum::<f64>().sqrt()
}

fn assert_close(what: &str, vector: &[f32], expected: &[f32], tolerance: f64) {
    assert_eq!(vector.len(), expected.len(), "{what}");
    let off: Vec<f32> = vector.iter().zip(expected).map(|(v, e)| v - e).collect();
    let off = length(&off) / length(expected);
    println!("{what}: off by {off:.1e}");
    assert!(off < tolerance, "{what}: off by {off:.2e}");
}

#[tokio::test(flavor = "multi_thread")]
async fn both_formats_give_the_tokens_and_vectors_of_transformers() {
    let expected = expected();
    // The GGUF file's matrices are f16, which holds the fixture's weights exactly.
    for name in [".", "model.gguf"] {
        let model = load(&fixture().join(name));
        let info = model.info();
        assert_eq!(
            (info.architecture.as_str(), info.embedding_length, info.context_length),
            ("bert", 32, 64),
            "{name}"
        );
        for (text, tokens) in expected.texts.iter().zip(&expected.tokens) {
            assert_eq!(&model.embedding_tokens(text).expect("tokens"), tokens, "{name}: {text:?}");
        }
        let vectors = model.embed(OWNER, expected.texts.clone()).await.expect("vectors");
        for ((text, vector), expected) in expected.texts.iter().zip(&vectors).zip(&expected.vectors) {
            assert_close(&format!("{name}: {text:?}"), vector, expected, 1e-4);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_vector_does_not_depend_on_neighbours_threads_or_the_batch() {
    let long = "the cat sat on the mat and a dog ran. ".repeat(6);
    let mut texts = expected().texts;
    texts.extend((0..30).map(|n| long[..7 * n + 1].to_owned()));
    let mut alone: Vec<Vec<u32>> = Vec::new();
    for (threads, batch_tokens_max) in [(1, 1), (3, 512), (2, 50)] {
        let config = EngineConfig { threads, batch_tokens_max, ..config() };
        let model = Model::load(&fixture(), &config, &Silent).expect("the model loads");
        if alone.is_empty() {
            for text in &texts {
                alone.push(bits(&embed(&model, &[text]).await[0]));
            }
        }
        let owners = (0..6).map(|owner| {
            let (model, mut texts) = (model.clone(), texts.clone());
            texts.rotate_left(owner * 5);
            tokio::spawn(async move { model.embed(TenantKey::new([owner as u8; 32]), texts).await })
        });
        for (owner, vectors) in futures_in_order(owners).await.into_iter().enumerate() {
            let mut vectors: Vec<Vec<u32>> = vectors.expect("vectors").iter().map(|vector| bits(vector)).collect();
            vectors.rotate_right(owner * 5);
            assert_eq!(vectors, alone, "{threads} threads, batches of {batch_tokens_max}, owner {owner}");
        }
        let counters = model.counters();
        assert!(counters.sequences >= 6 * texts.len() as u64 && counters.steps <= counters.sequences);
        assert_eq!(model.load_now().jobs, 0);
    }
}

async fn futures_in_order<T>(tasks: impl Iterator<Item = tokio::task::JoinHandle<T>>) -> Vec<T> {
    let mut results = Vec::new();
    for task in tasks.collect::<Vec<_>>() {
        results.push(task.await.expect("the task ends"));
    }
    results
}

#[tokio::test(flavor = "multi_thread")]
async fn pooling_and_scale_are_as_the_folder_says() {
    let text = "dogs running!";
    let plain = embed(&load(&fixture()), &[text]).await.remove(0);
    assert!((length(&plain) - 1.0).abs() < 1e-6);

    let folder = bert();
    folder.edit("modules.json", |modules| drop(modules.as_array_mut().expect("a list").pop()));
    let unscaled = embed(&folder.load().expect("it loads"), &[text]).await.remove(0);
    assert!((length(&unscaled) - 1.0).abs() > 1e-3, "nothing says that it has length 1");
    let scaled: Vec<f32> = unscaled.iter().map(|value| (f64::from(*value) / length(&unscaled)) as f32).collect();
    assert_close("scaled by hand", &scaled, &plain, 1e-6);

    for config in
        [json!({"pooling_mode_cls_token": true, "pooling_mode_mean_tokens": false}), json!({"pooling_mode": "cls"})]
    {
        let folder = bert();
        folder.write("1_Pooling/config.json", config.to_string());
        let cls = embed(&folder.load().expect("it loads"), &[text]).await.remove(0);
        let off: f32 = cls.iter().zip(&plain).map(|(a, b)| (a - b).abs()).sum();
        assert!(off > 0.1, "{config}: the first token's state is not the mean");
    }
    // As sentence-transformers has it: no modules.json, the mean as it is.
    let folder = bert();
    folder.remove("modules.json");
    assert_eq!(embed(&folder.load().expect("it loads"), &[text]).await[0], unscaled);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_text_is_read_up_to_the_length_that_the_folder_says() {
    let folder = bert();
    folder.write("sentence_bert_config.json", json!({"max_seq_length": 6, "do_lower_case": false}).to_string());
    // Truncation and padding of the tokenizer's own are overridden.
    folder.edit("tokenizer.json", |json| {
        json["truncation"] = json!({"direction": "Right", "max_length": 4, "strategy": "LongestFirst", "stride": 0});
        json["padding"] = json!({"strategy": {"Fixed": 9}, "direction": "Right", "pad_to_multiple_of": null, "pad_id": 0,
            "pad_type_id": 0, "pad_token": "[PAD]"});
    });
    let model = folder.load().expect("it loads");
    assert_eq!(model.info().context_length, 6);
    assert_eq!(model.embedding_tokens("the cat sat on the mat").unwrap(), [2, 61, 62, 63, 64, 3]);
    assert_eq!(model.embedding_tokens("the cat").unwrap(), [2, 61, 62, 3]);
    let vectors = embed(&model, &["the cat sat on the mat", "the cat sat on", "the cat sat on a dog"]).await;
    assert_eq!((&vectors[0], &vectors[0]), (&vectors[1], &vectors[2]), "what is cut off does not count");
    assert_eq!(bits(&vectors[1]), bits(&embed(&load(&fixture()), &["the cat sat on"]).await[0]));

    // Without that file it is the tokenizer's length, and never more than there are positions.
    for (length, expected) in [(json!(9), 9), (json!(1e30), 64), (json!(null), 64)] {
        let folder = bert();
        folder.edit("tokenizer_config.json", |json| json["model_max_length"] = length.clone());
        let model = folder.load().expect("it loads");
        assert_eq!(model.embedding_tokens(&"cat ".repeat(100)).unwrap().len(), expected, "{length}");
        embed(&model, &[&"cat ".repeat(100)]).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_of_word_pieces_is_as_good_as_a_tokenizer() {
    let expected = expected();
    let folder = bert();
    let json: Value = serde_json::from_slice(&folder.read("tokenizer.json")).unwrap();
    let mut pieces: Vec<(u64, String)> = json["model"]["vocab"]
        .as_object()
        .unwrap()
        .iter()
        .map(|(piece, id)| (id.as_u64().unwrap(), piece.clone()))
        .collect();
    pieces.sort();
    let list = pieces.into_iter().map(|(_, piece)| piece + "\n").collect::<String>();
    folder.remove("tokenizer.json");
    folder.write("vocab.txt", &list);
    let model = folder.load().expect("it loads");
    for (text, tokens) in expected.texts.iter().zip(&expected.tokens) {
        assert_eq!(&model.embedding_tokens(text).unwrap(), tokens, "{text:?}");
    }
    assert_eq!(
        model.embedding_tokens("[SEP] cat").unwrap().iter().filter(|id| **id == 3).count(),
        1,
        "text stays text"
    );
    folder.write("vocab.txt", list.replace("[CLS]\n", "x\n"));
    let error = folder.load().expect_err("no [CLS]").to_string();
    assert!(error.contains("[CLS]"), "{error}");
}

#[test]
fn what_is_not_supported_is_named() {
    let check = |what: &str, parts: &[&str], change: &dyn Fn(&Folder)| {
        let folder = bert();
        change(&folder);
        let message = folder.load().expect_err(what).to_string();
        parts.iter().for_each(|part| assert!(message.contains(part), "{what}: {message:?} does not say {part:?}"));
    };
    let pooling = |config: Value| move |folder: &Folder| folder.write("1_Pooling/config.json", config.to_string());
    check(
        "max",
        &["1_Pooling/config.json", "max_tokens", "supported: mean, cls"],
        &pooling(json!({"pooling_mode_max_tokens": true})),
    );
    check(
        "two",
        &["mean_tokens", "cls_token"],
        &pooling(json!({"pooling_mode_cls_token": true, "pooling_mode_mean_tokens": true})),
    );
    check("no pooling", &["1_Pooling/config.json is missing"], &|folder| folder.remove("1_Pooling/config.json"));
    check("dense", &["modules.json", "Dense"], &|folder| {
        folder.edit("modules.json", |m| m[2]["type"] = json!("sentence_transformers.models.Dense"))
    });
    check("outside", &["within the folder"], &|folder| folder.edit("modules.json", |m| m[1]["path"] = json!("../x")));
    check("prompt", &["default_prompt_name"], &|folder| {
        folder.write(
            "config_sentence_transformers.json",
            json!({"default_prompt_name": "q", "prompts": {"q": "query: "}}).to_string(),
        );
    });
    check("length", &["max_seq_length is 0"], &|folder| {
        folder.write("sentence_bert_config.json", "{\"max_seq_length\": 0}")
    });
    for (field, value, part) in [
        ("position_embedding_type", json!("relative_key"), "absolute"),
        ("is_decoder", json!(true), "decoders"),
        ("hidden_act", json!("mish"), "mish"),
        ("num_attention_heads", json!(5), "divide"),
        ("num_attention_heads", json!(32), "heads of 1 values"),
        ("num_hidden_layers", json!(1), "encoder.layer.1"),
        ("type_vocab_size", json!(3), "token_type"),
        ("vocab_size", json!(70), "word_embeddings"),
        ("model_type", json!("roberta"), "supported: llama"),
    ] {
        check(field, &[part], &|folder| folder.edit("config.json", |config| config[field] = value.clone()));
    }
}

#[tokio::test]
async fn it_generates_nothing_and_says_so() {
    let model = load(&fixture());
    let error = model.open_session(OWNER, &[]).expect_err("no sessions");
    assert!(matches!(error, SessionError::CannotGenerate(_)), "{error}");
    assert!(error.to_string().contains("embeds texts (bert)"), "{error}");
    assert_eq!(model.layer_tensors(1).expect("a layer").len(), 16);
}

#[tokio::test]
async fn a_full_line_says_at_which_place_a_text_would_have_been() {
    let config = EngineConfig { queue_len_max: 4, batch_tokens_max: 1, threads: 1, ..config() };
    let model = Model::load(&fixture(), &config, &Silent).expect("the model loads");
    // Eight texts of a request wait together: a line of four is too short for them, whatever was taken meanwhile.
    let mut refused = None;
    for _ in 0..50 {
        let texts = vec!["the cat sat on the mat ".repeat(20); 8];
        refused = refused.or(model.embed(OWNER, texts).await.err());
    }
    let Some(EmbedError::Text { source: EncodeTextError::Overloaded { position: 5 }, .. }) = refused else {
        panic!("{refused:?}")
    };
    assert_eq!(embed(&model, &["a"]).await.len(), 1, "the line is free again");
}
