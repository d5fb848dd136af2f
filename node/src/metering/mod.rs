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
//! An answer, or the last event of a stream, is sent after its charge is durable. A call that a node was at when it
//! died is found among the open calls at the next start; it is counted as interrupted and costs nothing, because its
//! caller has no answer. Forward passes that were not completed are not charged either.

mod budget;
mod error;
mod ledger;
mod meter;
mod pending;
mod period;
mod report;
mod usage;

pub use error::MeteringError;
pub use meter::{Ended, Meter};
pub use period::{Hour, Period};
pub use report::{Query, Report, Row};
pub use usage::Usage;

use crate::{metrics::Metrics, tenants::TenantId};
use budget::{Budget, Caps};
use ledger::Ledger;
use pending::Pending;
use realm_chain_spec::TenantLimits;
use realm_host_functions::storage::Store;
use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
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
    /// Held only to look up or to change one, never across anything that waits.
    budgets: Mutex<Budgets>,
    pending: Pending,
    metrics: Metrics,
    /// Where calls are settled that are dropped, whoever drops them.
    runtime: Handle,
    /// Whatever is on its way to the database.
    tasks: TaskTracker,
    /// The hour of the last removal of old hours.
    pruned: AtomicU32,
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
        let ledger = Ledger::new(store);
        let interrupted = ledger.close_interrupted().await?;
        if interrupted > 0 {
            tracing::warn!(calls = interrupted, "the node died while these calls ran; nothing is charged for them");
        }
        let now = Hour::now();
        let mut budgets = Budgets::default();
        for tenant in ledger.tenants()? {
            let rows = ledger.read(&tenant, now.begin_of(Period::Month), now.next(), Period::Hour)?;
            let budget = budgets.of(&tenant.as_str().into(), now);
            rows.iter().for_each(|(hour, usage)| budget.spend(*hour, usage.nano_usd));
        }
        let metering = Self(Arc::new(Inner {
            config,
            ledger,
            budgets: Mutex::new(budgets),
            pending: Pending::default(),
            metrics,
            runtime: Handle::current(),
            tasks: TaskTracker::new(),
            pruned: AtomicU32::new(0),
        }));
        metering.0.prune_if_due(now);
        Ok(metering)
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

    /// Once an hour, beside everything else.
    fn prune_if_due(self: &Arc<Self>, now: Hour) {
        if self.pruned.swap(now.0, Ordering::Relaxed) == now.0 {
            return;
        }
        let before = Hour(now.0.saturating_sub(self.config.hours_max.max(HOURS_MIN)));
        let ledger = self.ledger.clone();
        self.tasks.spawn(async move {
            if let Err(error) = ledger.prune(before).await {
                tracing::error!(%error, "old usage was not removed");
            }
        });
    }
}

fn caps(limits: &TenantLimits) -> Caps {
    Caps { day: limits.spend_nano_usd_per_day_max, month: limits.spend_nano_usd_per_month_max }
}
