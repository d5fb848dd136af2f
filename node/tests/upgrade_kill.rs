//! Upgrades of a real process from the command line. A node that is killed during one comes back on the old runtime or
//! on the new one, never between.
//! A real process with a real database is upgraded and rolled back over and over, and killed (`SIGKILL`) when its log
//! tells of a step, or after a random time.

use realm_test_models::{TinyLlama, write_tiny_llama};
use serde_json::Value;
use std::{
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::mpsc::{Receiver, RecvTimeoutError, channel},
    time::Duration,
};

/// Only a hang takes so long.
const HANG: Duration = Duration::from_secs(120);
/// The steps that the log names, in order.
const STEPS: [&str; 6] = ["inspected", "described", "tried", "migrated", "committed", "in_force"];
/// Kills at random times, beside one at each step of an upgrade and of a rollback.
const RANDOM_KILLS: u64 = 8;

fn realm(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_realm"));
    command.args(arguments).env_remove("RUST_LOG").env_remove("REALM_URL").stdin(Stdio::null());
    command
}

/// A node over a database that outlives it.
struct Served {
    child: Child,
    url: String,
    /// What its log tells: steps of upgrades by their names.
    steps: Receiver<String>,
}

impl Served {
    fn start(base: &Path, model: &Path) -> Self {
        let (base, model) = (base.to_str().unwrap(), model.to_str().unwrap());
        let mut child =
            realm(&["serve", "--dev", "--no-metrics", "--port", "0", "--base-path", base, "--model", model])
                .args(["--log-format", "json", "--log", "info,realm::upgrade=debug"])
                .stderr(Stdio::piped())
                .spawn()
                .unwrap();
        let log = BufReader::new(child.stderr.take().unwrap());
        let (told, steps) = channel();
        let (listening, url) = channel();
        std::thread::spawn(move || {
            for line in log.lines().map_while(Result::ok) {
                let event: Value = serde_json::from_str(&line).expect("the log is JSON");
                let fields = &event["fields"];
                if let Some(step) = fields["done"].as_str() {
                    let _ = told.send(step.to_owned());
                }
                if fields["message"] == "listening" {
                    let _ = listening.send(fields["url"].as_str().expect("a url").to_owned());
                }
            }
        });
        let url = url.recv_timeout(HANG).expect("the node comes back");
        Self { child, url, steps }
    }

