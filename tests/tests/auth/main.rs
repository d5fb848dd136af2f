//! Who may call what: every way to say who one is, every wrong one, and what follows from it. Over
//! real sockets.

mod bounds;
mod ends;
mod keyless;
mod proofs;
mod queries;
mod roles;
mod strangers;
mod wrong;

use realm_tests::Socket;
use serde_json::{Value, json};
use std::net::SocketAddr;

/// A call that any tenant may make and that needs no model.
fn health(tenant: Option<&str>) -> Value {
    match tenant {
        Some(tenant) => json!(["health_check", {}, {"tenant_id": tenant}]),
        None => json!(["health_check"]),
    }
}

/// The code of an error.
fn code(error: &Value) -> &str {
    error["data"]["code"].as_str().unwrap_or_else(|| panic!("no code in {error}"))
}

/// A connection's own tenant, as the runtime's answer does not tell it: the one that it may name.
async fn may_call_as(socket: &mut Socket, tenant: &str) -> bool {
    let response = socket.request("realm_call", health(Some(tenant))).await;
    response.get("result").is_some()
}

/// A request over HTTP with these headers: its status and what it answers.
async fn post(address: SocketAddr, headers: &[(&str, &str)], method: &str, params: Value) -> (u16, Value) {
    let body = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).to_string();
    let answer = realm_tests::Http::ask_with(address, "POST", "/", headers, &body).await;
    (answer.status, serde_json::from_str(&answer.body).expect("JSON"))
}
