//! One block: its header, what happened in it, and what is in force from it on.

use super::header::{BlockHash, BlockNumber, CodeHash, DigestItem, Header};
use parity_scale_codec::{Decode, Encode};
use realm_primitives::H256;
use std::{collections::BTreeMap, sync::Arc};

/// Whom a change concerns.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Encode, Decode)]
pub enum Scope {
    /// Every tenant that has no code of its own.
    Chain,
    /// One tenant, by its id.
    Tenant(String),
}

impl std::fmt::Display for Scope {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Scope::Chain => f.write_str("chain"),
            Scope::Tenant(tenant) => write!(f, "tenant {tenant}"),
        }
    }
}

/// A blob, and the version it says it is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Encode, Decode)]
pub struct CodeRef {
    /// Hash of the uncompressed blob.
    pub hash: CodeHash,
    /// Its `spec_version`.
    pub spec_version: u32,
}

/// Which code runs for whom.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode)]
pub struct InForce {
    /// The chain's.
    pub chain: CodeRef,
    /// That of the tenants that have their own.
    pub tenants: BTreeMap<String, CodeRef>,
}

impl InForce {
    /// The code that runs for a tenant.
    pub fn of_tenant(&self, tenant: &str) -> CodeRef {
        self.tenants.get(tenant).copied().unwrap_or(self.chain)
    }

    /// The code of a scope: none for a tenant without its own.
    pub fn of_scope(&self, scope: &Scope) -> Option<CodeRef> {
        match scope {
            Scope::Chain => Some(self.chain),
            Scope::Tenant(tenant) => self.tenants.get(tenant).copied(),
        }
    }

    /// What is in force after a change.
    pub fn after(&self, change: &Change) -> Self {
        let mut after = self.clone();
        match (&change.scope, change.to) {
            (Scope::Chain, Some(to)) => after.chain = to,
            // The chain always has code; a change that takes it away says nothing.
            (Scope::Chain, None) => {}
            (Scope::Tenant(tenant), Some(to)) => {
                after.tenants.insert(tenant.clone(), to);
            }
            (Scope::Tenant(tenant), None) => {
                after.tenants.remove(tenant);
            }
        }
        after
    }

    fn root(&self) -> H256 {
        H256(sp_crypto_hashing::blake2_256(&self.encode()))
    }
}

/// One scope's code replaced by another.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode)]
pub struct Change {
    /// Whose code.
    pub scope: Scope,
    /// The code until now; none for a tenant that ran the chain's.
    pub from: Option<CodeRef>,
    /// The code from now on; none for a tenant that goes back to the chain's.
    pub to: Option<CodeRef>,
}

/// What happened in a block.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode)]
pub enum Entry {
    /// The chain began, with this code.
    Genesis {
        /// The chain specification's id: a database belongs to one chain.
        chain_id: String,
        /// The chain's first code.
        code: CodeRef,
    },
    /// Nothing; time went by.
    Heartbeat,
    /// New code was accepted.
    Upgrade(Change),
    /// The previous code was taken back.
    Rollback(Change),
}

impl Entry {
    /// The change of code, if there is one.
    pub fn change(&self) -> Option<&Change> {
        match self {
            Entry::Upgrade(change) | Entry::Rollback(change) => Some(change),
            Entry::Genesis { .. } | Entry::Heartbeat => None,
        }
    }

    /// Whether blocks may be linked to this one over pruned heartbeats.
    pub fn is_anchor(&self) -> bool {
        !matches!(self, Entry::Heartbeat)
    }
}

/// The last block before another in which something changed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Encode, Decode)]
pub struct Anchor {
    /// Its height.
    pub number: BlockNumber,
    /// Its hash.
    pub hash: BlockHash,
}

/// A block's body.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode)]
pub struct Record {
    /// What happened.
    pub entry: Entry,
    /// Milliseconds since 1970 by the node's clock; 0 in genesis, whose hash must depend on the chain alone.
    pub time_unix_ms: u64,
    /// Links over pruned heartbeats; none in genesis.
    pub anchor: Option<Anchor>,
}

/// A block as it is stored.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode)]
pub struct StoredBlock {
    /// The header.
    pub header: Header,
    /// The body.
    pub record: Record,
}

/// A block with what can be derived from it and its predecessors.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Block {
    /// The header's hash.
    pub hash: BlockHash,
    /// The header.
    pub header: Header,
    /// What happened.
    pub record: Record,
    /// What is in force from this block on. Shared with the blocks in which nothing changed.
    pub in_force: Arc<InForce>,
}

impl Block {
    /// The first block of a chain.
    pub fn genesis(chain_id: &str, code: CodeRef) -> Self {
        let in_force = Arc::new(InForce { chain: code, tenants: BTreeMap::new() });
        let record =
            Record { entry: Entry::Genesis { chain_id: chain_id.to_owned(), code }, time_unix_ms: 0, anchor: None };
        Self::build(BlockHash::default(), BlockNumber(0), record, in_force)
    }

    /// The block after this one.
    pub fn child(&self, entry: Entry, time_unix_ms: u64) -> Self {
        let in_force = match entry.change() {
            Some(change) => Arc::new(self.in_force.after(change)),
            None => self.in_force.clone(),
        };
        let record = Record { entry, time_unix_ms, anchor: Some(self.anchor_of_child()) };
        Self::build(self.hash, self.number().next(), record, in_force)
    }

    /// The same block, put together from what was stored. Its roots are not checked; see [`Self::roots_fit`].
    pub fn restore(stored: StoredBlock, in_force: Arc<InForce>) -> Self {
        Self { hash: stored.header.hash(), header: stored.header, record: stored.record, in_force }
    }

    /// Whether the header commits to this body and to what is in force.
    pub fn roots_fit(&self) -> bool {
        self.header.state_root == self.in_force.root()
            && self.header.extrinsics_root == record_root(&self.record)
            && self.header.digest == digest(&self.record.entry)
    }

    /// Height.
    pub fn number(&self) -> BlockNumber {
        self.header.number
    }

    /// The anchor of the blocks that follow this one.
    pub fn anchor_of_child(&self) -> Anchor {
        let own = Anchor { number: self.number(), hash: self.hash };
        if self.record.entry.is_anchor() { own } else { self.record.anchor.unwrap_or(own) }
    }

    /// What is written to the database.
    pub fn to_stored(&self) -> StoredBlock {
        StoredBlock { header: self.header.clone(), record: self.record.clone() }
    }

    fn build(parent_hash: BlockHash, number: BlockNumber, record: Record, in_force: Arc<InForce>) -> Self {
        let header = Header {
            parent_hash,
            number,
            state_root: in_force.root(),
            extrinsics_root: record_root(&record),
            digest: digest(&record.entry),
        };
        Self { hash: header.hash(), header, record, in_force }
    }
}

fn record_root(record: &Record) -> H256 {
    H256(sp_crypto_hashing::blake2_256(&record.encode()))
}

fn digest(entry: &Entry) -> Vec<DigestItem> {
    entry.change().map(|_| DigestItem::RuntimeEnvironmentUpdated).into_iter().collect()
}
