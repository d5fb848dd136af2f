//! What an upgrade did, or what a dry run says it would do.

use crate::chain::{Anchor, CodeRef, Scope};
use realm_metadata::MetadataDiff;
use serde_json::{Value, json};

/// One tenant's state.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct MigrationReport {
    /// Whose.
    pub tenant: String,
    /// Whether the migration wrote anything.
    pub changed: bool,
}

/// What changed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct UpgradeReport {
    /// For whom.
    pub scope: Scope,
    /// The code until then; none for a tenant that ran the chain's.
    pub from: Option<CodeRef>,
    /// The code from then on; none for a tenant that goes back to the chain's.
    pub to: Option<CodeRef>,
    /// The block that records it; none after a dry run.
    pub block: Option<Anchor>,
    /// Hash of the metadata from then on.
    pub metadata_hash: String,
    /// What clients find changed.
    pub diff: MetadataDiff,
    /// The tenants whose runtime changes.
    pub migrations: Vec<MigrationReport>,
}

impl UpgradeReport {
    /// The report as the RPC methods answer it.
    pub fn to_json(&self) -> Value {
        json!({
            "scope": scope(&self.scope),
            "from": code(self.from),
            "to": code(self.to),
            "block": self.block.map(|block| json!({"number": block.number.0, "hash": block.hash.to_string()})),
            "metadata_hash": self.metadata_hash,
            "metadata_diff": self.diff.to_json(),
            "tenants": self
                .migrations
                .iter()
                .map(|migration| json!({"tenant_id": migration.tenant, "state_changed": migration.changed}))
                .collect::<Vec<_>>(),
        })
    }
}

fn scope(scope: &Scope) -> Value {
    match scope {
        Scope::Chain => json!("chain"),
        Scope::Tenant(tenant) => json!({"tenant_id": tenant}),
    }
}

fn code(code: Option<CodeRef>) -> Value {
    code.map_or(Value::Null, |code| json!({"code_hash": code.hash.to_string(), "spec_version": code.spec_version}))
}
