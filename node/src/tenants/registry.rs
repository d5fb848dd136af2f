//! All tenants by name.

use super::{Tenant, TenantId};
use crate::{
    auth::{Identity, forbidden_tenant},
    connection::Connection,
};
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
    /// What strangers see: the chain's runtime, and nothing behind it.
    public: Arc<Tenant>,
}

impl Tenants {
    /// The registry of these tenants; the first is the default. `None` if there are none. `public`
    /// is what strangers see the chain as; nobody calls as it.
    pub fn new(tenants: Vec<Arc<Tenant>>, public: Arc<Tenant>) -> Option<Self> {
        let default = tenants.first()?.id.clone();
        let by_id = tenants.into_iter().map(|tenant| (tenant.id.clone(), tenant)).collect();
        Some(Self { by_id: RwLock::new(by_id), default, public })
    }

    /// The tenant that a connection calls as: the one that the call names, else the connection's own,
    /// else the default.
    ///
    /// # Errors
    /// `UNAUTHENTICATED`. `FORBIDDEN`, in the same words whether or not there is such a tenant.
    pub fn select(&self, connection: &Connection, named: Option<&str>) -> Result<Arc<Tenant>, RpcError> {
        match connection.identity().calls_as(named)? {
            Some(id) => self.get(&id).ok_or_else(forbidden_tenant),
            None => self.get(&self.default).ok_or_else(|| {
                RpcError::new(ErrorCode::InvalidParams, "say with options.tenant_id as which tenant to call")
                    .with("field", "options.tenant_id")
            }),
        }
    }

    /// The tenant whose runtime a connection sees when it asks what there is: that of
    /// [`Self::select`] where it may call, else the chain's.
    pub fn seen_by(&self, connection: &Connection) -> Arc<Tenant> {
        let seen = match connection.identity() {
            Identity::Stranger => None,
            identity => self.get(identity.tenant().unwrap_or(&self.default)),
        };
        seen.unwrap_or_else(|| self.public.clone())
    }

    /// The tenant of this name. Only for those who may know of it.
    pub fn get(&self, id: &TenantId) -> Option<Arc<Tenant>> {
        self.by_id.read().unwrap_or_else(PoisonError::into_inner).get(id).cloned()
    }

    /// The tenants, in the order of their names.
    pub fn all(&self) -> Vec<Arc<Tenant>> {
        self.by_id.read().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }
}
