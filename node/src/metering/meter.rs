//! One call's meter: from the moment it has a place to the moment its charge is durable.
//!
//! ```text
//!  begin ─► watch ─► settle ─► no step of the engine has its tokens any more? ─► its figures and its writes, one commit
//!             └─ dropped ──────►
//! ```

use super::{
    Inner, Metering,
    budget::{Caps, Exceeded},
    pending::Opened,
    period::Hour,
    usage::Usage,
};
use crate::{
    executor::CallTally,
    tenants::{Tenant, TenantId},
};
use realm_host_functions::storage::{Changes, CommitError};
use realm_primitives::Prices;
use realm_rpc::{ErrorCode, RpcError};
use std::{
    pin::pin,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::task::JoinHandle;

/// A call that ends sooner is never noted as open: its charge is one commit, and if the node dies before that nothing
/// tells of the call, which nobody has an answer to.
const OPEN_AFTER: Duration = Duration::from_millis(50);

/// How long settling waits for the engine to end the step that it computes for a call that is over. What a step computes
/// that takes longer is charged as if it had ended well.
const STEP_WAIT_MAX: Duration = Duration::from_secs(60);

/// Under this name the books have what the node's operator pays for: the trial calls and migrations of upgrades of the
/// runtime that tenants share. No tenant can have the name.
pub const OPERATOR: &str = "(operator)";

/// How a call ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ended {
    /// With a result.
    Well,
    /// With an error.
    Failed,
    /// Given up by its caller, or cut short by the node.
    Cancelled,
}

/// Charges one call. If it is dropped, the call counts as cancelled and is charged for what it used.
#[derive(Debug)]
#[must_use = "a call that is not settled counts as cancelled"]
pub struct Meter(Option<Call>);

#[derive(Debug)]
struct Call {
    inner: Arc<Inner>,
    id: String,
    tenant: TenantId,
    /// Those in force when the call began.
    prices: Prices,
    tally: Arc<CallTally>,
    began: Instant,
    /// Nano-dollars that were held for it.
    held: u64,
    /// Makes its entry among the open calls, once it has run for a moment.
    opening: Option<JoinHandle<Result<(), CommitError>>>,
}

impl Metering {
    /// Begins to meter a call that got its place: holds the most it may cost. What `tally` counts is what it is charged for.
    ///
    /// # Errors
    /// `QUOTA_EXCEEDED`: a spending cap of the tenant.
    pub fn begin(&self, tenant: &Tenant, call_id: &str, tally: &Arc<CallTally>) -> Result<Meter, RpcError> {
        let held = most(tenant);
        self.hold(&tenant.id, held, super::caps(&tenant.limits)).map_err(refused)?;
        Ok(self.meter(tenant.id.clone(), tenant.prices, call_id, tally, held))
    }

    /// Holds what a call may cost at most.
    pub(super) fn hold(&self, tenant: &TenantId, most: u64, caps: Caps) -> Result<(), Exceeded> {
        let now = self.0.hour();
        self.0.budgets().of(tenant, now).hold(now, most, caps)
    }

    /// [`Self::begin`] of what must not be refused for want of money: nothing is held, and caps count it when it is over.
    pub fn begin_uncapped(&self, tenant: &Tenant, call_id: &str, tally: &Arc<CallTally>) -> Meter {
        self.meter(tenant.id.clone(), tenant.prices, call_id, tally, 0)
    }

    /// Begins to meter what an upgrade of the shared runtime runs: the operator's, noted under [`OPERATOR`] without a price.
    pub fn begin_for_operator(&self, call_id: &str, tally: &Arc<CallTally>) -> Meter {
        self.meter(OPERATOR.into(), Prices::default(), call_id, tally, 0)
    }

    /// A meter of a call for which `held` is held.
    pub(super) fn meter(
        &self,
        tenant: TenantId,
        prices: Prices,
        call_id: &str,
        tally: &Arc<CallTally>,
        held: u64,
    ) -> Meter {
        Meter(Some(Call {
            inner: self.0.clone(),
            id: call_id.to_owned(),
            tenant,
            prices,
            tally: tally.clone(),
            began: Instant::now(),
            held,
            opening: None,
        }))
    }
}

