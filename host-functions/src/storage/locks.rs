//! Locks by key, so that calls which go on from one another's writes take turns instead of being
//! refused when they commit.
//!
//! ```text
//!  call 1 ── lock(k) ── reads, computes, writes ── commit ─┐ freed when the commit is durable
//!  call 2 ── lock(k) ·········· waits, in order ··········─┴─ a snapshot with call 1's writes
//! ```
//!
//! A call holds one lock at most, so no two can wait for each other. Dropping a waiting or a holding
//! call frees its place.

use crate::error::HostError;
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use tokio::sync::OwnedMutexGuard;

/// The locks of one scope of storage: the store's own, or a connection's.
#[derive(Debug, Default)]
pub(super) struct Locks {
    /// Only keys that somebody holds or waits for.
    entries: Mutex<HashMap<LockKey, Entry>>,
}

/// Namespace and key.
type LockKey = (Arc<str>, Vec<u8>);

#[derive(Debug, Default)]
struct Entry {
    /// Gives the lock in the order in which it was asked for.
    turn: Arc<tokio::sync::Mutex<()>>,
    /// Calls that hold it or wait.
    users: u64,
}

/// A lock that is held. Dropping it gives the lock to who waits longest.
#[derive(Debug)]
pub(super) struct KeyLock {
    // Freed before the entry's count goes down, so that an entry that is removed has no holder.
    _turn: OwnedMutexGuard<()>,
    place: Place,
}

/// One use of an entry.
#[derive(Debug)]
struct Place {
    locks: Arc<Locks>,
    key: LockKey,
}

impl Locks {
    /// Waits for the lock of a key.
    ///
    /// # Errors
    /// `LockQueue` if more than `waiting_max` calls wait for it already.
    ///
    /// # Cancel safety
    /// Dropping the future leaves the queue.
    pub(super) async fn acquire(
        self: &Arc<Self>,
        namespace: Arc<str>,
        key: Vec<u8>,
        waiting_max: u64,
    ) -> Result<KeyLock, HostError> {
        let key = (namespace, key);
        let turn = {
            let mut entries = self.entries();
            let users = entries.get(&key).map_or(0, |entry| entry.users);
            if users > waiting_max {
                return Err(HostError::LockQueue { position: users });
            }
            let entry = entries.entry(key.clone()).or_default();
            entry.users += 1;
            entry.turn.clone()
        };
        let place = Place { locks: self.clone(), key };
        Ok(KeyLock { _turn: turn.lock_owned().await, place })
    }

    /// Keys that somebody holds or waits for.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.entries().len()
    }

    /// The map is consistent after every statement that changes it, so a panic elsewhere harms nothing.
    fn entries(&self) -> MutexGuard<'_, HashMap<LockKey, Entry>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl KeyLock {
    /// Whether it is the lock of this key.
    pub(super) fn is_of(&self, key: &[u8]) -> bool {
        self.place.key.1 == key
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut entries = self.locks.entries();
        if let Some(entry) = entries.get_mut(&self.key) {
            entry.users -= 1;
            if entry.users == 0 {
                entries.remove(&self.key);
            }
        }
    }
}
