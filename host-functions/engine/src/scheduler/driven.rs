//! The policy against a simple model of the machine it drives.
//!
//! The model computes nothing but who was there: in every position of its block memory it keeps a hash of all tokens
//! up to that position, as a real cache keeps values that depend on them. A part of a plan may only run on blocks that
//! hold exactly its sequence's beginning; any block freed too early, shared wrongly, not copied or written twice shows
//! as a wrong hash. Tests drive it by seeded numbers, and the fuzz target `scheduler` by what libFuzzer finds.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use super::{JobId, Limits, Output, Plan, Refused, Scheduler, SequenceId, TenantBounds};
use crate::TenantKey;
use crate::cache::{BLOCK_LEN, BlockPool};

const STEPS_MAX: usize = 600;

/// Where the driver's choices come from.
pub trait Choices {
    /// A number below `bound`; 0 if that is 0.
    fn below(&mut self, bound: u64) -> u64;

    /// Whether nothing is left to choose by.
    fn is_dry(&self) -> bool {
        false
    }
}

/// A fuzzer's bytes: each choice takes one.
impl Choices for &[u8] {
    fn below(&mut self, bound: u64) -> u64 {
        let Some((first, rest)) = self.split_first() else { return 0 };
        *self = rest;
        u64::from(*first) % bound.max(1)
    }

    fn is_dry(&self) -> bool {
        self.is_empty()
    }
}

pub(super) fn tenant(number: u8) -> TenantKey {
    TenantKey::new([number; 32])
}

pub(super) fn limits() -> Limits {
    Limits {
        sequences_max: 12,
        queue_len_max: 6,
        batch_tokens_max: 40,
        prefill_chunk_tokens: 24,
        context_length: 200,
        prefix_cache: true,
    }
}

fn chain(hash: u64, token: u32) -> u64 {
    let mut hasher = DefaultHasher::new();
    (hash, token).hash(&mut hasher);
    hasher.finish()
}

/// Block memory that holds hashes.
struct Machine {
    blocks: Vec<[u64; BLOCK_LEN as usize]>,
}

impl Machine {
    fn new(block_count: u32) -> Self {
        Self { blocks: vec![[u64::MAX; BLOCK_LEN as usize]; block_count as usize] }
    }

    fn run(&mut self, plan: &Plan) {
        for copy in &plan.copies {
            self.blocks[copy.to.0 as usize] = self.blocks[copy.from.0 as usize];
        }
        for part in &plan.parts {
            let table = &plan.blocks[part.blocks.clone()];
            let slot =
                |position: u32| (table[(position / BLOCK_LEN) as usize].0 as usize, (position % BLOCK_LEN) as usize);
            let mut hash = match part.start {
                0 => 0,
                start => {
                    let (block, at) = slot(start - 1);
                    self.blocks[block][at]
                }
            };
            for (position, &token) in (part.start..).zip(&plan.tokens[part.tokens.clone()]) {
                hash = chain(hash, token);
                let (block, at) = slot(position);
                self.blocks[block][at] = hash;
            }
        }
    }

    /// Every position of every part holds the hash of its sequence's own tokens.
    fn check(&self, plan: &Plan, sequences: &HashMap<SequenceId, Vec<u32>>) {
        for part in &plan.parts {
            let Some(tokens) = sequences.get(&part.sequence) else { continue };
            let table = &plan.blocks[part.blocks.clone()];
            let mut hash = 0;
            for (position, &token) in tokens.iter().enumerate().take(part.end() as usize) {
                hash = chain(hash, token);
                let found = self.blocks[table[position / 16].0 as usize][position % 16];
                assert_eq!(found, hash, "position {position} of {:?}", part.sequence);
            }
        }
    }
}

/// What the tests know of a sequence: its tokens (with those of its job), and how many of them are accepted.
#[derive(Default)]
struct World {
    tokens: HashMap<SequenceId, Vec<u32>>,
    accepted: HashMap<SequenceId, usize>,
    jobs: HashMap<JobId, SequenceId>,
    owners: HashMap<SequenceId, u8>,
    /// Tokens that each job was charged for.
    charged: HashMap<JobId, u64>,
    /// Blocks that each tenant may have by now: its bound, or what it held when that was lowered.
    ceilings: HashMap<u8, u32>,
}