impl Meter {
    /// Does the call's work. If it runs for longer than a moment, the database notes that it runs.
    pub async fn watch<T>(&mut self, work: impl Future<Output = T>) -> T {
        let mut work = pin!(work);
        if let Ok(done) = tokio::time::timeout(OPEN_AFTER, work.as_mut()).await {
            return done;
        }
        if let Some(call) = &mut self.0 {
            call.open();
        }
        work.await
    }

    /// Makes what the call wrote and what it is charged durable, in one commit. A call whose writes are refused is
    /// charged all the same: the work was done.
    ///
    /// # Errors
    /// [`CommitError`]: why nothing that the call wrote is stored.
    ///
    /// # Cancel safety
    /// Dropping the future does not take anything back.
    pub async fn settle(mut self, ended: Ended, changes: Option<Changes>) -> Result<(), CommitError> {
        let Some(call) = self.0.take() else { return Ok(()) };
        match call.end(ended, changes) {
            // A panic there is a bug that was logged; nobody may be told that it was stored.
            Some(settled) => settled.await.unwrap_or_else(|_| Err(CommitError::Closed)),
            None => Ok(()),
        }
    }
}

impl Drop for Meter {
    fn drop(&mut self) {
        let Some(call) = self.0.take() else { return };
        if call.tally.is_final() {
            call.end(Ended::Cancelled, None);
            return;
        }
        // The call's last slice is not over on its thread.
        let (tasks, runtime) = (call.inner.tasks.clone(), call.inner.runtime.clone());
        let last_slice = async move {
            call.tally.wait_final().await;
            call.end(Ended::Cancelled, None);
        };
        tasks.spawn_on(last_slice, &runtime);
    }
}

impl Call {
    fn open(&mut self) {
        let (ledger, id, tenant) = (self.inner.ledger.clone(), self.id.clone(), self.tenant.clone());
        let hour = self.inner.hour();
        let entry = async move { ledger.open(&id, &tenant, hour).await };
        self.opening = Some(self.inner.tasks.spawn_on(entry, &self.inner.runtime));
    }

    /// The figures. Tokens of a step that is still being computed count as computed.
    fn usage(&self, ended: Ended, wall: Duration) -> Usage {
        let nanos = |time: Duration| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        let tally = &self.tally;
        let in_steps = tally.tokens_in_steps();
        let computed_prompt_tokens = tally.computed_prompt_tokens() + in_steps;
        let (cached, generated) = (tally.cached_tokens(), tally.generated_tokens());
        Usage {
            calls: 1,
            failed: u64::from(ended == Ended::Failed),
            cancelled: u64::from(ended == Ended::Cancelled),
            interrupted: 0,
            computed_prompt_tokens,
            cached_tokens: cached,
            generated_tokens: generated,
            cpu_ns: nanos(tally.cpu_time()),
            wall_ns: nanos(wall),
            nano_usd: self.prices.charge(computed_prompt_tokens + cached, cached, generated).0,
            computed_tokens: tally.computed_tokens() + in_steps,
        }
    }

    /// Settles the call, whoever waits for it. `None` if nobody needs to wait: it cost nothing and wrote nothing, or it has
    /// no answer and the engine is still at a step of it, for which a deadline's error does not wait.
    fn end(self, ended: Ended, changes: Option<Changes>) -> Option<JoinHandle<Result<(), CommitError>>> {
        let wall = self.began.elapsed();
        let in_step = !self.tally.is_idle();
        if !in_step && self.opening.is_none() && changes.is_none() {
            let usage = self.usage(ended, wall);
            if usage.is_free() {
                let Self { inner, tenant, held, .. } = self;
                let hour = inner.hour();
                inner.budgets().of(&tenant, hour).release(held);
                inner.metrics.charged(&tenant, &usage);
                inner.count_free(tenant, hour, usage);
                return None;
            }
        }
        let must_wait = changes.is_some() || !in_step;
        let (tasks, runtime) = (self.inner.tasks.clone(), self.inner.runtime.clone());
        let settling = async move {
            if tokio::time::timeout(STEP_WAIT_MAX, self.tally.idle()).await.is_err() {
                tracing::warn!(call = self.id, "a step takes too long to wait for; it is charged as if it had ended");
            }
            let usage = self.usage(ended, wall);
            let Self { inner, id, tenant, held, opening, .. } = self;
            let hour = inner.hour();
            Settling { inner, id, tenant, held, hour, opening }.run(usage, changes).await
        };
        let settled = tasks.spawn_on(settling, &runtime);
        must_wait.then_some(settled)
    }
}

