//! What a tenant's calls may reach, and what one call is given.

use super::CallTally;
use crate::{
    budget::NativeBudget,
    event_queue::EventSender,
    limits::HostLimits,
    model::HostModel,
    storage::{ConnectionMemory, Namespace},
};
use realm_engine::TenantKey;
use realm_primitives::CallContext;
use realm_work::Scope;
use std::{sync::Arc, time::Instant};

/// What every call of one tenant shares. Nothing else of the node is reachable from its sandboxes.
#[derive(Clone, Debug)]
pub struct TenantResources {
    /// The tenant as the engine knows it: owner of sessions and of the cached prefixes.
    pub key: TenantKey,
    /// The tenant's share of guest threads and heavy threads, relative to other tenants.
    pub weight: u32,
    /// The model of sessions, tokens and tensors, if the tenant has one.
    pub model: Option<Arc<HostModel>>,
    /// The model of `embed_pooled`; without one, `model` embeds.
    pub embedding_model: Option<Arc<HostModel>>,
    /// The tenant's part of the node's storage.
    pub storage: Namespace,
    /// The tenant's native memory, of which its calls and connections take their parts.
    pub budget: NativeBudget,
    /// Limits of each of its calls.
    pub limits: HostLimits,
}

impl TenantResources {
    /// Whose work it is, for the threads that tenants share.
    pub fn scope(&self) -> Scope {
        Scope { key: self.key.bytes(), weight: self.weight }
    }
}

/// What one call is given.
#[derive(Debug)]
pub struct CallSetup {
    /// What the guest is told about the call. The executor fills `code_hash` in.
    pub context: CallContext,
    /// The tenant.
    pub tenant: Arc<TenantResources>,
    /// The memory of the connection that the call came over, if it can remember.
    pub connection: Option<Arc<ConnectionMemory>>,
    /// Where emitted items go, one SCALE-encoded item each. `emit` waits while it is full.
    pub events: Option<EventSender>,
    /// When the call must have ended. Default: never.
    pub deadline: Option<Instant>,
    /// Where what the call is charged for is counted.
    pub tally: Arc<CallTally>,
}