impl World {
    fn pick(&self, choices: &mut impl Choices) -> Option<SequenceId> {
        let mut ids: Vec<SequenceId> = self.tokens.keys().copied().collect();
        ids.sort();
        ids.get(choices.below(ids.len() as u64) as usize).copied()
    }

    fn drop_job_of(&mut self, id: SequenceId) {
        self.jobs.retain(|_, sequence| *sequence != id);
        let accepted = self.accepted[&id];
        if let Some(tokens) = self.tokens.get_mut(&id) {
            tokens.truncate(accepted);
        }
    }

    fn finish(&mut self, job: JobId) {
        if let Some(id) = self.jobs.remove(&job) {
            let asked = self.tokens[&id].len() - self.accepted[&id];
            let charged = self.charged.remove(&job);
            assert_eq!(charged, Some(asked as u64), "every token is charged once, however often it was computed");
            self.accepted.insert(id, self.tokens[&id].len());
        }
    }

    /// A step was computed.
    fn charge(&mut self, plan: &Plan) {
        for part in plan.parts.iter().filter(|part| self.jobs.contains_key(&part.job)) {
            *self.charged.entry(part.job).or_default() += part.new_tokens();
        }
    }
}

/// One random event from outside.
fn event(scheduler: &mut Scheduler, world: &mut World, choices: &mut impl Choices) {
    match choices.below(40) {
        0 => {
            let owner = choices.below(3) as u8;
            let blocks_max = 13 + choices.below(20) as u32;
            scheduler.set_bounds(tenant(owner), TenantBounds { weight: 1, sequences_max: 8, blocks_max });
            let bound = scheduler.pool().blocks_max_of(tenant(owner));
            world.ceilings.insert(owner, bound.max(scheduler.pool().held_by(tenant(owner))));
        }
        1..8 => {
            let owner = choices.below(3) as u8;
            // Few different tokens, so that beginnings repeat.
            let prefix: Vec<u32> = (0..choices.below(90)).map(|i| (i / 40 * choices.below(2)) as u32).collect();
            if let Ok(id) = scheduler.open(tenant(owner), &prefix) {
                let len = scheduler.len(id) as usize;
                assert!(len == 0 || len < prefix.len(), "the last token is the caller's");
                world.tokens.insert(id, prefix[..len].to_vec());
                world.accepted.insert(id, len);
                world.owners.insert(id, owner);
            }
        }
        8..28 => {
            let Some(id) = world.pick(choices) else { return };
            let count = if choices.below(3) == 0 { choices.below(120) } else { 1 };
            let tokens: Vec<u32> = (0..count).map(|i| (i / 40 * choices.below(2)) as u32).collect();
            let output = if choices.below(2) == 0 { Output::LastLogits } else { Output::AllLogits };
            match scheduler.submit(id, &tokens, output) {
                Ok(job) => {
                    world.tokens.entry(id).or_default().extend(tokens);
                    world.jobs.insert(job, id);
                }
                Err(Refused::NotReady) => assert!(world.jobs.values().any(|s| *s == id)),
                Err(_) => {}
            }
        }
        28..32 => {
            let Some(id) = world.pick(choices) else { return };
            if choices.below(2) == 0 {
                let len = choices.below(1 + world.accepted[&id] as u64) as usize;
                scheduler.truncate(id, len as u32);
                world.drop_job_of(id);
                world.accepted.insert(id, len);
                world.drop_job_of(id);
            } else if let Ok(twin) = scheduler.fork(id) {
                let accepted = world.accepted[&id];
                world.tokens.insert(twin, world.tokens[&id][..accepted].to_vec());
                world.accepted.insert(twin, accepted);
                world.owners.insert(twin, world.owners[&id]);
            }
        }
        32..36 => {
            let mut jobs: Vec<(JobId, SequenceId)> = world.jobs.iter().map(|(j, s)| (*j, *s)).collect();
            jobs.sort();
            let Some(&(job, id)) = jobs.get(choices.below(jobs.len() as u64) as usize) else { return };
            scheduler.cancel(job);
            world.drop_job_of(id);
        }
        _ => {
            let Some(id) = world.pick(choices) else { return };
            scheduler.close(id);
            world.drop_job_of(id);
            world.tokens.remove(&id);
            world.accepted.remove(&id);
            world.owners.remove(&id);
        }
    }
}