/// A call that is over, on its way into the books.
struct Settling {
    inner: Arc<Inner>,
    id: String,
    tenant: TenantId,
    held: u64,
    hour: Hour,
    opening: Option<JoinHandle<Result<(), CommitError>>>,
}

impl Settling {
    async fn run(mut self, usage: Usage, changes: Option<Changes>) -> Result<(), CommitError> {
        let (outcome, counted) = self.store(usage, changes).await;
        {
            let mut budgets = self.inner.budgets();
            let budget = budgets.of(&self.tenant, self.hour);
            budget.release(self.held);
            if let Some(usage) = &counted {
                budget.spend(self.hour, usage.nano_usd);
            }
        }
        match &counted {
            Some(usage) => self.inner.metrics.charged(&self.tenant, usage),
            // If it is among the open calls, it counts as interrupted when the node starts again.
            None => {
                tracing::error!(call = self.id, tenant = %self.tenant, ?outcome, "the usage of a call was not stored")
            }
        }
        self.inner.prune_if_due(self.hour);
        outcome
    }

    /// Whether what the call wrote is stored, and what is counted of it.
    async fn store(&mut self, usage: Usage, changes: Option<Changes>) -> (Result<(), CommitError>, Option<Usage>) {
        // What costs nothing and writes nothing to the disk needs none.
        let may_wait = usage.is_free() && changes.as_ref().is_none_or(Changes::is_empty_on_disk);
        let opened = match self.opening.take() {
            None => None,
            Some(task) => match task.await.unwrap_or_else(|_| Err(CommitError::Closed)) {
                Ok(()) => Some(self.id.clone()),
                Err(_) if may_wait => None,
                Err(error) => return (Err(error), None),
            },
        };
        let changes = match changes {
            Some(in_memory) if may_wait => match self.inner.ledger.commit(in_memory).await {
                Ok(()) => None,
                Err(error) => {
                    let usage = Usage { failed: 1, ..usage };
                    self.count_free(opened, usage);
                    return (Err(error), Some(usage));
                }
            },
            changes => changes,
        };
        let wrote = changes.is_some();
        match self.close(opened.as_deref(), &usage, changes.unwrap_or_default()).await {
            Ok(()) => (Ok(()), Some(usage)),
            Err(_) if may_wait => {
                self.count_free(opened, usage);
                (Ok(()), Some(usage))
            }
            Err(error) if wrote => {
                // The work was done, though what it came to is not stored.
                let usage = Usage { failed: 1, ..usage };
                let counted = self.close(opened.as_deref(), &usage, Changes::new()).await.ok().map(|()| usage);
                (Err(error), counted)
            }
            Err(error) => (Err(error), None),
        }
    }

    /// Counts a call that cost nothing, when the disk lets it.
    fn count_free(&self, opened: Option<String>, usage: Usage) {
        let (tenant, hour) = (self.tenant.clone(), self.hour);
        match opened {
            Some(id) => self.inner.close_later(Opened { id, tenant, hour, usage }),
            None => self.inner.count_free(tenant, hour, usage),
        }
    }

    async fn close(&self, opened: Option<&str>, usage: &Usage, changes: Changes) -> Result<(), CommitError> {
        self.inner.ledger.close(opened, &self.tenant, self.hour, usage, changes).await
    }
}

/// What a call of this tenant may cost at most: the host lets no call have more tokens than these.
fn most(tenant: &Tenant) -> u64 {
    let (prompt, generated) = (tenant.limits.prompt_tokens_max.into(), tenant.limits.max_tokens.into());
    let all_computed = tenant.prices.charge(prompt, 0, generated);
    let all_cached = tenant.prices.charge(prompt, prompt, generated);
    all_computed.0.max(all_cached.0)
}

fn refused(exceeded: Exceeded) -> RpcError {
    let Exceeded { period, limit, spent, held, asked } = exceeded;
    let message = format!(
        "the tenant may spend {limit} nano-dollars a {}: {spent} are spent, {held} are held for calls that run, and this one may cost {asked}",
        period.name(),
    );
    RpcError::new(ErrorCode::QuotaExceeded, message)
        .with("period", period.name())
        .with("limit_nano_usd", limit)
        .with("spent_nano_usd", spent)
        .with("held_nano_usd", held)
        .with("asked_nano_usd", asked)
}
