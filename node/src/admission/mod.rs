//! Who may begin, and who may run now.
//!
//! ```text
//!  call ─► rates: requests and tokens a minute ─► gate: the tenant's bounds, the node's, fair shares ─► a place
//!            RATE_LIMIT, retry_after_ms              OVERLOADED, position
//! ```
//!
//! - [`rates`]: token buckets of each tenant.
//! - [`line`]: who is let in next; pure state.
//! - [`gate`]: the line at work.
//!
//! A tenant's terms are told with each call, so that a change at run time counts from the next one on.

mod gate;
mod line;
#[cfg(test)]
mod line_tests;
mod rates;

pub use gate::{Gate, Ticket};
pub use line::{LineLimits, Refused, Terms, Whose};
pub use rates::{RateLimited, Rates};

use crate::{
    millis::ms_rounded_up,
    tenants::{Tenant, TenantId},
};
use realm_rpc::{ErrorCode, RpcError};
use std::sync::{Arc, atomic::AtomicU64};

/// Admission of all tenants' calls. One per node.
#[derive(Debug)]
pub struct Admission {
    gate: Gate,
    rates: Rates,
}

impl Admission {
    /// Admission with these bounds for all tenants together.
    pub fn new(limits: LineLimits) -> Self {
        Self { gate: Gate::new(limits), rates: Rates::default() }
    }

    /// Counts a call that is about to begin against the tenant's rates.
    ///
    /// # Errors
    /// `RATE_LIMIT` with `retry_after_ms`.
    pub fn begin(&self, tenant: &Tenant) -> Result<(), RpcError> {
        self.rates.begin(&tenant.id, &tenant.limits).map_err(rate_limited)
    }

    /// Waits for a place.
    ///
    /// # Errors
    /// `OVERLOADED` with the place in the queue that was refused.
    ///
    /// # Cancel safety
    /// Dropping the future gives up the place in the queue.
    pub async fn enter(&self, tenant: &Tenant) -> Result<Ticket, RpcError> {
        let terms = Terms {
            weight: tenant.weight,
            running_max: tenant.limits.concurrent_calls_max as usize,
            queue_len_max: tenant.limits.queue_len_max as usize,
        };
        self.gate.enter(&tenant.id, terms).await.map_err(overloaded)
    }

    /// Where a tenant's sandboxes count the tokens that they compute.
    pub fn computed_by(&self, tenant: &Tenant) -> Arc<AtomicU64> {
        self.rates.computed_by(&tenant.id, &tenant.limits)
    }

    /// Forgets a tenant that is no more.
    pub fn forget(&self, tenant: &TenantId) {
        self.rates.forget(tenant);
    }

    /// Calls that have a place.
    pub fn running(&self) -> usize {
        self.gate.running()
    }

    /// Calls that wait for a place.
    pub fn waiting(&self) -> usize {
        self.gate.waiting()
    }
}

fn rate_limited(limited: RateLimited) -> RpcError {
    let RateLimited { what, per_minute, retry_after } = limited;
    let ms = ms_rounded_up(retry_after);
    RpcError::new(
        ErrorCode::RateLimit,
        format!("the tenant may have {per_minute} {what} a minute; the next call can begin in {ms} ms"),
    )
    .with("retry_after_ms", ms)
    .with("limit", what)
    .with("per_minute", per_minute)
}

fn overloaded(refused: Refused) -> RpcError {
    let Refused { whose, position, queue_len_max } = refused;
    let whose = match whose {
        Whose::Tenant => "tenant",
        Whose::Node => "node",
    };
    RpcError::new(
        ErrorCode::Overloaded,
        format!("the {whose}'s queue of {queue_len_max} calls is full; place {position} was refused"),
    )
    .with("position", position)
    .with("queue_len_max", queue_len_max)
}
