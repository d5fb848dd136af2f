//! All tenants by name.

use super::{Tenant, TenantId};
use crate::{
    auth::{Identity, forbidden_tenant},
    connection::Connection,
};
use realm_host_functions::storage::Store;
use realm_rpc::{ErrorCode, RpcError};
use std::{
    collections::BTreeMap,
    sync::{Arc, PoisonError, RwLock},
};

/// The tenants that may call now.
#[derive(Debug)]
pub struct Tenants {
    /// Held only to look up or to change the map, never across anything that waits.
    by_id: RwLock<BTreeMap<TenantId, Served>>,
    /// Whom a call that names nobody is made as.
    default: TenantId,
    /// What strangers see: the chain's runtime, and nothing behind it.
    public: Arc<Tenant>,
}

#[derive(Clone, Debug)]
struct Served {
    tenant: Arc<Tenant>,
    /// Whether its new calls are refused.
    disabled: bool,
}

impl Tenants {
    /// A registry without tenants. `public` is what strangers see the chain as; nobody calls as it.
    pub fn new(default: TenantId, public: Arc<Tenant>) -> Self {
        Self { by_id: RwLock::default(), default, public }
    }

    /// Serves a tenant from now on, in place of one of its name. Calls in flight keep what they began with.
    pub fn put(&self, tenant: Arc<Tenant>, disabled: bool) {
        let served = Served { tenant, disabled };
        let replaced =
            self.by_id.write().unwrap_or_else(PoisonError::into_inner).insert(served.tenant.id.clone(), served);
        drop(replaced);
    }

    /// Serves a tenant no more.
    pub fn take(&self, id: &TenantId) -> Option<Arc<Tenant>> {
        self.by_id.write().unwrap_or_else(PoisonError::into_inner).remove(id).map(|served| served.tenant)
    }

    /// The tenant that a connection calls as: the one that the call names, else the connection's own,
    /// else the default.
    ///
    /// # Errors
    /// `UNAUTHENTICATED`. `FORBIDDEN`, in the same words whether or not there is such a tenant; only who may
    /// call as it is told that it is disabled.
    pub fn select(&self, connection: &Connection, named: Option<&str>) -> Result<Arc<Tenant>, RpcError> {
        let served = match connection.identity().calls_as(named)? {
            Some(id) => self.served(&id).ok_or_else(forbidden_tenant),
            None => self.served(&self.default).ok_or_else(|| {
                RpcError::new(ErrorCode::InvalidParams, "say with options.tenant_id as which tenant to call")
                    .with("field", "options.tenant_id")
            }),
        }?;
        match served.disabled {
            false => Ok(served.tenant),
            true => Err(RpcError::new(ErrorCode::Forbidden, "this tenant is disabled; ask the node's operator")),
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

    /// The database that all tenants' state is in.
    pub fn store(&self) -> &Store {
        self.public.resources.storage.store()
    }

    /// The tenant of this name. Only for those who may know of it.
    pub fn get(&self, id: &TenantId) -> Option<Arc<Tenant>> {
        self.served(id).map(|served| served.tenant)
    }

    fn served(&self, id: &TenantId) -> Option<Served> {
        self.by_id.read().unwrap_or_else(PoisonError::into_inner).get(id).cloned()
    }

    /// The tenants, in the order of their names.
    pub fn all(&self) -> Vec<Arc<Tenant>> {
        self.by_id.read().unwrap_or_else(PoisonError::into_inner).values().map(|served| served.tenant.clone()).collect()
    }
}
