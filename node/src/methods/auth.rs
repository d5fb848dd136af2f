//! `realm_authenticate` and `realm_key*`.

use super::connection;
use crate::{
    auth::{Key, KeyError, NewKey, Roles, forbidden_tenant, now_unix_ms, prefix_of, shown_once},
    connection::Connection,
    dispatcher::Dispatcher,
    tenants::TenantId,
};
use jsonrpsee::{
    Extensions,
    core::{RpcResult, async_trait},
};
use realm_rpc::{ErrorCode, RpcError, api::AuthServer};
use serde_json::{Value, json};
use std::sync::Arc;

pub struct Auth {
    pub dispatcher: Arc<Dispatcher>,
}

impl Auth {
    /// The tenant that an administrator names, by default that of its key; `None` is the node.
    fn scope(&self, connection: &Connection, named: Option<String>) -> Result<Option<TenantId>, RpcError> {
        let identity = connection.identity();
        let tenant = named.as_deref().map(TenantId::from).or_else(|| identity.own_tenant().cloned());
        identity.check_admin(tenant.as_ref().map(TenantId::as_str))?;
        Ok(tenant)
    }
}

#[async_trait]
impl AuthServer for Auth {
    async fn authenticate(
        &self,
        extensions: &Extensions,
        api_key: String,
        tenant_id: Option<String>,
    ) -> RpcResult<Value> {
        let connection = connection(extensions)?;
        let auth = &self.dispatcher.auth;
        let proof = auth.prove(&api_key, tenant_id.as_deref(), connection.remote().ip())?;
        if let Some(tenant) = proof.tenant()
            && self.dispatcher.tenants.get(tenant).is_none()
        {
            return Err(forbidden_tenant().into());
        }
        let mut answer = json!({"tenant_id": proof.tenant().map(TenantId::as_str), "roles": proof.roles().names()});
        if let (Some(end), Some(fields)) = (proof.key.expires_at_unix_ms, answer.as_object_mut()) {
            fields.insert("expires_at_unix_ms".to_owned(), json!(end));
        }
        connection.authenticate(proof)?;
        Ok(answer)
    }

    async fn key_generate(
        &self,
        extensions: &Extensions,
        tenant_id: Option<String>,
        roles: Option<Vec<String>>,
        expires_at_unix_ms: Option<u64>,
        label: Option<String>,
    ) -> RpcResult<Value> {
        let tenant = self.scope(connection(extensions)?, tenant_id)?;
        if let Some(id) = tenant.as_ref().filter(|id| self.dispatcher.tenants.get(id).is_none()) {
            return Err(invalid("tenant_id", &format!("there is no tenant {id}; add it first")).into());
        }
        let roles = match roles {
            None => Roles::of_new(tenant.as_ref()),
            Some(names) => Roles::read(names.iter().map(String::as_str))
                .ok_or_else(|| invalid("roles", "expected a list of `call` and `admin`, with one of them at least"))?,
        };
        if expires_at_unix_ms.is_some_and(|end| end <= now_unix_ms()) {
            return Err(invalid("expires_at_unix_ms", "is in the past").into());
        }
        let new = NewKey { tenant, roles, expires_at_unix_ms, label };
        let (text, key) = self.dispatcher.auth.keys.generate(new).await.map_err(failed)?;
        Ok(shown_once(&text, &key))
    }

    async fn key_list(&self, extensions: &Extensions, tenant_id: Option<String>) -> RpcResult<Value> {
        let tenant = self.scope(connection(extensions)?, tenant_id)?;
        let keys = self.dispatcher.auth.keys.all().into_iter();
        let keys = keys.filter(|key| tenant.is_none() || key.tenant == tenant);
        Ok(keys.map(|key| key.to_json()).collect())
    }

    async fn key_revoke(&self, extensions: &Extensions, prefix: String) -> RpcResult<Value> {
        let identity = connection(extensions)?.identity();
        let prefix = prefix_of(&prefix);
        let may = |key: &Key| identity.check_admin(key.tenant.as_ref().map(TenantId::as_str)).is_ok();
        // Whoever administers nothing is told that, and not whether there is such a key.
        identity.check_admin(identity.own_tenant().map(TenantId::as_str))?;
        let revoked = self.dispatcher.auth.keys.revoke(|key| key.prefix == prefix && may(key)).await.map_err(failed)?;
        match revoked.first() {
            Some(key) => Ok(key.to_json()),
            None => Err(invalid("prefix", "there is no such key here; realm_keyList tells which there are").into()),
        }
    }
}

fn invalid(field: &str, message: &str) -> RpcError {
    RpcError::new(ErrorCode::InvalidParams, format!("{field}: {message}")).with("field", field)
}

/// What the caller can mend is told; the rest goes to the log.
fn failed(error: KeyError) -> RpcError {
    match error {
        KeyError::Label => invalid("label", &error.to_string()),
        KeyError::TooMany { limit } | KeyError::TooManyOfTenant { limit } => {
            RpcError::new(ErrorCode::QuotaExceeded, error.to_string()).with("limit", limit)
        }
        error => {
            tracing::error!(%error, "a key was not made or taken back");
            RpcError::internal()
        }
    }
}
