//! The blocks in memory: pure state, with no clock and no database. It says which block comes next,
//! which old heartbeats go, which code was in force when, and what a rollback returns to.

use super::{
    block::{Block, CodeRef, Entry, InForce, Scope, StoredBlock},
    error::LogError,
    header::{BlockHash, BlockNumber, CodeHash},
};
use std::{
    collections::{BTreeMap, BTreeSet, HashMap, VecDeque},
    sync::Arc,
};

/// Upgrades of one scope that can be rolled back, one after the other.
const ROLLBACKS_MAX: usize = 8;

/// All blocks that are kept: every change, and the newest heartbeats.
#[derive(Clone, Debug)]
pub struct UpgradeLog {
    blocks: BTreeMap<BlockNumber, Arc<Block>>,
    by_hash: HashMap<BlockHash, BlockNumber>,
    genesis: Arc<Block>,
    head: Arc<Block>,
    /// Heights of the kept heartbeats, oldest first.
    heartbeats: VecDeque<BlockNumber>,
    /// What each scope's next rollbacks return to; the last one comes first.
    previous: BTreeMap<Scope, VecDeque<Option<CodeRef>>>,
}

impl UpgradeLog {
    /// A chain that begins.
    pub fn begin(genesis: Block) -> Self {
        let genesis = Arc::new(genesis);
        Self {
            blocks: BTreeMap::from([(genesis.number(), genesis.clone())]),
            by_hash: HashMap::from([(genesis.hash, genesis.number())]),
            head: genesis.clone(),
            genesis,
            heartbeats: VecDeque::new(),
            previous: BTreeMap::new(),
        }
    }

    /// A chain that goes on. Every link, root and change of `stored` (ascending) is verified.
    ///
    /// # Errors
    /// [`LogError`]: the blocks are not one chain, or that of another specification.
    pub fn load(stored: Vec<(BlockNumber, StoredBlock)>, chain_id: &str) -> Result<Self, LogError> {
        let mut blocks = stored.into_iter();
        let (number, first) = blocks.next().ok_or(LogError::NoGenesis)?;
        let Entry::Genesis { chain_id: stored_id, code } = &first.record.entry else { return Err(LogError::NoGenesis) };
        if stored_id != chain_id {
            return Err(LogError::OtherChain { stored: stored_id.clone(), expected: chain_id.to_owned() });
        }
        if number != BlockNumber(0) {
            return Err(LogError::NoGenesis);
        }
        let genesis = Block::genesis(chain_id, *code);
        if genesis.to_stored() != first {
            return Err(LogError::WrongRoots { number });
        }
        let mut log = Self::begin(genesis);
        for (stored_as, block) in blocks {
            let block = log.verify(stored_as, block)?;
            log.push(Arc::new(block));
        }
        Ok(log)
    }

    /// The block that would come next. It is not part of the log until [`Self::push`].
    pub fn next(&self, entry: Entry, time_unix_ms: u64) -> Block {
        self.head.child(entry, time_unix_ms)
    }

    /// Appends a block made by [`Self::next`].
    pub fn push(&mut self, block: Arc<Block>) {
        let number = block.number();
        match &block.record.entry {
            Entry::Genesis { .. } => {}
            Entry::Heartbeat => self.heartbeats.push_back(number),
            Entry::Upgrade(change) => {
                let previous = self.previous.entry(change.scope.clone()).or_default();
                previous.push_front(change.from);
                previous.truncate(ROLLBACKS_MAX);
            }
            Entry::Rollback(change) => {
                if let Some(previous) = self.previous.get_mut(&change.scope) {
                    previous.pop_front();
                }
            }
        }
        self.by_hash.insert(block.hash, number);
        self.blocks.insert(number, block.clone());
        self.head = block;
    }

    /// The heartbeats that must go so that after one more block at most `heartbeats_max` are kept.
    pub fn prunable(&self, heartbeats_max: usize) -> Vec<BlockNumber> {
        let surplus = (self.heartbeats.len() + 1).saturating_sub(heartbeats_max.max(1));
        self.heartbeats.iter().take(surplus).copied().collect()
    }

    /// Forgets heartbeats that [`Self::prunable`] named.
    pub fn prune(&mut self, numbers: &[BlockNumber]) {
        for number in numbers {
            if let Some(block) = self.blocks.remove(number) {
                self.by_hash.remove(&block.hash);
            }
        }
        self.heartbeats.retain(|number| !numbers.contains(number));
    }

    /// The newest block.
    pub fn head(&self) -> &Arc<Block> {
        &self.head
    }

    /// The first block.
    pub fn genesis(&self) -> &Arc<Block> {
        &self.genesis
    }

    /// The kept block with this hash.
    pub fn block(&self, hash: BlockHash) -> Option<&Arc<Block>> {
        self.by_hash.get(&hash).and_then(|number| self.blocks.get(number))
    }

    /// The kept block at this height.
    pub fn at(&self, number: BlockNumber) -> Option<&Arc<Block>> {
        self.blocks.get(&number)
    }

