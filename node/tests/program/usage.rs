//! `realm usage` against a node that keeps its books over a restart.

use super::{
    check,
    keys::{refused, said},
    run, serve_kept, terminate, tiny_model,
};
use serde_json::{Value, json};
use std::path::Path;

fn printed(url: &str, arguments: &[&str]) -> String {
    let output = run(&[&["usage", "--url", url], arguments].concat());
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

const TENANTS: [&str; 2] = ["acme_corp", "startup_inc"];

/// The `dev` chain with these tenants, who pay, and who prove who they are by `keys` or by `none`.
fn write_chain(path: &Path, authentication: &str) {
    let mut spec: Value =
        serde_json::from_slice(&run(&["build-spec", "--chain", "dev"]).stdout).expect("a specification");
    let prices = json!({"prompt_nano_usd_per_1k": 500_333, "cached_nano_usd_per_1k": 50_777, "generated_nano_usd_per_1k": 1_500_111});
    let mut tenants = TENANTS.map(|_| spec["tenants"][0].clone());
    for (tenant, id) in tenants.iter_mut().zip(TENANTS) {
        (tenant["id"], tenant["prices"]) = (json!(id), prices.clone());
    }
    (spec["tenants"], spec["authentication"]) = (json!(tenants), json!(authentication));
    std::fs::write(path, spec.to_string()).unwrap();
}

/// What one call of a tenant cost.
fn call(url: &str, tenant: &str) -> u64 {
    let params = r#"{"prompt":"Once","max_tokens":3,"temperature":0}"#;
    let answer = run(&["--json", "call", "generate", params, "--tenant", tenant, "--url", url]);
    let answer: Value = serde_json::from_slice(&answer.stdout).expect("an answer");
    (answer["cost_usd"].as_f64().expect("a cost") * 1e9).round() as u64
}

#[test]
fn the_books_are_printed_as_table_csv_and_json_and_outlive_the_node() {
    let folder = tempfile::tempdir().unwrap();
    let model = tiny_model(folder.path());
    let (chain, base) = (folder.path().join("chain.json"), folder.path().join("base"));
    write_chain(&chain, "none");
    let mut costs = Vec::new();
    for round in 0..2u64 {
        let mut served = serve_kept(&model, &chain, &base);
        let url = served.url.clone();
        costs.extend(TENANTS.map(|tenant| call(&url, tenant)));
        let total: u64 = costs.iter().sum();
        check_printed(&url, round + 1, total);
        check(&["usage", "--from", "yesterday", "--url", &url], 1, &["INVALID_PARAMS", "from"]);
        check(&["usage", "--csv", "--json", "--url", &url], 2, &["--csv or --json"]);
        terminate(&served.child);
        assert!(served.child.wait().unwrap().success());
    }
    assert!(costs.iter().all(|cost| *cost > 0), "{costs:?}");
}

fn check_printed(url: &str, rounds: u64, nano_usd: u64) {
    let json: Value = serde_json::from_str(&printed(url, &["--json", "--period", "month"])).expect("JSON");
    assert_eq!(json["total"]["calls"], 2 * rounds, "{json}");
    assert_eq!(json["total"]["generated_tokens"], 6 * rounds, "{json}");
    assert_eq!(json["total"]["cost_nano_usd"], nano_usd, "{json}");

    let csv = printed(url, &["--csv", "--period", "hour"]);
    let mut lines = csv.lines().map(|line| line.split(',').collect::<Vec<_>>());
    let head = lines.next().expect("a head");
    let column = |name: &str| head.iter().position(|other| *other == name).expect("a column");
    let (cost, dollars) = (column("cost_nano_usd"), column("cost_usd"));
    let mut sum = 0;
    for row in lines {
        let cost: u64 = row[cost].parse().expect("nano-dollars");
        assert_eq!(row[dollars], format!("{}.{:09}", cost / 1_000_000_000, cost % 1_000_000_000));
        sum += cost;
    }
    assert_eq!(sum, nano_usd, "{csv}");

    let table = printed(url, &["--tenant", "acme_corp"]);
    assert!(table.lines().next().is_some_and(|head| head.contains("TENANT") && head.contains("USD")), "{table}");
    assert!(table.contains("acme_corp") && !table.contains("startup_inc"), "{table}");
    assert!(table.lines().last().is_some_and(|line| line.starts_with("total")), "{table}");
}

/// Where callers have keys, a tenant's prints that tenant's usage, and no other's whatever it asks for.
#[test]
fn a_tenants_key_prints_its_own_usage_alone() {
    let folder = tempfile::tempdir().unwrap();
    let model = tiny_model(folder.path());
    let (chain, base) = (folder.path().join("chain.json"), folder.path().join("base"));
    write_chain(&chain, "keys");
    let operator = said(&["key", "generate", "--base-path", base.to_str().unwrap()]);
    let mut served = serve_kept(&model, &chain, &base);
    let as_holder =
        |arguments: &[&str], key: &str| said(&[arguments, &["--url", &served.url, "--api-key", key]].concat());
    let keys = TENANTS.map(|tenant| as_holder(&["key", "generate", "--tenant", tenant], &operator));
    for key in &keys {
        as_holder(&["call", "generate", r#"{"prompt":"Once","max_tokens":3}"#], key);
    }
    for (index, (own, key)) in TENANTS.iter().zip(&keys).enumerate() {
        let other = TENANTS[1 - index];
        for arguments in [&["usage"][..], &["usage", "--tenant", own], &["usage", "--csv"], &["--json", "usage"]] {
            let printed = as_holder(arguments, key);
            assert!(printed.contains(own) && !printed.contains(other), "{arguments:?}: {printed}");
        }
        let asked = ["usage", "--tenant", other, "--url", &served.url, "--api-key", key];
        assert_eq!(refused(&asked), "FORBIDDEN");
    }
    let all = as_holder(&["usage"], &operator);
    assert!(TENANTS.iter().all(|tenant| all.contains(tenant)), "{all}");
    terminate(&served.child);
    assert!(served.child.wait().unwrap().success());
}
