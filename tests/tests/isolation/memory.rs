//! Linear memory: sandboxes are used again and again, what was in them is not seen.

use super::{TENANTS, call, hostile};
use realm_tests::Socket;
use serde_json::json;

/// Linear memory of each sandbox.
const MEMORY_BYTES: u64 = 8 << 20;
/// More than there are places in the pool.
const ROUNDS: u64 = 30;
const PATTERN: u64 = 0x1bad_b002_cafe_f00d;

#[tokio::test(flavor = "multi_thread")]
async fn what_a_call_wrote_is_not_there_in_the_next() {
    let node = hostile(|config| {
        config.executor.instances_max = 2;
        for tenant in &mut config.chain.tenants {
            tenant.limits.guest_memory_bytes_max = MEMORY_BYTES;
        }
    })
    .await;
    let mut sockets = [Socket::connect(node.node.address()).await, Socket::connect(node.node.address()).await];
    for round in 0..ROUNDS {
        let pattern = json!({"masked": PATTERN + round});
        for (socket, tenant) in sockets.iter_mut().zip(TENANTS) {
            let words = call(socket, tenant, "fill", pattern.clone()).await;
            assert!(words.as_u64() > Some(MEMORY_BYTES / 8 / 2), "{words} words were written");
        }
        // Two at once, so that both places of the pool are looked at.
        let [first, second] = &mut sockets;
        let found = tokio::join!(
            call(first, TENANTS[2], "count", pattern.clone()),
            call(second, TENANTS[0], "count", pattern.clone()),
        );
        assert_eq!(found, (json!(0), json!(0)), "round {round}");
    }
    node.node.stop().await;
}
