//! Which upgrade may run now. One at a time for each scope; those of tenants' administrators in bounded number and
//! in the order in which they came; the operator's wait for nobody else's.
//!
//! ```text
//!  tenant's administrator ──► attempts a minute ──► scope free? ──► queue ──► one of `trials_max` permits ──► runs
//!  operator ────────────────────────────────────► scope free? ─┬──────────────────────────────────────────► runs
//!                                 held by a tenant's: aborted ─┘
//! ```
//!
//! A tenant's administrator has one scope, so the queue gives each tenant one place at a time.

use super::error::UpgradeError;
use crate::chain::Scope;
use std::{
    collections::{HashMap, VecDeque},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::{CancellationToken, DropGuard};

/// The time in which attempts are counted.
const ATTEMPTS_PERIOD: Duration = Duration::from_secs(60);

/// Who wants a runtime changed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Requester {
    /// The node's operator.
    Operator,
    /// The administrator of the tenant whose runtime it is.
    Tenant,
}

/// Bounds of what tenants' administrators may have tried.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct TurnLimits {
    pub trials_max: usize,
    pub waiting_max: usize,
    pub attempts_per_minute_max: usize,
    pub time_max: Duration,
}

/// All turns of a node.
#[derive(Debug)]
pub(super) struct Turns {
    limits: TurnLimits,
    /// Held only to look up or to change the map, never across anything that waits.
    running: Arc<Mutex<HashMap<Scope, Running>>>,
    next_id: AtomicU64,
    trials: Arc<Semaphore>,
    waiting: AtomicUsize,
    /// When each scope's administrator tried within the last period.
    attempts: Mutex<HashMap<Scope, VecDeque<Instant>>>,
}

#[derive(Debug)]
struct Running {
    id: u64,
    by: Requester,
    aborted: CancellationToken,
    ended: CancellationToken,
}

/// The right to change a scope's runtime, until dropped.
#[derive(Debug)]
#[must_use = "another upgrade may begin when this is dropped"]
pub(super) struct Turn {
    aborted: CancellationToken,
    /// When a tenant's administrator must be done.
    deadline: Option<(Instant, Duration)>,
    permit: Option<Arc<OwnedSemaphorePermit>>,
    // Dropped in this order: the scope is free before whoever waits for it looks again.
    _held: Held,
    _ended: DropGuard,
}

#[derive(Debug)]
struct Held {
    running: Arc<Mutex<HashMap<Scope, Running>>>,
    scope: Scope,
    id: u64,
}

impl Turns {
    pub(super) fn new(limits: TurnLimits) -> Self {
        Self {
            limits,
            running: Arc::default(),
            next_id: AtomicU64::new(0),
            trials: Arc::new(Semaphore::new(limits.trials_max.max(1))),
            waiting: AtomicUsize::new(0),
            attempts: Mutex::default(),
        }
    }

    /// Waits for a turn of a scope.
    ///
    /// # Errors
    /// [`UpgradeError::Busy`], [`UpgradeError::TooOften`], [`UpgradeError::Queue`], [`UpgradeError::Aborted`].
    ///
    /// # Cancel safety
    /// Dropping the future gives the turn back. An upgrade that was aborted for it stays aborted.
    pub(super) async fn begin(&self, scope: &Scope, by: Requester) -> Result<Turn, UpgradeError> {
        if by == Requester::Tenant {
            self.count_attempt(scope)?;
        }
        let (mut turn, before) = self.take(scope, by)?;
        if let Some(before) = before {
            before.cancelled().await;
        }
        if by == Requester::Tenant {
            turn.permit = Some(Arc::new(turn.run(self.permit()).await??));
            let time_max = self.limits.time_max;
            turn.deadline = Some((Instant::now() + time_max, time_max));
        }
        Ok(turn)
    }

