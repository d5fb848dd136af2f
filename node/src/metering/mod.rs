//! What each tenant uses and is charged. The host counts and computes it, from the tenant's prices, in integer
//! nano-dollars: a tenant's own runtime has no say in it.
//!
//! ```text
//!  place ─► begin: cap? hold the most it may cost ─► call ─► settle ─► answer
//!               └─► after a moment: open call, durable        └─► its writes + its figures - open call, one commit
//! ```
//!
//! - [`Usage`]: the figures. [`Hour`], [`Period`]: over what time.
//! - [`Meter`]: one call's. Calls that fail, are given up or cut short are charged for what they used.
//! - `budget`: spending caps. `ledger`: the books in the database. `pending`: calls that cost nothing, on their way there.
//!   `report`: what is told of them.
//!
//! - `clock`, `pruning`: what is believed of the machine's clock, which can jump.
//!
//! An answer, or the last event of a stream, is sent after its charge is durable. A call that was not settled when the
//! node died is found among the open calls at the next start; it is counted as interrupted and nothing is charged for it.
//! A call that was settled and whose answer was not sent yet is charged, and what it wrote is stored.
//!
//! Tokens are charged as they are computed, step by step: a forward pass that is dropped in the middle is charged as far as
//! it got, and settling waits for the step that is being computed. Tokens of failed steps are not charged. What upgrades
//! compute is charged to the tenant whose runtime it is, or noted under [`OPERATOR`].

mod budget;
mod clock;
mod error;
mod ledger;
mod meter;
mod pending;
mod period;
mod pruning;
mod report;
#[cfg(test)]
mod tests;
mod usage;

pub use clock::{MachineTime, TimeSource};
pub use error::MeteringError;
pub use meter::{Ended, Meter, OPERATOR};
pub use period::{Hour, Period};
pub use report::{Query, Report, Row};
pub use usage::Usage;

use crate::{metrics::Metrics, tenants::TenantId};
use budget::{Budget, Caps};
use clock::{BooksClock, Noticed};
use ledger::Ledger;
use pending::Pending;
use pruning::{Look, Pruning};
use realm_chain_spec::TenantLimits;
use realm_host_functions::storage::Store;
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use tokio::runtime::Handle;
use tokio_util::task::TaskTracker;

/// How usage is kept.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct MeteringConfig {
    /// Hours that usage is kept; older hours are removed. At least 32 days are, which caps need. Default 400 days.
    pub hours_max: u32,
    /// Rows of one answer of `realm_usage`. Default 10000.
    pub rows_max: usize,
}

/// The longest month and a day: what a month's cap is counted from.
const HOURS_MIN: u32 = 32 * 24;

impl Default for MeteringConfig {
    fn default() -> Self {
        Self { hours_max: 400 * 24, rows_max: 10_000 }
    }
}

/// Meters all calls. One per node; cheap to clone.
#[derive(Clone, Debug)]
pub struct Metering(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    config: MeteringConfig,
    ledger: Ledger,
    clock: BooksClock,
    /// Held only to look up or to change one, never across anything that waits; while budgets are restarted, which is
    /// rare, also while the books are read.
    budgets: Mutex<Budgets>,
    pending: Pending,
    metrics: Metrics,
    /// Where calls are settled that are dropped, whoever drops them.
    runtime: Handle,
    /// Whatever is on its way to the database.
    tasks: TaskTracker,
    pruning: Mutex<Pruning>,
}

#[derive(Debug, Default)]
struct Budgets(HashMap<TenantId, Budget>);

impl Budgets {
    fn of(&mut self, tenant: &TenantId, now: Hour) -> &mut Budget {
        // Looked up first: the name is cloned once for each tenant.
        if !self.0.contains_key(tenant) {
            self.0.insert(tenant.clone(), Budget::new(now));
        }
        self.0.entry(tenant.clone()).or_insert_with(|| Budget::new(now))
    }
}

impl Metering {
    /// Opens the books; needs a tokio runtime. Settles what a node left open that died, removes what is too old, and adds
    /// up what is spent.
    ///
    /// # Errors
    /// [`MeteringError`]
    pub async fn open(store: &Store, config: MeteringConfig, metrics: Metrics) -> Result<Self, MeteringError> {
        Self::open_by(Arc::new(MachineTime::start()), store, config, metrics).await
    }

