//! The database's file: looked at while no node has it, and on a disk that takes no more.

use super::{Running, Served, check, realm, run, terminate, tiny_model};
use serde_json::{Value, json};
use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    path::Path,
    process::{Command, Stdio},
};

fn serve(model: &str, base: &str, file_blocks_max: Option<u64>) -> Served {
    let flags = [
        "serve",
        "--dev",
        "--no-metrics",
        "--port",
        "0",
        "--log-format",
        "json",
        "--model",
        model,
        "--base-path",
        base,
    ];
    let mut command = match file_blocks_max {
        None => realm(&flags),
        Some(blocks) => {
            // What a full disk is to a write, a limit of the process is, too. Its signal must be ignored, or it kills.
            let script = format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$0\" \"$@\"");
            let mut command = Command::new("bash");
            command.args(["-c", &script, env!("CARGO_BIN_EXE_realm")]).args(flags).env_remove("RUST_LOG");
            command
        }
    };
    let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
    let mut log = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    loop {
        line.clear();
        assert!(log.read_line(&mut line).unwrap() > 0, "the node ended before it listened");
        let event: Value = serde_json::from_str(&line).unwrap_or_else(|_| panic!("{line}"));
        if event["fields"]["message"] == "listening" {
            let url = event["fields"]["url"].as_str().unwrap().to_owned();
            return Served { child: Running(child), url, log };
        }
    }
}

fn end(mut served: Served) -> String {
    terminate(&served.child);
    let mut log = String::new();
    served.log.read_to_string(&mut log).unwrap();
    assert!(served.child.wait().unwrap().success(), "{log}");
    log
}

/// A function's result or error, over HTTP: what is stored here is too long for an argument.
fn call(url: &str, function: &str, params: &Value) -> Result<Value, Value> {
    let address = url.trim_start_matches("ws://").trim_end_matches('/');
    let mut stream = TcpStream::connect(address).unwrap();
    let body = params.to_string();
    write!(
        stream,
        "POST /call/{function} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\ncontent-type: application/json\r\n\
         content-length: {}\r\n\r\n{body}",
        body.len()
    )
    .unwrap();
    let mut response = String::new();
    stream.read_to_string(&mut response).unwrap();
    let (head, body) = response.split_once("\r\n\r\n").unwrap_or_else(|| panic!("{response}"));
    let body = serde_json::from_str(body).unwrap_or_else(|_| panic!("{response}"));
    if head.starts_with("HTTP/1.1 200") { Ok(body) } else { Err(body) }
}

fn conversation(name: &str, bytes: usize) -> Value {
    let message = |role: &str| json!({"role": role, "content": "x".repeat(bytes)});
    json!({"conversation": name, "turns": [{"asked": [message("user")], "answer": message("assistant")}]})
}

