//! The chain in the node's database: blocks in one namespace, code in another, beside the tenants'
//! state, so that an upgrade's block, its code and the state that it migrated become durable in one
//! commit. What is read back is verified before it is used.

use super::{
    block::{Block, StoredBlock},
    error::ChainError,
    header::{BlockNumber, CodeHash},
    log::UpgradeLog,
};
use parity_scale_codec::{Decode, DecodeAll, Encode};
use realm_host_functions::storage::{Changes, CommitError, Namespace, Store, StoreError};
use realm_primitives::RuntimeVersion;
use std::collections::BTreeSet;

/// Namespace of the blocks: height (u32, big endian) to [`StoredBlock`].
const BLOCKS: &str = "node/blocks";
/// Namespace of the code blobs: hash to uncompressed bytes.
const CODE: &str = "node/code";
/// Namespace of what blobs say about themselves: hash to [`CodeFacts`].
const CODE_FACTS: &str = "node/code-facts";

/// What a blob says about itself. Kept for clients as long as a block since the oldest heartbeat had the blob in force,
/// also where the blob itself is gone.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode)]
pub struct CodeFacts {
    /// Its version.
    pub version: RuntimeVersion,
    /// Its metadata, as clients get it.
    pub metadata: Vec<u8>,
}

/// Reads the chain, and adds writes of it to a commit.
#[derive(Clone, Debug)]
pub struct ChainStorage {
    store: Store,
    blocks: Namespace,
    code: Namespace,
    facts: Namespace,
}

impl ChainStorage {
    /// The chain's part of the database.
    pub fn new(store: &Store) -> Self {
        Self {
            store: store.clone(),
            blocks: store.namespace(BLOCKS),
            code: store.namespace(CODE),
            facts: store.namespace(CODE_FACTS),
        }
    }

    /// The database.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// The stored chain, verified; `None` in a new database.
    ///
    /// # Errors
    /// [`ChainError`]: it is damaged, or another chain's.
    pub fn load(&self, chain_id: &str) -> Result<Option<UpgradeLog>, ChainError> {
        let entries = self.blocks.entries()?;
        if entries.is_empty() {
            return Ok(None);
        }
        let mut blocks = Vec::with_capacity(entries.len());
        for (key, value) in entries {
            let number = <[u8; 4]>::try_from(&key[..]).map_err(|_| ChainError::Corrupt {
                what: "a block's key".into(),
                why: format!("{} bytes", key.len()),
            })?;
            let number = BlockNumber(u32::from_be_bytes(number));
            blocks.push((number, decode::<StoredBlock>(&value, || format!("block {number}"))?));
        }
        Ok(Some(UpgradeLog::load(blocks, chain_id)?))
    }

    /// A stored blob, verified.
    ///
    /// # Errors
    /// [`ChainError`]: it is not there, or is another.
    pub fn code(&self, hash: CodeHash) -> Result<Vec<u8>, ChainError> {
        let code = self.code.get(&hash.0.0)?.ok_or(ChainError::CodeMissing(hash))?;
        let actual = CodeHash::of(&code);
        if actual == hash { Ok(code) } else { Err(ChainError::CodeAltered { expected: hash, actual }) }
    }

    /// What a blob says about itself, if that is still kept.
    ///
    /// # Errors
    /// [`ChainError`]: it does not decode, or the database fails.
    pub fn facts(&self, hash: CodeHash) -> Result<Option<CodeFacts>, ChainError> {
        let stored = self.facts.get(&hash.0.0)?;
        stored.map(|bytes| decode(&bytes, || format!("what is known of code {hash}"))).transpose()
    }

    /// Adds a block to a commit, and the removal of heartbeats that go for it.
    pub(super) fn write_block(&self, changes: &mut Changes, block: &Block, pruned: &[BlockNumber]) {
        self.blocks.write(changes, &block.number().0.to_be_bytes(), Some(block.to_stored().encode()));
        for number in pruned {
            self.blocks.write(changes, &number.0.to_be_bytes(), None);
        }
    }

    /// Adds a blob, and what it says about itself, to a commit.
    pub fn write_code(&self, changes: &mut Changes, code: &[u8], facts: &CodeFacts) {
        let hash = CodeHash::of(code);
        self.code.write(changes, &hash.0.0, Some(code.to_vec()));
        self.facts.write(changes, &hash.0.0, Some(facts.encode()));
    }

    /// Adds the removal of the blobs, and of the descriptions, that nothing needs any more once `after` has replaced
    /// `before`.
    ///
    /// # Errors
    /// The database cannot be read.
    pub(super) fn drop_unneeded_code(
        &self,
        changes: &mut Changes,
        before: &UpgradeLog,
        after: &UpgradeLog,
    ) -> Result<(), StoreError> {
        for hash in before.codes_needed().difference(&after.codes_needed()) {
            self.code.write(changes, &hash.0.0, None);
        }
        let needed: BTreeSet<_> = after.facts_needed().into_iter().map(|hash| hash.0.0.to_vec()).collect();
        for hash in self.facts.keys()?.iter().filter(|hash| !needed.contains(*hash)) {
            self.facts.write(changes, hash, None);
        }
        Ok(())
    }

    /// Makes changes durable, all or none.
    ///
    /// # Errors
    /// [`CommitError`]
    pub(super) async fn commit(&self, changes: Changes) -> Result<(), CommitError> {
        self.store.commit(changes).await
    }
}

fn decode<T: Decode>(bytes: &[u8], what: impl FnOnce() -> String) -> Result<T, ChainError> {
    T::decode_all(&mut &*bytes).map_err(|error| ChainError::Corrupt { what: what(), why: error.to_string() })
}