    /// All kept blocks, newest first.
    pub fn newest_first(&self) -> impl Iterator<Item = &Arc<Block>> {
        self.blocks.values().rev()
    }

    /// What a rollback of this scope returns to: `Some(None)` is a tenant's way back to the chain's
    /// code, `None` says that there is nothing to roll back.
    pub fn rollback_target(&self, scope: &Scope) -> Option<Option<CodeRef>> {
        self.previous.get(scope).and_then(|previous| previous.front()).copied()
    }

    /// The blobs that must be kept: in force, or in reach of a rollback.
    pub fn codes_needed(&self) -> BTreeSet<CodeHash> {
        let InForce { chain, tenants } = &*self.head.in_force;
        let in_force = std::iter::once(chain).chain(tenants.values());
        let in_reach = self.previous.values().flatten().flatten();
        in_force.chain(in_reach).map(|code| code.hash).collect()
    }

    /// The blobs whose descriptions must be kept: those of [`Self::codes_needed`], and those that were in force at a block
    /// since the oldest kept heartbeat. Older blocks only record which code was in force.
    pub fn facts_needed(&self) -> BTreeSet<CodeHash> {
        let mut needed = self.codes_needed();
        let oldest = self.heartbeats.front().copied().unwrap_or(self.genesis.number());
        let since = || self.blocks.range(oldest..).map(|(_, block)| block);
        if let Some(block) = since().next() {
            let InForce { chain, tenants } = &*block.in_force;
            needed.extend(std::iter::once(chain).chain(tenants.values()).map(|code| code.hash));
        }
        let changes = since().filter_map(|block| block.record.entry.change());
        needed.extend(changes.filter_map(|change| change.to).map(|code| code.hash));
        needed
    }