fn lines(arguments: &[&str]) -> Vec<Value> {
    let output = run(arguments);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn a_stopped_nodes_database_is_checked_and_exported() {
    let folder = tempfile::tempdir().unwrap();
    let base = folder.path().join("base");
    let base = base.to_str().unwrap();
    let model = tiny_model(folder.path());
    check(&["db", "check", "--base-path", base], 2, &["there is no realm.redb", "--base-path"]);

    let served = serve(&model, base, None);
    for name in ["one", "two"] {
        assert_eq!(call(&served.url, "import_conversation", &conversation(name, 10)), Ok(json!(1)));
    }
    for command in ["check", "export"] {
        check(&["db", command, "--base-path", base], 2, &["a node has", "stop it first"]);
    }
    end(served);

    let [checked] = &lines(&["--json", "db", "check", "--base-path", base])[..] else { panic!("one line") };
    assert_eq!((&checked["repaired"], &checked["problems"]), (&json!(false), &json!([])));
    let namespaces = checked["namespaces"].as_array().unwrap();
    let dev = namespaces.iter().find(|namespace| namespace["namespace"] == "tenant/dev").expect("the tenant's");
    assert_eq!(dev["keys"], 4, "two conversations of a header and a turn");
    let human = run(&["db", "check", "--base-path", base]);
    assert!(String::from_utf8_lossy(&human.stdout).contains("is whole"));

    let exported = lines(&["db", "export", "--base-path", base]);
    let keys: Vec<_> = exported.iter().map(|line| hex::decode(&line["key"].as_str().unwrap()[2..]).unwrap()).collect();
    assert!(exported.iter().all(|line| line["tenant"] == "dev"));
    assert_eq!(
        keys.iter().map(|key| &key[..16]).collect::<Vec<_>>(),
        [b"conversation/one", b"conversation/one", b"conversation/two", b"conversation/two"]
    );
    assert_eq!(lines(&["db", "export", "--tenant", "dev", "--base-path", base]), exported);
    check(&["db", "export", "--tenant", "eve", "--base-path", base], 2, &["`eve` has stored nothing", "dev"]);

    // A bit that turned over is found, or is of a page that nobody needs.
    let file = Path::new(base).join("realm.redb");
    let whole = fs::read(&file).unwrap();
    let at = whole.windows(16).rposition(|bytes| bytes == b"conversation/two").expect("the key is in the file");
    let mut damaged = whole.clone();
    damaged[at] ^= 0x20;
    fs::write(&file, &damaged).unwrap();
    let output = run(&["--json", "db", "check", "--base-path", base]);
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() || said.contains("\"repaired\":true"), "{said}");
    fs::write(&file, "This is no database.").unwrap();
    check(&["db", "check", "--base-path", base], 2, &["realm.redb"]);
}

#[test]
fn a_disk_that_takes_no_more_refuses_writes_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let base = folder.path().join("base");
    let base_path = base.to_str().unwrap();
    let model = tiny_model(folder.path());
    let served = serve(&model, base_path, None);
    call(&served.url, "import_conversation", &conversation("early", 10)).expect("there is room");
    end(served);

    // bash counts in KiB.
    let kibibytes = fs::metadata(base.join("realm.redb")).unwrap().len() / 1024;
    let served = serve(&model, base_path, Some(kibibytes + 256));
    let mut kept = vec!["early".to_owned()];
    let refused = loop {
        let name = format!("big-{}", kept.len());
        match call(&served.url, "import_conversation", &conversation(&name, 100_000)) {
            Ok(_) => kept.push(name),
            Err(error) => break error,
        }
        assert!(kept.len() < 200, "the limit of the process holds");
    };
    assert_eq!(refused["error"]["data"]["code"], "INTERNAL", "{refused}");
    // Reading, computing and the node's health go on, and so does every further refusal.
    for _ in 0..2 {
        for name in &kept {
            let exported = call(&served.url, "export_conversation", &json!({"conversation": name}));
            assert_eq!(exported.expect("what was stored is read")["turns"].as_array().map(Vec::len), Some(1));
        }
        call(&served.url, "generate", &json!({"prompt": "a", "max_tokens": 2})).expect("computing needs no disk");
        assert_eq!(call(&served.url, "health_check", &json!({})).expect("it is healthy")["healthy"], true);
        call(&served.url, "import_conversation", &conversation("more", 1_000_000)).expect_err("still no room");
    }
    let log = end(served);
    assert!(log.contains("a batch of commits was refused"), "{log}");

    // With room it goes on as if nothing had been.
    let served = serve(&model, base_path, None);
    call(&served.url, "import_conversation", &conversation("late", 1_000_000)).expect("there is room again");
    let listed = call(&served.url, "list_conversations", &json!({})).expect("a list");
    assert_eq!(listed["conversations"].as_array().map(Vec::len), Some(kept.len() + 1));
    end(served);
    let [checked] = &lines(&["--json", "db", "check", "--base-path", base_path])[..] else { panic!("one line") };
    assert_eq!((&checked["repaired"], &checked["problems"]), (&json!(false), &json!([])));
}
