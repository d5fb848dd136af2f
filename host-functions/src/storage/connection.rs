//! What a connection remembers between its calls: a small map in memory, gone when it closes.

use super::{error::CommitError, locks::Locks, overlay::Base};
use crate::error::HostError;
use std::{
    collections::BTreeMap,
    ops::Bound,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// The memory of one connection. Share it in an `Arc` with each of the connection's calls.
#[derive(Debug, Default)]
pub struct ConnectionMemory {
    held: Mutex<Held>,
    pub(super) locks: Arc<Locks>,
}

#[derive(Debug, Default)]
struct Held {
    values: BTreeMap<Vec<u8>, Vec<u8>>,
    bytes: u64,
}

impl ConnectionMemory {
    /// An empty memory.
    pub fn new() -> Self {
        Self::default()
    }

    /// Bytes of all keys and values.
    pub fn bytes(&self) -> u64 {
        self.held().bytes
    }

    /// The map is consistent after every statement that changes it, so a panic elsewhere harms nothing.
    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether writes that change the size by `growth` fit. Asked again at the commit, because other
    /// calls of the connection may have written meanwhile.
    pub(super) fn check(&self, growth: i64, limit: u64) -> Result<(), CommitError> {
        let asked = self.bytes().saturating_add_signed(growth);
        if growth > 0 && asked > limit { Err(CommitError::Quota { asked, limit }) } else { Ok(()) }
    }

    pub(super) fn apply(&self, writes: Vec<(Vec<u8>, Option<Vec<u8>>)>) {
        let mut held = self.held();
        for (key, value) in writes {
            let key_len = key.len() as u64;
            let (added, old) = match value {
                Some(value) => (key_len + value.len() as u64, held.values.insert(key, value)),
                None => (0, held.values.remove(&key)),
            };
            let removed = old.map_or(0, |old| key_len + old.len() as u64);
            held.bytes = (held.bytes + added).saturating_sub(removed);
        }
    }
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
        Ok(self.held().bytes)
    }
}
