//! What one follower of the chain (`chainHead_v1_follow`) was told of, holds and has under way.
//! Pure state, so that its limits can be tested without a socket.
//!
//! A follower is told of every block once, holds (pins) it until it says otherwise, and may read
//! only what it holds. One that holds too much, because it never unpins, is told to stop.

use super::header::BlockHash;
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

/// Limits of followers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FollowLimits {
    /// Followers of one connection. Default 4.
    pub followers_per_connection_max: usize,
    /// Blocks that one follower may hold. Default 512: an hour of heartbeats and then some.
    pub pinned_blocks_max: usize,
    /// Operations that one follower may have under way. Default 64.
    pub operations_max: usize,
}

impl Default for FollowLimits {
    fn default() -> Self {
        Self { followers_per_connection_max: 4, pinned_blocks_max: 512, operations_max: 64 }
    }
}

/// Names an operation of a follower; unique within it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct OperationId(pub u64);

impl fmt::Display for OperationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What a follower is told, in order.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum FollowEvent {
    /// The newest block when the follower began.
    Initialized {
        /// The block.
        block: BlockHash,
    },
    /// A block was appended.
    NewBlock {
        /// The block.
        block: BlockHash,
        /// The block before it.
        parent: BlockHash,
    },
    /// The newest block is another.
    BestBlockChanged {
        /// The newest block.
        block: BlockHash,
    },
    /// A block can no longer be undone: at once, for there are no forks.
    Finalized {
        /// The block.
        block: BlockHash,
    },
}

/// The follower holds too many blocks and is told nothing more.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the follower holds {pinned} blocks, the limit")]
pub struct FollowStopped {
    /// Blocks it holds.
    pub pinned: usize,
}

/// Why nothing was unpinned.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum UnpinError {
    /// The follower does not hold the block.
    #[error("block {0} is not pinned")]
    NotPinned(BlockHash),
    /// The same block was named twice.
    #[error("block {0} is named twice")]
    Twice(BlockHash),
}

/// One follower.
#[derive(Clone, Debug)]
pub struct Follow<O> {
    limits: FollowLimits,
    pinned: BTreeSet<BlockHash>,
    /// What is under way, with what ends it early.
    operations: BTreeMap<OperationId, O>,
    next_operation: u64,
}

impl<O> Follow<O> {
    /// A follower that is told of `newest` first.
    pub fn begin(newest: BlockHash, limits: FollowLimits) -> (Self, FollowEvent) {
        let follow = Self { limits, pinned: BTreeSet::from([newest]), operations: BTreeMap::new(), next_operation: 0 };
        (follow, FollowEvent::Initialized { block: newest })
    }

    /// A block was appended: what the follower is told.
    ///
    /// # Errors
    /// [`FollowStopped`]: it holds too many already.
    pub fn appended(&mut self, block: BlockHash, parent: BlockHash) -> Result<[FollowEvent; 3], FollowStopped> {
        if self.pinned.len() >= self.limits.pinned_blocks_max {
            return Err(FollowStopped { pinned: self.pinned.len() });
        }
        self.pinned.insert(block);
        Ok([
            FollowEvent::NewBlock { block, parent },
            FollowEvent::BestBlockChanged { block },
            FollowEvent::Finalized { block },
        ])
    }

    /// Whether the follower may read this block.
    pub fn holds(&self, block: BlockHash) -> bool {
        self.pinned.contains(&block)
    }

    /// Lets go of all these blocks, or of none.
    ///
    /// # Errors
    /// [`UnpinError`]: one of them is not held, or is named twice.
    pub fn unpin(&mut self, blocks: &[BlockHash]) -> Result<(), UnpinError> {
        let mut seen = BTreeSet::new();
        for block in blocks {
            if !self.pinned.contains(block) {
                return Err(UnpinError::NotPinned(*block));
            }
            if !seen.insert(*block) {
                return Err(UnpinError::Twice(*block));
            }
        }
        self.pinned.retain(|block| !seen.contains(block));
        Ok(())
    }

    /// Begins an operation, if there is room for one more. `begin` makes what ends it early.
    pub fn begin_operation(&mut self, begin: impl FnOnce(OperationId) -> O) -> Option<OperationId> {
        if self.operations.len() >= self.limits.operations_max {
            return None;
        }
        let id = OperationId(self.next_operation);
        self.next_operation += 1;
        self.operations.insert(id, begin(id));
        Some(id)
    }

    /// Ends an operation; what [`Self::begin_operation`] was given, if it was still under way.
    pub fn end_operation(&mut self, id: OperationId) -> Option<O> {
        self.operations.remove(&id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use realm_primitives::H256;

    fn block(number: u8) -> BlockHash {
        BlockHash(H256([number; 32]))
    }

    fn limits(pinned_blocks_max: usize, operations_max: usize) -> FollowLimits {
        FollowLimits { pinned_blocks_max, operations_max, ..FollowLimits::default() }
    }

    #[test]
    fn a_follower_holds_what_it_was_told_of_until_it_lets_go() {
        let (mut follow, first) = Follow::<()>::begin(block(0), limits(3, 1));
        assert_eq!(first, FollowEvent::Initialized { block: block(0) });
        for number in 1..=2 {
            let events = follow.appended(block(number), block(number - 1)).unwrap();
            assert_eq!(events[0], FollowEvent::NewBlock { block: block(number), parent: block(number - 1) });
        }
        assert_eq!(follow.appended(block(3), block(2)), Err(FollowStopped { pinned: 3 }));
        follow.unpin(&[block(0), block(1)]).unwrap();
        assert!(!follow.holds(block(0)) && follow.holds(block(2)));
        follow.appended(block(3), block(2)).unwrap();
    }

    #[test]
    fn unpinning_is_all_or_nothing() {
        let (mut follow, _) = Follow::<()>::begin(block(0), limits(3, 1));
        follow.appended(block(1), block(0)).unwrap();
        assert_eq!(follow.unpin(&[block(0), block(9)]), Err(UnpinError::NotPinned(block(9))));
        assert_eq!(follow.unpin(&[block(0), block(0)]), Err(UnpinError::Twice(block(0))));
        assert!(follow.holds(block(0)) && follow.holds(block(1)));
    }

    #[test]
    fn operations_are_bounded_and_their_ids_are_not_used_again() {
        let (mut follow, _) = Follow::begin(block(0), limits(1, 2));
        let first = follow.begin_operation(|_| "a").unwrap();
        let second = follow.begin_operation(|_| "b").unwrap();
        assert_eq!(follow.begin_operation(|_| "c"), None);
        assert_eq!(follow.end_operation(first), Some("a"));
        assert_eq!(follow.end_operation(first), None);
        let third = follow.begin_operation(|_| "d").unwrap();
        assert!(third != first && third != second);
    }
}
