//! All tenants by name.

use super::{Tenant, TenantId};
use realm_rpc::{ErrorCode, RpcError};
use std::{
    collections::BTreeMap,
    sync::{Arc, PoisonError, RwLock},
};

/// The tenants that may call now.
#[derive(Debug)]
pub struct Tenants {
    /// Held only to look up or to change the map, never across anything that waits.
    by_id: RwLock<BTreeMap<TenantId, Arc<Tenant>>>,
    /// Whom a call that names nobody is made as.
    default: TenantId,
}

impl Tenants {
    /// The registry of these tenants; the first is the default. `None` if there are none.
    pub fn new(tenants: Vec<Arc<Tenant>>) -> Option<Self> {
        let default = tenants.first()?.id.clone();
        let by_id = tenants.into_iter().map(|tenant| (tenant.id.clone(), tenant)).collect();
        Some(Self { by_id: RwLock::new(by_id), default })
    }

    /// The tenant that a call names, or the default.
    ///
    /// # Errors
    /// `FORBIDDEN`, in the same words whether or not there is such a tenant.
    pub fn select(&self, named: Option<&str>) -> Result<Arc<Tenant>, RpcError> {
        let id = named.map_or_else(|| self.default.clone(), TenantId::from);
        let by_id = self.by_id.read().unwrap_or_else(PoisonError::into_inner);
        by_id.get(&id).cloned().ok_or_else(|| {
            RpcError::new(ErrorCode::Forbidden, "this connection may not call as the tenant it names")
                .with("field", "options.tenant_id")
        })
    }

    /// The tenants, in the order of their names.
    pub fn all(&self) -> Vec<Arc<Tenant>> {
        self.by_id.read().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }
}