    fn ask(&self, arguments: &[&str]) -> Value {
        let output = realm(arguments).args(["--json", "--url", &self.url]).output().unwrap();
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).expect("JSON")
    }

    /// The version in force, after everything that tells it was found to agree.
    fn version(&self) -> u64 {
        let log = self.ask(&["chain", "log", "--limit", "1"]);
        let to = &log[0]["change"]["to"];
        let made = self.ask(&["call", "generate", r#"{"prompt":"Once","max_tokens":1}"#]);
        assert_eq!(made["receipt"]["code_hash"], to["code_hash"], "the code that answers is the log's");
        assert_eq!(made["receipt"]["spec_version"], to["spec_version"]);
        let metadata = self.ask(&["metadata"]);
        assert_eq!(metadata["spec_version"], to["spec_version"]);
        let functions = metadata["functions"].as_array().expect("functions");
        let summarizes = functions.iter().any(|function| function["name"] == "summarize");
        let version = to["spec_version"].as_u64().expect("a version");
        assert_eq!(summarizes, version == 2, "the functions are the version's");
        version
    }

    /// Begins an upgrade or a rollback, and kills the node at a step or after a time. Which steps were seen.
    fn kill_during(mut self, change: &[&str], until: Kill) -> Vec<String> {
        let mut changing =
            realm(change).args(["--url", &self.url]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let mut seen = Vec::new();
        match until {
            Kill::At(step) => {
                while seen.last().is_none_or(|last| last != step) {
                    seen.push(
                        self.steps.recv_timeout(HANG).unwrap_or_else(|_| panic!("{step} never came after {seen:?}")),
                    );
                }
            }
            Kill::After(time) => std::thread::sleep(time),
        }
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        changing.wait().unwrap();
        loop {
            match self.steps.recv_timeout(HANG) {
                Ok(step) => seen.push(step),
                Err(RecvTimeoutError::Disconnected) => return seen,
                Err(RecvTimeoutError::Timeout) => panic!("the killed node's log does not end"),
            }
        }
    }
}

#[derive(Clone, Copy, Debug)]
enum Kill {
    At(&'static str),
    After(Duration),
}

#[test]
fn a_killed_node_comes_back_on_the_old_or_the_new_runtime() {
    let folder = tempfile::tempdir().unwrap();
    let (base, model): (PathBuf, PathBuf) = (folder.path().join("base"), folder.path().join("tiny.gguf"));
    write_tiny_llama(&model, &TinyLlama::default()).unwrap();
    let blob = folder.path().join("summarize.wasm");
    std::fs::write(&blob, realm_summarize_runtime::WASM_BINARY).unwrap();

    let at_steps = STEPS.iter().flat_map(|step| [Kill::At(step), Kill::At(step)]);
    // From before the compiler begins to after the swap, spread without a clock or chance.
    let random = (0..RANDOM_KILLS).map(|round| Kill::After(Duration::from_millis(round * 137 % 700)));
    let mut served = Served::start(&base, &model);
    let mut version = served.version();
    assert_eq!(version, 1);
    let (mut stayed, mut changed) = (0, 0);
    for kill in at_steps.chain(random) {
        let upgrade = ["upgrade", blob.to_str().unwrap()];
        let change: &[&str] = if version == 1 { &upgrade } else { &["rollback"] };
        // A rollback has nothing to inspect or describe.
        let kill = match kill {
            Kill::At("inspected" | "described") if version == 2 => Kill::At("tried"),
            kill => kill,
        };
        let seen = served.kill_during(change, kill);
        served = Served::start(&base, &model);
        let after = served.version();
        assert!([1, 2].contains(&after));
        if seen.iter().any(|step| step == "committed") {
            assert_eq!(after, 3 - version, "what was committed is in force: {kill:?}, {seen:?}");
        }
        if after == version {
            stayed += 1
        } else {
            changed += 1
        }
        version = after;
    }
    println!("{stayed} kills left the old runtime, {changed} the new one");
    assert!(stayed > 0 && changed > 0, "{stayed} {changed}");
    served.child.kill().unwrap();
    served.child.wait().unwrap();
}

#[test]
fn the_command_line_upgrades_and_tells_the_log() {
    let folder = tempfile::tempdir().unwrap();
    let model = folder.path().join("tiny.gguf");
    write_tiny_llama(&model, &TinyLlama::default()).unwrap();
    let blob = folder.path().join("summarize.wasm");
    std::fs::write(&blob, realm_summarize_runtime::WASM_BINARY).unwrap();
    let blob = blob.to_str().unwrap();
    let mut served = Served::start(&folder.path().join("base"), &model);

    let report = served.ask(&["upgrade", blob, "--dry-run"]);
    assert_eq!((&report["block"], &report["to"]["spec_version"]), (&Value::Null, &Value::from(2)));
    assert_eq!(served.version(), 1, "a dry run changes nothing");
    served.ask(&["upgrade", blob, "--tenant", "dev"]);
    served.ask(&["rollback", "--tenant", "dev"]);
    served.ask(&["upgrade", blob]);
    assert_eq!(served.version(), 2);
    let again = realm(&["upgrade", blob, "--url", &served.url]).output().unwrap();
    let said = String::from_utf8_lossy(&again.stderr);
    assert_eq!(again.status.code(), Some(1), "{said}");
    assert!(said.contains("spec_version is 2, which must be more than the 2 in force"), "{said}");

    let log = realm(&["chain", "log", "--url", &served.url]).output().unwrap();
    let log = String::from_utf8(log.stdout).unwrap();
    let told = |line: &str| {
        let words: Vec<_> =
            line.split_whitespace().filter(|word| !word.starts_with("0x") && !word.starts_with('#')).collect();
        words.join(" ")
    };
    let expected = [
        "upgrade version 1 -> 2 code",
        "rollback tenant dev version 2 -> chain code",
        "upgrade tenant dev version chain -> 2 code",
        "genesis dev version 1 code",
    ];
    assert_eq!(log.lines().map(told).collect::<Vec<_>>(), expected, "{log}");
    served.child.kill().unwrap();
    served.child.wait().unwrap();
}
