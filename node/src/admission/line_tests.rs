//! The line against a model that knows no queue: for every call where it is, and the bounds.

use super::line::{Arrival, Line, LineLimits, Refused, Terms, WaiterId, Whose};
use proptest::prelude::*;
use std::collections::BTreeMap;

const TENANTS: u8 = 4;

#[derive(Clone, Debug)]
enum Event {
    Arrive(u8),
    /// The n-th of those who wait gives up.
    Leave(usize),
    /// The n-th of those inside is done.
    Done(usize),
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        4 => (0..TENANTS).prop_map(Event::Arrive),
        1 => any::<usize>().prop_map(Event::Leave),
        3 => any::<usize>().prop_map(Event::Done),
    ]
}

fn terms() -> impl Strategy<Value = Terms> {
    (1u32..4, 1usize..6, 0usize..8).prop_map(|(weight, running_max, queue_len_max)| Terms {
        weight,
        running_max,
        queue_len_max,
    })
}

/// Where every call is.
#[derive(Default)]
struct Model {
    /// In the order of arrival.
    waiting: Vec<(WaiterId, u8)>,
    inside: Vec<u8>,
}

impl Model {
    fn waiting_of(&self, tenant: u8) -> usize {
        self.waiting.iter().filter(|(_, other)| *other == tenant).count()
    }

    fn inside_of(&self, tenant: u8) -> usize {
        self.inside.iter().filter(|other| **other == tenant).count()
    }

    fn may_enter(&self, tenant: u8, terms: &[Terms], limits: LineLimits) -> bool {
        self.inside.len() < limits.running_max && self.inside_of(tenant) < terms[usize::from(tenant)].running_max
    }
}

/// Lets in whoever may come in, and checks that it is a right one.
fn let_in(line: &mut Line<u8>, model: &mut Model, terms: &[Terms], limits: LineLimits) {
    while let Some((tenant, id)) = line.let_in() {
        let first = model.waiting.iter().find(|(_, other)| *other == tenant).map(|(id, _)| *id);
        assert_eq!(first, Some(id), "a tenant's own calls keep their order");
        assert!(model.may_enter(tenant, terms, limits));
        let places = |tenant: u8| model.inside_of(tenant) as f64 / f64::from(terms[usize::from(tenant)].weight);
        for other in (0..TENANTS).filter(|other| model.waiting_of(*other) > 0 && model.may_enter(*other, terms, limits))
        {
            assert!(places(tenant) <= places(other) + 1e-5, "{other} holds less for its weight than {tenant}");
        }
        model.waiting.retain(|(waiter, _)| *waiter != id);
        model.inside.push(tenant);
    }
    for tenant in (0..TENANTS).filter(|tenant| model.waiting_of(*tenant) > 0) {
        assert!(!model.may_enter(tenant, terms, limits), "nobody waits before a place that it may have");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn places_bounds_and_order_are_kept(
        events in prop::collection::vec(event(), 1..200),
        terms in prop::collection::vec(terms(), usize::from(TENANTS)),
        running_max in 1usize..8,
        queue_len_max in 0usize..12,
    ) {
        let limits = LineLimits { running_max, queue_len_max };
        let (mut line, mut model) = (Line::new(limits), Model::default());
        for event in events {
            match event {
                Event::Arrive(tenant) => {
                    let own = terms[usize::from(tenant)];
                    let before = (model.waiting_of(tenant), model.waiting.len());
                    match line.arrive(&tenant, own) {
                        Arrival::Inside => {
                            prop_assert!(model.may_enter(tenant, &terms, limits) && before.0 == 0);
                            model.inside.push(tenant);
                        }
                        Arrival::Waits { id, displaced } => {
                            if let Some((gone, refused)) = displaced {
                                prop_assert_eq!((refused.whose, before.1), (Whose::Node, queue_len_max));
                                let whose = model.waiting.iter().find(|(waiter, _)| *waiter == gone).unwrap().1;
                                prop_assert!(model.waiting_of(whose) > before.0 + 1, "only a longer line gives way");
                                model.waiting.retain(|(waiter, _)| *waiter != gone);
                            }
                            model.waiting.push((id, tenant));
                        }
                        Arrival::Refused(Refused { whose: Whose::Tenant, position, .. }) => {
                            prop_assert_eq!((before.0, position), (own.queue_len_max, before.0 + 1));
                        }
                        Arrival::Refused(Refused { whose: Whose::Node, position, .. }) => {
                            prop_assert_eq!((before.1, position), (queue_len_max, before.1 + 1));
                            let longest = (0..TENANTS).map(|tenant| model.waiting_of(tenant)).max().unwrap_or(0);
                            prop_assert!(longest <= before.0 + 1, "a longer line should have given way");
                        }
                    }
                }
                Event::Leave(n) if !model.waiting.is_empty() => {
                    let (id, tenant) = model.waiting.remove(n % model.waiting.len());
                    line.leave(&tenant, id);
                    // Twice is as once.
                    line.leave(&tenant, id);
                }
                Event::Done(n) if !model.inside.is_empty() => {
                    let tenant = model.inside.remove(n % model.inside.len());
                    line.done(&tenant);
                }
                Event::Leave(_) | Event::Done(_) => {}
            }
            let_in(&mut line, &mut model, &terms, limits);
            prop_assert_eq!((line.running(), line.waiting()), (model.inside.len(), model.waiting.len()));
            prop_assert!(model.inside.len() <= running_max && model.waiting.len() <= queue_len_max);
        }
    }

    /// Whoever waits comes in after a bounded number of places came free, whatever the others do.
    #[test]
    fn nobody_starves(weights in prop::array::uniform4(1u32..5), running_max in 1usize..5, flood in 1usize..60) {
        let limits = LineLimits { running_max, queue_len_max: 10_000 };
        let terms = |tenant: u8| Terms { weight: weights[usize::from(tenant)], running_max: 64, queue_len_max: 64 };
        let mut line = Line::new(limits);
        let mut inside = Vec::new();
        let arrive = |line: &mut Line<u8>, tenant: u8, inside: &mut Vec<u8>| match line.arrive(&tenant, terms(tenant)) {
            Arrival::Inside => { inside.push(tenant); None }
            Arrival::Waits { id, .. } => Some(id),
            Arrival::Refused(_) => None,
        };
        for _ in 0..flood {
            for tenant in 0..3 {
                arrive(&mut line, tenant, &mut inside);
            }
        }
        let Some(mine) = arrive(&mut line, 3, &mut inside) else { return Ok(()) };
        let mut freed = 0;
        'waiting: loop {
            // The newest of the others ends; and each sends another call at once.
            let tenant = inside.pop().expect("somebody is inside");
            line.done(&tenant);
            freed += 1;
            while let Some((tenant, id)) = line.let_in() {
                inside.push(tenant);
                if id == mine {
                    break 'waiting;
                }
            }
            arrive(&mut line, tenant, &mut inside);
            prop_assert!(freed <= 3, "{freed} places went to others");
        }
    }
}

