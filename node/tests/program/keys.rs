//! From a chain that needs keys and has none to callers of several tenants, as an operator does it.

use super::{Served, run, serve_chain, terminate, tiny_model};
use serde_json::Value;
use std::io::Read;

/// What a command prints that must succeed.
pub(super) fn said(arguments: &[&str]) -> String {
    let output = run(arguments);
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// The code of the error that a command ends with.
pub(super) fn refused(arguments: &[&str]) -> String {
    let output = run(&[&["--json"][..], arguments].concat());
    assert!(!output.status.success(), "{arguments:?}");
    let error = String::from_utf8(output.stderr).unwrap();
    let error: Value = serde_json::from_str(error.trim()).unwrap_or_else(|_| panic!("{error}"));
    error["error"]["code"].as_str().unwrap().to_owned()
}

#[test]
fn the_first_key_is_made_beside_the_node_and_the_others_through_it() {
    let folder = tempfile::tempdir().unwrap();
    let (model, data) = (tiny_model(folder.path()), folder.path().join("data"));
    let data = data.to_str().unwrap();
    assert_eq!(refused(&["key", "list", "--base-path", data]), "USAGE");
    let root = said(&["key", "generate", "--base-path", data, "--label", "operator"]);
    assert!(root.starts_with("realm_") && root.lines().count() == 1, "{root}");

    // At the level where most is told.
    let local = ["--chain", "local", "--model", &model, "--base-path", data, "--log", "trace"];
    let Served { mut child, url, mut log } = serve_chain(&local, &[]);
    let (rest, told) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let mut text = String::new();
        log.read_to_string(&mut text).unwrap();
        rest.send(text)
    });
    let at = |arguments: &[&str], key: &str| {
        let (url, key) = (url.clone(), key.to_owned());
        [arguments, &["--url", &url, "--api-key", &key]].concat().into_iter().map(str::to_owned).collect::<Vec<_>>()
    };
    let as_holder = |arguments: &[&str], key: &str| {
        let all = at(arguments, key);
        said(&all.iter().map(String::as_str).collect::<Vec<_>>())
    };
    let refused_as = |arguments: &[&str], key: &str| {
        let all = at(arguments, key);
        refused(&all.iter().map(String::as_str).collect::<Vec<_>>())
    };

    let made = as_holder(&["--json", "key", "generate", "--tenant", "acme_corp", "--days", "30"], &root);
    let made: Value = serde_json::from_str(&made).unwrap();
    let (acme, prefix) = (made["key"].as_str().unwrap(), made["prefix"].as_str().unwrap());
    let health = ["call", "health_check"];
    as_holder(&health, acme);
    as_holder(&["call", "health_check", "--tenant", "startup_inc"], &root);
    assert_eq!(refused(&["call", "health_check", "--url", &url]), "UNAUTHENTICATED");
    assert_eq!(refused_as(&["call", "health_check", "--tenant", "startup_inc"], acme), "FORBIDDEN");
    assert_eq!(refused_as(&["key", "list"], acme), "FORBIDDEN");
    assert_eq!(refused_as(&["key", "generate", "--tenant", "nobody"], &root), "INVALID_PARAMS");

    let list = as_holder(&["key", "list"], &root);
    assert!(list.contains("operator") && list.contains("the node's  call,admin  does not expire"), "{list}");
    assert!(list.contains(&format!("{prefix}  tenant acme_corp  call  for 29 d")), "{list}");
    // What a running node uses is not changed beside it.
    assert_eq!(refused(&["key", "generate", "--base-path", data]), "USAGE");
    as_holder(&["key", "revoke", prefix], &root);
    assert_eq!(refused_as(&health, acme), "UNAUTHENTICATED");

    terminate(&child);
    assert!(child.wait().unwrap().success());
    let log = told.recv().unwrap();
    assert!(log.contains(prefix), "what happened to the key is told");
    for key in [root.as_str(), acme] {
        assert!(!log.contains(&key[key.len() - 64..]), "and the key is not");
    }
    let left = said(&["key", "list", "--base-path", data]);
    assert!(left.contains("operator") && !left.contains(prefix), "{left}");
}

#[test]
fn what_was_answered_survives_a_kill() {
    let folder = tempfile::tempdir().unwrap();
    let (model, data) = (tiny_model(folder.path()), folder.path().join("data"));
    let data = data.to_str().unwrap();
    let root = said(&["key", "generate", "--base-path", data]);
    let start = || serve_chain(&["--chain", "local", "--model", &model, "--base-path", data], &[]);
    let ask = |url: &str, arguments: &[&str]| said(&[arguments, &["--url", url, "--api-key", &root]].concat());

    let mut served = start();
    let url = served.url.clone();
    ask(&url, &["tenant", "add", "carol", "weight=7", "limits.max_tokens=64"]);
    ask(&url, &["tenant", "disable", "startup_inc"]);
    ask(&url, &["tenant", "remove", "enterprise_co"]);
    let carol = ask(&url, &["key", "generate", "--tenant", "carol"]);
    let revoked = ask(&url, &["key", "generate", "--tenant", "acme_corp"]);
    ask(&url, &["key", "revoke", &revoked]);
    let tenants = ask(&url, &["tenant", "list"]);
    served.child.kill().unwrap();
    served.child.wait().unwrap();

    let mut served = start();
    let url = served.url.clone();
    assert_eq!(ask(&url, &["tenant", "list"]), tenants);
    assert!(tenants.contains("carol  model default  weight 7") && !tenants.contains("enterprise_co"), "{tenants}");
    said(&["call", "health_check", "--url", &url, "--api-key", &carol]);
    assert!(!run(&["call", "health_check", "--url", &url, "--api-key", &revoked]).status.success());
    assert_eq!(
        refused(&["call", "health_check", "--tenant", "startup_inc", "--url", &url, "--api-key", &root]),
        "FORBIDDEN"
    );
    served.child.kill().unwrap();
    served.child.wait().unwrap();
}
