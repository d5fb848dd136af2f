//! Folders that are damaged, incomplete, or of models that are not supported: each one is an error that names the file
//! or the field and what is wrong with it, and none is a panic.

mod common;
#[path = "common/folder.rs"]
mod folder;

use folder::{Folder, Weights, file};
use realm_engine::huggingface::check_safetensors;
use realm_test_models::SplitMix64;
use serde_json::{Value, json};

const WEIGHTS: &str = "model.safetensors";
const INDEX: &str = "model.safetensors.index.json";

/// Loading fails, and the message has all `parts` in it.
fn check(what: &str, folder: &Folder, parts: &[&str]) {
    let message = folder.load().expect_err(what).to_string();
    for part in parts {
        assert!(message.contains(part), "{what}: {message:?} does not say {part:?}");
    }
}

/// As [`check`], for a folder with one change.
fn check_changed(what: &str, parts: &[&str], change: impl FnOnce(&Folder)) {
    let folder = Folder::of("llama");
    change(&folder);
    check(what, &folder, parts);
}

fn check_weights(what: &str, parts: &[&str], change: impl FnOnce(&mut Weights)) {
    check_changed(what, parts, |folder| folder.edit_weights(WEIGHTS, change));
}

fn check_config(fixture: &str, field: &str, value: Value, part: &str) {
    let folder = Folder::of(fixture);
    folder.edit("config.json", |config| config[field] = value.clone());
    check(&format!("{field} is {value}"), &folder, &[part]);
}

#[test]
fn files_that_are_missing_or_no_json_are_named() {
    for (name, part) in [
        ("config.json", "config.json is missing"),
        ("tokenizer.json", "tokenizer.json is missing"),
        (WEIGHTS, "neither model.safetensors nor"),
    ] {
        check_changed(name, &[part], |folder| folder.remove(name));
    }
    for name in ["config.json", "tokenizer.json", "tokenizer_config.json", "generation_config.json"] {
        for text in ["", "{\"a\": ", "no", "{\"a\": \u{1}}"] {
            check_changed(name, &[name], |folder| folder.write(name, text));
        }
    }
    check_changed("a list", &["config.json: model_type is missing"], |folder| folder.write("config.json", "[1]"));
    check_changed("a template without an end", &["template"], |folder| folder.write("chat_template.jinja", "{% if"));
    check_changed("not UTF-8", &["chat_template.jinja"], |folder| folder.write("chat_template.jinja", b"\xff"));
    for value in [json!("x"), json!(-1), json!([1, 2.5]), json!(1u64 << 40)] {
        check_changed("eos", &["generation_config.json: eos_token_id"], |folder| {
            folder.edit("generation_config.json", |json| json["eos_token_id"] = value.clone());
        });
    }
}

#[test]
fn configurations_without_sense_are_refused() {
    for field in [
        "model_type",
        "hidden_size",
        "num_attention_heads",
        "num_hidden_layers",
        "intermediate_size",
        "vocab_size",
        "max_position_embeddings",
        "rms_norm_eps",
    ] {
        check_config("llama", field, Value::Null, &format!("config.json: {field} is missing"));
    }
    for field in ["hidden_size", "vocab_size", "num_hidden_layers", "head_dim", "num_key_value_heads"] {
        for value in [json!(0), json!(-2), json!("32"), json!(2.5), json!(1u64 << 60), json!([1])] {
            check_config("llama", field, value, &format!("config.json: {field} is"));
        }
    }
    check_config("llama", "num_hidden_layers", json!(1_000_000), "fewer tensors than layers");
    check_config("llama", "num_key_value_heads", json!(3), "must divide");
    check_config("llama", "rms_norm_eps", json!(0), "rms_norm_eps");
    check_config("llama", "rope_parameters", json!(5), "rope_parameters");
    check_config("llama", "rope_parameters", json!({"rope_theta": -1}), "rope_theta");
    check_config("llama", "rope_parameters", json!({"rope_type": 1}), "rope_type");
    check_config("llama", "rope_parameters", json!({"rope_type": "linear"}), "factor is missing");
    check_config("phi3", "rope_parameters", json!({"partial_rotary_factor": 0.4}), "partial_rotary_factor");
    check_config("llama3", "rope_parameters", json!({"rope_type": "llama3"}), "low_freq_factor is missing");
    let yarn = |field: &str, value: Value| {
        let mut parameters = json!({"rope_type": "yarn", "factor": 4, "original_max_position_embeddings": 64});
        parameters[field] = value;
        check_config("yarn", "rope_parameters", parameters, field);
    };
    yarn("factor", json!(0.5));
    yarn("original_max_position_embeddings", Value::Null);
    yarn("mscale", json!(0.7));
    yarn("truncate", json!(false));
    let long = |field: &str, value: Value, part: &str| {
        let folder = Folder::of("longrope");
        folder.edit("config.json", |config| {
            config["original_max_position_embeddings"] = Value::Null;
            config["rope_parameters"][field] = value.clone();
        });
        check(&format!("longrope, {field} is {value}"), &folder, &[part]);
    };
    long("long_factor", json!([1.0, 2.0, 4.0]), "long_factor is 3");
    long("long_factor", json!([1.0, 2.0, 4.0, 0.0]), "long_factor");
    long("short_factor", json!(["a", 1, 1, 1]), "short_factor");
    long("short_factor", Value::Null, "short_factor is missing");
    long("original_max_position_embeddings", Value::Null, "original_max_position_embeddings is missing");
    long("attention_factor", json!(-1), "attention_factor");
    check_config("llama", "tie_word_embeddings", json!(1), "tie_word_embeddings");
    check_config("mistral", "sliding_window", json!(0), "sliding_window");
    check_config("gemma2", "layer_types", json!(["full_attention"]), "one entry for each layer");
    check_config("gemma3", "layer_types", json!(["full_attention", "full_attention", "linear"]), "linear");
}

