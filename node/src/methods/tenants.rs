//! `realm_tenant*`.

use super::connection;
use crate::tenants::{ManageError, TenantManager};
use jsonrpsee::{
    Extensions,
    core::{RpcResult, async_trait},
};
use realm_rpc::{ErrorCode, RpcError, api::TenantsServer};
use serde_json::Value;
use std::sync::Arc;

/// The methods.
pub struct TenantMethods {
    /// Does what they ask for.
    pub manager: Arc<TenantManager>,
}

#[async_trait]
impl TenantsServer for TenantMethods {
    async fn tenant_add(&self, extensions: &Extensions, tenant: Value) -> RpcResult<Value> {
        check_admin(extensions)?;
        Ok(self.manager.add(tenant).await.map_err(failed)?)
    }

    async fn tenant_list(&self, extensions: &Extensions) -> RpcResult<Vec<Value>> {
        check_admin(extensions)?;
        Ok(self.manager.list().await)
    }

    async fn tenant_update(&self, extensions: &Extensions, tenant_id: String, changes: Value) -> RpcResult<Value> {
        check_admin(extensions)?;
        Ok(self.manager.update(&tenant_id, &changes).await.map_err(failed)?)
    }

    async fn tenant_disable(&self, extensions: &Extensions, tenant_id: String) -> RpcResult<Value> {
        check_admin(extensions)?;
        Ok(self.manager.set_disabled(&tenant_id, true).await.map_err(failed)?)
    }

    async fn tenant_enable(&self, extensions: &Extensions, tenant_id: String) -> RpcResult<Value> {
        check_admin(extensions)?;
        Ok(self.manager.set_disabled(&tenant_id, false).await.map_err(failed)?)
    }

    async fn tenant_remove(&self, extensions: &Extensions, tenant_id: String, purge: Option<bool>) -> RpcResult<Value> {
        check_admin(extensions)?;
        Ok(self.manager.remove(&tenant_id, purge.unwrap_or(false)).await.map_err(failed)?)
    }
}

/// Tenants are the node's matter, not that of one tenant's administrator.
fn check_admin(extensions: &Extensions) -> Result<(), RpcError> {
    connection(extensions)?.identity().check_admin(None)
}

/// What the caller can mend is told; the rest goes to the log.
fn failed(error: ManageError) -> RpcError {
    let invalid = |field: &str| RpcError::new(ErrorCode::InvalidParams, error.to_string()).with("field", field);
    match &error {
        ManageError::Absent { .. } => invalid("tenant_id"),
        ManageError::Present { .. } => invalid("tenant.id"),
        ManageError::Field { path, .. } => invalid(path),
        ManageError::TooMany { limit } => {
            RpcError::new(ErrorCode::QuotaExceeded, error.to_string()).with("limit", *limit)
        }
        ManageError::Commit(_) | ManageError::Store(_) | ManageError::Keys(_) => {
            tracing::error!(%error, "tenants were not changed, or not wholly");
            RpcError::internal()
        }
    }
}
