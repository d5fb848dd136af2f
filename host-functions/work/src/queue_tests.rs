//! The policy: bounded lag between tenants by weight, no starvation, nothing left behind.

use crate::queue::{FairQueue, Full, Share};
use proptest::prelude::*;

const MS: u64 = 1_000_000;

fn share(weight: u32, running_max: usize) -> Share {
    Share { weight, running_max, waiting_max: usize::MAX }
}

fn queue() -> FairQueue<u8, u32> {
    FairQueue::new(usize::MAX)
}

/// Two endless loops of tenant 1 run on all threads; tenant 2 wakes up. Its entry is the next one that is popped.
#[test]
fn a_tenant_that_wakes_up_is_next() {
    let mut queue = queue();
    for entry in 0..2 {
        queue.push(1, share(1, 2), entry).unwrap();
    }
    for _ in 0..1000 {
        let (key, entry) = queue.pop().unwrap();
        queue.done(key, MS);
        queue.push(key, share(1, 2), entry).unwrap();
    }
    queue.push(2, share(1, 2), 9).unwrap();
    // Tenant 1 may be next once, if it has used no time since the queue's present.
    let next: Vec<u8> = (0..2).map(|_| queue.pop().unwrap().0).collect();
    assert!(next.contains(&2), "{next:?}");
}

/// A tenant that did nothing for long has no credit: it gets half of the time from now on, and not all of it.
#[test]
fn idle_time_is_not_saved_up() {
    let mut queue = queue();
    queue.push(2, share(1, 1), 0).unwrap();
    for _ in 0..1000 {
        let (_, entry) = queue.pop().unwrap();
        queue.done(2, MS);
        queue.push(2, share(1, 1), entry).unwrap();
    }
    queue.push(1, share(1, 1), 0).unwrap();
    let mut turns = [0u32; 3];
    for _ in 0..100 {
        let (key, entry) = queue.pop().unwrap();
        turns[usize::from(key)] += 1;
        queue.done(key, MS);
        queue.push(key, share(1, 1), entry).unwrap();
    }
    assert!(turns[1].abs_diff(turns[2]) <= 2, "{turns:?}");
}

#[test]
fn a_tenant_runs_no_more_than_its_maximum_at_once() {
    let mut queue = queue();
    for entry in 0..5 {
        queue.push(1, share(1, 2), entry).unwrap();
    }
    assert!(queue.pop().is_some() && queue.pop().is_some() && queue.pop().is_none());
    queue.done(1, MS);
    assert_eq!(queue.pop(), Some((1, 2)));
}

#[test]
fn full_queues_refuse() {
    let mut queue = FairQueue::new(3);
    let one = Share { weight: 1, running_max: 1, waiting_max: 1 };
    queue.push(1, one, 0).unwrap();
    assert_eq!(queue.push(1, one, 1), Err(Full { waiting: 1, waiting_max: 1 }));
    queue.push(2, share(1, 1), 0).unwrap();
    queue.push(2, share(1, 1), 0).unwrap();
    assert_eq!(queue.push(3, one, 1), Err(Full { waiting: 3, waiting_max: 3 }));
}

#[test]
fn what_is_taken_back_leaves_nothing() {
    let mut queue = queue();
    let ids: Vec<_> = (0..3).map(|entry| queue.push(1, share(1, 1), entry).unwrap()).collect();
    assert_eq!(queue.pop(), Some((1, 0)));
    assert_eq!(queue.remove(1, ids[0]), None);
    assert_eq!(queue.remove(1, ids[1]), Some(1));
    queue.done(1, MS);
    assert_eq!(queue.remove(1, ids[2]), Some(2));
    assert!(queue.is_idle() && queue.pop().is_none());
    assert_eq!(queue.tenants(), 0);
}

/// Tenants that come and go are forgotten although another one never stops.
#[test]
fn idle_tenants_are_forgotten() {
    let mut queue: FairQueue<u32, u32> = FairQueue::new(usize::MAX);
    queue.push(0, share(1, 1), 0).unwrap();
    for visitor in 1..10_000 {
        queue.push(visitor, share(1, 1), 0).unwrap();
        for _ in 0..2 {
            let (key, _) = queue.pop().unwrap();
            queue.done(key, MS);
            if key == 0 {
                queue.push(0, share(1, 1), 0).unwrap();
            }
        }
        assert!(queue.tenants() < 200, "{}", queue.tenants());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Tenants that always have work get processor time by their weights, whatever their slices cost and however many
    /// threads there are: two tenants' time over weight differs by no more than the slices that are under way.
    #[test]
    fn lag_between_busy_tenants_is_bounded(
        weights in prop::collection::vec(1u32..8, 2..6),
        threads in 1usize..5,
        costs in prop::collection::vec(1u64..3_000_000, 64),
    ) {
        let mut queue: FairQueue<u8, ()> = FairQueue::new(usize::MAX);
        let share_of = |key: u8| share(weights[usize::from(key)], threads);
        for key in 0..weights.len() as u8 {
            for _ in 0..threads {
                queue.push(key, share_of(key), ()).unwrap();
            }
        }
        let mut used = vec![0u64; weights.len()];
        let mut running = std::collections::VecDeque::new();
        for turn in 0..1000 {
            while running.len() < threads {
                running.push_back(queue.pop().expect("everybody always has work").0);
            }
            let key = running.pop_front().expect("one runs");
            let cost = costs[(turn * 7 + usize::from(key)) % costs.len()].max(1_000);
            used[usize::from(key)] += cost;
            queue.done(key, cost);
            queue.push(key, share_of(key), ()).unwrap();
            let times: Vec<u64> =
                used.iter().zip(&weights).map(|(used, weight)| used / u64::from(*weight)).collect();
            let lag = times.iter().max().unwrap() - times.iter().min().unwrap();
            prop_assert!(lag <= (threads as u64 + 1) * 3 * MS, "{lag} ns between {times:?}");
        }
    }

    /// Whatever happens in whatever order: counts are right, nothing is lost or given twice, and at the end nothing is left.
    #[test]
    fn entries_are_neither_lost_nor_doubled(
        steps in prop::collection::vec((0u8..4, 0u8..5, 0u64..2 * MS), 1..400),
    ) {
        let mut queue = queue();
        let mut waiting = Vec::new();
        let mut running = Vec::new();
        for (number, (what, key, cost)) in steps.into_iter().enumerate() {
            match what {
                0 | 1 => {
                    let id = queue.push(key, share(u32::from(key), 2), number as u32).unwrap();
                    waiting.push((key, id, number as u32));
                }
                2 => if let Some((key, entry)) = queue.pop() {
                    let index = waiting.iter().position(|(k, _, e)| (*k, *e) == (key, entry));
                    prop_assert!(index.is_some());
                    waiting.remove(index.unwrap());
                    running.push(key);
                },
                _ if cost % 2 == 0 => if let Some(key) = running.pop() { queue.done(key, cost) },
                _ => if let Some((key, id, entry)) = waiting.pop() {
                    prop_assert_eq!(queue.remove(key, id), Some(entry));
                },
            }
            prop_assert_eq!((queue.waiting(), queue.running()), (waiting.len(), running.len()));
        }
        loop {
            while let Some(key) = running.pop() {
                queue.done(key, 1);
            }
            match queue.pop() {
                Some((key, _)) => running.push(key),
                None => break,
            }
        }
        prop_assert!(queue.is_idle());
        prop_assert_eq!(queue.tenants(), 0);
    }
}