#[test]
fn what_is_not_supported_is_named() {
    check_config("llama", "model_type", json!("mamba"), "\"mamba\" is not supported; supported: llama, mistral");
    check_config("gemma3", "model_type", json!("gemma3"), "\"gemma3\" is not supported");
    check_config("llama", "hidden_act", json!("quick_gelu"), "activation \"quick_gelu\"");
    check_config("gemma2", "hidden_activation", json!("gelu_10"), "activation \"gelu_10\"");
    for kind in ["dynamic", "ntk", "mrope"] {
        check_config("phi3", "rope_parameters", json!({"rope_type": kind}), &format!("rope scaling {kind:?}"));
    }
    check_config("phi3", "quantization_config", json!({"quant_method": "gptq"}), "quantised by gptq");
    check_config("llama", "attention_bias", json!(true), "attention_bias");
    check_config("llama", "mlp_bias", json!(true), "mlp_bias");
    check_config("gemma3", "use_bidirectional_attention", json!(true), "use_bidirectional_attention");
    for dtype in ["I64", "F8_E4M3", "F64", "BOOL"] {
        check_weights(dtype, &["\"extra\" has the type", dtype], |weights| {
            weights.push("extra", dtype, &[1], &[0; 8]);
        });
    }
}

#[test]
fn damaged_weight_files_are_refused() {
    let rewritten = |what: &str, part: &str, bytes: &[u8]| {
        check_changed(what, &[WEIGHTS, part], |folder| folder.write(WEIGHTS, bytes));
    };
    rewritten("empty", "0 bytes", b"");
    rewritten("shorter than a length", "5 bytes", b"12345");
    for len in [u64::MAX, 1 << 63, 1 << 40, 100_000_001] {
        rewritten("an absurd length", "the header is said to have", &file(len, "{}", b""));
    }
    rewritten("a length beyond the end", "ends within the header", &file(1_000, "{}", b""));
    let with_header = |what: &str, part: &str, header: &str, data: &[u8]| {
        rewritten(what, part, &file(header.len() as u64, header, data));
    };
    with_header("no JSON", "the header", "{\"a\":", b"");
    with_header("a list", "table of tensors", "[]", b"");
    with_header("not UTF-8", "the header", "{\"\u{0}\":1}", b"");
    with_header("nested too deep", "the header", &"[".repeat(10_000), b"");
    with_header("an entry without a type", "dtype", r#"{"a":{"shape":[1],"data_offsets":[0,4]}}"#, &[0; 4]);
    with_header("one offset", "the header", r#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0]}}"#, &[0; 4]);
    let entry = |shape: &str, start: u64, end: u64| {
        format!(r#"{{"dtype":"F32","shape":{shape},"data_offsets":[{start},{end}]}}"#)
    };
    let with_entry = |what: &str, part: &str, entry: String, data: &[u8]| {
        with_header(what, part, &format!("{{\"a\":{entry}}}"), data);
    };
    with_entry("a negative dimension", "the header", entry("[-1]", 0, 4), &[0; 4]);
    with_entry("an overflow", "impossible shape", entry("[4294967296,4294967296]", 0, 4), &[0; 4]);
    with_entry("no values", "impossible shape", entry("[0]", 0, 0), b"");
    with_entry("offsets reversed", "lies at 4 to 0", entry("[1]", 4, 0), &[0; 4]);
    with_entry("beyond the end", "lies at 0 to 8", entry("[2]", 0, 8), &[0; 4]);
    with_entry("an enormous offset", "lies at", entry("[1]", u64::MAX - 4, u64::MAX), &[0; 4]);
    with_entry("another size", "takes 8 bytes, but has 4", entry("[2]", 0, 4), &[0; 4]);
    with_entry("a gap at the beginning", "begins at 4", entry("[1]", 4, 8), &[0; 8]);
    with_entry("bytes behind the last tensor", "but the file has 8 bytes", entry("[1]", 0, 4), &[0; 8]);
    with_entry("nine dimensions", "up to 8 dimensions", entry("[1,1,1,1,1,1,1,1,1]", 0, 4), &[0; 4]);
    let many: Vec<String> = (0..65_537u64).map(|i| format!("\"{i}\":{}", entry("[1]", 4 * i, 4 * i + 4))).collect();
    with_header(
        "many tensors",
        "more than 65536 tensors",
        &format!("{{{}}}", many.join(",")),
        &vec![0; 4 * many.len()],
    );
    let two = |second: String| format!("{{\"a\":{},\"b\":{second}}}", entry("[2]", 0, 8));
    with_header("an overlap", "begins at 4", &two(entry("[2]", 4, 12)), &[0; 12]);
    with_header("a gap", "begins at 12", &two(entry("[1]", 12, 16)), &[0; 16]);
    let twice = format!("{{\"a\":{},\"a\":{}}}", entry("[1]", 0, 4), entry("[1]", 4, 8));
    with_header("twice", "\"a\" occurs twice", &twice, &[0; 8]);
}

#[test]
fn tensors_that_do_not_fit_the_configuration_are_refused() {
    check_weights("a tensor is missing", &["model.norm.weight", "missing"], |weights| {
        let norm = weights.header.remove("model.norm.weight").expect("it is there");
        weights.header.insert("model.layers.0.self_attn.rotary_emb.inv_freq".into(), norm);
    });
    check_weights("another shape", &["model.norm.weight", "[4, 8]", "[32]"], |weights| {
        weights.header["model.norm.weight"]["shape"] = json!([4, 8]);
    });
    check_weights("a stranger", &["\"model.layers.0.mlp.gate.weight\" has no place"], |weights| {
        weights.push("model.layers.0.mlp.gate.weight", "F32", &[1], &[0; 4]);
    });
    check_weights("not a number", &["model.norm.weight", "not finite"], |weights| {
        let (start, end) = weights.offsets("model.norm.weight");
        weights.data[start..end].fill(0xff);
    });
    check_changed("fewer layers", &["model.layers.1"], |folder| {
        folder.edit("config.json", |config| config["num_hidden_layers"] = json!(1));
    });
    check_changed("more layers", &["model.layers.2"], |folder| {
        folder.edit("config.json", |config| config["num_hidden_layers"] = json!(3));
    });
    let untied = Folder::of("llama3");
    untied.edit("config.json", |config| config["tie_word_embeddings"] = json!(false));
    check("no output matrix", &untied, &["lm_head.weight", "missing"]);
}

#[test]
fn indexes_that_do_not_fit_the_files_are_refused() {
    let second = "model-00002-of-00002.safetensors";
    let check_parts = |what: &str, parts: &[&str], change: &dyn Fn(&Folder)| {
        let folder = Folder::of("qwen2");
        change(&folder);
        check(what, &folder, parts);
    };
    check_parts("a missing part", &[second, "is missing"], &|folder| folder.remove(second));
    check_parts("a part that was cut off", &[second, "lies at"], &|folder| {
        let bytes = folder.read(second);
        folder.write(second, &bytes[..bytes.len() - 1]);
    });
    check_parts("the first part in the second's place", &["is in", "and in"], &|folder| {
        folder.write(second, folder.read("model-00001-of-00002.safetensors"));
    });
    check_parts("no JSON", &[INDEX], &|folder| folder.write(INDEX, "{"));
    check_parts("no map", &[INDEX, "weight_map"], &|folder| folder.write(INDEX, "{}"));
    check_parts("an empty map", &["neither"], &|folder| folder.write(INDEX, r#"{"weight_map":{}}"#));
    check_parts("a tensor that is not there", &[second, "no tensor \"absent.weight\""], &|folder| {
        folder.edit(INDEX, |index| index["weight_map"]["absent.weight"] = json!(second));
    });
    for name in ["../model.safetensors", "/etc/passwd", "a/b", "..", ".", "", "model-00001-of-00002.safetensors/"] {
        check_parts("a path", &[INDEX, "no plain file name"], &|folder| {
            folder.edit(INDEX, |index| index["weight_map"]["model.norm.weight"] = json!(name));
        });
    }
}

#[test]
fn random_damage_to_the_header_makes_no_panic() {
    let good = Folder::of("llama").read(WEIGHTS);
    assert_eq!(check_safetensors(&good).expect("nothing is wrong with it"), 21);
    let mut random = SplitMix64::new(12);
    for _ in 0..3_000 {
        let mut bytes = good.clone();
        for _ in 0..1 + random.below(4) {
            let at = random.below(2_000) as usize;
            bytes[at] = random.next_u64() as u8;
        }
        // What it says does not matter; that it answers does.
        let _ = check_safetensors(&bytes);
    }
    for len in (0..good.len()).step_by(997) {
        check_safetensors(&good[..len]).expect_err("it was cut off");
    }
}
