//! One level of the tree: its limit, what it holds, and the level above.

use super::{BudgetScope, Lease, QuotaExceeded};
use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

/// A level of the budget of native bytes. Cheap to clone; all clones are the same level.
#[derive(Clone, Debug)]
pub struct NativeBudget(Arc<Level>);

#[derive(Debug)]
struct Level {
    scope: BudgetScope,
    /// Atomic, because an administrator may change a tenant's limit while its calls run.
    limit: AtomicU64,
    used: AtomicU64,
    above: Option<NativeBudget>,
}

impl NativeBudget {
    /// The budget of a node that may hold `limit` bytes for all tenants together.
    pub fn node(limit: u64) -> Self {
        Self::level(BudgetScope::Node, limit, None)
    }

    /// A budget without a limit, for programs that run only their own code.
    pub fn unlimited() -> Self {
        Self::node(u64::MAX)
    }

    /// The budget of a tenant of this node.
    pub fn tenant(&self, limit: u64) -> Self {
        Self::level(BudgetScope::Tenant, limit, Some(self.clone()))
    }

    /// The budget of a call of this tenant.
    pub fn call(&self, limit: u64) -> Self {
        Self::level(BudgetScope::Call, limit, Some(self.clone()))
    }

    /// The budget of the resumable streams that are kept for this tenant.
    pub fn kept_streams(&self, limit: u64) -> Self {
        Self::level(BudgetScope::KeptStreams, limit, Some(self.clone()))
    }

    fn level(scope: BudgetScope, limit: u64, above: Option<Self>) -> Self {
        Self(Arc::new(Level { scope, limit: AtomicU64::new(limit), used: AtomicU64::new(0), above }))
    }

    /// Leases `bytes` for `what`, at this level and all above.
    ///
    /// # Errors
    /// [`QuotaExceeded`] with the lowest level that has no room; then nothing is leased.
    pub fn try_take(&self, what: &'static str, bytes: u64) -> Result<Lease, QuotaExceeded> {
        let lease = self.empty_lease();
        lease.grow(what, bytes)?;
        Ok(lease)
    }

    /// A lease of no bytes, to be grown.
    pub fn empty_lease(&self) -> Lease {
        Lease::empty(self.clone())
    }

    /// Bytes that are leased at this level and below.
    pub fn used(&self) -> u64 {
        self.0.used.load(Ordering::Relaxed)
    }

    /// Bytes that may be leased at this level and below.
    pub fn limit(&self) -> u64 {
        self.0.limit.load(Ordering::Relaxed)
    }

    /// Changes the limit. Leases that are held stay; while they are more than the limit, none is added.
    pub fn set_limit(&self, limit: u64) {
        self.0.limit.store(limit, Ordering::Relaxed);
    }

    /// Whether both are the same level.
    pub fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// Counts `bytes` here and above, or nowhere.
    pub(super) fn take(&self, what: &'static str, bytes: u64) -> Result<(), QuotaExceeded> {
        self.take_here(what, bytes)?;
        let Some(above) = &self.0.above else { return Ok(()) };
        above.take(what, bytes).inspect_err(|_| self.give_here(bytes))
    }

    fn take_here(&self, what: &'static str, bytes: u64) -> Result<(), QuotaExceeded> {
        let limit = self.limit();
        // Relaxed: each counter is consistent by itself, and nothing else is published through it.
        let taken = self.0.used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |used| {
            used.checked_add(bytes).filter(|sum| *sum <= limit)
        });
        taken.map(drop).map_err(|used| QuotaExceeded {
            what,
            asked: used.saturating_add(bytes),
            limit,
            scope: self.0.scope,
        })
    }

    /// Gives back what [`Self::take`] counted.
    pub(super) fn give(&self, bytes: u64) {
        self.give_here(bytes);
        if let Some(above) = &self.0.above {
            above.give(bytes);
        }
    }

    fn give_here(&self, bytes: u64) {
        self.0.used.fetch_sub(bytes, Ordering::Relaxed);
    }
}
