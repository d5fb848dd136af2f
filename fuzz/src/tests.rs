//! The bodies of the fuzz targets on their seeds and on good files with random damage, and how much memory a header can
//! claim: no more than its file has bytes.

#[path = "../../host-functions/engine/tests/common/largest.rs"]
mod largest;

use crate::{self as targets, seeds};
use largest::{Largest, largest_while};
use realm_test_models::{Quant, SplitMix64, TinyLlama};
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

#[global_allocator]
static ALLOCATOR: Largest = Largest;

/// What a parser may allocate beyond what its file has bytes: tables of a few entries, an error's words.
const SLACK_BYTES: usize = 4 << 10;

fn fixture(path: &str) -> Vec<u8> {
    std::fs::read(format!("{}/../host-functions/engine/tests/fixtures/{path}", env!("CARGO_MANIFEST_DIR")))
        .expect("the fixture is there")
}

fn gguf() -> Vec<u8> {
    TinyLlama { quant: Quant::Q8_0, vocab: 400, ..TinyLlama::default() }.gguf().expect("valid sizes").to_bytes()
}

/// `rounds` copies of `good`, each with some bytes changed, cut out or doubled; the first is as it was.
fn damaged(good: &[u8], rounds: usize, seed: u64, mut run: impl FnMut(&[u8])) {
    run(good);
    let mut random = SplitMix64::new(seed);
    for _ in 0..rounds {
        let mut bytes = good.to_vec();
        for _ in 0..1 + random.below(4) {
            let at = random.below(bytes.len() as u64) as usize;
            let len = (1 + random.below(8) as usize).min(bytes.len() - at);
            match random.below(4) {
                0 => drop(bytes.drain(at..at + len)),
                1 => bytes.extend_from_within(at..at + len),
                2 => bytes[at] ^= 1 << random.below(8),
                _ => bytes[at..at + len].copy_from_slice(&random.next_u64().to_le_bytes()[..len]),
            }
        }
        run(&bytes);
    }
}

/// The names of what lies in a folder, up to the first dot.
fn names(folder: &Path) -> BTreeSet<String> {
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    entries
        .map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned())
        .map(|name| name.split_once('.').map_or(name.clone(), |(stem, _)| stem.to_owned()))
        .collect()
}

#[test]
fn every_target_has_seeds_and_a_file() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let known: BTreeSet<String> = seeds::targets().iter().map(|target| target.name.to_owned()).collect();
    assert_eq!(names(&root.join("fuzz_targets")), known, "fuzz_targets/ and src/seeds/mod.rs name the same targets");
    assert_eq!(names(&root.join("corpus-seed")), known, "a folder of seeds for each target and no other");
}

#[test]
fn seeds_are_as_made() {
    let write = std::env::var_os("REALM_WRITE_SEEDS").is_some();
    for target in seeds::targets() {
        let folder = seeds::folder(target.name);
        if write {
            fs::create_dir_all(&folder).expect("the folder of seeds is writable");
        }
        for (name, bytes) in target.seeds {
            let path = folder.join(&name);
            if write {
                fs::write(&path, &bytes).expect("the folder of seeds is writable");
            }
            let committed = fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            assert!(committed == bytes, "{} differs; REALM_WRITE_SEEDS=1 writes the seeds again", path.display());
        }
    }
}

/// Every seed, those that once failed included.
#[test]
fn seeds_pass() {
    for target in seeds::targets() {
        for name in fs::read_dir(seeds::folder(target.name)).expect("a folder of seeds") {
            let path = name.expect("an entry").path();
            eprintln!("{}", path.display());
            (target.body)(&fs::read(&path).expect("the seed is readable"));
        }
    }
}

/// Models that do not load would leave the targets at the first check of a header.
#[test]
fn model_seeds_load_whole() {
    for target in seeds::targets().into_iter().filter(|target| target.name.ends_with("_load")) {
        for (name, bytes) in target.seeds {
            let folder = tempfile::tempdir().expect("a temporary folder");
            let path = crate::models::write(target.name, folder.path(), &bytes);
            let loaded = crate::models::try_load(&path);
            assert!(loaded.is_ok(), "{name}: {}", loaded.err().map(|error| error.to_string()).unwrap_or_default());
        }
    }
}

#[test]
fn damaged_headers_make_no_panic_and_claim_no_memory() {
    // The weights behind the header do not matter to it.
    let mut good = gguf();
    good.truncate(30_000);
    for (good, target) in [
        (good, targets::gguf_header as fn(&[u8])),
        (fixture("architectures/llama/model.safetensors"), targets::safetensors_header),
    ] {
        damaged(&good, 2_000, 5, |bytes| {
            let largest = largest_while(|| target(bytes));
            assert!(largest <= bytes.len() + SLACK_BYTES, "{largest} bytes for a file of {}", bytes.len());
        });
    }
}

#[test]
fn counts_beyond_the_file_claim_no_memory() {
    let mut lengths: Vec<u64> = (10..64).map(|bit| 1 << bit).collect();
    lengths.push(u64::MAX);
    for len in lengths {
        let number = len.to_le_bytes();
        let counts = [b"GGUF".as_slice(), &3u32.to_le_bytes(), &number, &number].concat();
        // One key: an array of `len` bytes, of strings, or a string of that length.
        let key = |kind: &[u8]| {
            let head = [b"GGUF".as_slice(), &3u32.to_le_bytes(), &0u64.to_le_bytes(), &1u64.to_le_bytes()].concat();
            [head.as_slice(), &1u64.to_le_bytes(), b"k", kind, &number].concat()
        };
        let array = |element: u32| [9u32.to_le_bytes(), element.to_le_bytes()].concat();
        for bytes in [counts, key(&array(0)), key(&array(8)), key(&array(9)), key(&8u32.to_le_bytes())] {
            let largest = largest_while(|| targets::gguf_header(&bytes));
            assert!(largest <= bytes.len() + SLACK_BYTES, "{largest} bytes for a count of {len}");
        }
        let largest = largest_while(|| targets::safetensors_header(&number));
        assert!(largest <= SLACK_BYTES, "{largest} bytes for a header of {len}");
    }
}

#[test]
fn damaged_tokenizers_make_no_panic() {
    for (seed, name) in ["llama", "bert"].into_iter().enumerate() {
        let good = fixture(&format!("architectures/{name}/tokenizer.json"));
        damaged(&good, 300, seed as u64, targets::tokenizer_json);
    }
}

#[test]
fn damaged_templates_make_no_panic() {
    let config: serde_json::Value =
        serde_json::from_slice(&fixture("architectures/llama/tokenizer_config.json")).expect("it is JSON");
    let template = config["chat_template"].as_str().expect("a template");
    damaged(template.as_bytes(), 1_000, 9, targets::chat_template);
}