    fn verify(&self, stored_as: BlockNumber, stored: StoredBlock) -> Result<Block, LogError> {
        let number = stored.header.number;
        if number != stored_as {
            return Err(LogError::WrongNumber { number, stored_as });
        }
        let last = &self.head;
        // Over a gap, where heartbeats were pruned, only the anchor links.
        if last.number().next() == number && stored.header.parent_hash != last.hash {
            let named = stored.header.parent_hash;
            return Err(LogError::BrokenLink { number, what: "parent", named, actual: last.hash });
        }
        let expected = last.anchor_of_child();
        match stored.record.anchor {
            Some(anchor) if anchor.number != expected.number => {
                return Err(LogError::WrongAnchor { number, expected: expected.number });
            }
            Some(anchor) if anchor.hash != expected.hash => {
                return Err(LogError::BrokenLink { number, what: "anchor", named: anchor.hash, actual: expected.hash });
            }
            Some(_) => {}
            None => return Err(LogError::WrongAnchor { number, expected: expected.number }),
        }
        let in_force = match stored.record.entry.change() {
            Some(change) if change.from != last.in_force.of_scope(&change.scope) => {
                return Err(LogError::WrongChange { number });
            }
            Some(change) => Arc::new(last.in_force.after(change)),
            None => last.in_force.clone(),
        };
        let block = Block::restore(stored, in_force);
        if block.roots_fit() { Ok(block) } else { Err(LogError::WrongRoots { number }) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chain::{Change, Record};
    use realm_primitives::H256;

    const CHAIN_ID: &str = "test";

    fn code(spec_version: u32) -> CodeRef {
        CodeRef { hash: CodeHash(H256([spec_version as u8; 32])), spec_version }
    }

    fn upgrade(scope: Scope, from: Option<u32>, to: Option<u32>) -> Entry {
        Entry::Upgrade(Change { scope, from: from.map(code), to: to.map(code) })
    }

    /// A log to which these entries were appended, pruned to `heartbeats_max` all along.
    fn log(heartbeats_max: usize, entries: impl IntoIterator<Item = Entry>) -> UpgradeLog {
        let mut log = UpgradeLog::begin(Block::genesis(CHAIN_ID, code(1)));
        for (time, entry) in entries.into_iter().enumerate() {
            let block = log.next(entry, time as u64);
            let pruned = log.prunable(heartbeats_max);
            log.push(Arc::new(block));
            log.prune(&pruned);
        }
        log
    }

    fn stored(log: &UpgradeLog) -> Vec<(BlockNumber, StoredBlock)> {
        log.blocks.iter().map(|(number, block)| (*number, block.to_stored())).collect()
    }

    fn sample() -> UpgradeLog {
        let tenant = || Scope::Tenant("acme_corp".into());
        log(
            3,
            [
                Entry::Heartbeat,
                Entry::Heartbeat,
                upgrade(Scope::Chain, Some(1), Some(2)),
                Entry::Heartbeat,
                upgrade(tenant(), None, Some(7)),
                Entry::Heartbeat,
                Entry::Heartbeat,
                Entry::Heartbeat,
            ],
        )
    }

    #[test]
    fn old_heartbeats_go_and_the_rest_is_still_a_chain() {
        let log = sample();
        let kept: Vec<u32> = log.blocks.keys().map(|number| number.0).collect();
        assert_eq!(kept, [0, 3, 5, 6, 7, 8]);
        let loaded = UpgradeLog::load(stored(&log), CHAIN_ID).unwrap();
        assert_eq!(loaded.head(), log.head());
        assert_eq!(loaded.previous, log.previous);
        assert_eq!(loaded.heartbeats, log.heartbeats);
        assert_eq!(loaded.by_hash, log.by_hash);
    }

    #[test]
    fn says_what_was_in_force_and_what_a_rollback_returns_to() {
        let log = sample();
        let of =
            |number: u32, tenant: &str| log.at(BlockNumber(number)).unwrap().in_force.of_tenant(tenant).spec_version;
        assert_eq!([of(0, "acme_corp"), of(3, "acme_corp"), of(5, "acme_corp"), of(8, "acme_corp")], [1, 2, 7, 7]);
        assert_eq!([of(0, "other"), of(3, "other"), of(8, "other")], [1, 2, 2]);
        assert_eq!(log.rollback_target(&Scope::Chain), Some(Some(code(1))));
        assert_eq!(log.rollback_target(&Scope::Tenant("acme_corp".into())), Some(None));
        assert_eq!(log.rollback_target(&Scope::Tenant("other".into())), None);
        assert_eq!(log.codes_needed(), BTreeSet::from([code(1).hash, code(2).hash, code(7).hash]));
    }

    /// What each blob said about itself was kept for ever: up to 4 MiB for each upgrade that a tenant's administrator made.
    #[test]
    fn descriptions_of_code_that_no_recent_block_had_are_not_needed() {
        let tenant = || Scope::Tenant("acme_corp".into());
        let many = || (1..20).map(|version| upgrade(tenant(), (version > 1).then(|| version - 1), Some(version)));
        let kept: BTreeSet<_> = (11..20).map(|version| code(version).hash).chain([code(1).hash]).collect();
        // In force, or in reach of a rollback; no heartbeat was pruned, so every block is recent.
        assert_eq!(log(100, many()).codes_needed(), kept);
        assert_eq!(log(100, many()).facts_needed().len(), 19);
        // Clients follow the blocks since the oldest heartbeat: here it has version 19.
        let heartbeats = || [Entry::Heartbeat, Entry::Heartbeat];
        assert_eq!(log(2, many().chain(heartbeats())).facts_needed(), kept);
        // A description that is not in reach of a rollback is kept while a recent block had the code.
        let recent = log(9, heartbeats().into_iter().chain(many()));
        assert_eq!(recent.facts_needed().len(), 19);
    }

    #[test]
    fn only_a_change_carries_the_digest_that_clients_look_for() {
        let with_digest: Vec<u32> = sample()
            .blocks
            .values()
            .filter(|block| !block.header.digest.is_empty())
            .map(|block| block.number().0)
            .collect();
        assert_eq!(with_digest, [3, 5]);
    }

    /// Damages what was stored, and expects the block at `number` to be refused.
    fn check_refused(number: u32, damage: impl FnOnce(&mut StoredBlock)) {
        let mut blocks = stored(&sample());
        let (_, block) = blocks.iter_mut().find(|(found, _)| found.0 == number).unwrap();
        damage(block);
        assert!(UpgradeLog::load(blocks, CHAIN_ID).is_err(), "block {number} was damaged and accepted");
    }

    #[test]
    fn a_changed_byte_anywhere_is_found() {
        check_refused(0, |block| block.header.state_root = H256([9; 32]));
        check_refused(3, |block| block.record.time_unix_ms += 1);
        check_refused(3, |block| block.header.state_root = H256([9; 32]));
        check_refused(3, |block| block.header.digest.clear());
        check_refused(5, |block| block.record.anchor = None);
        check_refused(6, |block| block.header.parent_hash = BlockHash(H256([9; 32])));
        check_refused(7, |block| block.header.number = BlockNumber(8));
        check_refused(5, |block| {
            // A body that fits its header, of a block that fits no chain.
            let Record { entry, .. } = &mut block.record;
            *entry = upgrade(Scope::Tenant("acme_corp".into()), Some(3), Some(7));
            block.header.extrinsics_root =
                H256(sp_crypto_hashing::blake2_256(&parity_scale_codec::Encode::encode(&block.record)));
        });
        assert!(matches!(UpgradeLog::load(stored(&sample()), "other"), Err(LogError::OtherChain { .. })));
        assert_eq!(UpgradeLog::load(Vec::new(), CHAIN_ID).unwrap_err(), LogError::NoGenesis);
        let without_genesis = stored(&sample()).split_off(1);
        assert_eq!(UpgradeLog::load(without_genesis, CHAIN_ID).unwrap_err(), LogError::NoGenesis);
        let mut without_change = stored(&sample());
        without_change.remove(1);
        assert!(matches!(
            UpgradeLog::load(without_change, CHAIN_ID),
            Err(LogError::WrongAnchor { .. } | LogError::BrokenLink { .. })
        ));
    }
}