    /// The scope's turn, and what ends when the one before it has ended.
    fn take(&self, scope: &Scope, by: Requester) -> Result<(Turn, Option<CancellationToken>), UpgradeError> {
        let id = self.next_id.fetch_add(1, Ordering::Relaxed);
        let (aborted, ended) = (CancellationToken::new(), CancellationToken::new());
        let mut running = lock(&self.running);
        let before = match running.get(scope) {
            None => None,
            Some(held) if by == Requester::Operator && held.by == Requester::Tenant => {
                held.aborted.cancel();
                Some(held.ended.clone())
            }
            Some(_) => return Err(UpgradeError::Busy),
        };
        running.insert(scope.clone(), Running { id, by, aborted: aborted.clone(), ended: ended.clone() });
        let held = Held { running: self.running.clone(), scope: scope.clone(), id };
        let turn = Turn { aborted, deadline: None, permit: None, _held: held, _ended: ended.drop_guard() };
        Ok((turn, before))
    }

    async fn permit(&self) -> Result<OwnedSemaphorePermit, UpgradeError> {
        if let Ok(permit) = self.trials.clone().try_acquire_owned() {
            return Ok(permit);
        }
        let waiting = Waiting::begin(&self.waiting);
        let limit = self.limits.waiting_max;
        if waiting.position > limit {
            return Err(UpgradeError::Queue { limit });
        }
        // The semaphore is never closed.
        self.trials.clone().acquire_owned().await.map_err(|_| UpgradeError::Queue { limit })
    }

    fn count_attempt(&self, scope: &Scope) -> Result<(), UpgradeError> {
        let now = Instant::now();
        let is_over = |at: &Instant| now.saturating_duration_since(*at) >= ATTEMPTS_PERIOD;
        let mut attempts = lock(&self.attempts);
        attempts.retain(|_, times| times.back().is_some_and(|last| !is_over(last)));
        let times = attempts.entry(scope.clone()).or_default();
        while times.front().is_some_and(is_over) {
            times.pop_front();
        }
        let limit = self.limits.attempts_per_minute_max.max(1);
        match times.front() {
            Some(first) if times.len() >= limit => {
                let retry_after = ATTEMPTS_PERIOD.saturating_sub(now.saturating_duration_since(*first));
                Err(UpgradeError::TooOften { what: "upgrades and dry runs a minute", limit, retry_after })
            }
            _ => {
                times.push_back(now);
                Ok(())
            }
        }
    }
}

impl Turn {
    /// One of the permits of tenants' administrators, for work that goes on although the turn is dropped.
    pub(super) fn permit(&self) -> Option<Arc<OwnedSemaphorePermit>> {
        self.permit.clone()
    }

    /// Does a part of the upgrade that may be given up.
    ///
    /// # Errors
    /// [`UpgradeError::Aborted`]: the operator wants the scope. [`UpgradeError::TimedOut`].
    pub(super) async fn run<T>(&self, work: impl Future<Output = T>) -> Result<T, UpgradeError> {
        let over = async {
            match self.deadline {
                Some((at, time_max)) => {
                    tokio::time::sleep_until(at.into()).await;
                    UpgradeError::TimedOut(time_max)
                }
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            () = self.aborted.cancelled() => Err(UpgradeError::Aborted),
            error = over => Err(error),
            done = work => Ok(done),
        }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let mut running = lock(&self.running);
        // The operator's, which aborted this one, may stand there already.
        if running.get(&self.scope).is_some_and(|running| running.id == self.id) {
            running.remove(&self.scope);
        }
    }
}

/// One that waits for a permit, until dropped.
struct Waiting<'a> {
    count: &'a AtomicUsize,
    position: usize,
}

