//! Files that are not what they should be: each gives an error that says what is wrong, and no panic.
//!
//! Each case is a small change to a good file, named by what it breaks.

use std::path::PathBuf;

use realm_engine::gguf::check_header;
use realm_engine::{EngineConfig, LoadError, Model, Silent};
use realm_test_models::{Gguf, Quant, SplitMix64, TinyLlama, Value};

fn good() -> Gguf {
    TinyLlama { quant: Quant::Q8_0, vocab: 400, ..TinyLlama::default() }.gguf().expect("valid sizes")
}

fn load(bytes: &[u8]) -> Result<(), LoadError> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("damaged.gguf");
    std::fs::write(&path, bytes).expect("written");
    let config = EngineConfig { threads: 1, kv_bytes_max: 1 << 20, ..EngineConfig::default() };
    Model::load(&path, &config, &Silent).map(drop)
}

/// Loading fails, and the message has `part` in it.
fn check(what: &str, bytes: &[u8], part: &str) {
    let message = load(bytes).expect_err(what).to_string();
    assert!(message.contains(part), "{what}: {message:?} does not say {part:?}");
}

/// As [`check`], for a file with one change.
fn check_changed(what: &str, part: &str, change: impl FnOnce(&mut Gguf)) {
    let mut file = good();
    change(&mut file);
    check(what, &file.to_bytes(), part);
}

/// A file with one number overwritten, at `offset` behind the place where `name` stands.
fn overwritten(name: &str, offset: usize, with: &[u8]) -> Vec<u8> {
    let mut bytes = good().to_bytes();
    let at = bytes.windows(name.len()).position(|window| window == name.as_bytes()).expect("the name is there");
    let at = at + name.len() + offset;
    bytes[at..at + with.len()].copy_from_slice(with);
    bytes
}

#[test]
fn the_undamaged_file_loads() {
    load(&good().to_bytes()).expect("nothing is wrong with it");
}

#[test]
fn what_is_not_a_model_is_refused() {
    check("an empty file", b"", "magic");
    check("three bytes", b"GGU", "magic");
    check("a text", b"Once upon a time, there was a little girl", "not a GGUF file");
    check("version 1", &[b"GGUF".as_slice(), &1u32.to_le_bytes(), &[0; 16]].concat(), "version 1");
    check("version 4", &[b"GGUF".as_slice(), &4u32.to_le_bytes(), &[0; 16]].concat(), "version 4");
    check("big-endian", &[b"GGUF".as_slice(), &3u32.to_be_bytes(), &[0; 16]].concat(), "big-endian");
    check("nothing in it", &[b"GGUF".as_slice(), &3u32.to_le_bytes(), &[0; 16]].concat(), "general.architecture");
    let folder = tempfile::tempdir().expect("a temporary folder");
    for path in [folder.path().to_owned(), folder.path().join("absent.gguf"), PathBuf::from("/dev/null")] {
        Model::load(&path, &EngineConfig::default(), &Silent).expect_err("not a file");
    }
}

#[test]
fn enormous_counts_and_lengths_are_refused() {
    let header = |tensors: u64, keys: u64| {
        [b"GGUF".as_slice(), &3u32.to_le_bytes(), &tensors.to_le_bytes(), &keys.to_le_bytes()].concat()
    };
    check("tensor count", &header(u64::MAX, 0), "18446744073709551615 tensors");
    check("key count", &header(0, u64::MAX), "18446744073709551615 keys");
    check("keys that are not there", &header(0, 60_000), "key 0 of 60000");
    check("tensors that are not there", &header(60_000, 0), "tensor 0 of 60000");
    for len in [u64::MAX, 1 << 63, 1 << 40, 1 << 32] {
        let with = &len.to_le_bytes();
        check("string length", &overwritten("general.name", 4, with), "general.name");
        check("array length", &overwritten("tokenizer.ggml.scores", 8, with), "tokenizer.ggml.scores");
        check("array of strings length", &overwritten("tokenizer.ggml.tokens", 8, with), "tokenizer.ggml.tokens");
        check("dimension", &overwritten("output_norm.weight", 4, with), "output_norm.weight");
        check(
            "tensor offset",
            &overwritten("output_norm.weight", 16, &(len & !31).to_le_bytes()),
            "output_norm.weight",
        );
    }
}

