//! Pulling models from a hub that is a small HTTP server on this machine.

use realm_engine::hub::{HubConfig, HubError, HubRef, PullProgress, Unobserved, pull, resolve};
use realm_test_models::hub::{COMMIT, Content, Hub, hex};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

fn config_of(hub: &Hub, cache: &Path) -> HubConfig {
    HubConfig { endpoint: Some(hub.endpoint.clone()), token: None, cache: cache.to_owned(), offline: false }
}

fn reference(text: &str) -> HubRef {
    text.parse().expect("a valid reference")
}

fn files(names: &[&'static str]) -> BTreeMap<&'static str, Vec<u8>> {
    names.iter().map(|&name| (name, name.repeat(500).into_bytes())).collect()
}

#[derive(Default)]
struct Recorded(Mutex<Vec<(String, u64, u64)>>);

impl PullProgress for Recorded {
    fn advance(&self, file: &str, done: u64, total: u64) {
        self.0.lock().expect("not poisoned").push((file.to_owned(), done, total));
    }
}

#[test]
fn a_file_is_fetched_once_and_found_again() {
    let hub = Hub::start(Content { files: files(&["m.gguf", "README.md"]), ..Default::default() });
    let cache = tempfile::tempdir().expect("a folder");
    let config = config_of(&hub, cache.path());
    let recorded = Recorded::default();
    let path = pull(&reference("hf:o/n"), &config, &recorded).expect("pulled");
    assert_eq!(std::fs::read(&path).expect("readable"), "m.gguf".repeat(500).into_bytes());
    assert!(path.starts_with(cache.path().join("models--o--n").join("snapshots").join(COMMIT)), "{path:?}");
    let recorded = recorded.0.into_inner().expect("not poisoned");
    assert_eq!(
        (recorded.first(), recorded.last()),
        (Some(&("m.gguf".into(), 0, 3_000)), Some(&("m.gguf".into(), 3_000, 3_000)))
    );
    assert_eq!(pull(&reference("hf:o/n:m.gguf"), &config, &Unobserved).expect("pulled"), path);
    assert_eq!(hub.transfers("m.gguf").len(), 1);
    // Also without a network.
    let offline = HubConfig { offline: true, ..config };
    assert_eq!(resolve(&reference("hf:o/n:m.gguf"), &offline, &Unobserved).expect("cached"), path);
    assert_eq!(resolve(&reference("hf:o/n"), &offline, &Unobserved).expect("the only one"), path);
    assert_eq!(pull(&reference("hf:o/n"), &offline, &Unobserved).expect("the only one"), path);
    let error = resolve(&reference("hf:o/n:other.gguf"), &offline, &Unobserved).expect_err("not cached").to_string();
    assert_eq!(error, "hf:o/n:other.gguf is not in the cache, and HF_HUB_OFFLINE forbids to fetch it");
}

#[test]
fn a_transfer_goes_on_where_it_stopped() {
    let content = Content { files: files(&["m.gguf"]), ..Default::default() };
    let body = content.files["m.gguf"].clone();
    let hub = Hub::start(content);
    let cache = tempfile::tempdir().expect("a folder");
    let blobs = cache.path().join("models--o--n").join("blobs");
    std::fs::create_dir_all(&blobs).expect("a folder");
    std::fs::write(blobs.join(format!("{}.part", hex(&Sha256::digest(&body)))), &body[..1_000]).expect("written");
    let path = pull(&reference("hf:o/n:m.gguf"), &config_of(&hub, cache.path()), &Unobserved).expect("pulled");
    assert_eq!(std::fs::read(path).expect("readable"), body);
    assert_eq!(hub.transfers("m.gguf"), ["bytes=1000-"]);
}

#[test]
fn damaged_bytes_are_not_kept() {
    let hub = Hub::start(Content { files: files(&["m.gguf"]), damaged: Some("m.gguf"), ..Default::default() });
    let cache = tempfile::tempdir().expect("a folder");
    for _ in 0..2 {
        let error = pull(&reference("hf:o/n"), &config_of(&hub, cache.path()), &Unobserved).expect_err("damaged");
        assert!(matches!(&error, HubError::Checksum { file, .. } if file == "m.gguf"), "{error}");
    }
}

#[test]
fn a_folder_of_safetensors_comes_with_what_belongs_to_it() {
    let names = [
        "config.json",
        "model-1.safetensors",
        "model-2.safetensors",
        "model.safetensors.index.json",
        "tokenizer.json",
        "1_Pooling/config.json",
        "onnx/model.onnx",
    ];
    let hub = Hub::start(Content { files: files(&names), ..Default::default() });
    let cache = tempfile::tempdir().expect("a folder");
    let folder = pull(&reference("hf:o/n"), &config_of(&hub, cache.path()), &Unobserved).expect("pulled");
    let there: Vec<bool> = names.iter().map(|name| folder.join(name).exists()).collect();
    assert_eq!(there, [true, true, true, true, true, true, false]);
}

/// A folder is found again without a network when all of it is there, and fetched again when a part of it is not.
#[test]
fn a_folder_is_found_again_if_it_is_whole() {
    let fixture = |file: &str| {
        let path = format!("{}/tests/fixtures/architectures/qwen2/{file}", env!("CARGO_MANIFEST_DIR"));
        std::fs::read(path).expect("the fixture is there")
    };
    let names = [
        "config.json",
        "model-00001-of-00002.safetensors",
        "model-00002-of-00002.safetensors",
        "model.safetensors.index.json",
        "tokenizer.json",
    ];
    let files = names.into_iter().map(|name| (name, fixture(name))).collect();
    let hub = Hub::start(Content { files, ..Default::default() });
    let cache = tempfile::tempdir().expect("a folder");
    let online = config_of(&hub, cache.path());
    let offline = HubConfig { offline: true, ..online.clone() };
    let reference = reference("hf:o/n");
    let error = resolve(&reference, &offline, &Unobserved).expect_err("nothing is there");
    assert!(matches!(error, HubError::Offline { .. }), "{error}");
    let folder = resolve(&reference, &online, &Unobserved).expect("pulled");
    let found = resolve(&reference, &offline, &Unobserved).expect("it is there");
    assert_eq!(found.join("config.json"), folder.join("config.json"));
    std::fs::remove_file(folder.join(names[2])).expect("removed");
    resolve(&reference, &offline, &Unobserved).expect_err("a part is not there");
    resolve(&reference, &online, &Unobserved).expect("fetched again");
    assert!(folder.join(names[2]).exists());
}

#[test]
fn errors_are_one_line_that_says_what_to_do() {
    let hub = Hub::start(Content { files: files(&["a.gguf", "b.gguf"]), ..Default::default() });
    let cache = tempfile::tempdir().expect("a folder");
    let check = |config: &HubConfig, text: &str, expected: &str| {
        let error = pull(&reference(text), config, &Unobserved).expect_err(expected).to_string();
        assert!(error.contains(expected) && !error.contains('\n'), "{error}");
    };
    let config = config_of(&hub, cache.path());
    check(&config, "hf:o/n", "o/n has 2 GGUF files; name one: a.gguf, b.gguf");
    check(&config, "hf:o/n:c.gguf", "c.gguf of o/n does not exist at http://127.0.0.1");
    check(&config, "hf:o/other", "o/other does not exist at http://127.0.0.1");
    let bare = Hub::start(Content { files: files(&["README.md"]), ..Default::default() });
    check(&config_of(&bare, cache.path()), "hf:o/n", "o/n has neither a GGUF file nor a config.json");
    // Nobody listens on a port that was just given back.
    let gone = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a port");
    let config = HubConfig { endpoint: Some(format!("http://{gone}")), ..config };
    check(&config, "hf:o/n", "cannot be reached");
    check(
        &HubConfig { endpoint: Some("ftp://x".into()), ..config },
        "hf:o/n",
        "HF_ENDPOINT \"ftp://x\" is not an http or https address",
    );
}

#[test]
fn the_token_is_sent() {
    let hub = Hub::start(Content { files: files(&["m.gguf"]), token: Some("secret"), ..Default::default() });
    let cache = tempfile::tempdir().expect("a folder");
    let mut config = config_of(&hub, cache.path());
    let error = pull(&reference("hf:o/n"), &config, &Unobserved).expect_err("no token");
    assert!(matches!(error, HubError::Forbidden { .. }), "{error}");
    config.token = Some("secret".into());
    pull(&reference("hf:o/n"), &config, &Unobserved).expect("pulled");
    assert!(hub.requests().iter().any(|request| request.token.as_deref() == Some("Bearer secret")));
}

#[test]
fn references_are_checked() {
    let check = |text: &str, valid: bool| assert_eq!(text.parse::<HubRef>().is_ok(), valid, "{text}");
    for text in ["hf:o/n", "hf:Some-Owner/a_b.c-1", "hf:o/n:m.gguf", "hf:o/n:sub/m.gguf"] {
        check(text, true);
        assert_eq!(reference(text).to_string(), text);
    }
    for text in [
        "",
        "o/n",
        "hf:",
        "hf:o",
        "hf:/n",
        "hf:o/",
        "hf:o/n/x",
        "hf:../n",
        "hf:o/..",
        "hf:o/n:",
        "hf:o/n:/etc/x",
        "hf:o/n:../x",
        "hf:o/n:a/../../x",
        "hf:o/n:a?b",
        "hf:o n/x",
    ] {
        check(text, false);
    }
}

#[test]
fn the_environment_is_read_as_the_hubs_tools_do() {
    let home = PathBuf::from("/home/u");
    let read = |pairs: &[(&str, &str)]| {
        let pairs: BTreeMap<String, String> =
            pairs.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect();
        HubConfig::from_env(|name| pairs.get(name).cloned(), home.clone())
    };
    assert_eq!(read(&[]).cache, home.join(".cache/huggingface/hub"));
    assert_eq!(read(&[("HF_HOME", "/h")]).cache, PathBuf::from("/h/hub"));
    let all = read(&[
        ("HF_HOME", "/h"),
        ("HF_HUB_CACHE", "/c"),
        ("HF_ENDPOINT", "http://m/"),
        ("HF_TOKEN", "t"),
        ("HF_HUB_OFFLINE", "1"),
    ]);
    assert_eq!(
        all,
        HubConfig { endpoint: Some("http://m".into()), token: Some("t".into()), cache: "/c".into(), offline: true }
    );
}
