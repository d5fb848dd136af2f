//! What commands print, for people and for scripts, and that what is said of them is so.

use super::{run, serve, terminate, tiny_model};
use realm_test_models::{TinyLlama, write_tiny_llama};
use serde_json::Value;
use std::{
    fs,
    io::Write,
    process::{Output, Stdio},
};

fn stdout(output: &Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout.clone()).unwrap()
}

#[test]
fn shells_and_manuals_know_the_commands() {
    for (shell, word) in [("bash", "complete -F _realm"), ("zsh", "#compdef realm"), ("fish", "complete -c realm")] {
        let script = stdout(&run(&["completions", shell]));
        assert!(script.contains(word) && script.contains("build-spec"), "{shell}: {script}");
    }
    let page = stdout(&run(&["man"]));
    assert!(page.contains(".TH realm 1") && page.contains("Exit codes"), "{page}");
    let folder = tempfile::tempdir().unwrap();
    stdout(&run(&["man", "--out", folder.path().to_str().unwrap()]));
    assert!(fs::read_to_string(folder.path().join("realm-serve.1")).unwrap().contains("slow"));
}

/// The documentation's table is `CODES`, as `--help` prints it.
#[test]
fn exit_codes_are_documented_as_they_are() {
    let help = stdout(&run(&["--help"]));
    let (_, table) = help.split_once("Exit codes:\n").expect("help lists exit codes");
    let documented = include_str!("../../../docs/command-line.md");
    let mut count = 0;
    for line in table.lines().filter(|line| !line.trim().is_empty()) {
        let (code, meaning) = line.trim().split_once("  ").expect("a code and its meaning");
        assert!(documented.contains(&format!("| {code} | {meaning} |")), "docs/command-line.md lacks: {line}");
        count += 1;
    }
    assert_eq!(
        count,
        documented.lines().filter(|line| line.starts_with("| ") && line.as_bytes()[2].is_ascii_digit()).count()
    );
}

#[test]
fn people_read_lines_and_scripts_read_json() {
    let folder = tempfile::tempdir().unwrap();
    let mut served = serve(&tiny_model(folder.path()));
    let url = served.url.clone();

    let human = stdout(&run(&["metadata", "--url", &url]));
    assert!(
        human.lines().any(|line| line.starts_with("generate(prompt: String, options?: GenerateOptions)")),
        "{human}"
    );
    let document: Value = serde_json::from_str(&stdout(&run(&["metadata", "--json", "--url", &url]))).unwrap();
    assert_eq!(document["spec_version"], 1);

    let pretty = stdout(&run(&["call", "health_check", "--url", &url]));
    let line = stdout(&run(&["--json", "call", "health_check", "--url", &url]));
    assert!(pretty.lines().count() > 1 && line.lines().count() == 1, "{pretty}{line}");

    let refused = run(&["call", "generat", "--json", "--url", &url]);
    assert_eq!(refused.status.code(), Some(1));
    let error: Value = serde_json::from_slice(&refused.stderr).expect("the error is JSON");
    assert_eq!(error["error"]["code"], "UNKNOWN_FUNCTION");
    assert_eq!(error["error"]["exit_code"], 1);
    assert_eq!(error["error"]["data"]["nearest"], "generate");

    let log = stdout(&run(&["chain", "log", "--json", "--url", &url]));
    assert_eq!(serde_json::from_str::<Value>(&log).unwrap()[0]["event"], "genesis");

    terminate(&served.child);
    assert!(served.child.wait().unwrap().success());
}

/// Lines that are piped in are asked one after another, and the first error ends the talk.
#[test]
fn a_talk_can_be_piped() {
    let folder = tempfile::tempdir().unwrap();
    let model = folder.path().join("roomy.gguf");
    // Room for two answers of a model that does not end by itself.
    write_tiny_llama(&model, &TinyLlama { context_length: 2048, ..TinyLlama::default() }).unwrap();
    let mut served = serve(model.to_str().unwrap());
    let talk = |lines: &str, more: &[&str]| {
        let mut arguments = vec!["chat", "--url", served.url.as_str()];
        arguments.extend(more);
        let mut child = super::realm(&arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(lines.as_bytes()).unwrap();
        child.wait_with_output().unwrap()
    };
    let events = stdout(&talk("Hello\n\nAgain", &["--json"]));
    let results = events.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let turns: Vec<Value> =
        results.filter(|event| event["type"] == "result").map(|event| event["data"]["turns"].clone()).collect();
    assert_eq!(turns, [1, 2], "the second line goes on where the first ended");

    let refused = talk("Hello\n", &["--tenant", "nobody"]);
    assert_eq!(refused.status.code(), Some(1), "{}", String::from_utf8_lossy(&refused.stderr));

    terminate(&served.child);
    assert!(served.child.wait().unwrap().success());
}

/// A word in a prompt, in an argument that is refused and in a call that is cut off reaches the log at no level.
#[test]
fn prompts_stay_out_of_the_log() {
    const SECRET: &str = "xylophonist";
    let folder = tempfile::tempdir().unwrap();
    let model = tiny_model(folder.path());
    let mut served = super::serve_with(&model, &["--log", "trace"], &[]);
    let url = served.url.clone();
    // Read on, so that the node never waits for its log to be read.
    let mut log = served.log;
    let reader = std::thread::spawn(move || {
        let mut rest = String::new();
        std::io::Read::read_to_string(&mut log, &mut rest).unwrap();
        rest
    });
    let call = |params: Value, more: &[&str]| {
        let params = params.to_string();
        let mut arguments = vec!["call", "generate", params.as_str(), "--url", url.as_str()];
        arguments.extend(more);
        run(&arguments)
    };
    stdout(&call(serde_json::json!({"prompt": SECRET, "max_tokens": 3}), &[]));
    let refused = call(serde_json::json!({"prompt": "a", "temperature": SECRET}), &[]);
    assert!(String::from_utf8_lossy(&refused.stderr).contains(SECRET), "the caller is told what was wrong");
    let unknown = call(serde_json::json!({"prompt": "a", SECRET: 1}), &[]);
    assert_eq!(unknown.status.code(), Some(1));
    let late = call(serde_json::json!({"prompt": SECRET, "max_tokens": 2000}), &["--deadline-ms", "1"]);
    assert_eq!(late.status.code(), Some(1), "{}", String::from_utf8_lossy(&late.stdout));
    terminate(&served.child);
    assert!(served.child.wait().unwrap().success());
    let log = reader.join().unwrap();
    assert!(log.contains("\"call\""), "calls are logged");
    assert!(!log.contains(SECRET), "{:?}", log.lines().find(|line| line.contains(SECRET)));
}
