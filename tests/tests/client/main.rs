//! The example of a Rust client runs against a node.

#[path = "../../examples/client.rs"]
#[allow(dead_code, reason = "its main is for people")]
mod example;

use realm_tests::{Socket, TinyNode};
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn the_example_tells_a_whole_story() {
    let node = TinyNode::start().await;
    let url = format!("ws://{}", node.node.address());
    assert_eq!(example::health(&url).await.unwrap()["healthy"], json!(true));
    let params = json!(["generate", {"prompt": "Once upon a time", "max_tokens": 20, "temperature": 0}]);
    let whole = Socket::connect(node.node.address()).await.result("realm_call", params).await;
    assert_eq!(json!(example::story(&url).await.unwrap()), whole["text"]);
    node.node.stop().await;
}
