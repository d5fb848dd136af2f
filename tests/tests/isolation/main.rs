//! What a tenant's code can reach of other tenants and of other calls, tried by a runtime that is
//! written for it (`tests/runtimes/hostile`) on a node over sockets: nothing.

mod attacks;
mod hoards;
mod memory;
mod tenants;

use realm_chain_spec::{CodeSource, TenantSpec};
use realm_node::NodeConfig;
use realm_tests::{Socket, TinyNode};
use serde_json::{Value, json};

const TENANTS: [&str; 3] = ["dev", "eve", "fay"];

/// A node on which all three tenants run the hostile runtime.
async fn hostile(change: impl FnOnce(&mut NodeConfig)) -> TinyNode {
    TinyNode::with(|config| {
        config.chain.runtime = CodeSource::Code(realm_hostile_runtime::WASM_BINARY.to_vec());
        config.chain.tenants.extend(TENANTS[1..].iter().map(|id| TenantSpec::new(*id, "default")));
        // So that a call which nobody reads soon stands still, with all that it holds.
        config.server.messages_max = 4;
        change(config);
    })
    .await
}

/// A function's result for a tenant.
async fn call(socket: &mut Socket, tenant: &str, function: &str, params: Value) -> Value {
    socket.result("realm_call", json!([function, params, {"tenant_id": tenant}])).await
}

/// Bytes as hex.
fn hex(bytes: &[u8]) -> String {
    format!("0x{}", hex::encode(bytes))
}
