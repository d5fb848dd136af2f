//! The tree of budgets as a whole: what is leased is what is counted, at every level.

use super::{BudgetScope, Lease, NativeBudget, QuotaExceeded};
use proptest::prelude::*;

const NODE_BYTES: u64 = 1000;
const TENANT_BYTES: u64 = 600;
const CALL_BYTES: u64 = 350;

/// One step of a schedule. Numbers choose among what there is.
#[derive(Clone, Debug)]
enum Step {
    Take { level: usize, bytes: u64 },
    Grow { lease: usize, bytes: u64 },
    Shrink { lease: usize, bytes: u64 },
    Resize { lease: usize, bytes: u64 },
    Absorb { into: usize, from: usize },
    Drop { lease: usize },
}

fn step() -> impl Strategy<Value = Step> {
    let (number, bytes) = (any::<usize>(), 0..400u64);
    prop_oneof![
        3 => (number, bytes.clone()).prop_map(|(level, bytes)| Step::Take { level, bytes }),
        2 => (any::<usize>(), bytes.clone()).prop_map(|(lease, bytes)| Step::Grow { lease, bytes }),
        1 => (any::<usize>(), bytes.clone()).prop_map(|(lease, bytes)| Step::Shrink { lease, bytes }),
        1 => (any::<usize>(), bytes).prop_map(|(lease, bytes)| Step::Resize { lease, bytes }),
        1 => (any::<usize>(), any::<usize>()).prop_map(|(into, from)| Step::Absorb { into, from }),
        1 => any::<usize>().prop_map(|lease| Step::Drop { lease }),
    ]
}

/// Two tenants with two calls each, and which levels each of them counts in.
struct Tree {
    levels: Vec<NativeBudget>,
    /// Places in `levels` of a level and of all above it.
    paths: Vec<Vec<usize>>,
}

fn tree() -> Tree {
    let node = NativeBudget::node(NODE_BYTES);
    let tenants = [node.tenant(TENANT_BYTES), node.tenant(TENANT_BYTES)];
    let calls = |tenant: &NativeBudget| [tenant.call(CALL_BYTES), tenant.kept_streams(CALL_BYTES)];
    let [first, second] = &tenants;
    let levels = [vec![node.clone()], tenants.to_vec(), calls(first).to_vec(), calls(second).to_vec()].concat();
    let paths = vec![vec![0], vec![1, 0], vec![2, 0], vec![3, 1, 0], vec![4, 1, 0], vec![5, 2, 0], vec![6, 2, 0]];
    Tree { levels, paths }
}

impl Tree {
    /// Every level counts the leases of itself and of the levels below, and never more than its limit.
    fn check(&self, leases: &[(usize, Lease)]) -> Result<(), TestCaseError> {
        for (place, level) in self.levels.iter().enumerate() {
            let below = leases.iter().filter(|(at, _)| self.paths[*at].contains(&place));
            prop_assert_eq!(level.used(), below.map(|(_, lease)| lease.bytes()).sum::<u64>());
            prop_assert!(level.used() <= level.limit());
        }
        Ok(())
    }

    /// A refusal names the lowest level without room, and what that would have held.
    fn check_refusal(&self, at: usize, more: u64, refused: QuotaExceeded) -> Result<(), TestCaseError> {
        let full =
            self.paths[at].iter().find(|place| self.levels[**place].used() + more > self.levels[**place].limit());
        let full = &self.levels[*full.expect("a level without room")];
        prop_assert_eq!((refused.asked, refused.limit), (full.used() + more, full.limit()));
        Ok(())
    }
}

