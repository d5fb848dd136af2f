//! Why the store cannot be opened or read, and why a commit was refused.

use crate::budget::QuotaExceeded;
use std::path::PathBuf;

/// Why the store cannot be opened or read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The database cannot be opened.
    #[error("the database {} cannot be opened: {source}", path.display())]
    Open {
        /// Its file.
        path: PathBuf,
        /// What redb says.
        source: redb::DatabaseError,
    },
    /// The database cannot be opened again after an input or output error.
    #[error("the database cannot be opened again: {0}")]
    Reopen(String),
    /// The database cannot be read or prepared.
    #[error("the database fails: {0}")]
    Database(#[from] redb::Error),
    /// The writer's thread cannot be started.
    #[error("the writer cannot be started: {0}")]
    Writer(std::io::Error),
}

impl StoreError {
    /// What was read is not what was written.
    pub fn corrupt(what: &str) -> Self {
        redb::Error::Corrupted(what.to_owned()).into()
    }
}

/// Why a call's writes did not become durable. None of them did.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum CommitError {
    /// Another call changed a key between this call's reading and writing of it.
    #[error("a key that the call read and wrote was changed by another call: 0x{}", hex::encode(key))]
    Conflict {
        /// The key.
        key: Vec<u8>,
    },
    /// A migration rewrote the state for other code since the call began.
    #[error("the state was migrated to another runtime while the call ran")]
    Migrated,
    /// The namespace would grow past its quota.
    #[error("the storage would grow to {asked} bytes, more than the quota of {limit}")]
    Quota {
        /// Bytes it would have.
        asked: u64,
        /// The quota.
        limit: u64,
    },
    /// There is no room for what the call wrote to its connection's memory.
    #[error(transparent)]
    NativeBytes(#[from] QuotaExceeded),
    /// The disk is too full to write to. Reads go on.
    #[error("the disk has {free} bytes left, less than the {needed} that a commit needs")]
    DiskFull {
        /// Bytes left.
        free: u64,
        /// Bytes that must be left.
        needed: u64,
    },
    /// The database does not write. Reads go on as far as they can.
    #[error("the database does not write: {0}")]
    Unwritable(String),
    /// The store is closing.
    #[error("the store is closing")]
    Closed,
}
