//! Who may call at all. For administrators of the node.

use jsonrpsee::{core::RpcResult, proc_macros::rpc};
use serde_json::Value;

/// Tenants, as they are now. Each answer is `{tenant, disabled, source, own_runtime, calls}`, where `tenant` is
/// what a chain specification says of one, and `source` is `chain_spec`, or `run_time` where it was changed since.
#[cfg_attr(not(feature = "client"), rpc(server))]
#[cfg_attr(feature = "client", rpc(server, client))]
pub trait Tenants {
    /// Adds a tenant: `{id, model, embedding_model, weight, prices, limits}`, all but the id with defaults; the
    /// model's is the chain's first. Its own runtime, if it shall have one, comes by `realm_upgradeRuntime`.
    #[method(name = "realm_tenantAdd", with_extensions)]
    async fn tenant_add(&self, tenant: Value) -> RpcResult<Value>;

    /// All tenants, in the order of their names.
    #[method(name = "realm_tenantList", with_extensions)]
    async fn tenant_list(&self) -> RpcResult<Vec<Value>>;

    /// Changes what is named in `changes`, and nothing else; null puts a default back. Calls that run go on
    /// as they began.
    #[method(name = "realm_tenantUpdate", with_extensions)]
    async fn tenant_update(&self, tenant_id: String, changes: Value) -> RpcResult<Value>;

    /// Refuses new calls of the tenant, and ends none.
    #[method(name = "realm_tenantDisable", with_extensions)]
    async fn tenant_disable(&self, tenant_id: String) -> RpcResult<Value>;

    /// Takes its calls again.
    #[method(name = "realm_tenantEnable", with_extensions)]
    async fn tenant_enable(&self, tenant_id: String) -> RpcResult<Value>;

    /// Ends the tenant: its keys are revoked, and the calls that run are cancelled. What it stored stays for
    /// one of that name that is added later, unless `purge`. Answers with what it was; null for one that was
    /// removed before, of which this does what is left, for example the purge.
    #[method(name = "realm_tenantRemove", with_extensions)]
    async fn tenant_remove(&self, tenant_id: String, purge: Option<bool>) -> RpcResult<Value>;
}
