//! How late the async workers are: a task that wakes up at short intervals and measures how much later than it asked for.
//!
//! A worker that is held by something long delays the timers, sockets and tasks that are due. There is one such task per
//! worker, so that one worker that is free does not hide the others for long.

use std::time::Duration;
use substrate_prometheus_endpoint::Histogram;
use tokio::{
    runtime::Handle,
    task::JoinSet,
    time::{Instant, sleep_until},
};

/// Time between two measurements of a task.
pub const HEARTBEAT_INTERVAL: Duration = Duration::from_millis(20);

/// Measures until it is dropped. Needs a tokio runtime.
pub fn start(stall_seconds: &Histogram) -> JoinSet<()> {
    let mut tasks = JoinSet::new();
    for _ in 0..Handle::current().metrics().num_workers() {
        tasks.spawn(beat(stall_seconds.clone()));
    }
    tasks
}

async fn beat(stall_seconds: Histogram) {
    loop {
        let due = Instant::now() + HEARTBEAT_INTERVAL;
        sleep_until(due).await;
        stall_seconds.observe(due.elapsed().as_secs_f64());
    }
}
