//! Calls that cost nothing and wrote nothing: nobody waits for their records, so these are added up here and written
//! together. A node that dies loses the last moment of them, which is figures and no money. While the disk is full they
//! are kept here, one row for each tenant and hour.

use super::{Hour, Inner, Usage};
use crate::tenants::TenantId;
use realm_host_functions::storage::{Changes, CommitError};
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
    rows: Mutex<Rows>,
    /// Whoever writes them has this, so that those who wait for it find them written.
    turn: tokio::sync::Mutex<()>,
    /// They will be written soon.
    scheduled: AtomicBool,
}

/// What is to be written.
#[derive(Debug, Default)]
struct Rows {
    usage: HashMap<(TenantId, Hour), Usage>,
    /// Calls that the database has as open. No more than ran when the disk became full.
    opened: Vec<Opened>,
}

/// A call that is over and that the database has as open.
#[derive(Debug)]
pub(super) struct Opened {
    pub(super) id: String,
    pub(super) tenant: TenantId,
    pub(super) hour: Hour,
    pub(super) usage: Usage,
}

impl Pending {
    fn rows(&self) -> MutexGuard<'_, Rows> {
        // Every change of it is whole, so a panic elsewhere harms nothing.
        self.rows.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Rows {
    fn add(&mut self, rows: impl IntoIterator<Item = ((TenantId, Hour), Usage)>) {
        rows.into_iter().for_each(|(key, usage)| self.usage.entry(key).or_default().add(&usage));
    }
}

impl Inner {
    /// Counts a call that cost nothing and wrote nothing.
    pub(super) fn count_free(self: &Arc<Self>, tenant: TenantId, hour: Hour, usage: Usage) {
        self.pending.rows().add([((tenant, hour), usage)]);
        self.schedule();
    }

    /// The same for a call that the database has as open and that could not be closed.
    pub(super) fn close_later(self: &Arc<Self>, call: Opened) {
        self.pending.rows().opened.push(call);
        self.schedule();
    }

    fn schedule(self: &Arc<Self>) {
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
            inner.prune_if_due(inner.hour());
        });
    }

    /// Writes what was counted so far.
    ///
    /// # Errors
    /// [`CommitError`]; all of it is kept then.
    pub(super) async fn write_pending(&self) -> Result<(), CommitError> {
        let _turn = self.pending.turn.lock().await;
        let Rows { usage, mut opened } = std::mem::take(&mut *self.pending.rows());
        let mut written = self.ledger.add(&usage).await;
        if written.is_err() {
            self.pending.rows().add(usage);
        }
        while written.is_ok()
            && let Some(call) = opened.last()
        {
            written = match self
                .ledger
                .close(Some(call.id.as_str()), &call.tenant, call.hour, &call.usage, Changes::new())
                .await
            {
                // Its entry is gone: it was counted, though nobody heard of it.
                Ok(()) | Err(CommitError::Conflict { .. }) => Ok(drop(opened.pop())),
                Err(error) => Err(error),
            };
        }
        self.pending.rows().opened.append(&mut opened);
        if let Err(error) = &written {
            tracing::error!(%error, "the number of calls was not stored");
        }
        written
    }
}
