//! The dashboard, the alerts and the documentation's table against a real node's `/metrics`.

use realm_tests::{Http, TinyNode};
use serde_json::json;
use std::{collections::BTreeSet, net::SocketAddr};

const DASHBOARD: &str = include_str!("../../../docs/operations/grafana-dashboard.json");
const ALERTS: &str = include_str!("../../../docs/operations/prometheus-alerts.yaml");
const PAGE: &str = include_str!("../../../docs/operations.md");

/// The words in a text that are names of our metrics.
fn named(text: &str) -> BTreeSet<&str> {
    let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
    words.filter(|word| word.starts_with("realm_") && word.len() > "realm_".len()).collect()
}

/// A histogram's name without what Prometheus adds to it.
fn family(name: &str) -> &str {
    ["_bucket", "_sum", "_count"].iter().find_map(|suffix| name.strip_suffix(suffix)).unwrap_or(name)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_dashboards_and_alerts_name_is_counted() {
    // A port that was free a moment ago: the endpoint does not say which one the system gave it.
    let metrics: SocketAddr = {
        let probe = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        probe.local_addr().unwrap()
    };
    let tiny = TinyNode::with(|config| config.metrics = Some(metrics)).await;
    let address = tiny.node.address();
    let call = json!({"jsonrpc": "2.0", "id": 1, "method": "realm_call",
        "params": ["generate", {"prompt": "Hi", "max_tokens": 4, "temperature": 0}]});
    let answer = Http::ask(address, "POST", "/", &call.to_string()).await;
    assert!(answer.body.contains("\"tokens_generated\":4"), "{}", answer.body);

    // The endpoint comes up beside the node.
    let mut shown = String::new();
    for _ in 0..600 {
        if tokio::net::TcpStream::connect(metrics).await.is_ok() {
            shown = Http::ask(metrics, "GET", "/metrics", "").await.body;
            if shown.contains("outcome=\"ok\"") {
                break;
            }
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    let families: BTreeSet<&str> =
        shown.lines().filter_map(|line| line.strip_prefix("# HELP ")?.split(' ').next()).collect();
    assert!(families.contains("realm_calls_total"), "{shown}");
    for (file, text) in [("dashboard", DASHBOARD), ("alerts", ALERTS), ("docs/operations.md", PAGE)] {
        let names = named(text);
        assert!(!names.is_empty());
        for name in names {
            assert!(families.contains(family(name)) || families.contains(name), "the {file} names {name}");
        }
    }
    for family in families.iter().filter(|family| family.starts_with("realm_")) {
        assert!(PAGE.contains(&format!("`{family}`")), "docs/operations.md lacks {family}");
    }
    for line in [
        "realm_calls_total{function=\"RealmApi_generate\",outcome=\"ok\",tenant=\"dev\"} 1",
        "realm_time_to_first_token_seconds_count 1",
        "realm_inter_token_seconds_count 3",
        "realm_spec_version{tenant=\"dev\"} 1",
        "realm_instances_created_total",
        "realm_kv_blocks{model=\"default\",state=\"free\"}",
    ] {
        assert!(shown.contains(line), "{line} is not in:\n{shown}");
    }
    serde_json::from_str::<serde_json::Value>(DASHBOARD).expect("the dashboard is JSON");
    tiny.node.stop().await;
}