/// The story: one tenant's 64 waiting calls stood before everybody's in the node's only line.
#[test]
fn a_long_line_of_one_does_not_delay_anothers_first() {
    let terms = Terms { weight: 1, running_max: 16, queue_len_max: 64 };
    let mut line = Line::new(LineLimits { running_max: 4, queue_len_max: 100 });
    for _ in 0..68 {
        assert!(!matches!(line.arrive(&"crowd", terms), Arrival::Refused(_)));
    }
    let Arrival::Waits { id, displaced: None } = line.arrive(&"single", terms) else { panic!("there is room to wait") };
    line.done(&"crowd");
    assert_eq!(line.let_in(), Some(("single", id)));
}

#[test]
fn when_all_places_to_wait_are_taken_the_longest_line_gives_way() {
    let terms = Terms { weight: 1, running_max: 16, queue_len_max: 64 };
    let mut line = Line::new(LineLimits { running_max: 1, queue_len_max: 4 });
    let ids: Vec<Arrival> = (0..5).map(|_| line.arrive(&"crowd", terms)).collect();
    let refused = Refused { whose: Whose::Node, position: 5, queue_len_max: 4 };
    assert_eq!(line.arrive(&"crowd", terms), Arrival::Refused(refused));
    let Arrival::Waits { id: last, .. } = ids[4] else { panic!("it waits") };
    let Arrival::Waits { displaced, .. } = line.arrive(&"single", terms) else { panic!("another gives way") };
    assert_eq!(displaced, Some((last, refused)));
    let all: BTreeMap<_, _> = std::iter::from_fn(|| {
        line.done(&"crowd");
        line.done(&"single");
        line.let_in()
    })
    .map(|(tenant, id)| (id, tenant))
    .collect();
    assert_eq!(all.len(), 4);
}
