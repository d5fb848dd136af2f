//! What the policy promises, by cases and by seeded runs of [`super::driven`].

use std::collections::HashMap;

use realm_test_models::SplitMix64;

use super::driven::{Choices, drive, limits, tenant};
use super::{Limits, Output, Plan, Refused, Scheduler, TenantBounds};
use crate::cache::BlockPool;

impl Choices for SplitMix64 {
    fn below(&mut self, bound: u64) -> u64 {
        SplitMix64::below(self, bound)
    }
}

#[test]
fn random_events_never_break_the_books_or_the_contents() {
    for seed in 0..60 {
        drive(&mut SplitMix64::new(seed), 40, 40);
        drive(&mut SplitMix64::new(1_000 + seed), 13, 13); // hardly more than one context
        drive(&mut SplitMix64::new(2_000 + seed), 60, 20);
    }
}

/// Runs one sequence of each owner that decodes for ever, and counts the tokens that each owner gets.
fn tokens_served(streams: &[(u8, u32)], weights: &[(u8, u32)], steps: u32) -> HashMap<u8, u32> {
    let limits =
        Limits { sequences_max: 100, queue_len_max: 100, batch_tokens_max: 4, context_length: 4_000, ..limits() };
    let mut scheduler = Scheduler::new(limits, BlockPool::new(10_000, 10_000));
    for &(owner, weight) in weights {
        scheduler.set_bounds(tenant(owner), TenantBounds { weight, sequences_max: 100, blocks_max: u32::MAX });
    }
    let mut owners = HashMap::new();
    for &(owner, count) in streams {
        for _ in 0..count {
            let id = scheduler.open(tenant(owner), &[]).expect("room");
            scheduler.submit(id, &[1], Output::LastLogits).expect("room");
            owners.insert(id, owner);
        }
    }
    let (mut plan, mut served) = (Plan::default(), HashMap::new());
    for _ in 0..steps {
        scheduler.plan(&mut plan);
        scheduler.commit(&plan, |_| {});
        for part in &plan.parts {
            *served.entry(owners[&part.sequence]).or_default() += part.tokens.len() as u32;
            scheduler.submit(part.sequence, &[1], Output::LastLogits).expect("room");
        }
    }
    served
}

#[test]
fn tokens_are_shared_between_tenants_by_weight_and_not_by_the_number_of_streams() {
    let check = |streams: &[(u8, u32)], weights: &[(u8, u32)], expected: f64| {
        let served = tokens_served(streams, weights, 300);
        let ratio = f64::from(served[&0]) / f64::from(served[&1]);
        assert!((ratio / expected - 1.0).abs() < 0.05, "{served:?} for {streams:?} and {weights:?}");
    };
    check(&[(0, 8), (1, 8)], &[], 1.0);
    check(&[(0, 40), (1, 4)], &[], 1.0);
    check(&[(0, 8), (1, 8)], &[(0, 3)], 3.0);
    check(&[(0, 20), (1, 1)], &[], 3.0); // one stream gets one token a step, and the other tenant what is left
}

#[test]
fn a_long_prompt_delays_decoding_by_one_chunk_at_most() {
    let mut scheduler = Scheduler::new(limits(), BlockPool::new(100, 100));
    let decoding = scheduler.open(tenant(0), &[]).expect("room");
    scheduler.submit(decoding, &[1], Output::LastLogits).expect("room");
    let mut plan = Plan::default();
    scheduler.plan(&mut plan);
    scheduler.commit(&plan, |_| {});
    let prompting = scheduler.open(tenant(0), &[]).expect("room");
    scheduler.submit(prompting, &[7; 150], Output::LastLogits).expect("room");
    for step in 0..6 {
        scheduler.submit(decoding, &[1], Output::LastLogits).expect("room");
        scheduler.plan(&mut plan);
        let tokens = |id| plan.parts.iter().find(|p| p.sequence == id).map(|p| p.tokens.len());
        assert_eq!(tokens(decoding), Some(1), "step {step}");
        assert!(tokens(prompting).is_some_and(|n| n <= 24), "step {step}");
        scheduler.commit(&plan, |_| {});
    }
}

#[test]
fn the_queue_is_bounded_and_names_the_position() {
    let mut scheduler = Scheduler::new(limits(), BlockPool::new(100, 100));
    for position in 1..=7 {
        let id = scheduler.open(tenant(0), &[]).expect("room");
        let refused = scheduler.submit(id, &[1, 2], Output::LastLogits).err();
        let expected = if position <= 6 { None } else { Some(Refused::Overloaded { position: 7 }) };
        assert_eq!(refused, expected);
    }
}

#[test]
fn requests_that_can_never_fit_are_refused_with_the_numbers() {
    let mut scheduler = Scheduler::new(limits(), BlockPool::new(10, 10));
    let id = scheduler.open(tenant(0), &[]).expect("room");
    let check = |scheduler: &mut Scheduler, tokens: usize, expected: Refused| {
        assert_eq!(scheduler.submit(id, &vec![1; tokens], Output::LastLogits), Err(expected));
    };
    check(&mut scheduler, 0, Refused::NothingToDo);
    check(&mut scheduler, 201, Refused::ContextOverflow { len: 0, new_tokens: 201, context_length: 200 });
    check(&mut scheduler, 161, Refused::CacheTooSmall { blocks_needed: 11, blocks_max: 10 });
}
