//! Who is let in next, as pure state: events in, decisions out.
//!
//! ```text
//!  arrive ──► a place is free ──────────────► inside ── done ──┐
//!     │       else the tenant's own line ──► let_in ◄──────────┘
//!     └─────► no room in the line: refused, or another tenant's last comer is, whose line is longer
//! ```
//!
//! A free place goes to the tenant that holds the fewest places for its weight; of equals, to the one whose turn by
//! weight comes first. So a tenant that holds nothing waits for one place to come free, however many calls of others
//! stand in line, and no tenant waits for ever.

use std::collections::{BTreeMap, VecDeque};

/// One entry at weight 1 advances a tenant's clock by this much.
const TURN: u64 = 1 << 20;

/// How much a tenant may ask for; told with each arrival, so that changes count at once.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Terms {
    /// Its share of the places, relative to the other tenants'. 0 counts as 1.
    pub weight: u32,
    /// Places it may hold. 0 counts as 1.
    pub running_max: usize,
    /// How many of its calls may wait.
    pub queue_len_max: usize,
}

/// Bounds of all tenants together.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LineLimits {
    /// Places there are. 0 counts as 1.
    pub running_max: usize,
    /// Calls that may wait.
    pub queue_len_max: usize,
}

/// A call that waits. Never used twice.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct WaiterId(u64);

/// There was no room in the line.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Refused {
    /// Whose line it was.
    pub whose: Whose,
    /// The place in the line that was refused, from 1.
    pub position: usize,
    /// The last place there is.
    pub queue_len_max: usize,
}

/// Whose bound was met.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Whose {
    /// The tenant's own.
    Tenant,
    /// The node's.
    Node,
}

/// What becomes of an arrival.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Arrival {
    /// It has a place.
    Inside,
    /// It waits. If the line was full, `displaced` gave way to it.
    Waits {
        /// Itself.
        id: WaiterId,
        /// The last comer of the longest line.
        displaced: Option<(WaiterId, Refused)>,
    },
    /// It is refused.
    Refused(Refused),
}

#[derive(Debug)]
struct Tenant {
    terms: Terms,
    running: usize,
    waiting: VecDeque<WaiterId>,
    /// Turns taken for its weight; what is ahead of the present is kept when it leaves.
    clock: u64,
}

impl Tenant {
    /// May another of its calls come in?
    fn has_room(&self) -> bool {
        self.running < self.terms.running_max.max(1)
    }

    fn weight(&self) -> u64 {
        u64::from(self.terms.weight.max(1))
    }
}

/// The places of a node and the line before them.
#[derive(Debug)]
pub struct Line<K> {
    limits: LineLimits,
    tenants: BTreeMap<K, Tenant>,
    running: usize,
    waiting: usize,
    ids: u64,
    /// The clock of the tenant that was let in last.
    now: u64,
}

impl<K: Ord + Clone> Line<K> {
    /// An empty line.
    pub fn new(limits: LineLimits) -> Self {
        Self { limits, tenants: BTreeMap::new(), running: 0, waiting: 0, ids: 0, now: 0 }
    }

    /// Calls inside.
    pub fn running(&self) -> usize {
        self.running
    }

    /// Calls in the line.
    pub fn waiting(&self) -> usize {
        self.waiting
    }

    /// A call arrives.
    pub fn arrive(&mut self, key: &K, terms: Terms) -> Arrival {
        let now = self.now;
        let fresh = || Tenant { terms, running: 0, waiting: VecDeque::new(), clock: now };
        let tenant = self.tenants.entry(key.clone()).or_insert_with(fresh);
        tenant.terms = terms;
        if tenant.running == 0 && tenant.waiting.is_empty() {
            // Back from a pause: not having asked earns no credit.
            tenant.clock = tenant.clock.max(now);
        }
        // Nobody passes those who wait, except those who wait for places that only they may not have.
        let first = tenant.waiting.is_empty() && tenant.has_room();
        if first && self.running < self.limits.running_max.max(1) {
            self.enter(key);
            return Arrival::Inside;
        }
        let own = tenant.waiting.len();
        if own >= terms.queue_len_max {
            let refused = Refused { whose: Whose::Tenant, position: own + 1, queue_len_max: terms.queue_len_max };
            return Arrival::Refused(refused);
        }
        let mut displaced = None;
        if self.waiting >= self.limits.queue_len_max {
            let queue_len_max = self.limits.queue_len_max;
            let refused = Refused { whose: Whose::Node, position: self.waiting + 1, queue_len_max };
            match self.longest_line().filter(|(_, len)| *len > own + 1) {
                Some((longest, _)) => displaced = self.drop_last(&longest).map(|id| (id, refused)),
                None => return Arrival::Refused(refused),
            }
        }
        self.ids += 1;
        let id = WaiterId(self.ids);
        if let Some(tenant) = self.tenants.get_mut(key) {
            tenant.waiting.push_back(id);
            self.waiting += 1;
        }
        Arrival::Waits { id, displaced }
    }

    /// A call that waits gives up. Nothing happens if it waits no more.
    pub fn leave(&mut self, key: &K, id: WaiterId) {
        let Some(tenant) = self.tenants.get_mut(key) else { return };
        let before = tenant.waiting.len();
        tenant.waiting.retain(|waiter| *waiter != id);
        self.waiting -= before - tenant.waiting.len();
        self.forget_idle(key);
    }

    /// A call of this tenant gives its place back.
    pub fn done(&mut self, key: &K) {
        let Some(tenant) = self.tenants.get_mut(key).filter(|tenant| tenant.running > 0) else { return };
        tenant.running -= 1;
        self.running -= 1;
        self.forget_idle(key);
    }

    /// Lets the next one in, if there is a place and somebody who may have it. Asked again until it gives `None`.
    pub fn let_in(&mut self) -> Option<(K, WaiterId)> {
        if self.running >= self.limits.running_max.max(1) {
            return None;
        }
        let waits = self.tenants.iter().filter(|(_, tenant)| tenant.has_room() && !tenant.waiting.is_empty());
        let places = |tenant: &Tenant| tenant.running as u64 * TURN / tenant.weight();
        let (key, _) =
            waits.min_by_key(|(_, tenant)| (places(tenant), tenant.clock, tenant.waiting.front().copied()))?;
        let key = key.clone();
        let id = self.tenants.get_mut(&key)?.waiting.pop_front()?;
        self.waiting -= 1;
        self.enter(&key);
        Some((key, id))
    }

    fn enter(&mut self, key: &K) {
        let Some(tenant) = self.tenants.get_mut(key) else { return };
        tenant.running += 1;
        self.now = self.now.max(tenant.clock);
        tenant.clock += TURN / tenant.weight();
        self.running += 1;
    }

    fn longest_line(&self) -> Option<(K, usize)> {
        let lines = self.tenants.iter().map(|(key, tenant)| (key, tenant.waiting.len()));
        lines.max_by_key(|(_, len)| *len).map(|(key, len)| (key.clone(), len))
    }

    fn drop_last(&mut self, key: &K) -> Option<WaiterId> {
        let id = self.tenants.get_mut(key)?.waiting.pop_back()?;
        self.waiting -= 1;
        Some(id)
    }

    /// A tenant with nothing here is forgotten, unless its clock is ahead: leaving must not earn credit.
    fn forget_idle(&mut self, key: &K) {
        let now = self.now;
        let idle = |tenant: &Tenant| tenant.running == 0 && tenant.waiting.is_empty();
        if self.tenants.get(key).is_some_and(idle) {
            self.tenants.retain(|_, tenant| !idle(tenant) || tenant.clock > now);
        }
    }
}