impl<'a> Waiting<'a> {
    fn begin(count: &'a AtomicUsize) -> Self {
        Self { count, position: count.fetch_add(1, Ordering::Relaxed) + 1 }
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.count.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Every change of these maps is one call, so a poisoned lock still guards a whole one.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::poll;
    use std::pin::pin;

    fn turns() -> Turns {
        let time_max = Duration::from_secs(3600);
        Turns::new(TurnLimits { trials_max: 1, waiting_max: 1, attempts_per_minute_max: 3, time_max })
    }

    fn tenant(name: &str) -> Scope {
        Scope::Tenant(name.into())
    }

    /// One dry run with an endless `health_check` held the node's only place, so that nobody, the operator included,
    /// could upgrade or roll back.
    #[tokio::test]
    async fn the_operator_waits_for_no_tenant() {
        let turns = turns();
        let hostile = turns.begin(&tenant("a"), Requester::Tenant).await.unwrap();
        drop(turns.begin(&Scope::Chain, Requester::Operator).await.expect("another scope"));
        drop(turns.begin(&tenant("b"), Requester::Operator).await.expect("another tenant's"));

        let scope = tenant("a");
        let mut operators = pin!(turns.begin(&scope, Requester::Operator));
        assert!(poll!(&mut operators).is_pending());
        let aborted = hostile.run(std::future::pending::<()>()).await;
        assert!(matches!(aborted, Err(UpgradeError::Aborted)));
        let again = turns.begin(&tenant("a"), Requester::Tenant).await;
        assert!(matches!(again, Err(UpgradeError::Busy)), "the operator comes first");
        drop(hostile);
        let turn = operators.await.unwrap();
        turn.run(async {}).await.expect("nobody aborts the operator's");
        assert!(matches!(turns.begin(&tenant("a"), Requester::Operator).await, Err(UpgradeError::Busy)));
        drop(turn);
        drop(turns.begin(&tenant("a"), Requester::Tenant).await.unwrap());
    }

    #[tokio::test]
    async fn tenants_take_turns_and_a_bounded_number_waits() {
        let turns = turns();
        let first = turns.begin(&tenant("a"), Requester::Tenant).await.unwrap();
        assert!(matches!(turns.begin(&tenant("a"), Requester::Tenant).await, Err(UpgradeError::Busy)));
        let (a, b) = (tenant("a"), tenant("b"));
        let mut second = pin!(turns.begin(&b, Requester::Tenant));
        assert!(poll!(&mut second).is_pending());
        let third = turns.begin(&tenant("c"), Requester::Tenant).await;
        assert!(matches!(third, Err(UpgradeError::Queue { limit: 1 })));
        drop(first);
        // The permit is the one's that waited; whoever comes back waits for it in turn.
        let second = second.await.unwrap();
        let mut back = pin!(turns.begin(&a, Requester::Tenant));
        assert!(poll!(&mut back).is_pending());
        drop(second);
        drop(back.await.unwrap());
    }

    #[tokio::test]
    async fn attempts_of_a_tenant_are_counted_also_those_that_were_refused() {
        let turns = turns();
        for _ in 0..3 {
            drop(turns.begin(&tenant("a"), Requester::Tenant).await.unwrap());
        }
        let refused = turns.begin(&tenant("a"), Requester::Tenant).await;
        let Err(UpgradeError::TooOften { limit: 3, retry_after, .. }) = refused else { panic!("{refused:?}") };
        assert!(retry_after <= ATTEMPTS_PERIOD && !retry_after.is_zero());
        drop(turns.begin(&tenant("b"), Requester::Tenant).await.unwrap());
        drop(turns.begin(&tenant("a"), Requester::Operator).await.expect("the operator's are not"));
    }

    #[tokio::test]
    async fn a_tenants_turn_ends_in_time() {
        let limits = TurnLimits { time_max: Duration::from_millis(1), ..turns().limits };
        let turns = Turns::new(limits);
        let turn = turns.begin(&tenant("a"), Requester::Tenant).await.unwrap();
        let ended = turn.run(std::future::pending::<()>()).await;
        assert!(matches!(ended, Err(UpgradeError::TimedOut(_))));
    }
}
