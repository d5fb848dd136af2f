//! What a connection remembers between its calls: a small map in memory, gone when it closes.
//!
//! Like durable state it is kept by code ([`super::custody`]): what one version wrote another may not understand. Before
//! code runs that does not keep it yet, the node has the code's `Core_migrate` take it over ([`ConnectionMemory::stale`],
//! [`ConnectionMemory::hand_over`]); calls of the code before it that still run are then refused.

use super::{
    changes::{Changes, ConnectionChanges},
    custody::Code,
    error::CommitError,
    locks::Locks,
    overlay::Base,
};
use crate::{
    budget::{Lease, NativeBudget, QuotaExceeded, overhead::MAP_ENTRY_BYTES},
    error::HostError,
};
use std::{
    collections::{BTreeMap, VecDeque},
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

/// Versions in a row that take a memory over as it is. Calls of older ones are refused too soon, never too late.
const KEEPERS_MAX: usize = 64;

#[derive(Debug)]
struct Held {
    values: BTreeMap<Vec<u8>, Vec<u8>>,
    /// The bytes of `values`, with the overhead of each key.
    bytes: Lease,
    /// Which code understands the values, newest last; any, where there is none.
    keepers: VecDeque<Code>,
    /// `spec_version` of the newest keeper.
    spec_version: u32,
    /// Changes that were applied.
    generation: u64,
    /// Commits that will be applied when their durable part is safe.
    pending: u64,
}

/// A memory that other code keeps, as it was at a moment.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct StaleMemory {
    /// The version that keeps it.
    pub from_spec_version: u32,
    generation: u64,
}

/// A commit that was checked, with the room for its writes, until it is applied or dropped.
#[derive(Debug)]
pub(super) struct Pending(ConnectionChanges, Lease);

impl Drop for Pending {
    fn drop(&mut self) {
        let mut held = self.0.memory.held();
        held.pending = held.pending.saturating_sub(1);
    }
}

impl Pending {
    /// Writes what was checked, in the room that was reserved.
    pub(super) fn apply(mut self) {
        let writes = std::mem::take(&mut self.0.writes);
        self.0.memory.held().apply(writes, self.1.take(), self.0.author);
    }
}

impl ConnectionMemory {
    /// An empty memory, whose bytes count in this budget, the tenant's.
    pub fn new(budget: &NativeBudget) -> Self {
        Self { held: Mutex::new(Held::new(budget)), budget: budget.clone(), locks: Arc::default() }
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

    /// Whether calls of this code may read and write it.
    pub(super) fn allows(&self, code: &Code) -> bool {
        self.held().allows(code)
    }

    /// What code has to take over before it may use the memory; `None` if it may already.
    pub fn stale(&self, code: [u8; 32]) -> Option<StaleMemory> {
        let held = self.held();
        let stale = StaleMemory { from_spec_version: held.spec_version, generation: held.generation };
        (!held.allows(&code)).then_some(stale)
    }

    /// Hands the memory over to code whose migration saw it as `stale` says and wants `migrated` written. Returns
    /// whether that happened: not if a call changed the memory since, or is about to.
    ///
    /// # Errors
    /// The tenant's budget has no room for what is to be written; the memory is as it was.
    pub fn hand_over(
        &self,
        stale: StaleMemory,
        migrated: Option<Changes>,
        to: [u8; 32],
        spec_version: u32,
    ) -> Result<bool, QuotaExceeded> {
        let writes = migrated.and_then(|changes| changes.connection).map(|changes| changes.writes).unwrap_or_default();
        let mut held = self.held();
        if held.generation != stale.generation || held.pending > 0 {
            return Ok(false);
        }
        let room = self.room(&writes)?;
        if !writes.is_empty() {
            held.keepers.clear();
        } else if held.keepers.len() == KEEPERS_MAX {
            held.keepers.pop_front();
        }
        held.keepers.push_back(to);
        held.spec_version = spec_version;
        held.apply(writes, room, None);
        Ok(true)
    }

    /// Empties the memory, which code cannot take over.
    pub fn forget(&self) {
        let mut held = self.held();
        *held = Held { generation: held.generation + 1, pending: held.pending, ..Held::new(&self.budget) };
    }

    /// Room for these writes, as if all keys were new: which of them are there when they are applied is not known yet.
    fn room(&self, writes: &ConnectionWrites) -> Result<Lease, QuotaExceeded> {
        let added = writes.iter().filter_map(|(key, value)| Some(entry_bytes(key, value.as_ref()?)));
        self.budget.try_take("a connection's memory", added.sum())
    }

    /// Checks that a commit fits and comes of code that keeps the memory. Its writes are applied by
    /// [`Pending::apply`]; until then the memory is not handed over.
    pub(super) fn check(changes: ConnectionChanges) -> Result<Pending, CommitError> {
        let memory = changes.memory.clone();
        let mut held = memory.held();
        if changes.author.as_ref().is_some_and(|(code, _)| !held.allows(code)) {
            return Err(CommitError::Migrated);
        }
        let (growth, limit) = (changes.growth_bytes, changes.limit_bytes);
        let asked = held.bytes.bytes().saturating_add_signed(growth);
        if growth > 0 && asked > limit {
            return Err(CommitError::Quota { asked, limit });
        }
        let room = memory.room(&changes.writes)?;
        held.pending += 1;
        Ok(Pending(changes, room))
    }
}

impl Held {
    fn new(budget: &NativeBudget) -> Self {
        Self {
            values: BTreeMap::new(),
            bytes: budget.empty_lease(),
            keepers: VecDeque::new(),
            spec_version: 0,
            generation: 0,
            pending: 0,
        }
    }

