//! Changing which runtime is in force. For administrators.

use jsonrpsee::{core::RpcResult, proc_macros::rpc};
use serde_json::Value;

/// Upgrades, and the log of them.
#[cfg_attr(not(feature = "client"), rpc(server))]
#[cfg_attr(feature = "client", rpc(server, client))]
pub trait Admin {
    /// Puts new code in force: hex of a wasm blob, compressed or not, for one tenant or for all that
    /// have no code of their own. Answers with what changed:
    /// `{scope, from, to, block, metadata_hash, metadata_diff, tenants}`.
    #[method(name = "realm_upgradeRuntime", with_extensions)]
    async fn upgrade_runtime(&self, code: String, tenant_id: Option<String>) -> RpcResult<Value>;

    /// Does all of `realm_upgradeRuntime` but the change itself, and answers with what would change.
    #[method(name = "realm_dryRunUpgrade", with_extensions)]
    async fn dry_run_upgrade(&self, code: String, tenant_id: Option<String>) -> RpcResult<Value>;

    /// Goes back to the code that was in force before the last upgrade.
    #[method(name = "realm_rollbackRuntime", with_extensions)]
    async fn rollback_runtime(&self, tenant_id: Option<String>) -> RpcResult<Value>;

    /// The newest blocks of the upgrade log, newest first; only changes unless `heartbeats`.
    #[method(name = "realm_chainLog", with_extensions)]
    async fn chain_log(&self, limit: Option<u32>, heartbeats: Option<bool>) -> RpcResult<Value>;
}
