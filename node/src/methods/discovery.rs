//! `rpc_methods` and `rpc.discover`.

use super::NODE_VERSION;
use crate::dispatcher::Dispatcher;
use jsonrpsee::{
    Extensions,
    core::{RpcResult, async_trait},
};
use realm_metadata::{ApiInfo, openrpc};
use realm_rpc::{MethodList, api::DiscoveryServer};
use serde_json::{Value, json};
use std::sync::Arc;

pub struct Discovery {
    pub dispatcher: Arc<Dispatcher>,
    /// All methods, sorted.
    pub names: Vec<&'static str>,
}

#[async_trait]
impl DiscoveryServer for Discovery {
    fn methods(&self) -> RpcResult<MethodList> {
        Ok(MethodList { methods: self.names.iter().map(|name| (*name).to_owned()).collect() })
    }

    async fn discover(&self, extensions: &Extensions) -> RpcResult<Value> {
        let runtime = self.dispatcher.tenants.seen_by(super::connection(extensions)?).runtime.current();
        // The same for every connection: the node's methods do not change while it runs.
        let document = runtime.open_rpc.get_or_init(|| {
            let info = ApiInfo {
                title: "Realm",
                version: NODE_VERSION,
                description: "The node's methods, and the functions of the runtime in force.",
            };
            let own = self.names.iter().map(|name| method(name)).collect();
            Arc::new(openrpc(&runtime.metadata, &info, own))
        });
        Ok(Value::clone(document))
    }
}

/// A method of the node's own. Those that take parameters say so; the rest take none.
fn method(name: &str) -> Value {
    let (params, result) = match name {
        "realm_call" => (call_params(), json!({"name": "result", "schema": {}})),
        "realm_subscribe" => (call_params(), json!({"name": "subscription", "schema": {"type": "string"}})),
        "realm_resume" => (
            json!([
                param("id", true, json!({"type": "string"})),
                param("from_seq", true, json!({"type": "integer", "minimum": 0})),
                param("options", false, json!({"type": "object", "properties": {"tenant_id": {"type": "string"}}})),
            ]),
            json!({"name": "subscription", "schema": {"type": "string"}}),
        ),
        "realm_usage" => (
            json!([
                param("tenant_id", false, json!({"type": "string"})),
                param("from", false, json!({"type": "string"})),
                param("to", false, json!({"type": "string"})),
                param("period", false, json!({"enum": ["hour", "day", "month"]})),
            ]),
            json!({"name": "usage", "schema": {"type": "object"}}),
        ),
        "state_call" | "state_callAt" => (
            json!([
                param("method", true, json!({"type": "string"})),
                param("data", true, json!({"type": "string", "pattern": "^(0x)?([0-9a-fA-F]{2})*$"})),
                param("at", false, json!({})),
            ]),
            json!({"name": "answer", "schema": {"type": "string"}}),
        ),
        _ => (administering(name), json!({"name": "result", "schema": {}})),
    };
    json!({"name": name, "paramStructure": "either", "params": params, "result": result})
}

/// The parameters of what concerns keys and tenants.
fn administering(name: &str) -> Value {
    let text = |name, required| param(name, required, json!({"type": "string"}));
    let object = |name| param(name, true, json!({"type": "object"}));
    match name {
        "realm_authenticate" => json!([text("api_key", true), text("tenant_id", false)]),
        "realm_keyGenerate" => json!([
            text("tenant_id", false),
            param("roles", false, json!({"type": "array", "items": {"enum": ["call", "admin"]}, "minItems": 1})),
            param("expires_at_unix_ms", false, json!({"type": "integer", "minimum": 0})),
            text("label", false),
        ]),
        "realm_keyList" => json!([text("tenant_id", false)]),
        "realm_keyRevoke" => json!([text("prefix", true)]),
        "realm_tenantAdd" => json!([object("tenant")]),
        "realm_tenantUpdate" => json!([text("tenant_id", true), object("changes")]),
        "realm_tenantDisable" | "realm_tenantEnable" => json!([text("tenant_id", true)]),
        "realm_tenantRemove" => json!([text("tenant_id", true), param("purge", false, json!({"type": "boolean"}))]),
        _ => json!([]),
    }
}

fn call_params() -> Value {
    json!([
        param("function", true, json!({"type": "string"})),
        param("params", false, json!({"type": ["object", "array", "string"]})),
        param(
            "options",
            false,
            json!({
                "type": "object",
                "additionalProperties": false,
                "properties": {
                    "id": {"type": "string"},
                    "tenant_id": {"type": "string"},
                    "deadline_ms": {"type": "integer", "minimum": 1},
                    "runtime": {"type": "string", "pattern": "^0x[0-9a-fA-F]{64}$"},
                    "resumable": {"type": "boolean"},
                    "keep_ms": {"type": "integer", "minimum": 1},
                },
            })
        ),
    ])
}

fn param(name: &str, required: bool, schema: Value) -> Value {
    json!({"name": name, "required": required, "schema": schema})
}
