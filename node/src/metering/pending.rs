//! Calls that cost nothing and wrote nothing: nobody waits for their records, so these are added up here and written
//! together. A node that dies loses the last moment of them, which is a number of calls and no money.

use super::{Hour, Inner, Usage};
use crate::tenants::TenantId;
use realm_host_functions::storage::CommitError;
use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

/// How long they are kept back at most.
const KEPT_BACK_MAX: Duration = Duration::from_millis(250);

#[derive(Debug, Default)]
pub(super) struct Pending {
    /// Held only to change it, never across anything that waits.
    rows: Mutex<HashMap<(TenantId, Hour), Usage>>,
    /// Whoever writes them has this, so that those who wait for it find them written.
    turn: tokio::sync::Mutex<()>,
    /// They will be written soon.
    scheduled: AtomicBool,
}

impl Pending {
    fn rows(&self) -> MutexGuard<'_, HashMap<(TenantId, Hour), Usage>> {
        // Every change of it is whole, so a panic elsewhere harms nothing.
        self.rows.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn add(&self, rows: impl IntoIterator<Item = ((TenantId, Hour), Usage)>) {
        let mut pending = self.rows();
        rows.into_iter().for_each(|(key, usage)| pending.entry(key).or_default().add(&usage));
    }
}

impl Inner {
    /// Counts a call that cost nothing and wrote nothing.
    pub(super) fn count_free(self: &Arc<Self>, tenant: TenantId, hour: Hour, usage: Usage) {
        self.pending.add([((tenant, hour), usage)]);
        if self.pending.scheduled.swap(true, Ordering::Relaxed) {
            return;
        }
        // A node that has stopped meanwhile has written them, and lets go of its database at once.
        let inner = Arc::downgrade(self);
        self.runtime.spawn(async move {
            tokio::time::sleep(KEPT_BACK_MAX).await;
            let Some(inner) = inner.upgrade() else { return };
            inner.pending.scheduled.store(false, Ordering::Relaxed);
            // It was logged, and is tried again with the next ones.
            let _ = inner.write_pending().await;
        });
    }

    /// Writes what was counted so far.
    ///
    /// # Errors
    /// [`CommitError`]; all of it is kept then.
    pub(super) async fn write_pending(&self) -> Result<(), CommitError> {
        let _turn = self.pending.turn.lock().await;
        let rows = std::mem::take(&mut *self.pending.rows());
        let written = self.ledger.add(&rows).await;
        if let Err(error) = &written {
            tracing::error!(%error, "the number of calls was not stored");
            self.pending.add(rows);
        }
        written
    }
}
