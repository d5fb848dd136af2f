//! The upgrade log: hash-linked blocks that record which runtime was in force, and when.
//!
//! ```text
//!   genesis ◄── upgrade ◄── heartbeat ◄── heartbeat ◄── upgrade ◄── heartbeat ...
//!      ▲           │  ▲         │             │            │
//!      └─ anchor ──┘  └─ anchor ┴─── anchor ──┴── anchor ──┘
//! ```
//!
//! A block is appended for every change of a runtime, and one every few seconds beside them, because
//! stock Polkadot clients drop a node whose chain stands still. Every block names its parent by hash,
//! and the last change before it (its *anchor*) too, so that old heartbeats can be pruned and what is
//! left is still one verifiable chain.
//!
//! - [`Header`], [`Block`]: one block, in Substrate's encoding.
//! - [`UpgradeLog`]: the blocks in memory: what comes next, what is pruned, what was in force when.
//! - [`ChainStorage`]: the same blocks, and the code blobs, in the database.
//! - [`Chain`]: the chain as the node lives with it: to look at, to append to, to listen to.
//! - [`Follow`]: which blocks one follower was told of and holds.

mod block;
mod error;
mod follow;
mod header;
mod live;
mod log;
mod storage;

pub use block::{Anchor, Block, Change, CodeRef, Entry, InForce, Record, Scope, StoredBlock};
pub use error::{AppendError, ChainError, LogError};
pub use follow::{Follow, FollowEvent, FollowLimits, FollowStopped, OperationId, UnpinError};
pub use header::{BlockHash, BlockNumber, CodeHash, DigestItem, Header};
pub use live::{Chain, ChainConfig};
pub use log::UpgradeLog;
pub use storage::{ChainStorage, CodeFacts};
