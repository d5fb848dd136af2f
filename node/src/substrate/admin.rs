//! Upgrades and the log of them, for administrators.

use super::view::{View, bad_param, bytes_of};
use crate::{
    chain::{Block, CodeRef, Entry, Scope},
    excerpt::{SENT_BYTES_MAX, excerpt},
    methods::connection,
    millis::ms_rounded_up,
    upgrade::{Requester, UpgradeError, UpgradeReport, Upgrader},
};
use jsonrpsee::{
    Extensions,
    core::{RpcResult, async_trait},
};
use realm_rpc::{ErrorCode, RpcError, api::AdminServer};
use serde_json::{Value, json};
use std::sync::Arc;

/// Blocks of the log that are told if nobody says how many.
const LOG_LEN_DEFAULT: u32 = 100;
/// Blocks of the log that are told at once.
const LOG_LEN_MAX: u32 = 1_000;

pub(super) struct Admin {
    pub view: View,
    pub upgrader: Arc<Upgrader>,
}

/// As whom the connection may change the runtime of a tenant, or without one that of the chain.
fn check_admin(extensions: &Extensions, tenant_id: Option<&str>) -> Result<Requester, RpcError> {
    let identity = connection(extensions)?.identity();
    identity.check_admin(tenant_id)?;
    Ok(match identity.own_tenant() {
        Some(_) => Requester::Tenant,
        None => Requester::Operator,
    })
}

fn scope(tenant_id: Option<String>) -> Scope {
    tenant_id.map_or(Scope::Chain, Scope::Tenant)
}

fn code_bytes(code: &str) -> Result<Vec<u8>, RpcError> {
    bytes_of(code).ok_or_else(|| bad_param("code", "expected hex digits, two per byte"))
}

/// The refusal as the wire has it: the step for programs, the reason for people. What the blob says of itself is cut.
fn refused(error: UpgradeError) -> RpcError {
    let code = match &error {
        UpgradeError::TooOften { .. } => ErrorCode::RateLimit,
        _ => ErrorCode::UpgradeRefused,
    };
    let rpc = RpcError::new(code, excerpt(&error.to_string(), SENT_BYTES_MAX)).with("step", error.step());
    match error {
        // Like a call's: with its code, and when to try again.
        UpgradeError::Limited(error) => error,
        UpgradeError::SpecVersion { found, in_force } => rpc.with("found", found).with("in_force", in_force),
        UpgradeError::SpecName { found, expected } => {
            rpc.with("found", excerpt(&found, SENT_BYTES_MAX)).with("expected", expected)
        }
        UpgradeError::TooLarge { len, limit } => rpc.with("len", len).with("limit", limit),
        UpgradeError::Packed { limit, .. } | UpgradeError::Queue { limit } => rpc.with("limit", limit),
        UpgradeError::TooOften { limit, retry_after, .. } => {
            rpc.with("limit", limit).with("retry_after_ms", ms_rounded_up(retry_after))
        }
        _ => rpc,
    }
}

fn answer(outcome: Result<UpgradeReport, UpgradeError>) -> RpcResult<Value> {
    Ok(outcome.map(|report| report.to_json()).map_err(refused)?)
}

#[async_trait]
impl AdminServer for Admin {
    async fn upgrade_runtime(
        &self,
        extensions: &Extensions,
        code: String,
        tenant_id: Option<String>,
    ) -> RpcResult<Value> {
        let by = check_admin(extensions, tenant_id.as_deref())?;
        answer(self.upgrader.upgrade(scope(tenant_id), code_bytes(&code)?, by).await)
    }

    async fn dry_run_upgrade(
        &self,
        extensions: &Extensions,
        code: String,
        tenant_id: Option<String>,
    ) -> RpcResult<Value> {
        let by = check_admin(extensions, tenant_id.as_deref())?;
        answer(self.upgrader.dry_run(scope(tenant_id), code_bytes(&code)?, by).await)
    }

    async fn rollback_runtime(&self, extensions: &Extensions, tenant_id: Option<String>) -> RpcResult<Value> {
        let by = check_admin(extensions, tenant_id.as_deref())?;
        answer(self.upgrader.rollback(scope(tenant_id), by).await)
    }

    async fn chain_log(
        &self,
        extensions: &Extensions,
        limit: Option<u32>,
        heartbeats: Option<bool>,
    ) -> RpcResult<Value> {
        check_admin(extensions, None)?;
        let limit = limit.unwrap_or(LOG_LEN_DEFAULT).min(LOG_LEN_MAX) as usize;
        let blocks = self.view.chain.newest(limit, !heartbeats.unwrap_or(false));
        Ok(Value::Array(blocks.iter().map(|block| told(block)).collect()))
    }
}

fn told(block: &Block) -> Value {
    let (event, change) = match &block.record.entry {
        Entry::Genesis { chain_id, code } => ("genesis", json!({"chain": chain_id, "to": code_json(Some(*code))})),
        Entry::Heartbeat => ("heartbeat", json!({})),
        Entry::Upgrade(change) => ("upgrade", change_json(change)),
        Entry::Rollback(change) => ("rollback", change_json(change)),
    };
    json!({
        "number": block.number().0,
        "hash": block.hash.to_string(),
        "parent": block.header.parent_hash.to_string(),
        "time_unix_ms": block.record.time_unix_ms,
        "event": event,
        "change": change,
    })
}

fn change_json(change: &crate::chain::Change) -> Value {
    let scope = match &change.scope {
        Scope::Chain => Value::Null,
        Scope::Tenant(tenant) => Value::String(tenant.clone()),
    };
    json!({"tenant_id": scope, "from": code_json(change.from), "to": code_json(change.to)})
}

fn code_json(code: Option<CodeRef>) -> Value {
    code.map_or(Value::Null, |code| json!({"code_hash": code.hash.to_string(), "spec_version": code.spec_version}))
}
