//! What the executor counts. Read by metrics and by tests.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

/// Counters since the executor began. Each is monotone except the gauges, which say so.
#[derive(Debug, Default)]
pub struct ExecutorStats {
    calls: AtomicU64,
    instances_created: AtomicU64,
    instances_alive: AtomicU64,
    waiting: AtomicU64,
    traps: AtomicU64,
    refused: AtomicU64,
}

impl ExecutorStats {
    /// Calls begun, those refused for want of an instance included.
    pub fn calls(&self) -> u64 {
        self.calls.load(Ordering::Relaxed)
    }

    /// Instances created: one for each call that ran.
    pub fn instances_created(&self) -> u64 {
        self.instances_created.load(Ordering::Relaxed)
    }

    /// Instances alive now (a gauge).
    pub fn instances_alive(&self) -> u64 {
        self.instances_alive.load(Ordering::Relaxed)
    }

    /// Calls that wait for an instance now (a gauge).
    pub fn waiting(&self) -> u64 {
        self.waiting.load(Ordering::Relaxed)
    }

    /// Calls that ended by a trap or at a limit.
    pub fn traps(&self) -> u64 {
        self.traps.load(Ordering::Relaxed)
    }

    /// Calls refused for want of an instance.
    pub fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }

    pub(super) fn call_began(&self) {
        self.calls.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn trapped(&self) {
        self.traps.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn call_refused(&self) {
        self.refused.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts an instance as alive until the guard drops.
    pub(super) fn instance(self: &Arc<Self>) -> Instance {
        self.instances_created.fetch_add(1, Ordering::Relaxed);
        self.instances_alive.fetch_add(1, Ordering::Relaxed);
        Instance(self.clone())
    }

    /// Counts a call as waiting until the guard drops; with it, how many wait, this one included.
    pub(super) fn waiter(&self) -> (u64, Gauge<'_>) {
        Gauge::up(&self.waiting)
    }
}

/// An instance that is alive, until dropped.
pub(super) struct Instance(Arc<ExecutorStats>);

impl Drop for Instance {
    fn drop(&mut self) {
        self.0.instances_alive.fetch_sub(1, Ordering::Relaxed);
    }
}

/// One more in a gauge, taken back on drop, also when a call's future is dropped midway.
pub(super) struct Gauge<'a>(&'a AtomicU64);

impl<'a> Gauge<'a> {
    fn up(gauge: &'a AtomicU64) -> (u64, Self) {
        (gauge.fetch_add(1, Ordering::Relaxed) + 1, Gauge(gauge))
    }
}

impl Drop for Gauge<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
