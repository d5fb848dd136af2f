//! What tenants may expect of each other, counted in steps and tokens: no clock is read.

use std::collections::{HashMap, HashSet};

use proptest::prelude::*;

use super::{JobId, Limits, Output, Plan, Refused, Scheduler, SequenceId, TenantBounds};
use crate::TenantKey;
use crate::cache::BlockPool;

const CHUNK: u32 = 256;

fn tenant(number: u8) -> TenantKey {
    TenantKey::new([number; 32])
}

fn limits() -> Limits {
    Limits {
        sequences_max: 256,
        queue_len_max: 256,
        batch_tokens_max: 512,
        prefill_chunk_tokens: CHUNK,
        context_length: 8_192,
        prefix_cache: false,
    }
}

/// What a step takes: reading the weights once, and a part for each token.
fn cost(plan: &Plan) -> u32 {
    super::policy::STEP_TOKENS_MIN + plan.tokens.len() as u32
}

struct Rig {
    scheduler: Scheduler,
    plan: Plan,
    /// Sequences that decode for ever once their prompt is done.
    streams: HashSet<SequenceId>,
    owners: HashMap<SequenceId, u8>,
    done: HashSet<JobId>,
}

impl Rig {
    fn new(block_count: u32) -> Self {
        Self {
            scheduler: Scheduler::new(limits(), BlockPool::new(block_count, block_count)),
            plan: Plan::default(),
            streams: HashSet::new(),
            owners: HashMap::new(),
            done: HashSet::new(),
        }
    }

    fn ask(&mut self, owner: u8, prompt_len: u32) -> (SequenceId, JobId) {
        let id = self.scheduler.open(tenant(owner), &[]).expect("room");
        let job = self.scheduler.submit(id, &vec![1; prompt_len as usize], Output::LastLogits).expect("room");
        self.owners.insert(id, owner);
        (id, job)
    }

    /// One step; what it costs.
    fn step(&mut self) -> u32 {
        self.scheduler.plan(&mut self.plan);
        let mut finished = Vec::new();
        self.scheduler.commit(&self.plan, |job| finished.push(job));
        for part in &self.plan.parts {
            if finished.contains(&part.job) && self.streams.contains(&part.sequence) {
                self.scheduler.submit(part.sequence, &[1], Output::LastLogits).expect("room");
            }
        }
        self.done.extend(finished);
        cost(&self.plan)
    }
}

/// What it costs until `prompt_len` tokens of a tenant that had nothing before are computed, behind `prompts` of another
/// tenant that have been going on for `steps`; a step that runs already included.
fn cost_of_first_token(prompts: &[u32], steps: u32, prompt_len: u32) -> (u32, u32) {
    let mut rig = Rig::new(100_000);
    for &len in prompts {
        let (id, _) = rig.ask(0, len);
        rig.streams.insert(id);
    }
    let mut dearest = 0;
    for _ in 0..steps {
        dearest = dearest.max(rig.step());
    }
    // It arrives when a step has just begun.
    rig.scheduler.plan(&mut rig.plan);
    let (_, job) = rig.ask(1, prompt_len);
    let mut total = cost(&rig.plan);
    dearest = dearest.max(total);
    let plan = std::mem::take(&mut rig.plan);
    rig.scheduler.commit(&plan, |_| {});
    while !rig.done.contains(&job) {
        let step = rig.step();
        dearest = dearest.max(step);
        total += step;
    }
    (total, dearest)
}

