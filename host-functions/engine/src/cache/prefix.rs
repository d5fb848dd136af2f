//! The prefix cache: finished blocks that later sequences of the same tenant may begin with.
//!
//! ```text
//! root ── [16 tokens] ──> block 7 ── [16 tokens] ──> block 9
//!                              └──── [16 tokens] ──> block 4
//! ```
//! A trie per tenant whose edges are whole blocks of tokens. An edge is found by its parent, its tenant and its exact
//! tokens, so nothing rests on a hash being free of collisions, and no tenant's tokens can lead into another's blocks.
//! Each entry holds one reference to its block. Blocks that only the index references can be evicted, longest unused
//! first; since using a prefix uses its beginnings too, an entry goes before the ones it builds on.

use std::collections::{BTreeMap, HashMap};

use super::pool::{BlockId, BlockPool};
use super::table::BLOCK_LEN;
use crate::TenantKey;

/// Entry of the trie. Never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EntryId(u64);

/// Where every tenant's trie begins.
pub const ROOT: EntryId = EntryId(0);

type BlockTokens = [u32; BLOCK_LEN as usize];

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Edge {
    owner: TenantKey,
    parent: EntryId,
    tokens: BlockTokens,
}

#[derive(Debug)]
struct Entry {
    edge: Edge,
    block: BlockId,
    children: u32,
    last_use: u64,
}

/// The finished blocks of all tenants.
#[derive(Debug, Default)]
pub struct PrefixIndex {
    edges: HashMap<Edge, EntryId>,
    entries: HashMap<EntryId, Entry>,
    /// Entries by their last use, the oldest first.
    by_use: BTreeMap<u64, EntryId>,
    uses: u64,
    entries_made: u64,
}

impl PrefixIndex {
    /// Blocks in the index.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// The longest known beginning of `tokens`, in whole blocks: its entries with their blocks, each block with a new
    /// reference for the caller.
    pub fn find(&mut self, pool: &mut BlockPool, owner: TenantKey, tokens: &[u32]) -> Vec<(EntryId, BlockId)> {
        let mut found = Vec::new();
        let mut parent = ROOT;
        for block_tokens in tokens.as_chunks().0 {
            let edge = Edge { owner, parent, tokens: *block_tokens };
            let Some(&id) = self.edges.get(&edge) else { break };
            let Some(entry) = self.entries.get(&id) else { break };
            found.push((id, entry.block));
            parent = id;
        }
        for &(id, block) in found.iter().rev() {
            pool.retain(block);
            self.touch(id);
        }
        found
    }

    /// Enters the block that holds `tokens` behind `parent`, or finds the one that is there already (its block then
    /// has the same contents). A new entry takes a reference of its own.
    pub fn insert(
        &mut self,
        pool: &mut BlockPool,
        owner: TenantKey,
        parent: EntryId,
        tokens: &BlockTokens,
        block: BlockId,
    ) -> (EntryId, BlockId) {
        let edge = Edge { owner, parent, tokens: *tokens };
        if let Some(entry) = self.edges.get(&edge).and_then(|id| self.entries.get(id).map(|entry| (*id, entry.block))) {
            self.touch(entry.0);
            return entry;
        }
        self.entries_made += 1;
        let id = EntryId(self.entries_made);
        if let Some(parent) = self.entries.get_mut(&parent) {
            parent.children += 1;
        }
        pool.retain(block);
        self.edges.insert(edge, id);
        self.entries.insert(id, Entry { edge, block, children: 0, last_use: 0 });
        self.touch(id);
        (id, block)
    }

    /// Whether an entry is still there to build on.
    pub fn contains(&self, id: EntryId) -> bool {
        id == ROOT || self.entries.contains_key(&id)
    }

    /// Frees the block that was unused for longest, of `owner` only if one is given. Says whether there was one.
    pub fn evict(&mut self, pool: &mut BlockPool, owner: Option<TenantKey>) -> bool {
        let evictable = |entry: &Entry| {
            entry.children == 0 && pool.references(entry.block) == 1 && owner.is_none_or(|o| o == entry.edge.owner)
        };
        let victim = self.by_use.values().copied().find(|id| self.entries.get(id).is_some_and(evictable));
        let Some(entry) = victim.and_then(|id| self.entries.remove(&id)) else { return false };
        self.by_use.remove(&entry.last_use);
        self.edges.remove(&entry.edge);
        if let Some(parent) = self.entries.get_mut(&entry.edge.parent) {
            parent.children -= 1;
        }
        pool.release(entry.block);
        true
    }

    fn touch(&mut self, id: EntryId) {
        self.uses += 1;
        if let Some(entry) = self.entries.get_mut(&id) {
            self.by_use.remove(&entry.last_use);
            entry.last_use = self.uses;
            self.by_use.insert(self.uses, id);
        }
    }
}
