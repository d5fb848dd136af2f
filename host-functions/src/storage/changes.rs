//! What a call, or the node itself, wants written: all of it or nothing.

use super::{
    Namespace,
    connection::ConnectionMemory,
    counters::{Addition, Taking},
    custody::{Code, Handover},
    locks::KeyLock,
};
use crate::budget::Lease;
use realm_primitives::StorageScope;
use std::sync::Arc;

/// Writes that become durable together.
#[derive(Debug, Default)]
pub struct Changes {
    pub(super) writes: Vec<Write>,
    pub(super) connection: Option<ConnectionChanges>,
    /// The code of the call that wants this written; none for the node itself.
    pub(super) author: Option<Code>,
    /// The namespace of the call or migration, which shares the writer with the others; none for the node itself.
    pub(super) payer: Option<Arc<str>>,
    /// The last commit that the call saw of its namespace; none if it did not look.
    pub(super) seen: Option<u64>,
    pub(super) handovers: Vec<Handover>,
    /// Held until the writes are safe, by whoever still writes them.
    pub(super) lock: Option<Arc<HeldLock>>,
    /// The native bytes of the writes, until they are durable or refused.
    pub(super) held: Vec<Lease>,
    /// What is counted, and what is taken for it.
    pub(super) additions: Vec<Addition>,
    pub(super) takings: Vec<Taking>,
}

/// A call's lock, and in which scope it is.
#[derive(Debug)]
pub(super) struct HeldLock {
    pub scope: StorageScope,
    pub lock: KeyLock,
}

/// One write of one key.
#[derive(Debug)]
pub(super) struct Write {
    pub namespace: Arc<str>,
    pub key: Vec<u8>,
    /// `None` clears the key.
    pub value: Option<Vec<u8>>,
    /// The version that was read before, if the key was read; refused if it is another one by now.
    pub expected: Option<Version>,
    /// Bytes that the namespace may have.
    pub quota_bytes: u64,
}

/// The version of a stored value: the number of the commit that wrote it. `None` if there is none.
pub(super) type Version = Option<u64>;

/// Writes to a connection's memory, applied once the durable ones are safe.
#[derive(Debug)]
pub(super) struct ConnectionChanges {
    pub memory: Arc<ConnectionMemory>,
    /// The code of the call that wants this written, and its `spec_version`; none for a migration.
    pub author: Option<(Code, u32)>,
    pub writes: Vec<(Vec<u8>, Option<Vec<u8>>)>,
    /// How many bytes the writes add, by what the call saw.
    pub growth_bytes: i64,
    /// Bytes that the memory may have.
    pub limit_bytes: u64,
}

impl Changes {
    /// No writes yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds the writes of `other`, which become durable with these or not at all.
    pub fn merge(&mut self, other: Changes) {
        self.writes.extend(other.writes);
        self.handovers.extend(other.handovers);
        self.additions.extend(other.additions);
        self.takings.extend(other.takings);
        self.held.extend(other.held);
        if other.connection.is_some() {
            self.connection = other.connection;
        }
        if other.lock.is_some() {
            self.lock = other.lock;
        }
    }

    /// Makes these changes, which a migration of this namespace wants written, hand it over to the code with
    /// this hash: if anything is written, calls of other code are refused from their commit on, with
    /// [`CommitError::Migrated`]. They are refused as a conflict if something was written since the migration looked.
    ///
    /// [`CommitError::Migrated`]: super::CommitError::Migrated
    pub fn hand_over(&mut self, namespace: &Namespace, to: [u8; 32]) {
        let rewritten = !self.writes.is_empty();
        self.handovers.push(Handover::new(namespace, to, self.seen, rewritten));
    }

    /// Whether there is nothing to write.
    pub fn is_empty(&self) -> bool {
        self.writes.is_empty() && self.counts_nothing() && self.connection.is_none()
    }

    /// Whether they hand a namespace over.
    pub(super) fn hands_over(&self) -> bool {
        !self.handovers.is_empty()
    }

    /// Whether the database has nothing to do with them.
    pub fn is_empty_on_disk(&self) -> bool {
        self.writes.is_empty() && self.counts_nothing() && self.handovers.is_empty()
    }

    fn counts_nothing(&self) -> bool {
        self.additions.is_empty() && self.takings.is_empty()
    }

    /// Keys to write, to clear or to count in.
    pub(super) fn entries(&self) -> u64 {
        (self.writes.len() + self.additions.len() + self.takings.len()) as u64
    }

    /// Bytes of keys and values to write.
    pub(super) fn bytes(&self) -> u64 {
        let writes =
            self.writes.iter().map(|write| (write.key.len() + write.value.as_ref().map_or(0, Vec::len)) as u64);
        writes.chain(self.additions.iter().map(Addition::bytes)).sum()
    }
}
