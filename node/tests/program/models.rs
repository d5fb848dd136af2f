//! Models by name: looked at, fetched from a hub and served, and what is said when there is no hub.

use super::{Served, run, serve_with, terminate, tiny_model};
use realm_test_models::hub::{Content, Hub};
use serde_json::Value;
use std::{
    collections::BTreeMap,
    fs,
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Output, Stdio},
};

const BERT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../host-functions/engine/tests/fixtures/architectures/bert");

/// Runs the program with a hub of its own and a cache in `home`.
fn with_hub(arguments: &[&str], hub: &str, home: &Path) -> Output {
    let mut command = super::realm(arguments);
    command.env("HF_ENDPOINT", hub).env("HF_HOME", home).env_remove("HF_HUB_OFFLINE").env_remove("HF_TOKEN");
    command.stdin(Stdio::null()).output().expect("the program runs")
}

fn stdout(output: &Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout.clone()).expect("text")
}

#[test]
fn a_model_is_looked_at_without_loading_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = tiny_model(folder.path());
    let human = stdout(&run(&["model", "inspect", &path]));
    for line in ["architecture  llama", "format        GGUF version 3", "context", "tokenizer", "template", "memory"] {
        assert!(human.contains(line), "{line} is not in:\n{human}");
    }
    let read =
        |path: &str| serde_json::from_str::<Value>(&stdout(&run(&["--json", "model", "inspect", path]))).unwrap();
    let json = read(&path);
    assert_eq!((&json["architecture"], &json["embeds"]), (&"llama".into(), &Value::Null), "{json}");
    assert!(json["memory"]["weight_bytes"].as_u64().unwrap() > 0 && json["chat_template"].is_string(), "{json}");
    let json = read(BERT);
    assert_eq!((&json["embeds"]["pooling"], &json["embeds"]["normalized"]), (&"mean".into(), &true.into()), "{json}");

    super::check(&["model", "inspect", "/absent.gguf"], 2, &["realm: /absent.gguf: No such file"]);
    fs::write(folder.path().join("cut.gguf"), &fs::read(&path).unwrap()[..1000]).unwrap();
    super::check(&["model", "inspect", folder.path().join("cut.gguf").to_str().unwrap()], 2, &["the file ends within"]);
}

#[test]
fn a_model_is_pulled_once_and_served_by_its_name() {
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path().join("cache");
    let weights = fs::read(tiny_model(folder.path())).unwrap();
    let hub = Hub::start(Content { files: BTreeMap::from([("tiny.gguf", weights.clone())]), ..Content::default() });

    let path = PathBuf::from(stdout(&with_hub(&["model", "pull", "hf:o/n"], &hub.endpoint, &home)).trim());
    assert!(path.starts_with(home.join("hub/models--o--n/snapshots")), "{path:?}");
    assert_eq!(fs::read(&path).unwrap(), weights);
    let again = stdout(&with_hub(&["--json", "model", "pull", "hf:o/n:tiny.gguf"], &hub.endpoint, &home));
    assert_eq!(serde_json::from_str::<Value>(&again).unwrap()["path"], path.to_str().unwrap());
    assert_eq!(hub.transfers("tiny.gguf").len(), 1, "what is there is not fetched again");

    // It is in the cache: nobody asks a hub.
    let environment = [("HF_ENDPOINT", "http://127.0.0.1:1"), ("HF_HOME", home.to_str().unwrap())];
    let mut served = serve_with("hf:o/n", &["--embedding-model", BERT], &environment);
    let Served { url, .. } = &served;
    let info = stdout(&run(&["--json", "call", "get_model_info", "--url", url]));
    let info: Value = serde_json::from_str(&info).unwrap();
    assert_eq!(
        (&info["architecture"], &info["embedding_source"]),
        (&"llama".into(), &"embedding_model".into()),
        "{info}"
    );
    let vector = stdout(&run(&["--json", "call", "embed", r#"{"text":"the cat"}"#, "--url", url]));
    assert_eq!(serde_json::from_str::<Value>(&vector).unwrap().as_array().map(Vec::len), Some(32), "{vector}");
    terminate(&served.child);
    assert!(served.child.wait().unwrap().success());
}

#[test]
fn without_a_hub_it_is_one_line_at_once() {
    let home = tempfile::tempdir().unwrap();
    // Nobody listens on a port that was just given back.
    let gone = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).unwrap();
    let hub = format!("http://{gone}");
    let check = |arguments: &[&str], code: i32, words: &str| {
        let output = with_hub(arguments, &hub, home.path());
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {said}");
        assert!(said.lines().count() == 1 && said.contains(words), "{arguments:?}: {said}");
    };
    check(&["model", "pull", "hf:o/n"], 4, "cannot be reached");
    check(&["model", "inspect", "hf:o/n"], 4, "cannot be reached");
    check(&["model", "pull", "o/n"], 2, "is not of the form hf:OWNER/NAME");
    let serve = ["serve", "--no-metrics", "--port", "0", "--log", "warn", "--model", "hf:o/n:m.gguf"];
    check(&serve, 3, "the model default does not load: ");
}