/// The promise to a tenant that comes with one prompt: twice what it costs alone, and the step that runs.
fn check_first_token(prompts: &[u32], steps: u32, prompt_len: u32) {
    let idle = {
        let mut rig = Rig::new(100_000);
        let (_, job) = rig.ask(1, prompt_len);
        let mut total = 0;
        while !rig.done.contains(&job) {
            total += rig.step();
        }
        total
    };
    let (loaded, dearest) = cost_of_first_token(prompts, steps, prompt_len);
    let what = format!("a prompt of {prompt_len} after {steps} steps");
    assert!(loaded <= 2 * idle + dearest, "{what}: {loaded} against {idle} alone and a step of {dearest}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]

    /// The story: a batch of 256 tokens was filled up with the other tenant's prompts whenever a short one came, so a
    /// prompt of 16 tokens took as long as one of 256.
    #[test]
    fn a_short_prompt_takes_twice_its_own_time_and_one_step_behind_any_load(
        lens in prop::collection::vec(300u32..3_000, 100),
        steps in 1u32..200,
        prompt_len in 1u32..2 * CHUNK,
    ) {
        check_first_token(&lens, steps, prompt_len);
    }

    /// Over any time in which two tenants both want more than there is, they get tokens by their weights, whether they
    /// keep sequences open or close each and open another.
    #[test]
    fn backlogged_tenants_get_their_weights_worth(
        weights in prop::array::uniform2(1u32..8),
        lens in prop::array::uniform2(20u32..900),
        close in prop::array::uniform2(any::<bool>()),
        more in prop::array::uniform2(2usize..6),
    ) {
        // Enough that each always wants more than a step.
        let sequences = [0, 1].map(|owner| (2 * CHUNK / lens[owner]) as usize + more[owner]);
        let mut rig = Rig::new(100_000);
        let mut served = [0u64; 2];
        let mut held: [Vec<SequenceId>; 2] = [Vec::new(), Vec::new()];
        for (owner, weight) in weights.into_iter().enumerate() {
            let bounds = TenantBounds { weight, sequences_max: 100, blocks_max: u32::MAX };
            rig.scheduler.set_bounds(tenant(owner as u8), bounds);
        }
        for _ in 0..400 {
            for owner in 0..2 {
                while held[owner].len() < sequences[owner] {
                    held[owner].push(rig.ask(owner as u8, lens[owner]).0);
                }
            }
            rig.step();
            for part in &rig.plan.parts {
                let owner = usize::from(rig.owners[&part.sequence]);
                served[owner] += part.tokens.len() as u64;
                if rig.scheduler.len(part.sequence) == part.end() {
                    // Its prompt is done.
                    if close[owner] {
                        rig.scheduler.close(part.sequence);
                        held[owner].retain(|id| *id != part.sequence);
                    } else {
                        rig.scheduler.truncate(part.sequence, 0);
                        let tokens = vec![1; lens[owner] as usize];
                        rig.scheduler.submit(part.sequence, &tokens, Output::LastLogits).expect("room");
                    }
                }
            }
        }
        let shares: Vec<f64> = served.iter().zip(weights).map(|(tokens, weight)| *tokens as f64 / f64::from(weight)).collect();
        let apart = (shares[0] - shares[1]).abs();
        prop_assert!(apart <= 3.0 * f64::from(CHUNK), "{served:?} for weights {weights:?}");
    }
}

/// The story: only prompts of one chunk at most were looked after. The end of a longer one came after the other tenant's
/// turn, in a step that was filled up with the other's prompts: 23 tokens took as long as 256.
#[test]
fn the_end_of_a_prompt_of_two_chunks_comes_in_a_step_of_its_own_size() {
    let mut prompts = vec![300; 100];
    prompts[..2].copy_from_slice(&[2_268, 782]);
    check_first_token(&prompts, 10, 279);
    check_first_token(&[300; 100], 2, 389);
}

/// The story: the last 5 tokens of a prompt counted as decoding, so the step that ended it was no smaller than others.
#[test]
fn the_last_few_tokens_of_a_prompt_belong_to_it() {
    check_first_token(&[300; 100], 5, 297);
    check_first_token(&[300; 100], 4, 341);
}

/// The story: a tenant that closed its only sequence lost its clock, began anew at the present, and so came before one
/// that had waited; with calls one after another it kept the other from ever being served.
#[test]
fn a_tenant_that_comes_and_goes_starves_nobody() {
    let mut rig = Rig::new(100_000);
    let (_, patient) = rig.ask(1, 10 * CHUNK);
    let mut steps = 0;
    while !rig.done.contains(&patient) {
        let (id, job) = rig.ask(0, CHUNK);
        while !rig.done.contains(&job) && !rig.done.contains(&patient) {
            rig.step();
            steps += 1;
        }
        rig.scheduler.close(id);
        assert!(steps < 50, "the other tenant is never served");
    }
}

#[test]
fn a_tenant_at_its_kv_bound_takes_from_itself_alone() {
    let mut rig = Rig::new(1_000);
    let bounds = TenantBounds { weight: 1, sequences_max: 100, blocks_max: 40 };
    rig.scheduler.set_bounds(tenant(0), bounds);
    let (quiet, job) = rig.ask(1, 480);
    while !rig.done.contains(&job) {
        rig.step();
    }
    let blocks = rig.scheduler.sequences[&quiet].table.blocks().to_vec();
    let jobs: Vec<JobId> = (0..20).map(|_| rig.ask(0, 500).1).collect();
    let mut steps = 0;
    while !jobs.iter().all(|job| rig.done.contains(job)) {
        rig.step();
        assert!(rig.scheduler.pool().held_by(tenant(0)) <= 40);
        assert_eq!(rig.scheduler.sequences[&quiet].table.blocks(), blocks, "another tenant's blocks were taken");
        // Who has its answer goes, as calls do; the others wait for its blocks.
        let over: Vec<SequenceId> =
            rig.owners.keys().copied().filter(|id| *id != quiet && rig.scheduler.len(*id) == 500).collect();
        over.into_iter().for_each(|id| rig.scheduler.close(id));
        steps += 1;
        assert!(steps < 1_000, "the tenant's own calls are stuck");
    }
    let id = rig.scheduler.open(tenant(0), &[]).expect("room");
    let refused = rig.scheduler.submit(id, &[1; 641], Output::LastLogits);
    assert_eq!(refused, Err(Refused::CacheTooSmall { blocks_needed: 41, blocks_max: 40 }));
}

#[test]
fn a_tenant_at_its_sequences_bound_is_refused_and_another_is_not() {
    let mut rig = Rig::new(1_000);
    rig.scheduler.set_bounds(tenant(0), TenantBounds { weight: 1, sequences_max: 2, blocks_max: 100 });
    rig.ask(0, 1);
    rig.ask(0, 1);
    assert_eq!(rig.scheduler.open(tenant(0), &[]), Err(Refused::Overloaded { position: 3 }));
    rig.ask(1, 1);
    rig.scheduler.forget_bounds(tenant(0));
    rig.ask(0, 1);
}

/// The story: one tenant's prompt that found no room closed the line for all, also for those who held nothing yet.
#[test]
fn a_prompt_that_must_wait_for_room_does_not_keep_another_tenant_out() {
    let mut rig = Rig::new(100);
    for (owner, len) in [(1, 1_590), (0, 1_500)] {
        let (id, job) = rig.ask(owner, len);
        while !rig.done.contains(&job) {
            rig.step();
        }
        if owner == 1 {
            rig.scheduler.close(id);
        }
    }
    // The tenant that holds most was served less so far: its turn comes first, and it does not fit.
    rig.ask(0, 1_200);
    let (_, small) = rig.ask(1, 30);
    for _ in 0..3 {
        rig.step();
    }
    assert!(rig.done.contains(&small));
}
