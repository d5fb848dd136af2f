//! The line at work: calls that wait are futures, places are tickets.

use super::line::{Arrival, Line, LineLimits, Refused, Terms, WaiterId};
use crate::tenants::TenantId;
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use tokio::sync::oneshot;

/// The node's places, shared fairly among tenants. Cheap to clone; all clones are one.
#[derive(Clone, Debug)]
pub struct Gate(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    line: Line<TenantId>,
    /// Who waits to hear.
    replies: HashMap<WaiterId, oneshot::Sender<Result<Ticket, Refused>>>,
}

/// A place inside, until dropped.
#[derive(Debug)]
#[must_use = "the place is free again when this is dropped"]
pub struct Ticket {
    gate: Gate,
    tenant: TenantId,
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.gate.change(|state| state.line.done(&self.tenant));
    }
}

impl Gate {
    /// A gate with these bounds for all tenants together.
    pub fn new(limits: LineLimits) -> Self {
        Self(Arc::new(Mutex::new(State { line: Line::new(limits), replies: HashMap::new() })))
    }

    /// Waits for a place.
    ///
    /// # Errors
    /// [`Refused`] at once if there is no room to wait, or later if the call must give way to another tenant's.
    ///
    /// # Cancel safety
    /// Dropping the future gives up the place in the line.
    pub async fn enter(&self, tenant: &TenantId, terms: Terms) -> Result<Ticket, Refused> {
        let (reply, heard) = oneshot::channel();
        let (id, displaced) = {
            let mut state = self.lock();
            match state.line.arrive(tenant, terms) {
                Arrival::Inside => return Ok(Ticket { gate: self.clone(), tenant: tenant.clone() }),
                Arrival::Refused(refused) => return Err(refused),
                Arrival::Waits { id, displaced } => {
                    state.replies.insert(id, reply);
                    let displaced = displaced.and_then(|(gone, refused)| Some((state.replies.remove(&gone)?, refused)));
                    (id, displaced)
                }
            }
        };
        if let Some((reply, refused)) = displaced {
            // Who gave up meanwhile does not hear of it.
            let _ = reply.send(Err(refused));
        }
        let waiting = Waiting { gate: self, tenant, id };
        let heard = heard.await;
        drop(waiting);
        // The reply is dropped unsent by nobody: it is sent, or its future is gone.
        heard.unwrap_or_else(|_| unreachable_refusal())
    }

    /// Calls inside.
    pub fn running(&self) -> usize {
        self.lock().line.running()
    }

    /// Calls that wait.
    pub fn waiting(&self) -> usize {
        self.lock().line.waiting()
    }

    /// The state is whole after every statement that changes it, so a panic elsewhere harms nothing.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the line, then lets in whoever may come in.
    fn change(&self, change: impl FnOnce(&mut State)) {
        let mut entered = Vec::new();
        {
            let mut state = self.lock();
            change(&mut state);
            while let Some((tenant, id)) = state.line.let_in() {
                entered.push((state.replies.remove(&id), Ticket { gate: self.clone(), tenant }));
            }
        }
        // Outside of the lock: a ticket that nobody takes is dropped here, and gives its place to the next.
        for (reply, ticket) in entered {
            if let Some(reply) = reply {
                let _ = reply.send(Ok(ticket));
            }
        }
    }
}

/// A call in the line, until dropped.
struct Waiting<'a> {
    gate: &'a Gate,
    tenant: &'a TenantId,
    id: WaiterId,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.gate.change(|state| {
            // Nothing happens if it was let in or refused.
            if state.replies.remove(&self.id).is_some() {
                state.line.leave(self.tenant, self.id);
            }
        });
    }
}

/// Every waiter's reply stays in the table until it is sent, so this is the answer to a bug: as if the line were full.
fn unreachable_refusal() -> Result<Ticket, Refused> {
    Err(Refused { whose: super::line::Whose::Node, position: 0, queue_len_max: 0 })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admission::line::Whose;
    use futures::FutureExt;

    fn gate(running_max: usize) -> Gate {
        Gate::new(LineLimits { running_max, queue_len_max: 100 })
    }

    const TERMS: Terms = Terms { weight: 1, running_max: 1, queue_len_max: 1 };

    #[tokio::test]
    async fn so_many_run_so_many_wait_the_rest_is_refused() {
        let (gate, tenant) = (gate(10), TenantId::from("t"));
        let inside = gate.enter(&tenant, TERMS).await.unwrap();
        let mut waits = Box::pin(gate.enter(&tenant, TERMS));
        assert!((&mut waits).now_or_never().is_none());
        let refused = Refused { whose: Whose::Tenant, position: 2, queue_len_max: 1 };
        assert_eq!(gate.enter(&tenant, TERMS).await.unwrap_err(), refused);
        // Another tenant does not notice.
        drop(gate.enter(&TenantId::from("other"), TERMS).await.unwrap());
        drop(inside);
        let inside = waits.await.unwrap();
        // Who gives up waiting leaves the line.
        let mut gives_up = Box::pin(gate.enter(&tenant, TERMS));
        assert!((&mut gives_up).now_or_never().is_none());
        assert_eq!(gate.waiting(), 1);
        drop(gives_up);
        assert_eq!(gate.waiting(), 0);
        drop(inside);
        drop(gate.enter(&tenant, TERMS).await.unwrap());
        assert_eq!(gate.running(), 0);
    }

    #[tokio::test]
    async fn a_place_given_to_one_who_left_goes_to_the_next() {
        let (gate, terms) = (gate(1), Terms { queue_len_max: 10, ..TERMS });
        let [a, b, c] = ["a", "b", "c"].map(TenantId::from);
        let inside = gate.enter(&a, terms).await.unwrap();
        let mut leaves = Box::pin(gate.enter(&b, terms));
        let mut next = Box::pin(gate.enter(&c, terms));
        assert!((&mut leaves).now_or_never().is_none() && (&mut next).now_or_never().is_none());
        drop(inside);
        // It has its place and is dropped before it looks.
        drop(leaves);
        drop(next.now_or_never().unwrap().unwrap());
        assert_eq!((gate.running(), gate.waiting()), (0, 0));
    }

    #[tokio::test]
    async fn many_at_once_leave_nothing_behind() {
        let gate = gate(3);
        let work = (0..200).map(|n: usize| {
            let (gate, tenant) = (gate.clone(), TenantId::from(["a", "b", "c", "d"][n % 4]));
            tokio::spawn(async move {
                let terms = Terms { weight: 1 + n as u32 % 3, running_max: 2, queue_len_max: 30 };
                if n.is_multiple_of(7) {
                    let _ = tokio::time::timeout(
                        std::time::Duration::from_micros(n as u64 * 5),
                        gate.enter(&tenant, terms),
                    )
                    .await;
                } else if let Ok(ticket) = gate.enter(&tenant, terms).await {
                    tokio::task::yield_now().await;
                    assert!(gate.running() <= 3);
                    drop(ticket);
                }
            })
        });
        for task in work.collect::<Vec<_>>() {
            task.await.unwrap();
        }
        assert_eq!((gate.running(), gate.waiting()), (0, 0));
    }
}
