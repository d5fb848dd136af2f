//! The program as a person runs it: what it says when it cannot start, its exit codes, signals.

mod anonymous;
mod chat;
mod commands;
mod database;
mod keys;
mod models;
mod usage;

use realm_test_models::{TinyLlama, write_tiny_llama};
use std::{
    fs,
    io::{BufRead, BufReader},
    net::TcpListener,
    ops::{Deref, DerefMut},
    path::Path,
    process::{Child, Command, Output, Stdio},
};

fn realm(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_realm"));
    command.args(arguments).env_remove("RUST_LOG").env_remove("REALM_URL").env_remove("REALM_API_KEY");
    command
}

fn run(arguments: &[&str]) -> Output {
    realm(arguments).stdin(Stdio::null()).output().expect("the program runs")
}

/// It ends with this code, and its last line on standard error is one line with these words in it.
fn check(arguments: &[&str], code: i32, words: &[&str]) {
    let output = run(arguments);
    let said = String::from_utf8_lossy(&output.stderr);
    let last = said.lines().last().unwrap_or_default();
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {said}");
    for word in words {
        assert!(last.contains(word), "{word} is not in: {last}");
    }
}

fn tiny_model(folder: &Path) -> String {
    let path = folder.join("tiny.gguf");
    write_tiny_llama(&path, &TinyLlama::default()).unwrap();
    path.to_str().unwrap().to_owned()
}

#[test]
fn a_node_that_cannot_start_says_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let serve = |more: &[&str], words: &[&str]| {
        let mut arguments = vec!["serve", "--no-metrics", "--port", "0", "--log", "warn"];
        arguments.extend(more);
        check(&arguments, 3, words);
    };

    serve(&["--model", &path("absent.gguf")], &["realm: ", "absent.gguf", "No such file"]);
    fs::write(path("text.gguf"), "This is no model.").unwrap();
    serve(&["--model", &path("text.gguf")], &["text.gguf", "GGUF"]);
    let whole = fs::read(tiny_model(folder.path())).unwrap();
    for len in [0, 3, 20, 1000, whole.len() / 2, whole.len() - 1] {
        fs::write(path("cut.gguf"), &whole[..len]).unwrap();
        serve(&["--model", &path("cut.gguf")], &["cut.gguf"]);
    }
    serve(&["--chain", "main"], &["there is no chain `main`", "dev, local"]);
    fs::write(path("chain.json"), r#"{"name":"x","id":"x","models":[],"tenants":[],"colour":1}"#).unwrap();
    serve(&["--chain", &path("chain.json")], &["colour", "no such field"]);
    serve(&["--host", "0.0.0.0"], &["--allow-unauthenticated"]);
    serve(&["--host", "0.0.0.0", "--allow-unauthenticated"], &["--allow-unauthenticated", "twice"]);
    serve(&["--origin", "*"], &["--origin '*'", "twice"]);
    serve(&["--chain", "local"], &["realm key generate --base-path DIR"]);
    serve(&["--chain", "local", "--base-path", &path("data")], &["`realm key generate --base-path ", "data`"]);
    fs::write(path("file"), "").unwrap();
    serve(&["--base-path", &path("file/below")], &["--base-path"]);
}

#[test]
fn a_port_in_use_is_named() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    check(&["serve", "--no-metrics", "--port", &port], 3, &[&format!("127.0.0.1:{port}"), "--port"]);
    check(&["serve", "--port", "0", "--metrics-port", &port], 3, &[&format!("127.0.0.1:{port}"), "--metrics-port"]);
}

#[test]
fn wrong_arguments_and_absent_nodes_have_their_codes() {
    check(&["serve", "--port", "many"], 2, &[]);
    check(&["call", "generate", "{"], 2, &["not JSON"]);
    check(&["call", "health_check", "--url", "ws://127.0.0.1:1"], 4, &["realm serve"]);
}

#[test]
fn a_preset_is_written_out_and_read_again() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("local.json");
    let written = run(&["build-spec", "--chain", "local"]);
    assert!(written.status.success());
    fs::write(&file, &written.stdout).unwrap();
    let again = run(&["build-spec", "--chain", file.to_str().unwrap()]);
    assert!(String::from_utf8_lossy(&again.stdout).contains("acme_corp"));
}

/// A served node and the address that its log named.
struct Served {
    child: Running,
    url: String,
    log: BufReader<std::process::ChildStderr>,
}

/// A node's process; a test that fails leaves none behind.
struct Running(Child);

impl Deref for Running {
    type Target = Child;

    fn deref(&self) -> &Child {
        &self.0
    }
}

