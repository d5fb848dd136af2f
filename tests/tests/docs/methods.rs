//! The list of Substrate's methods in docs/protocol.md against those that a node has.

use realm_tests::{Socket, TinyNode};
use serde_json::json;
use std::collections::BTreeSet;

const PAGE: &str = include_str!("../../../docs/protocol.md");

/// Wildcards stood here, which promised methods that a node does not have.
#[tokio::test(flavor = "multi_thread")]
async fn the_list_of_substrates_methods_is_the_nodes() {
    let node = TinyNode::start().await;
    let answer = Socket::connect(node.node.address()).await.result("rpc_methods", json!([])).await;
    let names = answer["methods"].as_array().unwrap().iter().map(|name| name.as_str().unwrap());
    let methods: BTreeSet<_> = names.filter(|name| !name.starts_with("realm_") && !name.starts_with("rpc")).collect();
    let (_, section) = PAGE.split_once("\n## Substrate methods\n").expect("a section on Substrate's methods");
    let list = section.lines().skip_while(|line| !line.starts_with("- ")).take_while(|line| !line.is_empty());
    let list: Vec<_> = list.collect();
    let list = list.join("\n");
    let documented: BTreeSet<_> = list.split('`').skip(1).step_by(2).collect();
    assert_eq!(documented, methods);
    node.node.stop().await;
}
