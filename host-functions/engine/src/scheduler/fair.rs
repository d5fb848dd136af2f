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

    pub fn clock(&self, tenant: TenantKey) -> u64 {
        self.clocks.get(&tenant).copied().unwrap_or(self.now)
    }

    fn weight(&self, tenant: TenantKey) -> u64 {
        u64::from(self.weights.get(&tenant).copied().unwrap_or(WEIGHT_DEFAULT))
    }

    /// Tokens that bring the tenant's clock up to `clock`: 0 only if it is there already.
    pub fn tokens_until(&self, tenant: TenantKey, clock: u64) -> u32 {
        let behind = clock.saturating_sub(self.clock(tenant));
        u32::try_from(behind.saturating_mul(self.weight(tenant)).div_ceil(TOKEN)).unwrap_or(u32::MAX)
    }

    pub fn charge(&mut self, tenant: TenantKey, tokens: u32) {
        let clock = self.clock(tenant);
        self.now = self.now.max(clock);
        self.clocks.insert(tenant, clock + u64::from(tokens) * TOKEN / self.weight(tenant));
    }
}

/// The jobs of one phase of a plan, given out in fair order: the tenant furthest behind first, and each tenant's jobs
/// in the order in which they were asked for.
pub struct FairQueue {
    tenants: Vec<Waiting>,
}

/// One tenant's jobs.
struct Waiting {
    tenant: TenantKey,
    jobs: VecDeque<JobId>,
    /// Tokens that all of them asked for when the queue was made.
    tokens: u64,
}

impl FairQueue {
    /// `jobs` in the order in which they were asked for, each with the tokens that it wants.
    pub fn new(jobs: impl Iterator<Item = (TenantKey, JobId, u32)>) -> Self {
        let mut tenants: Vec<Waiting> = Vec::new();
        let mut index = HashMap::new();
        for (tenant, job, tokens) in jobs {
            let at = *index.entry(tenant).or_insert_with(|| {
                tenants.push(Waiting { tenant, jobs: VecDeque::new(), tokens: 0 });
                tenants.len() - 1
            });
            tenants[at].jobs.push_back(job);
            tenants[at].tokens += u64::from(tokens);
        }
        Self { tenants }
    }

    /// The job whose turn it is. Ties go to the tenant that asks for less, and then to the one that asked first.
    pub fn peek(&self, shares: &FairShare) -> Option<(TenantKey, JobId)> {
        let waiting = self.tenants.iter().filter_map(|waiting| Some((waiting, *waiting.jobs.front()?)));
        let order = |&(waiting, job): &(&Waiting, JobId)| (shares.clock(waiting.tenant), waiting.tokens, job);
        waiting.min_by_key(order).map(|(waiting, job)| (waiting.tenant, job))
    }

    /// Tokens that the tenant whose turn it is may have until it comes up to one that asks for less. The one that asks
    /// for less may pass, because it is soon done; were it passed, it would wait for more than its share.
    pub fn tokens_max(&self, shares: &FairShare, tenant: TenantKey) -> u32 {
        let Some(own) = self.tenants.iter().find(|waiting| waiting.tenant == tenant) else { return u32::MAX };
        let less = self.tenants.iter().filter(|waiting| !waiting.jobs.is_empty() && waiting.tokens < own.tokens);
        less.map(|waiting| shares.tokens_until(tenant, shares.clock(waiting.tenant))).min().unwrap_or(u32::MAX)
    }

    /// Takes the tenant's first job away, after `tokens` of it were planned.
    pub fn serve(&mut self, shares: &mut FairShare, tenant: TenantKey, tokens: u32) {
        if tokens > 0 {
            shares.charge(tenant, tokens);
        }
        if let Some(waiting) = self.tenants.iter_mut().find(|waiting| waiting.tenant == tenant) {
            waiting.jobs.pop_front();
        }
    }
}
