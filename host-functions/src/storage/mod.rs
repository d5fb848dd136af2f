//! The node's storage: one redb database, one namespace per tenant, one transaction per call.
//!
//! ```text
//!  call ── storage_set ──► overlay ──┐ the call ends well
//!  call ── storage_set ──► overlay ──┼──► bounded queue ──► writer thread ──► one redb commit, one fsync
//!  call ── storage_get ──► overlay, else the snapshot taken at the call's first read
//! ```
//!
//! A call sees its own writes over a snapshot; the writes of many calls become durable together. Of
//! two calls at once the last writer of a key wins, unless it had read the key before: then its
//! commit is refused as a conflict, so that no update is lost unseen. Keys that a call only iterated
//! over are not watched. Calls of code that a migration has replaced are refused; see
//! [`custody`]. A call that means to go on from a key's value takes the key's lock first ([`locks`]);
//! then it waits for its turn and is not refused.

mod changes;
mod connection;
mod counters;
mod custody;
mod database;
mod disk;
mod error;
mod file;
mod imports;
mod locks;
pub mod offline;
mod overlay;
mod queue;
mod read_only;
mod store;
#[cfg(test)]
mod tests;
mod transaction;
mod turnstile;
mod writer;

pub use changes::Changes;
pub use connection::{ConnectionMemory, StaleMemory};
pub use counters::counters_of;
pub use error::{CommitError, StoreError};
pub use store::{Namespace, REPAIRED, Store, StoreConfig};
pub use turnstile::PausedCalls;

pub(crate) use imports::link;
pub(crate) use transaction::Transaction;