impl DerefMut for Running {
    fn deref_mut(&mut self) -> &mut Child {
        &mut self.0
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It has ended already where the test went well.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn serve(model: &str) -> Served {
    serve_with(model, &[], &[])
}

/// A chain of a file, with its state in a folder.
fn serve_kept(model: &str, chain: &Path, base: &Path) -> Served {
    let [chain, base] = [chain, base].map(|path| path.to_str().expect("a name"));
    serve_chain(&["--model", model, "--chain", chain, "--base-path", base], &[])
}

fn serve_with(model: &str, flags: &[&str], environment: &[(&str, &str)]) -> Served {
    let mut flags = flags.to_vec();
    flags.extend(["--dev", "--model", model]);
    serve_chain(&flags, environment)
}

fn serve_chain(flags: &[&str], environment: &[(&str, &str)]) -> Served {
    let mut child = realm(&["serve", "--no-metrics", "--port", "0", "--log-format", "json"])
        .args(flags)
        .envs(environment.iter().copied())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut log = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    loop {
        line.clear();
        assert!(log.read_line(&mut line).unwrap() > 0, "the node ended before it listened");
        let event: serde_json::Value = serde_json::from_str(&line).expect("the log is JSON");
        if event["fields"]["message"] == "listening" {
            let url = event["fields"]["url"].as_str().unwrap().to_owned();
            return Served { child: Running(child), url, log };
        }
    }
}

#[test]
fn a_served_node_answers_and_ends_well_when_told_to() {
    let folder = tempfile::tempdir().unwrap();
    let mut served = serve(&tiny_model(folder.path()));
    let url = served.url.as_str();

    let called = run(&["call", "generate", r#"{"prompt":"My secret","max_tokens":3,"temperature":0}"#, "--url", url]);
    assert!(called.status.success(), "{}", String::from_utf8_lossy(&called.stderr));
    let result: serde_json::Value = serde_json::from_slice(&called.stdout).unwrap();
    assert_eq!(result["tokens_generated"], 3);

    let streamed =
        run(&["call", "stream_generate", r#"{"prompt":"My secret","max_tokens":3}"#, "--stream", "--url", url]);
    let lines = String::from_utf8(streamed.stdout).unwrap();
    let last: serde_json::Value = serde_json::from_str(lines.lines().last().unwrap()).unwrap();
    assert_eq!(last["type"], "result");

    check(&["call", "generat", "{}", "--url", url], 1, &["UNKNOWN_FUNCTION", "did you mean `generate`"]);
    assert!(run(&["metadata", "--url", url]).status.success());

    terminate(&served.child);
    let status = served.child.wait().unwrap();
    let mut rest = String::new();
    std::io::Read::read_to_string(&mut served.log, &mut rest).unwrap();
    assert_eq!(status.code(), Some(0), "{rest}");
    assert!(!rest.contains("My secret"), "prompts are not logged: {rest}");
}

fn terminate(child: &Child) {
    let told = Command::new("kill").args(["-TERM", &child.id().to_string()]).status().expect("kill runs");
    assert!(told.success());
}

/// A second signal was ignored: Ctrl-C twice waited out the whole `--shutdown-timeout`.
#[test]
fn a_second_signal_ends_a_node_that_stops() {
    let folder = tempfile::tempdir().unwrap();
    let model = folder.path().join("long.gguf");
    write_tiny_llama(&model, &TinyLlama { context_length: 8192, ..TinyLlama::default() }).unwrap();
    let mut served =
        serve_with(model.to_str().unwrap(), &["--shutdown-timeout", "3600", "--slow-consumer-ms", "3600000"], &[]);
    // A call whose reader does not read keeps the node from stopping: more events than pipe and sockets hold.
    let params = r#"{"prompt":"Once","max_tokens":4000,"logprobs":20}"#;
    let mut readers: Vec<_> = (0..4)
        .map(|_| {
            let call = ["call", "stream_generate", params, "--stream", "--deadline-ms", "600000", "--url", &served.url];
            let mut reader = Running(realm(&call).stdout(Stdio::piped()).spawn().unwrap());
            let mut first = String::new();
            let mut lines = BufReader::with_capacity(1, reader.stdout.take().unwrap());
            assert!(lines.read_line(&mut first).unwrap() > 0, "the stream begins");
            (reader, lines)
        })
        .collect();
    terminate(&served.child);
    let mut line = String::new();
    while !line.contains("\"stopping\"") {
        line.clear();
        assert!(served.log.read_line(&mut line).unwrap() > 0, "the node ended");
    }
    terminate(&served.child);
    assert_eq!(served.child.wait().unwrap().code(), Some(143));
    readers.clear();
}
