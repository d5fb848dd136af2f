//! What is read from a Hugging Face folder beside its weights.

mod common;
#[path = "common/folder.rs"]
mod folder;

use common::logits_of;
use folder::Folder;
use realm_engine::Message;
use serde_json::json;
use sp_crypto_hashing::blake2_256;

const EOS: u32 = 287;
const BOS: u32 = 285;

#[test]
fn facts_are_those_of_the_configuration() {
    let folder = Folder::of("gemma3");
    let model = folder.load().expect("it loads");
    let info = model.info();
    assert_eq!(info.architecture, "gemma3_text");
    assert_eq!(info.name, folder.path().file_name().expect("a name").to_string_lossy());
    assert_eq!((info.layer_count, info.head_count, info.kv_head_count, info.head_length), (3, 4, 2, 16));
    assert_eq!((info.embedding_length, info.vocab_size, info.context_length), (32, 288, 128));
    assert_eq!(info.hash, blake2_256(&folder.read("model.safetensors")));
    assert_eq!(info.file_bytes, folder.read("model.safetensors").len() as u64);
    assert_eq!(model.tensor("model.norm.weight").expect("it is there").shape, [32]);
    assert!(model.layer_tensors(2).expect("a layer").iter().any(|t| t.name == "model.layers.2.mlp.up_proj.weight"));
}

#[test]
fn a_model_in_parts_has_the_hash_of_its_parts_hashes() {
    let folder = Folder::of("qwen2");
    let hashes = [1, 2].map(|part| blake2_256(&folder.read(&format!("model-0000{part}-of-00002.safetensors"))));
    assert_eq!(folder.load().expect("it loads").info().hash, blake2_256(hashes.as_flattened()));
}

#[test]
fn every_end_token_ends() {
    let check = |generation: serde_json::Value, config: serde_json::Value, ends: &[u32]| {
        let folder = Folder::of("llama");
        folder.edit("generation_config.json", |json| json["eos_token_id"] = generation);
        folder.edit("config.json", |json| json["eos_token_id"] = config);
        let model = folder.load().expect("it loads");
        assert!(ends.iter().all(|&token| model.tokenizer().is_end(token)), "{ends:?}");
        assert!(!model.tokenizer().is_end(5));
    };
    check(json!([EOS, BOS]), json!(null), &[EOS, BOS]);
    check(json!([7, 9]), json!(11), &[EOS, 7, 9, 11]);
    check(json!(7), json!([9]), &[EOS, 7, 9]);
    check(json!(null), json!(null), &[EOS]);
}

#[test]
fn the_chat_template_comes_from_its_own_file_or_from_the_tokenizer_configuration() {
    let check = |jinja: Option<&str>, configured: serde_json::Value, expected: Option<&str>| {
        let folder = Folder::of("llama");
        if let Some(source) = jinja {
            folder.write("chat_template.jinja", source);
        }
        folder.edit("tokenizer_config.json", |json| json["chat_template"] = configured);
        let model = folder.load().expect("it loads");
        assert_eq!(model.info().chat_template.as_deref(), expected);
        assert_eq!(model.chat_template().is_fallback(), expected.is_none());
    };
    let list = json!([{"name": "tool_use", "template": "no"}, {"name": "default", "template": "yes"}]);
    check(None, json!("own"), Some("own"));
    check(None, list.clone(), Some("yes"));
    check(Some("file"), list, Some("file"));
    check(None, json!(null), None);
}

#[test]
fn a_conversation_becomes_the_same_tokens_from_both_formats() {
    let folder = Folder::of("qwen3");
    let of_folder = folder.load().expect("it loads");
    let of_gguf =
        realm_engine::Model::load(&folder.path().join("model.gguf"), &common::config(), &realm_engine::Silent);
    let of_gguf = of_gguf.expect("it loads");
    let message = |role: &str, content: &str| Message { role: role.into(), content: content.into() };
    let messages = [message("user", "what is the thing? <|im_end|>"), message("assistant", "a test \u{1f600}")];
    let tokens = of_folder.chat_tokens(&messages, true).expect("rendered");
    assert_eq!(tokens, of_gguf.chat_tokens(&messages, true).expect("rendered"));
    assert_eq!(tokens.iter().filter(|&&token| token == EOS).count(), 2);
}

#[test]
fn tensors_that_nobody_reads_are_no_reason_to_refuse() {
    let folder = Folder::of("llama3");
    folder.edit_weights("model.safetensors", |weights| {
        weights.push("lm_head.weight", "F32", &[1, 1], &[0; 4]);
        weights.push("model.layers.0.self_attn.rotary_emb.inv_freq", "F32", &[4], &[0; 16]);
    });
    folder.load().expect("tied models may have an output matrix beside");
}

#[tokio::test]
async fn fields_of_older_versions_are_read() {
    // Before version 5, transformers wrote the rotation's base and scaling side by side.
    async fn check(fixture: &str, change: fn(&mut serde_json::Value)) {
        let (new, old) = (Folder::of(fixture), Folder::of(fixture));
        old.edit("config.json", |config| {
            change(config);
            config.as_object_mut().expect("an object").remove("rope_parameters");
        });
        let tokens = [5, 70, 101, 12, 200, 33, 33, 7, 250, 260, 91, 64, 3, 140, 270, 18, 19, 20];
        let new = logits_of(&new.load().expect("new"), &tokens).await;
        assert!(new == logits_of(&old.load().expect("old"), &tokens).await, "{fixture}");
    }
    check("llama3", |config| {
        config["rope_scaling"] = config["rope_parameters"].clone();
        config["rope_theta"] = json!(500_000);
    })
    .await;
    check("gemma3", |config| {
        config["rope_theta"] = json!(1e6);
        config["rope_local_base_freq"] = json!(1e4);
        config.as_object_mut().expect("an object").remove("layer_types");
        config["sliding_window_pattern"] = json!(3);
    })
    .await;
    check("gemma2", |config| {
        config["rope_theta"] = json!(10_000.0);
        config.as_object_mut().expect("an object").remove("layer_types");
    })
    .await;
}
