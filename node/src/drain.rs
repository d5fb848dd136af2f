//! How the node stops, and a tenant that is removed: first no new calls, then the running ones may finish, then they are cut.
//!
//! ```text
//!  Running ──begin──► Draining ──all calls ended──► done
//!                         └──────time is over────► Cut ──calls send their error──► done
//! ```

use realm_rpc::{ErrorCode, RpcError};
use std::time::Duration;
use tokio_util::{
    sync::CancellationToken,
    task::{TaskTracker, task_tracker::TaskTrackerToken},
};

/// How long calls that were cut get to send their last event.
const LAST_EVENT_WAIT_MAX: Duration = Duration::from_secs(2);

/// Counts running calls and tells them when to end. Cheap to clone; all clones are one.
#[derive(Clone, Debug, Default)]
pub struct Drain {
    draining: CancellationToken,
    cut: CancellationToken,
    calls: TaskTracker,
}

/// A running call, until all clones are dropped.
#[derive(Clone, Debug)]
#[must_use = "the call counts as running only while this is held"]
pub struct RunningCall(#[expect(dead_code, reason = "held for its Drop")] TaskTrackerToken);

impl Drain {
    /// Counts a call as running.
    ///
    /// # Errors
    /// `SHUTTING_DOWN` once the node drains.
    pub fn enter(&self) -> Result<RunningCall, RpcError> {
        // Counted before looking, so that a drain that begins meanwhile waits for this call.
        let running = RunningCall(self.calls.token());
        match self.draining.is_cancelled() {
            true => Err(refused()),
            false => Ok(running),
        }
    }

    /// Resolves when running calls must end now.
    ///
    /// # Cancel safety
    /// Cancel safe.
    pub async fn cut(&self) {
        self.cut.cancelled().await;
    }

    /// Resolves when no new calls are taken any more.
    ///
    /// # Cancel safety
    /// Cancel safe.
    pub async fn began(&self) {
        self.draining.cancelled().await;
    }

    /// Calls that run.
    pub fn running(&self) -> usize {
        self.calls.len()
    }

    /// Whether new calls are refused.
    pub fn is_draining(&self) -> bool {
        self.draining.is_cancelled()
    }

    /// Refuses new calls, waits for the running ones up to `wait_max`, then cuts them.
    pub async fn drain(&self, wait_max: Duration) {
        self.draining.cancel();
        self.calls.close();
        if tokio::time::timeout(wait_max, self.calls.wait()).await.is_ok() {
            return;
        }
        tracing::warn!(calls = self.calls.len(), "calls did not finish in time and are cut");
        self.cut.cancel();
        if tokio::time::timeout(LAST_EVENT_WAIT_MAX, self.calls.wait()).await.is_err() {
            tracing::warn!(calls = self.calls.len(), "calls whose readers do not read are dropped");
        }
    }
}

/// The error for calls that come too late.
pub fn refused() -> RpcError {
    RpcError::new(ErrorCode::ShuttingDown, "the node is shutting down and takes no new calls")
}

/// The error for calls that ran too long.
pub fn cut_short() -> RpcError {
    RpcError::new(ErrorCode::ShuttingDown, "the node is shutting down and the call did not finish in time")
}
