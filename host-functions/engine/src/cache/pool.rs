//! The block allocator: which KV blocks are free, how often each is referenced, and whose it is.
//!
//! ```text
//! free ── allocate ──> 1 reference ── retain ──> 2 .. ── release ──> 1 ── release ──> free
//! ```
//! A block belongs to the tenant that allocated it until its last reference goes; references never cross tenants, so
//! the count of a tenant's blocks is exact however its sequences share them.

use std::collections::HashMap;

use crate::TenantKey;

/// The index of a block in the executor's KV memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct BlockId(pub u32);

/// Why no block was allocated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shortage {
    /// Every block is referenced.
    Node,
    /// The tenant holds as many as it may.
    Tenant,
}

/// All blocks of one model.
#[derive(Debug)]
pub struct BlockPool {
    references: Vec<u32>,
    owners: Vec<TenantKey>,
    /// Taken from the end, so that recently used (and so probably cached) memory is used again first.
    free: Vec<BlockId>,
    held: HashMap<TenantKey, u32>,
    /// For tenants without a bound of their own.
    tenant_blocks_max: u32,
    bounds: HashMap<TenantKey, u32>,
}

impl BlockPool {
    /// `block_count` blocks, of which one tenant may hold `tenant_blocks_max` unless it is given another bound.
    pub fn new(block_count: u32, tenant_blocks_max: u32) -> Self {
        let nobody = TenantKey::new([0; 32]);
        Self {
            references: vec![0; block_count as usize],
            owners: vec![nobody; block_count as usize],
            free: (0..block_count).rev().map(BlockId).collect(),
            held: HashMap::new(),
            tenant_blocks_max,
            bounds: HashMap::new(),
        }
    }

    /// All blocks, free or not.
    pub fn block_count(&self) -> u32 {
        self.references.len() as u32
    }

    pub fn free_count(&self) -> u32 {
        self.free.len() as u32
    }

    /// The most blocks that `owner` may hold.
    pub fn blocks_max_of(&self, owner: TenantKey) -> u32 {
        let own = self.bounds.get(&owner).copied().unwrap_or(u32::MAX);
        own.min(self.tenant_blocks_max).clamp(1, self.block_count().max(1))
    }

    /// Gives a tenant a bound of its own, or with `None` takes it away. One that holds more keeps it for now, and gets
    /// nothing more before it is below its bound.
    pub fn set_blocks_max_of(&mut self, owner: TenantKey, blocks_max: Option<u32>) {
        match blocks_max {
            Some(blocks_max) => self.bounds.insert(owner, blocks_max),
            None => self.bounds.remove(&owner),
        };
    }

    /// Blocks that `owner` holds, each counted once however often it is referenced.
    pub fn held_by(&self, owner: TenantKey) -> u32 {
        self.held.get(&owner).copied().unwrap_or(0)
    }

    /// References to a block; 0 means free.
    pub fn references(&self, block: BlockId) -> u32 {
        self.references.get(block.0 as usize).copied().unwrap_or(0)
    }

    /// Whether `count` blocks could be allocated for `owner` now.
    ///
    /// # Errors
    /// The [`Shortage`] that stands in the way; the tenant's own bound is named first.
    pub fn available(&self, owner: TenantKey, count: u32) -> Result<(), Shortage> {
        if count > self.blocks_max_of(owner).saturating_sub(self.held_by(owner)) {
            return Err(Shortage::Tenant);
        }
        if count > self.free_count() { Err(Shortage::Node) } else { Ok(()) }
    }

    /// Takes a free block for `owner`, with one reference.
    ///
    /// # Errors
    /// [`Shortage`] says which bound stands in the way; nothing has changed then.
    pub fn allocate(&mut self, owner: TenantKey) -> Result<BlockId, Shortage> {
        self.available(owner, 1)?;
        let block = self.free.pop().ok_or(Shortage::Node)?;
        self.references[block.0 as usize] = 1;
        self.owners[block.0 as usize] = owner;
        *self.held.entry(owner).or_insert(0) += 1;
        Ok(block)
    }

    /// Adds a reference to a block that is in use.
    pub fn retain(&mut self, block: BlockId) {
        debug_assert!(self.references(block) > 0, "retained a free block");
        if let Some(count) = self.references.get_mut(block.0 as usize) {
            *count += 1;
        }
    }

    /// Takes a reference away; the last one frees the block. Says whether it did.
    pub fn release(&mut self, block: BlockId) -> bool {
        let Some(count) = self.references.get_mut(block.0 as usize).filter(|count| **count > 0) else {
            debug_assert!(false, "released a free block");
            return false;
        };
        *count -= 1;
        if *count > 0 {
            return false;
        }
        let owner = self.owners[block.0 as usize];
        if let Some(held) = self.held.get_mut(&owner) {
            *held -= 1;
            if *held == 0 {
                self.held.remove(&owner);
            }
        }
        self.free.push(block);
        true
    }
}