    fn allows(&self, code: &Code) -> bool {
        self.values.is_empty() || self.keepers.is_empty() || self.keepers.contains(code)
    }

    fn apply(&mut self, writes: ConnectionWrites, room: Lease, author: Option<(Code, u32)>) {
        if let Some((code, spec_version)) = author
            && self.values.is_empty()
        {
            // It begins with these writes.
            (self.keepers, self.spec_version) = (VecDeque::from([code]), spec_version);
        }
        let mut removed = 0;
        for (key, value) in writes {
            let key_bytes = entry_bytes(&key, &[]);
            let old = match value {
                Some(value) => self.values.insert(key, value),
                None => self.values.remove(&key),
            };
            removed += old.map_or(0, |old| key_bytes + old.len() as u64);
        }
        // Both are of this memory's budget, so nothing comes back.
        drop(self.bytes.absorb(room));
        self.bytes.shrink(removed);
        self.generation += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    const OLD: Code = [1; 32];
    const NEW: Code = [2; 32];

    fn changes(memory: &Arc<ConnectionMemory>, author: Option<Code>, key: &[u8]) -> ConnectionChanges {
        let writes = vec![(key.to_vec(), Some(b"v".to_vec()))];
        let author = author.map(|code| (code, u32::from(code[0])));
        ConnectionChanges { memory: memory.clone(), writes, author, growth_bytes: 2, limit_bytes: 10_000 }
    }

    fn write(memory: &Arc<ConnectionMemory>, author: Code, key: &[u8]) -> Result<(), CommitError> {
        ConnectionMemory::check(changes(memory, Some(author), key)).map(Pending::apply)
    }

    /// After an upgrade that changed what is stored, each call on a connection that had talked before failed for ever:
    /// the new code read what the old code had written, which no migration had seen.
    #[test]
    fn what_old_code_wrote_is_handed_over_before_new_code_reads_it() {
        let memory = Arc::new(ConnectionMemory::new(&NativeBudget::unlimited()));
        assert_eq!((memory.stale(OLD), memory.stale(NEW)), (None, None), "an empty memory is anybody's");
        write(&memory, OLD, b"a").unwrap();
        let stale = memory.stale(NEW).expect("the old code keeps it");
        assert_eq!((stale.from_spec_version, memory.stale(OLD)), (1, None));
        assert!(matches!(write(&memory, NEW, b"b"), Err(CommitError::Migrated)));
        // The old code goes on until the handover, which then must look again.
        write(&memory, OLD, b"c").unwrap();
        assert!(!memory.hand_over(stale, None, NEW, 2).unwrap());
        let stale = memory.stale(NEW).unwrap();
        let pending = ConnectionMemory::check(changes(&memory, Some(OLD), b"d")).unwrap();
        assert!(!memory.hand_over(stale, None, NEW, 2).unwrap(), "a commit is about to be applied");
        drop(pending);
        let migrated = Changes { connection: Some(changes(&memory, None, b"a")), ..Changes::new() };
        assert!(memory.hand_over(stale, Some(migrated), NEW, 2).unwrap());
        assert!(matches!(write(&memory, OLD, b"late"), Err(CommitError::Migrated)));
        write(&memory, NEW, b"e").unwrap();
        assert_eq!(memory.stale(OLD).map(|stale| stale.from_spec_version), Some(2));
    }

    #[test]
    fn code_that_takes_the_memory_as_it_is_keeps_it_beside_the_code_before() {
        let memory = Arc::new(ConnectionMemory::new(&NativeBudget::unlimited()));
        write(&memory, OLD, b"a").unwrap();
        assert!(memory.hand_over(memory.stale(NEW).unwrap(), None, NEW, 2).unwrap());
        write(&memory, OLD, b"b").unwrap();
        write(&memory, NEW, b"c").unwrap();
        memory.forget();
        assert_eq!((ConnectionMemory::bytes(&memory), memory.stale([3; 32])), (0, None));
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