proptest! {
    #[test]
    fn what_is_leased_is_what_is_counted(steps in prop::collection::vec(step(), 1..120)) {
        let tree = tree();
        let mut leases: Vec<(usize, Lease)> = Vec::new();
        for step in steps {
            if leases.is_empty() && !matches!(step, Step::Take { .. }) {
                continue;
            }
            let count = leases.len().max(1);
            match step {
                Step::Take { level, bytes } => {
                    let at = level % tree.levels.len();
                    match tree.levels[at].try_take("bytes", bytes) {
                        Ok(lease) => leases.push((at, lease)),
                        Err(refused) => tree.check_refusal(at, bytes, refused)?,
                    }
                }
                Step::Grow { lease, bytes } => {
                    let (at, lease) = &leases[lease % count];
                    if let Err(refused) = lease.grow("bytes", bytes) {
                        tree.check_refusal(*at, bytes, refused)?;
                    }
                }
                Step::Shrink { lease, bytes } => {
                    let lease = &leases[lease % count].1;
                    let before = lease.bytes();
                    lease.shrink(bytes);
                    prop_assert_eq!(lease.bytes(), before.saturating_sub(bytes));
                }
                Step::Resize { lease, bytes } => {
                    let (at, lease) = &leases[lease % count];
                    let before = lease.bytes();
                    match lease.resize("bytes", bytes) {
                        Ok(()) => prop_assert_eq!(lease.bytes(), bytes),
                        Err(refused) => tree.check_refusal(*at, bytes - before, refused)?,
                    }
                }
                Step::Absorb { into, from } => {
                    let (at, from) = leases.swap_remove(from % count);
                    if leases.is_empty() {
                        continue;
                    }
                    let (into_at, into) = &leases[into % leases.len()];
                    if let Some(back) = into.absorb(from) {
                        prop_assert!(at != *into_at);
                        leases.push((at, back));
                    }
                }
                Step::Drop { lease } => drop(leases.swap_remove(lease % count)),
            }
            tree.check(&leases)?;
        }
        leases.clear();
        tree.check(&leases)?;
    }
}

#[test]
fn many_threads_never_pass_a_limit_and_give_everything_back() {
    let node = NativeBudget::node(NODE_BYTES);
    let tenants = [node.tenant(TENANT_BYTES), node.tenant(TENANT_BYTES)];
    std::thread::scope(|scope| {
        for thread in 0..4u64 {
            let (node, tenant) = (&node, &tenants[thread as usize % 2]);
            scope.spawn(move || {
                let call = tenant.call(CALL_BYTES);
                for round in 0..20_000u64 {
                    let Ok(lease) = call.try_take("bytes", (round * 37 + thread) % CALL_BYTES) else { continue };
                    // What is refused leaves the lease as it was.
                    let before = lease.bytes();
                    if lease.grow("bytes", round % 200).is_err() {
                        assert_eq!(lease.bytes(), before);
                    }
                    assert!(node.used() <= NODE_BYTES && tenant.used() <= TENANT_BYTES && call.used() <= CALL_BYTES);
                }
                assert_eq!(call.used(), 0);
            });
        }
    });
    assert_eq!((node.used(), tenants[0].used(), tenants[1].used()), (0, 0, 0));
}

#[test]
fn a_panic_gives_the_bytes_back() {
    let node = NativeBudget::node(NODE_BYTES);
    let call = node.tenant(TENANT_BYTES).call(CALL_BYTES);
    let outcome = std::panic::catch_unwind(|| {
        let _lease = call.try_take("bytes", 300).unwrap();
        panic!("a host function panics");
    });
    assert!(outcome.is_err());
    assert_eq!(node.used(), 0);
}

#[test]
fn a_lower_limit_keeps_what_is_held_and_adds_nothing() {
    let node = NativeBudget::node(NODE_BYTES);
    let tenant = node.tenant(TENANT_BYTES);
    let lease = tenant.try_take("bytes", 500).unwrap();
    tenant.set_limit(100);
    let refused = tenant.try_take("bytes", 1).unwrap_err();
    assert_eq!((refused.scope, refused.asked, refused.limit), (BudgetScope::Tenant, 501, 100));
    drop(lease);
    assert!(tenant.try_take("bytes", 100).is_ok());
}

#[test]
fn texts_name_the_limit_and_what_to_do() {
    let refused = |scope| QuotaExceeded { what: "tensors", asked: 12, limit: 10, scope }.to_string();
    for (scope, word) in [
        (BudgetScope::Call, "drop what is no longer needed"),
        (BudgetScope::Tenant, "native_bytes_max of 10"),
        (BudgetScope::KeptStreams, "resumable streams"),
        (BudgetScope::Node, "--native-bytes of 10"),
    ] {
        assert!(refused(scope).contains(word) && refused(scope).contains("12 bytes"), "{}", refused(scope));
    }
    // The guest reads the first number as the place in a queue: 0 is none.
    assert!(refused(BudgetScope::Node).starts_with("place 0 "));
}