/// Every reference is accounted for, and every bound kept.
fn check_books(scheduler: &Scheduler, plan: &Plan, ceilings: &mut HashMap<u8, u32>) {
    let pool = scheduler.pool();
    let mut references: HashMap<u32, u32> = HashMap::new();
    for sequence in scheduler.sequences.values() {
        for block in sequence.table.blocks() {
            *references.entry(block.0).or_default() += 1;
        }
    }
    let counted: u32 = references.values().sum();
    let total: u32 = (0..pool.block_count()).map(|b| pool.references(crate::cache::BlockId(b))).sum();
    assert_eq!(total, counted + scheduler.prefix_blocks() as u32, "references");
    let used = (0..pool.block_count()).filter(|&b| pool.references(crate::cache::BlockId(b)) > 0).count() as u32;
    assert_eq!(used + pool.free_count(), pool.block_count(), "blocks");
    let held: u32 = (0..3).map(|t| pool.held_by(tenant(t))).sum();
    assert_eq!(held, used, "held by tenants");
    for t in 0..3 {
        let (held, bound) = (pool.held_by(tenant(t)), pool.blocks_max_of(tenant(t)));
        let ceiling = ceilings.entry(t).or_insert(bound);
        *ceiling = if held <= bound { bound } else { held.min(*ceiling) };
        assert!(held <= *ceiling, "tenant {t} holds {held} of {bound}");
    }
    assert!(scheduler.open_sequences() <= limits().sequences_max);
    assert!(plan.tokens.len() <= limits().batch_tokens_max as usize, "batch");
}

/// Events and steps in turns, as `choices` has it, until it runs dry or for 600 steps; then everything comes to its end.
///
/// # Panics
/// As soon as a promise is broken.
pub fn drive(choices: &mut impl Choices, block_count: u32, tenant_blocks_max: u32) {
    let mut scheduler = Scheduler::new(limits(), BlockPool::new(block_count, tenant_blocks_max));
    let mut machine = Machine::new(block_count);
    let mut world = World::default();
    let mut plan = Plan::default();
    for _ in 0..STEPS_MAX {
        if choices.is_dry() {
            break;
        }
        for _ in 0..choices.below(4) {
            event(&mut scheduler, &mut world, choices);
        }
        scheduler.plan(&mut plan);
        assert_eq!(plan.parts.is_empty(), scheduler.jobs() == 0, "a step makes progress if there is a job");
        check_books(&scheduler, &plan, &mut world.ceilings);
        // What happens while the machine computes must not disturb it.
        let before = world.tokens.clone();
        for _ in 0..choices.below(3) {
            event(&mut scheduler, &mut world, choices);
        }
        machine.run(&plan);
        machine.check(&plan, &before);
        world.charge(&plan);
        scheduler.commit(&plan, |job| world.finish(job));
        check_books(&scheduler, &plan, &mut world.ceilings);
        for (id, accepted) in &world.accepted {
            assert_eq!(scheduler.len(*id) as usize, *accepted);
        }
    }
    // With no more events, every job comes to its end.
    let mut steps = 0;
    while scheduler.jobs() > 0 {
        scheduler.plan(&mut plan);
        machine.run(&plan);
        machine.check(&plan, &world.tokens);
        world.charge(&plan);
        scheduler.commit(&plan, |job| world.finish(job));
        steps += 1;
        assert!(steps < 2_000, "{} jobs are stuck", scheduler.jobs());
    }
    for id in world.tokens.keys() {
        scheduler.close(*id);
    }
    check_books(&scheduler, &Plan::default(), &mut world.ceilings);
    assert_eq!(scheduler.pool().free_count() + scheduler.prefix_blocks() as u32, block_count, "nothing leaks");
}
