//! A queue that is fair among tenants by the processor time they use. Pure state: no thread, no clock.
//!
//! Every tenant has a virtual time, which grows by what its work cost divided by its weight. [`FairQueue::pop`] gives the
//! oldest entry of the tenant with the least virtual time. A tenant that was idle continues at the virtual time of the
//! queue and not at its own old one, so that nobody saves up time by being idle.
//!
//! What is guaranteed: while a tenant has an entry waiting and may run another one, each other tenant is given at most
//! one entry more than its share. So an endless loop of one tenant delays another tenant's entry by at most one slice
//! per thread.

use std::{
    collections::{BTreeSet, HashMap, VecDeque},
    hash::Hash,
};

/// Names an entry that waits.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct EntryId(u64);

/// What a tenant may have of the queue.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Share {
    /// Processor time relative to other tenants. 0 counts as 1.
    pub weight: u32,
    /// Entries that run at once.
    pub running_max: usize,
    /// Entries that wait.
    pub waiting_max: usize,
}

/// There is no room for an entry.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("queue full: {waiting} entries are waiting, the limit is {waiting_max}")]
pub struct Full {
    /// Entries that wait, of the tenant or of all tenants, whichever is at its limit.
    pub waiting: usize,
    /// That limit.
    pub waiting_max: usize,
}

/// Nanoseconds that an entry is charged when it begins. [`FairQueue::done`] corrects this to the real cost. Without it,
/// all threads would begin entries of the same tenant before the first of them is charged.
const ESTIMATE_NS: u64 = 1_000_000;

/// The least that an entry costs, in nanoseconds, so that every turn moves the virtual time.
const COST_NS_MIN: u64 = 1_000;

/// Fraction bits of virtual time: with them a weight of some thousands divides without loss.
const FRACTION_BITS: u32 = 16;

/// Idle tenants that are remembered before those that no longer matter are looked for.
const IDLE_MAX: usize = 64;

/// Entries of tenants, each tenant's in order of arrival. `K` names a tenant, `T` is an entry.
#[derive(Debug)]
pub struct FairQueue<K, T> {
    tenants: HashMap<K, Tenant<T>>,
    /// Tenants that may be next: something waits, and `running_max` is not reached.
    ready: BTreeSet<(u128, K)>,
    /// Virtual time of the queue: that of the tenant that was served last. Never falls.
    now: u128,
    next_id: u64,
    waiting: usize,
    waiting_max: usize,
    running: usize,
}

#[derive(Debug)]
struct Tenant<T> {
    virtual_time: u128,
    share: Share,
    waiting: VecDeque<(EntryId, T)>,
    running: usize,
}

impl<T> Tenant<T> {
    fn is_ready(&self) -> bool {
        !self.waiting.is_empty() && self.running < self.share.running_max.max(1)
    }

    fn is_idle(&self) -> bool {
        self.waiting.is_empty() && self.running == 0
    }

    fn cost(&self, ns: u64) -> u128 {
        (u128::from(ns) << FRACTION_BITS) / u128::from(self.share.weight.max(1))
    }
}

impl<K: Copy + Ord + Hash, T> FairQueue<K, T> {
    /// An empty queue, in which at most `waiting_max` entries of all tenants wait.
    pub fn new(waiting_max: usize) -> Self {
        Self {
            tenants: HashMap::new(),
            ready: BTreeSet::new(),
            now: 0,
            next_id: 0,
            waiting: 0,
            waiting_max,
            running: 0,
        }
    }

