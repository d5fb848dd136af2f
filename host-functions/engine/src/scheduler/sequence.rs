//! One session's sequence, as the policy sees it.

use super::JobId;
use crate::TenantKey;
use crate::cache::{BLOCK_LEN, BlockPool, BlockTable, EntryId, PrefixIndex, ROOT};

/// Tokens, and how many of them are computed. The computed ones can be taken away at any time between steps: they are
/// computed again, to the same bits, when the sequence goes on.
#[derive(Debug)]
pub struct Sequence {
    pub owner: TenantKey,
    /// The accepted tokens and, while a job runs, the job's tokens behind them.
    pub tokens: Vec<u32>,
    /// Tokens that belong to the sequence whatever becomes of the job that runs.
    pub accepted: u32,
    /// Tokens whose keys and values lie in the table's blocks.
    pub computed: u32,
    pub table: BlockTable,
    /// Entries of the prefix index for the first blocks of the table.
    pub indexed: Vec<EntryId>,
    pub job: Option<JobId>,
    /// The step in which a part of this sequence was planned last.
    pub last_step: u64,
    /// When the sequence got blocks after having had none: the order in which sequences give way.
    pub admitted: Option<u64>,
}

impl Sequence {
    pub fn new(owner: TenantKey) -> Self {
        Self {
            owner,
            tokens: Vec::new(),
            accepted: 0,
            computed: 0,
            table: BlockTable::default(),
            indexed: Vec::new(),
            job: None,
            last_step: 0,
            admitted: None,
        }
    }

    /// Tokens still to be computed.
    pub fn remaining(&self) -> u32 {
        self.tokens.len() as u32 - self.computed
    }

    /// Tokens that the job asked for.
    pub fn asked(&self) -> u32 {
        self.tokens.len() as u32 - self.accepted
    }

    /// Gives all blocks back; the tokens stay.
    pub fn evict(&mut self, pool: &mut BlockPool) {
        self.table.clear(pool);
        self.indexed.clear();
        self.computed = 0;
        self.admitted = None;
    }

    /// Cuts the sequence to its first `len` tokens.
    pub fn cut(&mut self, pool: &mut BlockPool, len: u32) {
        self.tokens.truncate(len as usize);
        self.accepted = self.accepted.min(len);
        self.computed = self.computed.min(len);
        self.indexed.truncate((self.computed / BLOCK_LEN) as usize);
        self.table.truncate(pool, self.computed);
        if self.table.blocks().is_empty() {
            self.admitted = None;
        }
    }

    /// Enters the blocks that are full now into the prefix index, and shares the ones that are there already.
    pub fn index_full_blocks(&mut self, pool: &mut BlockPool, index: &mut PrefixIndex) {
        let (full, _) = self.tokens[..self.computed as usize].as_chunks();
        for (i, tokens) in full.iter().enumerate().skip(self.indexed.len()) {
            let parent = self.indexed.last().copied().unwrap_or(ROOT);
            let Some(&own) = self.table.blocks().get(i) else { return };
            if !index.contains(parent) {
                return;
            }
            let (entry, block) = index.insert(pool, self.owner, parent, tokens, own);
            if block != own {
                pool.retain(block);
                self.table.replace(pool, i, block);
            }
            self.indexed.push(entry);
        }
    }
}