    /// [`Self::open`], by this clock.
    ///
    /// # Errors
    /// [`MeteringError`]
    pub async fn open_by(
        time: Arc<dyn TimeSource>,
        store: &Store,
        config: MeteringConfig,
        metrics: Metrics,
    ) -> Result<Self, MeteringError> {
        let ledger = Ledger::new(store);
        match ledger.close_interrupted().await {
            Ok(0) => {}
            Ok(calls) => tracing::warn!(calls, "the node died while these calls ran; nothing is charged for them"),
            // They stay open, and the next start settles them: no reason to refuse those who read.
            Err(MeteringError::Commit(error)) => {
                tracing::error!(%error, "calls that ran when the node died are not settled; free the disk and start again");
            }
            Err(error) => return Err(error),
        }
        let clock = BooksClock::start(time);
        let (now, _) = clock.read();
        let believed = ledger.believed_hour()?.unwrap_or(now);
        if believed > now {
            tracing::warn!(clock = %now, books = %believed, "the machine's clock is behind the books; check it");
        }
        let inner = Arc::new(Inner {
            config,
            ledger,
            clock,
            budgets: Mutex::default(),
            pending: Pending::default(),
            metrics,
            runtime: Handle::current(),
            tasks: TaskTracker::new(),
            pruning: Mutex::new(Pruning::new(believed)),
        });
        inner.restart_budgets(now)?;
        inner.prune_if_due(now);
        Ok(Self(inner))
    }

    /// This hour, as the books have it.
    pub fn hour(&self) -> Hour {
        self.0.hour()
    }

    /// Waits until all that is on its way is in the database. Calls that end later are still written, but not waited for.
    pub async fn flush(&self) {
        self.0.tasks.close();
        self.0.tasks.wait().await;
        self.0.tasks.reopen();
        // A failure was logged, and there is nobody to tell it to.
        let _ = self.0.write_pending().await;
    }
}

impl Inner {
    fn budgets(&self) -> MutexGuard<'_, Budgets> {
        // Every change of it is whole, so a panic elsewhere harms nothing.
        self.budgets.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// This hour, by a clock whose jumps are believed only when they last.
    fn hour(self: &Arc<Self>) -> Hour {
        let (hour, noticed) = self.clock.read();
        match noticed {
            None => {}
            Some(Noticed::Jump(by_s)) => tracing::warn!(
                by_s,
                books = %hour,
                "the machine's clock jumped; the books follow it if that lasts for 15 minutes"
            ),
            Some(Noticed::Back) => tracing::info!(books = %hour, "the machine's clock is back where it was"),
            Some(Noticed::Due(by_s)) => {
                tracing::warn!(by_s, "the books follow the jump of the machine's clock");
                let inner = self.clone();
                self.tasks.spawn_blocking_on(move || inner.follow_jump(), &self.runtime);
            }
        }
        hour
    }

    /// Restarts the budgets by the hour after a jump, and then believes the jump.
    fn follow_jump(&self) {
        let Some(hour) = self.clock.after_jump() else { return };
        match self.restart_budgets(hour) {
            Ok(()) => self.clock.adopt(),
            Err(error) => {
                tracing::error!(%error, "the books cannot be read; the jump of the machine's clock is followed later");
                self.clock.postpone();
            }
        }
    }

    /// Begins the present day and month of every tenant with what the books say. Charges that are being stored may count
    /// twice: a cap is met too early rather than passed.
    fn restart_budgets(&self, now: Hour) -> Result<(), MeteringError> {
        let mut budgets = self.budgets();
        let mut named: Vec<TenantId> = budgets.0.keys().cloned().collect();
        named.extend(self.ledger.tenants()?.iter().map(|tenant| tenant.as_str().into()));
        for tenant in named {
            let rows = self.ledger.read(tenant.as_str(), now.begin_of(Period::Month), now.next(), Period::Hour)?;
            budgets.of(&tenant, now).restart(now, rows.iter().map(|(hour, usage)| (*hour, usage.nano_usd)));
        }
        Ok(())
    }

    /// Once an hour, beside everything else.
    fn prune_if_due(self: &Arc<Self>, now: Hour) {
        let steady_for = self.clock.steady_for();
        let hours_max = self.config.hours_max.max(HOURS_MIN);
        // Every change of it is whole, so a panic elsewhere harms nothing.
        let look = self.pruning.lock().unwrap_or_else(PoisonError::into_inner).look(now, steady_for, hours_max);
        let (before, believed) = match look {
            Look::Nothing => return,
            Look::Ahead(hours) => {
                tracing::warn!(hours, "the machine's clock is ahead of the books; usage is removed after a steady day");
                return;
            }
            Look::Prune { before, believed } => (before, believed),
        };
        let ledger = self.ledger.clone();
        self.tasks.spawn(async move {
            if let Err(error) = ledger.prune(before, believed).await {
                tracing::error!(%error, "old usage was not removed");
            }
        });
    }
}

fn caps(limits: &TenantLimits) -> Caps {
    Caps { day: limits.spend_nano_usd_per_day_max, month: limits.spend_nano_usd_per_month_max }
}