    /// Appends an entry of a tenant, whose share is `share` from now on.
    ///
    /// # Errors
    /// [`Full`]; the entry is dropped.
    pub fn push(&mut self, key: K, share: Share, entry: T) -> Result<EntryId, Full> {
        if self.waiting >= self.waiting_max {
            return Err(Full { waiting: self.waiting, waiting_max: self.waiting_max });
        }
        let of_tenant = self.tenants.get(&key).map_or(0, |tenant| tenant.waiting.len());
        if of_tenant >= share.waiting_max {
            return Err(Full { waiting: of_tenant, waiting_max: share.waiting_max });
        }
        if !self.tenants.contains_key(&key) && self.tenants.len() > IDLE_MAX {
            let now = self.now;
            self.tenants.retain(|_, tenant| !tenant.is_idle() || tenant.virtual_time > now);
        }
        let id = EntryId(self.next_id);
        self.next_id += 1;
        self.waiting += 1;
        let now = self.now;
        self.tenants.entry(key).or_insert_with(|| Tenant {
            virtual_time: now,
            share,
            waiting: VecDeque::new(),
            running: 0,
        });
        self.change(key, |tenant| {
            tenant.share = share;
            if tenant.is_idle() {
                tenant.virtual_time = tenant.virtual_time.max(now);
            }
            tenant.waiting.push_back((id, entry));
        });
        Ok(id)
    }

    /// Takes the entry that is next; `None` if nothing may run. [`Self::done`] must follow when the entry ran.
    pub fn pop(&mut self) -> Option<(K, T)> {
        let (virtual_time, key) = *self.ready.first()?;
        self.now = self.now.max(virtual_time);
        self.waiting -= 1;
        self.running += 1;
        let entry = self.change(key, |tenant| {
            tenant.running += 1;
            tenant.virtual_time += tenant.cost(ESTIMATE_NS);
            tenant.waiting.pop_front()
        });
        // A tenant is ready only if something of it waits.
        entry.flatten().map(|(_, entry)| (key, entry))
    }

    /// An entry of the tenant that was popped ran and cost this many nanoseconds.
    pub fn done(&mut self, key: K, cost_ns: u64) {
        self.running = self.running.saturating_sub(1);
        self.change(key, |tenant| {
            tenant.running = tenant.running.saturating_sub(1);
            let without = tenant.virtual_time.saturating_sub(tenant.cost(ESTIMATE_NS));
            tenant.virtual_time = without.saturating_add(tenant.cost(cost_ns.max(COST_NS_MIN)));
        });
        if self.is_idle() {
            // Nobody waits, so there is nobody to be fair to.
            self.tenants.clear();
        }
    }

    /// Takes back an entry that waits; `None` if it was popped.
    pub fn remove(&mut self, key: K, id: EntryId) -> Option<T> {
        let removed = self.change(key, |tenant| {
            let index = tenant.waiting.iter().position(|(waits, _)| *waits == id)?;
            tenant.waiting.remove(index)
        });
        let (_, entry) = removed.flatten()?;
        self.waiting -= 1;
        if self.is_idle() {
            self.tenants.clear();
        }
        Some(entry)
    }

    /// Takes out everything that waits.
    pub fn drain(&mut self) -> Vec<T> {
        self.ready.clear();
        self.waiting = 0;
        self.tenants.values_mut().flat_map(|tenant| tenant.waiting.drain(..)).map(|(_, entry)| entry).collect()
    }

    /// Entries that wait.
    pub fn waiting(&self) -> usize {
        self.waiting
    }

    /// Entries that run.
    pub fn running(&self) -> usize {
        self.running
    }

    /// Whether nothing waits and nothing runs.
    pub fn is_idle(&self) -> bool {
        self.waiting == 0 && self.running == 0
    }

    /// Tenants that are remembered.
    #[cfg(test)]
    pub(crate) fn tenants(&self) -> usize {
        self.tenants.len()
    }

    /// Changes a tenant and its place in the order.
    fn change<R>(&mut self, key: K, change: impl FnOnce(&mut Tenant<T>) -> R) -> Option<R> {
        let tenant = self.tenants.get_mut(&key)?;
        if tenant.is_ready() {
            self.ready.remove(&(tenant.virtual_time, key));
        }
        let changed = change(tenant);
        if tenant.is_ready() {
            self.ready.insert((tenant.virtual_time, key));
        }
        Some(changed)
    }
}
