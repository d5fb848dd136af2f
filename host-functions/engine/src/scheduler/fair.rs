//! Fair shares of tokens between tenants, by virtual time.
//!
//! Every tenant has a clock that advances by tokens served / weight. Whoever's clock is furthest behind is served
//! next, so over any stretch in which two tenants both want more than they get, they get tokens in proportion to their
//! weights, however many sequences each of them runs. A tenant that comes back from a pause starts at the present: not
//! having asked earns no credit. Nor does leaving: a clock that is ahead of the present is kept until the present has
//! come up to it, or a tenant could shed what it was served by closing its sequences and opening new ones.

use std::collections::{HashMap, VecDeque};

use super::JobId;
use crate::TenantKey;

/// The share of a tenant for which none was set.
pub const WEIGHT_DEFAULT: u32 = 1;

/// One token at weight 1 advances a clock by this much.
const TOKEN: u64 = 1 << 20;

/// The clocks of all tenants that have sequences open, or are ahead of the present.
#[derive(Debug, Default)]
pub struct FairShare {
    clocks: HashMap<TenantKey, u64>,
    weights: HashMap<TenantKey, u32>,
    /// The clock of the tenant served last: the present, for newcomers.
    now: u64,
}

impl FairShare {
    /// Sets a tenant's weight; 0 counts as 1.
    pub fn set_weight(&mut self, tenant: TenantKey, weight: u32) {
        self.weights.insert(tenant, weight.max(1));
    }

    /// The tenant has the default weight again.
    pub fn forget_weight(&mut self, tenant: TenantKey) {
        self.weights.remove(&tenant);
    }

    /// The tenant wants something more. If it wanted nothing before, it starts at the present; one that waits already
    /// keeps what it is behind, even where others were served out of turn.
    pub fn join(&mut self, tenant: TenantKey, wanted_nothing: impl FnOnce() -> bool) {
        let now = self.now;
        let clock = self.clocks.entry(tenant).or_insert(now);
        if *clock < now && wanted_nothing() {
            *clock = now;
        }
    }

    /// The tenant has no sequence left.
    pub fn leave(&mut self, tenant: TenantKey, is_open: impl Fn(&TenantKey) -> bool) {
        debug_assert!(!is_open(&tenant));
        let now = self.now;
        self.clocks.retain(|tenant, clock| *clock > now || is_open(tenant));
    }

    fn clock(&self, tenant: TenantKey) -> u64 {
        self.clocks.get(&tenant).copied().unwrap_or(self.now)
    }

    pub fn charge(&mut self, tenant: TenantKey, tokens: u32) {
        let weight = self.weights.get(&tenant).copied().unwrap_or(WEIGHT_DEFAULT);
        let clock = self.clock(tenant);
        self.now = self.now.max(clock);
        self.clocks.insert(tenant, clock + u64::from(tokens) * TOKEN / u64::from(weight));
    }
}

/// The jobs of one phase of a plan, given out in fair order: the tenant furthest behind first, and each tenant's jobs
/// in the order in which they were asked for.
pub struct FairQueue {
    tenants: Vec<(TenantKey, VecDeque<JobId>)>,
}

impl FairQueue {
    /// `jobs` in the order in which they were asked for.
    pub fn new(jobs: impl Iterator<Item = (TenantKey, JobId)>) -> Self {
        let mut tenants: Vec<(TenantKey, VecDeque<JobId>)> = Vec::new();
        let mut index = HashMap::new();
        for (tenant, job) in jobs {
            let at = *index.entry(tenant).or_insert_with(|| {
                tenants.push((tenant, VecDeque::new()));
                tenants.len() - 1
            });
            tenants[at].1.push_back(job);
        }
        Self { tenants }
    }

    /// How many tenants have jobs in it.
    pub fn tenant_count(&self) -> usize {
        self.tenants.iter().filter(|(_, jobs)| !jobs.is_empty()).count()
    }

    /// The job whose turn it is. Ties go to the tenant whose job was asked for first.
    pub fn peek(&self, shares: &FairShare) -> Option<(TenantKey, JobId)> {
        let waiting = self.tenants.iter().filter_map(|(tenant, jobs)| Some((*tenant, *jobs.front()?)));
        waiting.min_by_key(|(tenant, job)| (shares.clock(*tenant), *job))
    }

    /// Takes the tenant's first job away, after `tokens` of it were planned.
    pub fn serve(&mut self, shares: &mut FairShare, tenant: TenantKey, tokens: u32) {
        if tokens > 0 {
            shares.charge(tenant, tokens);
        }
        if let Some((_, jobs)) = self.tenants.iter_mut().find(|(t, _)| *t == tenant) {
            jobs.pop_front();
        }
    }
}
