//! Saying who one is, and the keys to say it with.

use jsonrpsee::{core::RpcResult, proc_macros::rpc};
use serde_json::Value;

/// Keys. All but the first are for administrators: of the node, or of the tenant alone whose key they hold.
#[cfg_attr(not(feature = "client"), rpc(server))]
#[cfg_attr(feature = "client", rpc(server, client))]
pub trait Auth {
    /// Says who this connection is, for clients that can send no header: browsers, websocat. The
    /// connection calls as `tenant_id` from here on where a call names nobody; a key of one tenant
    /// takes no other. Answers `{tenant_id, roles, expires_at_unix_ms}`, the last only of keys that expire.
    #[method(name = "realm_authenticate", with_extensions)]
    async fn authenticate(&self, api_key: String, tenant_id: Option<String>) -> RpcResult<Value>;

    /// Makes a key for a tenant, or without one for the node. `roles` are of `call` and `admin`; by
    /// default `call`, and both for the node. Answers
    /// `{key, prefix, tenant_id, roles, created_at_unix_ms, expires_at_unix_ms, label}`; `key` is shown here alone.
    #[method(name = "realm_keyGenerate", with_extensions)]
    async fn key_generate(
        &self,
        tenant_id: Option<String>,
        roles: Option<Vec<String>>,
        expires_at_unix_ms: Option<u64>,
        label: Option<String>,
    ) -> RpcResult<Value>;

    /// The keys of a tenant, or without one all: as `realm_keyGenerate` answers, without `key`.
    #[method(name = "realm_keyList", with_extensions)]
    async fn key_list(&self, tenant_id: Option<String>) -> RpcResult<Value>;

    /// Takes back the key of this prefix. New calls with it are refused at once, and connections that
    /// showed it are closed. Answers with what `realm_keyList` would have told of it.
    #[method(name = "realm_keyRevoke", with_extensions)]
    async fn key_revoke(&self, prefix: String) -> RpcResult<Value>;
}
