//! Seeds of model files: models of one small layer, their headers, tokenizers and templates.

use super::named;
use crate::models::SEPARATOR;
use realm_test_models::{CHAT_TEMPLATE, Gguf, Quant, SplitMix64, TinyLlama, VOCABULARY_LEN_MIN, Value};
use serde_json::{Map, json};

/// Where a header ends and its first tensors begin, more or less.
const HEADER_BYTES: usize = 2_000;

const LLAMA_TOKENIZER: &str =
    include_str!("../../../host-functions/engine/tests/fixtures/architectures/llama/tokenizer.json");
const BERT_TOKENIZER: &str =
    include_str!("../../../host-functions/engine/tests/fixtures/architectures/bert/tokenizer.json");
const TEMPLATES: &str = include_str!("../../../host-functions/engine/tests/fixtures/text/templates.json");
/// Templates of the fixtures that are seeds: between them they use all that the engine adds to Jinja.
const TEMPLATE_NAMES: [&str; 5] = ["llama2", "llama3", "gemma", "phi3", "values"];

pub(super) fn ggufs() -> Vec<(String, Vec<u8>)> {
    let model = |quant, tied| TinyLlama {
        layers: 1,
        hidden: 32,
        heads: 4,
        kv_heads: 2,
        feed_forward: 32,
        vocab: VOCABULARY_LEN_MIN,
        context_length: 64,
        tied,
        quant,
        ..TinyLlama::default()
    };
    let bytes = |quant, tied| model(quant, tied).gguf().expect("the sizes fit").to_bytes();
    vec![named("q4_0", bytes(Quant::Q4_0, true)), named("q8_0", bytes(Quant::Q8_0, true))]
}

pub(super) fn gguf_headers() -> Vec<(String, Vec<u8>)> {
    let mut every_type = Gguf::new();
    every_type.set("general.architecture", "llama");
    every_type.set("a.u32", Value::U32(7));
    every_type.set("a.f32", Value::F32(0.5));
    let mut seeds = vec![named("values", every_type.to_bytes())];
    seeds.extend(ggufs().into_iter().map(|(name, mut bytes)| {
        bytes.truncate(HEADER_BYTES);
        (name, bytes)
    }));
    seeds
}

pub(super) fn tokenizers() -> Vec<(String, Vec<u8>)> {
    let unigram = json!({
        "version": "1.0",
        "added_tokens": [{"id": 0, "content": "<s>", "single_word": false, "lstrip": false, "rstrip": false,
                          "normalized": false, "special": true}],
        "normalizer": {"type": "Sequence", "normalizers": [{"type": "NFKC"}, {"type": "Lowercase"}]},
        "pre_tokenizer": {"type": "Metaspace", "replacement": "\u{2581}", "prepend_scheme": "always", "split": true},
        "decoder": {"type": "Metaspace", "replacement": "\u{2581}", "prepend_scheme": "always", "split": true},
        "model": {"type": "Unigram", "unk_id": 1, "byte_fallback": false,
                  "vocab": [["<s>", 0.0], ["<unk>", 0.0], ["\u{2581}", -2.0], ["a", -1.0], ["b", -1.5], ["ab", -3.0]]},
    });
    vec![
        named("byte_level", compact(LLAMA_TOKENIZER)),
        named("word_piece", compact(BERT_TOKENIZER)),
        named("unigram", unigram.to_string()),
    ]
}

pub(super) fn templates() -> Vec<(String, Vec<u8>)> {
    let all: Vec<serde_json::Value> = serde_json::from_str(TEMPLATES).expect("the fixture is JSON");
    let mut seeds = vec![named("chatml", CHAT_TEMPLATE)];
    for template in all {
        let name = template["name"].as_str().expect("a name");
        if TEMPLATE_NAMES.contains(&name) {
            seeds.push(named(name, template["template"].as_str().expect("a template")));
        }
    }
    seeds
}

pub(super) fn safetensors_headers() -> Vec<(String, Vec<u8>)> {
    let tensors = [("a.weight", vec![4, 8]), ("b.weight", vec![8])];
    vec![named("two", safetensors(&tensors)), named("none", safetensors(&[]))]
}

pub(super) fn folders() -> Vec<(String, Vec<u8>)> {
    vec![named("llama", llama()), named("bert", bert())]
}