#[test]
fn impossible_types_are_refused() {
    check("value type", &overwritten("general.name", 0, &99u32.to_le_bytes()), "unknown value type 99");
    check("element type", &overwritten("tokenizer.ggml.scores", 4, &77u32.to_le_bytes()), "unknown value type 77");
    check("tensor type", &overwritten("output_norm.weight", 12, &16u32.to_le_bytes()), "IQ2_XXS");
    check("unknown tensor type", &overwritten("output_norm.weight", 12, &1_000u32.to_le_bytes()), "number 1000");
    check("dimension count", &overwritten("output_norm.weight", 0, &5u32.to_le_bytes()), "5 dimensions");
    check("no dimensions", &overwritten("output_norm.weight", 0, &0u32.to_le_bytes()), "0 dimensions");
    check("a dimension of 0", &overwritten("output_norm.weight", 4, &0u64.to_le_bytes()), "impossible dimensions");
    check("a partial block", &overwritten("output_norm.weight", 12, &12u32.to_le_bytes()), "no multiple of 256");
}

#[test]
fn tensors_out_of_place_are_refused() {
    check("misaligned", &overwritten("output_norm.weight", 16, &33u64.to_le_bytes()), "alignment");
    check("overlapping", &overwritten("output_norm.weight", 16, &0u64.to_le_bytes()), "overlap");
    check_changed("twice", "twice", |file| {
        let tensor = file.tensors_mut()[0].clone();
        file.push(tensor);
    });
    check_changed("no embedding", "token_embd.weight", |file| drop(file.tensors_mut().remove(0)));
    check_changed("another shape", "[2, 64]", |file| {
        let norm = &mut file.tensors_mut()[1];
        (norm.shape, norm.values) = (vec![2, 64], vec![1.0; 128]);
    });
    check_changed("a stranger", "has no place", |file| {
        let mut tensor = file.tensors_mut()[1].clone();
        tensor.name = "blk.0.ffn_gate_exps.weight".into();
        file.push(tensor);
    });
    check_changed("NaN in a norm", "not finite", |file| file.tensors_mut()[1].values[5] = f32::NAN);
    check_changed("infinity in a matrix", "not finite", |file| {
        file.tensors_mut()[0].values[100] = f32::INFINITY;
        file.tensors_mut()[0].quant = Quant::F32;
    });
}

#[test]
fn metadata_without_sense_is_refused() {
    let missing = |key: &str| check_changed(key, key, |file| file.remove(key));
    missing("general.architecture");
    missing("llama.embedding_length");
    missing("llama.block_count");
    missing("llama.attention.head_count");
    missing("llama.feed_forward_length");
    missing("llama.context_length");
    missing("llama.attention.layer_norm_rms_epsilon");
    missing("tokenizer.ggml.tokens");
    let other = |key: &str, value: Value| {
        check_changed(key, key.rsplit('.').next().unwrap_or(key), |file| file.set(key, value))
    };
    other("llama.embedding_length", Value::U32(0));
    other("llama.embedding_length", Value::from("64"));
    other("llama.embedding_length", Value::U32(u32::MAX));
    other("llama.block_count", Value::U32(1_000_000));
    other("llama.block_count", Value::I32(-2));
    other("llama.attention.head_count", Value::U32(5));
    other("llama.attention.head_count_kv", Value::U32(3));
    other("llama.attention.layer_norm_rms_epsilon", Value::F32(f32::NAN));
    other("llama.rope.freq_base", Value::F32(-1.0));
    other("llama.rope.dimension_count", Value::U32(7));
    other("general.alignment", Value::U32(3));
    check_changed("architecture", "mamba", |file| file.set("general.architecture", "mamba"));
    check_changed("rope kind", "longrope", |file| file.set("llama.rope.scaling.type", "longrope"));
    check_changed("experts", "8 experts", |file| file.set("llama.expert_count", Value::U32(8)));
    check_changed("fewer layers than tensors", "blk.1", |file| file.set("llama.block_count", Value::U32(1)));
    check_changed("more layers than tensors", "blk.2", |file| file.set("llama.block_count", Value::U32(3)));
}

#[test]
fn a_file_cut_anywhere_is_refused() {
    let bytes = good().to_bytes();
    for len in (0..bytes.len() - 32).step_by(4_999).chain(0..200) {
        assert!(check_header(&bytes[..len]).is_err(), "{len} of {} bytes", bytes.len());
    }
    check("the last tensor's end is cut off", &bytes[..bytes.len() - 40], "but the file has");
}

#[test]
fn random_damage_to_the_header_makes_no_panic() {
    let good = good().to_bytes();
    let mut random = SplitMix64::new(11);
    for _ in 0..3_000 {
        let mut bytes = good.clone();
        for _ in 0..1 + random.below(4) {
            // The header is some 20 KiB; half of the damage goes to its first part.
            let within = if random.below(2) == 0 { 1_500 } else { 25_000 };
            let at = random.below(within) as usize;
            let value = random.next_u64().to_le_bytes();
            let len = 1 + random.below(8) as usize;
            bytes[at..at + len].copy_from_slice(&value[..len]);
        }
        // What it says does not matter; that it answers does.
        let _ = check_header(&bytes);
    }
}
