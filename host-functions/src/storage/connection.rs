//! What a connection remembers between its calls: a small map in memory, gone when it closes.

use super::{error::CommitError, locks::Locks, overlay::Base};
use crate::{
    budget::{Lease, NativeBudget, overhead::MAP_ENTRY_BYTES},
    error::HostError,
};
use std::{
    collections::BTreeMap,
    ops::Bound,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// The memory of one connection. Share it in an `Arc` with each of the connection's calls.
#[derive(Debug)]
pub struct ConnectionMemory {
    held: Mutex<Held>,
    budget: NativeBudget,
    pub(super) locks: Arc<Locks>,
}

#[derive(Debug)]
struct Held {
    values: BTreeMap<Vec<u8>, Vec<u8>>,
    /// The bytes of `values`, with the overhead of each key.
    bytes: Lease,
}

impl ConnectionMemory {
    /// An empty memory, whose bytes count in this budget, the tenant's.
    pub fn new(budget: &NativeBudget) -> Self {
        let held = Held { values: BTreeMap::new(), bytes: budget.empty_lease() };
        Self { held: Mutex::new(held), budget: budget.clone(), locks: Arc::default() }
    }

    /// Bytes of all keys and values, with [`MAP_ENTRY_BYTES`] for each key.
    pub fn bytes(&self) -> u64 {
        self.held().bytes.bytes()
    }

    /// Whether its bytes count in this budget.
    pub fn is_of(&self, budget: &NativeBudget) -> bool {
        self.budget.is_same(budget)
    }

    /// The map is consistent after every statement that changes it, so a panic elsewhere harms nothing.
    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Room for writes that change the size by `growth`, for [`Self::apply`]. Asked again at the commit, because
    /// other calls of the connection may have written meanwhile. The room is that of all keys as if they were new:
    /// which of them are there when the writes are applied is not known yet.
    pub(super) fn reserve(&self, writes: &ConnectionWrites, growth: i64, limit: u64) -> Result<Lease, CommitError> {
        let asked = self.bytes().saturating_add_signed(growth);
        if growth > 0 && asked > limit {
            return Err(CommitError::Quota { asked, limit });
        }
        let added = writes.iter().filter_map(|(key, value)| Some(entry_bytes(key, value.as_ref()?)));
        Ok(self.budget.try_take("a connection's memory", added.sum())?)
    }

    /// Writes, in the room that was reserved for these writes.
    pub(super) fn apply(&self, writes: ConnectionWrites, room: Lease) {
        let mut held = self.held();
        let mut removed = 0;
        for (key, value) in writes {
            let key_bytes = entry_bytes(&key, &[]);
            let old = match value {
                Some(value) => held.values.insert(key, value),
                None => held.values.remove(&key),
            };
            removed += old.map_or(0, |old| key_bytes + old.len() as u64);
        }
        // Both are of this memory's budget, so nothing comes back.
        drop(held.bytes.absorb(room));
        held.bytes.shrink(removed);
    }
}

/// Keys to set, or to clear with `None`.
pub(super) type ConnectionWrites = Vec<(Vec<u8>, Option<Vec<u8>>)>;

fn entry_bytes(key: &[u8], value: &[u8]) -> u64 {
    MAP_ENTRY_BYTES + (key.len() + value.len()) as u64
}

impl Base for Arc<ConnectionMemory> {
    fn get(&mut self, key: &[u8]) -> Result<Option<Vec<u8>>, HostError> {
        Ok(self.held().values.get(key).cloned())
    }

    fn size(&mut self, key: &[u8]) -> Result<Option<u64>, HostError> {
        Ok(self.held().values.get(key).map(|value| value.len() as u64))
    }

    fn next_key(&mut self, after: &[u8]) -> Result<Option<Vec<u8>>, HostError> {
        let held = self.held();
        let next = held.values.range::<[u8], _>((Bound::Excluded(after), Bound::Unbounded)).next();
        Ok(next.map(|(key, _)| key.clone()))
    }

    fn bytes(&mut self) -> Result<u64, HostError> {
        Ok(ConnectionMemory::bytes(self))
    }
}