fn llama() -> Vec<u8> {
    let config = json!({
        "architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_act": "silu", "hidden_size": 16,
        "head_dim": 8, "num_attention_heads": 2, "num_key_value_heads": 1, "intermediate_size": 16,
        "num_hidden_layers": 1, "max_position_embeddings": 64, "rms_norm_eps": 1e-5, "rope_theta": 10000.0,
        "tie_word_embeddings": true, "vocab_size": 288, "bos_token_id": 285, "eos_token_id": 287,
    });
    let tokenizer_config =
        json!({"bos_token": "<|endoftext|>", "eos_token": "<|im_end|>", "chat_template": CHAT_TEMPLATE});
    let layer = |part: &'static str, shape: &[usize]| (format!("model.layers.0.{part}.weight"), shape.to_vec());
    let tensors = [
        ("model.embed_tokens.weight".to_owned(), vec![288, 16]),
        ("model.norm.weight".to_owned(), vec![16]),
        layer("input_layernorm", &[16]),
        layer("post_attention_layernorm", &[16]),
        layer("self_attn.q_proj", &[16, 16]),
        layer("self_attn.k_proj", &[8, 16]),
        layer("self_attn.v_proj", &[8, 16]),
        layer("self_attn.o_proj", &[16, 16]),
        layer("mlp.gate_proj", &[16, 16]),
        layer("mlp.up_proj", &[16, 16]),
        layer("mlp.down_proj", &[16, 16]),
    ];
    folder(&config, &tokenizer_config, LLAMA_TOKENIZER, &tensors)
}

fn bert() -> Vec<u8> {
    let config = json!({
        "architectures": ["BertModel"], "model_type": "bert", "hidden_act": "gelu", "hidden_size": 16,
        "num_attention_heads": 2, "intermediate_size": 16, "num_hidden_layers": 1, "max_position_embeddings": 16,
        "layer_norm_eps": 1e-12, "type_vocab_size": 2, "vocab_size": 69, "pad_token_id": 0,
    });
    let mut tensors = vec![
        ("embeddings.word_embeddings.weight".to_owned(), vec![69, 16]),
        ("embeddings.position_embeddings.weight".to_owned(), vec![16, 16]),
        ("embeddings.token_type_embeddings.weight".to_owned(), vec![2, 16]),
        ("embeddings.LayerNorm.weight".to_owned(), vec![16]),
        ("embeddings.LayerNorm.bias".to_owned(), vec![16]),
    ];
    for part in [
        "attention.self.query",
        "attention.self.key",
        "attention.self.value",
        "attention.output.dense",
        "intermediate.dense",
        "output.dense",
    ] {
        tensors.push((format!("encoder.layer.0.{part}.weight"), vec![16, 16]));
        tensors.push((format!("encoder.layer.0.{part}.bias"), vec![16]));
    }
    for part in ["attention.output.LayerNorm", "output.LayerNorm"] {
        tensors.push((format!("encoder.layer.0.{part}.weight"), vec![16]));
        tensors.push((format!("encoder.layer.0.{part}.bias"), vec![16]));
    }
    folder(&config, &json!({}), BERT_TOKENIZER, &tensors)
}

/// The files of a folder as one input, in the order of [`crate::models::FILES`].
fn folder(
    config: &serde_json::Value,
    tokenizer_config: &serde_json::Value,
    tokenizer: &str,
    tensors: &[(String, Vec<usize>)],
) -> Vec<u8> {
    let tensors: Vec<_> = tensors.iter().map(|(name, shape)| (name.as_str(), shape.clone())).collect();
    let files = [
        config.to_string().into_bytes(),
        tokenizer_config.to_string().into_bytes(),
        compact(tokenizer).into_bytes(),
        safetensors(&tensors),
    ];
    files.join(SEPARATOR)
}

/// A file of these tensors, stored as f16 with random small values.
fn safetensors(tensors: &[(&str, Vec<usize>)]) -> Vec<u8> {
    let (mut header, mut data, mut random) = (Map::new(), Vec::<u8>::new(), SplitMix64::new(1));
    for (name, shape) in tensors {
        let begin = data.len();
        for _ in 0..shape.iter().product() {
            // f16 from 0.125 to 0.25, either sign.
            let bits = 0x3000 | (random.next_u64() as u16 & 0x83ff);
            data.extend(bits.to_le_bytes());
        }
        header.insert((*name).to_owned(), json!({"dtype": "F16", "shape": shape, "data_offsets": [begin, data.len()]}));
    }
    let header = serde_json::Value::Object(header).to_string();
    [&(header.len() as u64).to_le_bytes(), header.as_bytes(), &data].concat()
}

/// JSON without blanks.
fn compact(json: &str) -> String {
    let json: serde_json::Value = serde_json::from_str(json).expect("the fixture is JSON");
    json.to_string()
}
