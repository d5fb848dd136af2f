//! What can be wrong with a stored chain, and why a block was not appended.

use super::header::{BlockHash, BlockNumber, CodeHash};
use realm_host_functions::storage::{CommitError, StoreError};

/// Stored blocks that are not one chain. Nothing is repaired: a node does not start on them.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum LogError {
    /// There are blocks, and no genesis among them.
    #[error("the upgrade log has no genesis block")]
    NoGenesis,
    /// The database belongs to another chain.
    #[error("the database belongs to the chain {stored}, not to {expected}")]
    OtherChain {
        /// Id in the genesis block.
        stored: String,
        /// Id in the chain specification.
        expected: String,
    },
    /// A block stands under another height than its own.
    #[error("block {number} is stored as block {stored_as}")]
    WrongNumber {
        /// Height in the header.
        number: BlockNumber,
        /// Height it was found under.
        stored_as: BlockNumber,
    },
    /// Parent or anchor is not the block that lies there.
    #[error("block {number} names {named} as its {what}, which is {actual}")]
    BrokenLink {
        /// The block.
        number: BlockNumber,
        /// `parent` or `anchor`.
        what: &'static str,
        /// The hash in the block.
        named: BlockHash,
        /// The hash of what lies there.
        actual: BlockHash,
    },
    /// An upgrade's block is not linked to the change before it.
    #[error("block {number} is not linked to the last change before it, in block {expected}")]
    WrongAnchor {
        /// The block.
        number: BlockNumber,
        /// Where the last change was.
        expected: BlockNumber,
    },
    /// Body and header do not belong together.
    #[error("the header of block {number} does not commit to its body")]
    WrongRoots {
        /// The block.
        number: BlockNumber,
    },
    /// A change does not begin where the one before it ended.
    #[error("block {number} changes code that was not in force")]
    WrongChange {
        /// The block.
        number: BlockNumber,
    },
}

/// Why a chain cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum ChainError {
    /// The blocks are not one chain.
    #[error(transparent)]
    Log(#[from] LogError),
    /// A stored value does not decode.
    #[error("{what} in the database does not decode: {why}")]
    Corrupt {
        /// Which value.
        what: String,
        /// Where decoding stopped.
        why: String,
    },
    /// Code that is in force is not stored.
    #[error("the code {0} is in force and not in the database")]
    CodeMissing(CodeHash),
    /// A stored blob is not the one it is stored as.
    #[error("the blob stored as {expected} has the hash {actual}")]
    CodeAltered {
        /// The key it lies under.
        expected: CodeHash,
        /// Its own hash.
        actual: CodeHash,
    },
    /// The database cannot be read.
    #[error(transparent)]
    Database(#[from] StoreError),
    /// The genesis block cannot be written.
    #[error("the genesis block was not written: {0}")]
    Genesis(CommitError),
}

/// Why a block was not appended. Chain, code and state are as they were.
#[derive(Debug, thiserror::Error)]
pub enum AppendError {
    /// The commit was refused.
    #[error(transparent)]
    Commit(#[from] CommitError),
    /// The database cannot be read.
    #[error(transparent)]
    Database(#[from] StoreError),
    /// Something else was appended since the change was prepared.
    #[error("the code that the change replaces is no longer in force")]
    Overtaken,
    /// Too many tenants have code of their own.
    #[error("{limit} tenants have code of their own already")]
    TooManyTenants {
        /// The limit.
        limit: usize,
    },
    /// The node is stopping.
    #[error("the chain takes no more blocks")]
    Closed,
}
