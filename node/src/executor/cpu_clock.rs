//! Processor time of a call: what its polls spend on the threads that poll it. Guest and host
//! functions run inside the polls; a call that waits is not polled and costs nothing. A step of the engine that a poll
//! computes for all whose tokens are in it does not count.

use realm_engine::own_thread_time;
use realm_host_functions::CallTally;
use std::{
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll},
    time::{Duration, Instant},
};

/// A poll that is over sooner is charged by the wall's clock: that is too much by what the thread was kept waiting for, and
/// saves asking the system for the thread's time, which takes a microsecond.
const SHORT_POLL: Duration = Duration::from_micros(50);

/// Processor time that a call has used, shared between its future and its epoch callback. The polls
/// that ended are in the call's tally, which outlives the call.
#[derive(Clone, Debug)]
pub(super) struct CpuClock(Arc<Times>);

#[derive(Debug)]
struct Times {
    tally: Arc<CallTally>,
    /// Thread time at which the present poll began.
    began_ns: AtomicU64,
}

impl CpuClock {
    /// A clock that counts in this tally.
    pub(super) fn new(tally: Arc<CallTally>) -> Self {
        Self(Arc::new(Times { tally, began_ns: AtomicU64::new(0) }))
    }

    /// Time used by the polls that ended.
    pub(super) fn used(&self) -> Duration {
        self.0.tally.cpu_time()
    }

    /// Time used up to now; asked from inside a poll.
    pub(super) fn used_in_poll(&self) -> Duration {
        let present = own_time_ns().saturating_sub(self.0.began_ns.load(Ordering::Relaxed));
        self.used() + Duration::from_nanos(present)
    }

    /// A future whose polls are timed by this clock.
    pub(super) fn timed<F>(&self, future: F) -> Timed<F> {
        Timed { clock: self.clone(), future: Box::pin(future) }
    }
}

/// A future whose polls are timed.
pub(super) struct Timed<F> {
    clock: CpuClock,
    future: Pin<Box<F>>,
}

impl<F: Future> Future for Timed<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let (began, began_at) = (own_time_ns(), Instant::now());
        let clock = self.clock.0.clone();
        clock.began_ns.store(began, Ordering::Relaxed);
        let outcome = self.future.as_mut().poll(context);
        let wall = began_at.elapsed();
        let used = if wall < SHORT_POLL { wall.as_nanos() as u64 } else { own_time_ns().saturating_sub(began) };
        clock.tally.add_cpu_time_ns(used);
        outcome
    }
}

fn own_time_ns() -> u64 {
    own_thread_time().as_nanos() as u64
}
