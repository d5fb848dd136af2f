//! What a call, or the node itself, wants written: all of it or nothing.

use super::connection::ConnectionMemory;
use std::sync::Arc;

/// Writes that become durable together.
#[derive(Debug, Default)]
pub struct Changes {
    pub(super) writes: Vec<Write>,
    pub(super) connection: Option<ConnectionChanges>,
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
        if other.connection.is_some() {
            self.connection = other.connection;
        }
    }

    /// Whether there is nothing to write.
    pub fn is_empty(&self) -> bool {
        self.writes.is_empty() && self.connection.is_none()
    }

    /// Bytes of keys and values to write.
    pub(super) fn bytes(&self) -> u64 {
        self.writes.iter().map(|write| (write.key.len() + write.value.as_ref().map_or(0, Vec::len)) as u64).sum()
    }
}
