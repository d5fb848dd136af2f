//! A sequence's block table: which block holds which sixteen of its positions.

use super::pool::{BlockId, BlockPool, Shortage};
use crate::TenantKey;

/// Positions per block.
pub const BLOCK_LEN: u32 = 16;

/// Before a step, the contents of `from` must be copied to `to`: someone else still reads `from`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlockCopy {
    pub from: BlockId,
    pub to: BlockId,
}

/// The blocks of positions `0..`, in order. Holds one reference to each; whoever drops a table releases them first
/// (see [`BlockTable::clear`]).
#[derive(Debug, Default)]
pub struct BlockTable {
    blocks: Vec<BlockId>,
}

/// Blocks that hold `len` positions.
pub fn blocks_for(len: u32) -> u32 {
    len.div_ceil(BLOCK_LEN)
}

impl BlockTable {
    pub fn blocks(&self) -> &[BlockId] {
        &self.blocks
    }

    /// Takes over a block reference that the caller holds, as the next sixteen positions.
    pub fn push(&mut self, block: BlockId) {
        self.blocks.push(block);
    }

    /// Makes positions `from..to` writable for `owner`: grows the table, and replaces shared blocks among those to be
    /// written by copies of their own (only the first can have contents worth copying: positions below `from`).
    ///
    /// # Errors
    /// A [`Shortage`], with nothing changed: all blocks are there, or none is taken.
    pub fn prepare(
        &mut self,
        pool: &mut BlockPool,
        owner: TenantKey,
        from: u32,
        to: u32,
    ) -> Result<Option<BlockCopy>, Shortage> {
        pool.available(owner, self.shortfall(pool, from, to))?;
        let first = (from / BLOCK_LEN) as usize;
        let mut copy = None;
        for index in first..blocks_for(to) as usize {
            match self.blocks.get(index).copied() {
                None => self.blocks.push(pool.allocate(owner)?),
                Some(shared) if pool.references(shared) > 1 => {
                    let own = pool.allocate(owner)?;
                    self.blocks[index] = own;
                    pool.release(shared);
                    if index == first && !from.is_multiple_of(BLOCK_LEN) {
                        copy = Some(BlockCopy { from: shared, to: own });
                    }
                }
                Some(_) => {}
            }
        }
        Ok(copy)
    }

    /// How many blocks [`prepare`](Self::prepare) would allocate.
    pub fn shortfall(&self, pool: &BlockPool, from: u32, to: u32) -> u32 {
        let first = (from / BLOCK_LEN) as usize;
        let missing = |index: &usize| match self.blocks.get(*index) {
            None => true,
            Some(&block) => pool.references(block) > 1,
        };
        (first..blocks_for(to) as usize).filter(missing).count() as u32
    }

    /// Puts a block of the same contents in a block's place: takes over the caller's reference to `block`, and
    /// releases the one it replaces.
    pub fn replace(&mut self, pool: &mut BlockPool, index: usize, block: BlockId) {
        if let Some(slot) = self.blocks.get_mut(index) {
            pool.release(std::mem::replace(slot, block));
        }
    }

    /// Releases the blocks beyond `len` positions.
    pub fn truncate(&mut self, pool: &mut BlockPool, len: u32) {
        for block in self.blocks.drain((blocks_for(len) as usize).min(self.blocks.len())..) {
            pool.release(block);
        }
    }

    /// Releases all blocks.
    pub fn clear(&mut self, pool: &mut BlockPool) {
        self.truncate(pool, 0);
    }

    /// A second table over the same first `len` positions; every block is shared until one side writes to it.
    pub fn fork(&self, pool: &mut BlockPool, len: u32) -> BlockTable {
        let blocks: Vec<BlockId> = self.blocks.iter().take(blocks_for(len) as usize).copied().collect();
        blocks.iter().for_each(|&block| pool.retain(block));
        BlockTable { blocks }
    }
}
