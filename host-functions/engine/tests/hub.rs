//! Pulling models from a hub that is a small HTTP server on this machine.

use realm_engine::hub::{HubConfig, HubError, HubRef, PullProgress, Unobserved, pull, resolve};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

/// A hub with one repository, `o/n`.
struct Hub {
    endpoint: String,
    requests: Arc<Mutex<Vec<Request>>>,
}

#[derive(Clone, Debug)]
struct Request {
    path: String,
    range: Option<String>,
    token: Option<String>,
}

#[derive(Clone, Default)]
struct Content {
    files: BTreeMap<&'static str, Vec<u8>>,
    /// Files that come with one byte changed.
    damaged: Option<&'static str>,
    token: Option<&'static str>,
}

impl Hub {
    fn start(content: Content) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let endpoint = format!("http://{}", listener.local_addr().expect("bound"));
        let requests = Arc::new(Mutex::new(Vec::new()));
        let seen = requests.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (content, seen) = (content.clone(), seen.clone());
                std::thread::spawn(move || serve(stream, &content, &seen));
            }
        });
        Self { endpoint, requests }
    }

    fn config(&self, cache: &Path) -> HubConfig {
        HubConfig { endpoint: Some(self.endpoint.clone()), token: None, cache: cache.to_owned(), offline: false }
    }

    /// Range headers of the transfers of a file, questions for its size left out.
    fn transfers(&self, file: &str) -> Vec<String> {
        let requests = self.requests.lock().expect("not poisoned");
        let ranges =
            requests.iter().filter(|request| request.path.ends_with(file)).filter_map(|request| request.range.clone());
        ranges.filter(|range| range != "bytes=0-0").collect()
    }
}

fn serve(mut stream: TcpStream, content: &Content, seen: &Mutex<Vec<Request>>) {
    let mut lines = BufReader::new(stream.try_clone().expect("a clone")).lines().map_while(Result::ok);
    let Some(first) = lines.next() else { return };
    let headers: BTreeMap<String, String> = lines
        .take_while(|line| !line.is_empty())
        .filter_map(|line| line.split_once(": ").map(|(name, value)| (name.to_lowercase(), value.to_owned())))
        .collect();
    let path = first.split(' ').nth(1).unwrap_or_default().to_owned();
    let header = |name: &str| headers.get(name).cloned();
    seen.lock().expect("not poisoned").push(Request {
        path: path.clone(),
        range: header("range"),
        token: header("authorization"),
    });
    let mut answer = |status: &str, more: &str, body: &[u8]| {
        let head = format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n{more}\r\n", body.len());
        let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body));
    };
    if content.token.is_some_and(|token| header("authorization") != Some(format!("Bearer {token}"))) {
        return answer("401 Unauthorized", "", b"");
    }
    if path.starts_with("/api/models/o/n") {
        let names: Vec<String> = content.files.keys().map(|name| format!(r#"{{"rfilename":"{name}"}}"#)).collect();
        let body = format!(r#"{{"sha":"{COMMIT}","siblings":[{}]}}"#, names.join(","));
        return answer("200 OK", "content-type: application/json\r\n", body.as_bytes());
    }
    let Some(file) = path.strip_prefix("/o/n/resolve/main/").and_then(|name| content.files.get_key_value(name)) else {
        return answer("404 Not Found", "", b"");
    };
    let mut body = file.1.clone();
    let etag = hex(&Sha256::digest(&body));
    if content.damaged == Some(file.0) {
        body[0] ^= 1;
    }
    let range = header("range").unwrap_or_default();
    let (start, end) = range.trim_start_matches("bytes=").split_once('-').unwrap_or(("0", ""));
    let start: usize = start.parse().unwrap_or(0);
    let end = end.parse().map_or(body.len(), |end: usize| (end + 1).min(body.len()));
    let more = format!(
        "etag: \"{etag}\"\r\nx-repo-commit: {COMMIT}\r\ncontent-range: bytes {start}-{}/{}\r\n",
        end.saturating_sub(1),
        body.len()
    );
    answer("206 Partial Content", &more, &body[start..end]);
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
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
    let config = hub.config(cache.path());
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
    let path = pull(&reference("hf:o/n:m.gguf"), &hub.config(cache.path()), &Unobserved).expect("pulled");
    assert_eq!(std::fs::read(path).expect("readable"), body);
    assert_eq!(hub.transfers("m.gguf"), ["bytes=1000-"]);
}

#[test]
fn damaged_bytes_are_not_kept() {
    let hub = Hub::start(Content { files: files(&["m.gguf"]), damaged: Some("m.gguf"), ..Default::default() });
    let cache = tempfile::tempdir().expect("a folder");
    for _ in 0..2 {
        let error = pull(&reference("hf:o/n"), &hub.config(cache.path()), &Unobserved).expect_err("damaged");
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
    let folder = pull(&reference("hf:o/n"), &hub.config(cache.path()), &Unobserved).expect("pulled");
    let there: Vec<bool> = names.iter().map(|name| folder.join(name).exists()).collect();
    assert_eq!(there, [true, true, true, true, true, true, false]);
}

#[test]
fn errors_are_one_line_that_says_what_to_do() {
    let hub = Hub::start(Content { files: files(&["a.gguf", "b.gguf"]), ..Default::default() });
    let cache = tempfile::tempdir().expect("a folder");
    let check = |config: &HubConfig, text: &str, expected: &str| {
        let error = pull(&reference(text), config, &Unobserved).expect_err(expected).to_string();
        assert!(error.contains(expected) && !error.contains('\n'), "{error}");
    };
    let config = hub.config(cache.path());
    check(&config, "hf:o/n", "o/n has 2 GGUF files; name one: a.gguf, b.gguf");
    check(&config, "hf:o/n:c.gguf", "c.gguf of o/n does not exist at http://127.0.0.1");
    check(&config, "hf:o/other", "o/other does not exist at http://127.0.0.1");
    let bare = Hub::start(Content { files: files(&["README.md"]), ..Default::default() });
    check(&bare.config(cache.path()), "hf:o/n", "o/n has neither a GGUF file nor a config.json");
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
    let mut config = hub.config(cache.path());
    let error = pull(&reference("hf:o/n"), &config, &Unobserved).expect_err("no token");
    assert!(matches!(error, HubError::Forbidden { .. }), "{error}");
    config.token = Some("secret".into());
    pull(&reference("hf:o/n"), &config, &Unobserved).expect("pulled");
    assert!(
        hub.requests
            .lock()
            .expect("not poisoned")
            .iter()
            .any(|request| request.token.as_deref() == Some("Bearer secret"))
    );
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
