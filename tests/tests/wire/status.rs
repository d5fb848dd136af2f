//! `realm_status`: its figures are those of the node, and only administrators are told them.

use realm_node::auth::Roles;
use realm_rpc::{ModelStatus, NodeStatus};
use realm_tests::{HANG, Socket, TinyNode};
use serde_json::json;
use std::time::Duration;

async fn status(socket: &mut Socket) -> NodeStatus {
    serde_json::from_value(socket.result("realm_status", json!([])).await).expect("a status")
}

/// The only model's part of it.
fn model(status: &NodeStatus) -> &ModelStatus {
    let [model] = &status.models[..] else { panic!("one model: {status:?}") };
    assert_eq!(model.name, "default");
    model
}

#[tokio::test(flavor = "multi_thread")]
async fn it_tells_what_the_node_holds_and_does() {
    let tiny = TinyNode::with(|config| {
        config.server.connections_max = 7;
        config.queue_len_max = 9;
    })
    .await;
    let address = tiny.node.address();
    let mut admin = Socket::connect(address).await;
    let idle = status(&mut admin).await;
    assert_eq!((idle.connections, idle.connections_max, idle.calls_waiting_max, idle.instances_max), (1, 7, 9, 64));
    assert_eq!((idle.calls_running, idle.calls_waiting, idle.instances, model(&idle).sessions), (0, 0, 0, 0));
    assert_eq!((model(&idle).kv_used_bytes, model(&idle).tokens_total, model(&idle).batches_total), (0, 0, 0));
    assert!((1..=64 << 20).contains(&model(&idle).kv_bytes_max), "{idle:?}");
    // A process that runs this has some megabytes.
    assert!(idle.resident_bytes.is_none_or(|bytes| bytes > 1 << 20), "{idle:?}");

    let mut other = Socket::connect(address).await;
    let id = other.subscribe("stream_generate", json!({"prompt": "Once", "max_tokens": 4000}), json!({})).await;
    other.event().await;
    let busy = status(&mut admin).await;
    assert_eq!((busy.connections, busy.calls_running, busy.instances, model(&busy).sessions), (2, 1, 1, 1), "{busy:?}");
    assert!(model(&busy).kv_used_bytes > 0 && model(&busy).kv_used_bytes <= model(&busy).kv_bytes_max, "{busy:?}");
    assert!(
        model(&busy).tokens_total > 0 && model(&busy).batch_sequences_total >= model(&busy).batches_total,
        "{busy:?}"
    );
    assert!(busy.uptime_ms >= idle.uptime_ms);

    other.result("realm_unsubscribe", json!([id])).await;
    let settled = async {
        loop {
            let now = status(&mut admin).await;
            if (now.calls_running, now.instances, model(&now).sessions, model(&now).kv_used_bytes) == (0, 0, 0, 0) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(HANG, settled).await.expect("what the call held is given back");
    tiny.node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_those_who_administer_the_node_are_told() {
    let tiny = TinyNode::keyed(|_| {}).await;
    let address = tiny.node.address();
    let error = Socket::connect(address).await.error("realm_status", json!([])).await;
    assert_eq!(error["data"]["code"], "UNAUTHENTICATED");
    for (tenant, roles) in [(Some("acme"), Roles::ALL), (None, Roles::CALL)] {
        let mut socket = Socket::connect_as(address, &tiny.key(tenant, roles).await).await;
        assert_eq!(socket.error("realm_status", json!([])).await["data"]["code"], "FORBIDDEN");
    }
    status(&mut Socket::connect_as(address, &tiny.key(None, Roles::ALL).await).await).await;
    tiny.node.stop().await;
}
