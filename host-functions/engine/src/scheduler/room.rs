//! Making room: what gives way when a sequence needs blocks and there are none.

use super::SequenceId;
use super::policy::Scheduler;
use super::sequence::Sequence;
use crate::TenantKey;
use crate::cache::Shortage;

/// A sequence that was in none of this many steps stands still: its reader is slow, or its owner thinks. Its blocks
/// may go to others.
const STILL_AFTER_STEPS: u64 = 64;

/// How much a sequence may take from others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Claim {
    /// Unused prefixes, sequences that stand still, later comers, and what others hold beyond their share.
    ByRight,
    /// Whatever there is: nothing else can be computed.
    AtAnyCost,
}

/// Frees blocks until `count` of them can be allocated for the sequence.
///
/// # Errors
/// The [`Shortage`] that is left when nothing more may be taken.
pub(super) fn make_room(scheduler: &mut Scheduler, id: SequenceId, count: u32, claim: Claim) -> Result<(), Shortage> {
    let Some(owner) = scheduler.sequences.get(&id).map(|s| s.owner) else { return Ok(()) };
    while let Err(shortage) = scheduler.pool.available(owner, count) {
        let among = match shortage {
            Shortage::Tenant => Some(owner),
            Shortage::Node => None,
        };
        if scheduler.prefixes.evict(&mut scheduler.pool, among) {
            continue;
        }
        let Some(victim) = victim(scheduler, id, count, among, claim) else { return Err(shortage) };
        if let Some(sequence) = scheduler.sequences.get_mut(&victim) {
            sequence.evict(&mut scheduler.pool);
        }
    }
    Ok(())
}

/// The sequence that gives way to `id`: of those that may be taken from, one that stands still for longest if there is
/// one, else the one let in last.
fn victim(
    scheduler: &Scheduler,
    id: SequenceId,
    count: u32,
    among: Option<TenantKey>,
    claim: Claim,
) -> Option<SequenceId> {
    let claimant = scheduler.sequences.get(&id)?;
    let step = scheduler.step();
    let blocks_each = fair_blocks(scheduler);
    let within_share = scheduler.pool.held_by(claimant.owner) + count <= blocks_each;
    let still = |s: &Sequence| s.job.is_none() && s.last_step + STILL_AFTER_STEPS <= step;
    let may_take = |s: &Sequence| {
        let earlier = claimant.admitted.is_some_and(|mine| s.admitted.is_some_and(|other| mine < other));
        let beyond_share = within_share && scheduler.pool.held_by(s.owner) > blocks_each;
        claim == Claim::AtAnyCost || still(s) || earlier || beyond_share
    };
    let candidates = scheduler.sequences.iter().filter(|(other, s)| {
        // What is part of this step's plan stays.
        **other != id
            && s.last_step < step
            && !s.table.blocks().is_empty()
            && among.is_none_or(|owner| owner == s.owner)
            && may_take(s)
    });
    let order = |s: &Sequence| match still(s) {
        true => (0, s.last_step),
        false => (1, u64::MAX - s.admitted.unwrap_or(0)),
    };
    candidates.min_by_key(|(other, s)| (order(s), **other)).map(|(other, _)| *other)
}

/// What each tenant would hold if those with open sequences held the same.
fn fair_blocks(scheduler: &Scheduler) -> u32 {
    scheduler.pool.block_count() / scheduler.tenant_count().max(1) as u32
}
