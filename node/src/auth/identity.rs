//! Whom a connection may call as, and what it may administer.

use super::Key;
use crate::tenants::TenantId;
use realm_rpc::{ErrorCode, RpcError};
use std::sync::Arc;

/// Who a connection is at a moment. Ask for it anew for each call: keys end.
#[derive(Clone, Debug)]
pub enum Identity {
    /// Nobody has said who it is, or its key has ended: health and metadata, and no more.
    Stranger,
    /// The chain needs no keys: any tenant.
    Trusted {
        /// May administer too: it comes from this machine.
        admin: bool,
    },
    /// Holds a key that is good.
    Holder {
        /// The key.
        key: Arc<Key>,
        /// Whom it calls as where it names nobody; the chain's default without one.
        tenant: Option<TenantId>,
    },
}

impl Identity {
    /// Whether it may do no more than ask for health and metadata.
    pub fn is_stranger(&self) -> bool {
        matches!(self, Identity::Stranger)
    }

    /// Its own tenant, if it has one.
    pub fn tenant(&self) -> Option<&TenantId> {
        match self {
            Identity::Holder { key, tenant } => key.tenant.as_ref().or(tenant.as_ref()),
            Identity::Stranger | Identity::Trusted { .. } => None,
        }
    }

    /// The only tenant that its key is for.
    pub fn own_tenant(&self) -> Option<&TenantId> {
        match self {
            Identity::Holder { key, .. } => key.tenant.as_ref(),
            Identity::Stranger | Identity::Trusted { .. } => None,
        }
    }

    /// The tenant that a call is made as which names `named`; `None` is the chain's default.
    ///
    /// # Errors
    /// `UNAUTHENTICATED`, `FORBIDDEN`; nothing tells whether the named tenant exists.
    pub fn calls_as(&self, named: Option<&str>) -> Result<Option<TenantId>, RpcError> {
        match self {
            Identity::Stranger => Err(unauthenticated()),
            Identity::Trusted { .. } => Ok(named.map(TenantId::from)),
            Identity::Holder { key, .. } if !key.roles.call => {
                Err(RpcError::new(ErrorCode::Forbidden, "this key may administer, and not call functions"))
            }
            Identity::Holder { key, tenant } => match (&key.tenant, named) {
                (Some(own), Some(named)) if own.as_str() != named => Err(forbidden_tenant()),
                (Some(own), _) => Ok(Some(own.clone())),
                (None, Some(named)) => Ok(Some(named.into())),
                (None, None) => Ok(tenant.clone()),
            },
        }
    }

    /// Whether it may administer a tenant, or without one the node.
    ///
    /// # Errors
    /// `UNAUTHENTICATED`, `FORBIDDEN`; nothing tells whether the tenant exists.
    pub fn check_admin(&self, tenant: Option<&str>) -> Result<(), RpcError> {
        let may = match self {
            Identity::Stranger => return Err(unauthenticated()),
            Identity::Trusted { admin } => *admin,
            Identity::Holder { key, .. } => {
                key.roles.admin && (key.tenant.is_none() || key.tenant.as_ref().map(TenantId::as_str) == tenant)
            }
        };
        match may {
            true => Ok(()),
            false => Err(RpcError::new(
                ErrorCode::Forbidden,
                "this connection may not administer that; it takes a key with the role admin, or on a chain without keys the node's own machine",
            )),
        }
    }
}

/// The refusal of those who have not said who they are.
pub fn unauthenticated() -> RpcError {
    RpcError::new(
        ErrorCode::Unauthenticated,
        "say who you are first: send `Authorization: Bearer KEY`, or offer the subprotocols `realm, realm-key.KEY`, or call realm_authenticate(api_key)",
    )
}

/// The refusal of a tenant, in the same words whether or not there is one.
pub fn forbidden_tenant() -> RpcError {
    RpcError::new(ErrorCode::Forbidden, "this connection may not call as the tenant it names")
        .with("field", "options.tenant_id")
}
