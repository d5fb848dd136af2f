//! Heavy native work of tenants: bounded threads, a bounded queue, fair by the processor time that tenants use.
//!
//! What takes more than about a tenth of a millisecond and cannot be interrupted belongs here: tokenising, rendering
//! templates, transcoding and JSON of large values, hashing, tensor operations. An async worker or a guest thread that
//! did it itself would delay the tasks of every tenant on that thread.
//!
//! ```ignore
//! let tokens = heavy::run(scope, Some(tally.clone()), move || tokenizer.encode(&text)).await?;
//! ```
//!
//! There is one pool per process, because it stands for the processors of the machine.

use crate::{
    CpuAccount, Scope,
    queue::{EntryId, FairQueue, Full, Share},
    thread_cpu_time, threads,
};
use std::{
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError},
    time::Duration,
};
use tokio::sync::oneshot;

/// Bytes of input from which on work on text, JSON or SCALE is heavy: 16 KiB take about a tenth of a millisecond.
pub const HEAVY_BYTES_MIN: usize = 16 << 10;

/// Bounds of the pool.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct HeavyConfig {
    /// Threads. A tenant's work runs on all of them but one at once. Default: one more than the machine has processors.
    pub threads: usize,
    /// Priority behind I/O, forward passes and guests, as in `nice`, 0 to 19. Default 10.
    pub niceness: u8,
    /// Jobs of all tenants that wait. Default 1024.
    pub queue_len_max: usize,
    /// Jobs of one tenant that wait. Default 128.
    pub tenant_queue_len_max: usize,
    /// Jobs of all anonymous clients together that wait; at most one of them runs. Default 32.
    pub anonymous_queue_len_max: usize,
}

impl Default for HeavyConfig {
    fn default() -> Self {
        Self {
            threads: threads::default_count(),
            niceness: 10,
            queue_len_max: 1024,
            tenant_queue_len_max: 128,
            anonymous_queue_len_max: 32,
        }
    }
}

/// Why work was not done.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HeavyError {
    /// Too much work waits, of this tenant or of all.
    #[error("queue full: {waiting} jobs wait for a processor, the limit is {waiting_max}")]
    Overloaded {
        /// Jobs that wait.
        waiting: usize,
        /// The limit.
        waiting_max: usize,
    },
    /// The system gave no thread for it.
    #[error("the heavy work pool has no threads")]
    NoThreads,
}

impl From<Full> for HeavyError {
    fn from(Full { waiting, waiting_max }: Full) -> Self {
        Self::Overloaded { waiting, waiting_max }
    }
}

/// Sets the bounds of the process's pool. Returns `false` if the pool already has its bounds, because it was used or
/// configured before; then nothing changes.
pub fn configure(config: HeavyConfig) -> bool {
    let mut fresh = false;
    POOL.get_or_init(|| {
        fresh = true;
        Pool::start(config)
    });
    fresh
}

/// Runs `work` on the process's pool. The processor time it takes is added to `account`, also when nobody awaits the
/// result any more.
///
/// # Errors
/// [`HeavyError::Overloaded`] at once.
///
/// # Panics
/// If `work` panics, this does.
///
/// # Cancel safety
/// Dropping the future takes `work` out of the queue. Work that has begun ends, and is counted.
pub async fn run<T, W>(scope: Scope, account: Option<Arc<dyn CpuAccount>>, work: W) -> Result<T, HeavyError>
where
    T: Send + 'static,
    W: FnOnce() -> T + Send + 'static,
{
    POOL.get_or_init(|| Pool::start(HeavyConfig::default())).run(scope, account, work).await
}

/// Runs `work` on the process's pool if it is heavy, and at once if not.
///
/// # Errors
/// As [`run`].
pub async fn run_if<T, W>(
    heavy: bool,
    scope: Scope,
    account: Option<Arc<dyn CpuAccount>>,
    work: W,
) -> Result<T, HeavyError>
where
    T: Send + 'static,
    W: FnOnce() -> T + Send + 'static,
{
    if heavy { run(scope, account, work).await } else { Ok(work()) }
}

/// Jobs that wait in the process's pool.
pub fn waiting() -> usize {
    POOL.get().map_or(0, |pool| pool.shared.lock().queue.waiting())
}

static POOL: OnceLock<Pool> = OnceLock::new();

/// Runs the work and gives what it cost the tenant.
type Job = Box<dyn FnOnce() -> Duration + Send>;

/// Threads that end with the process.
struct Pool {
    config: HeavyConfig,
    threads: usize,
    shared: Arc<Shared>,
}

struct Shared {
    state: Mutex<State>,
    wake: Condvar,
}

struct State {
    queue: FairQueue<[u8; 32], Job>,
    stopped: bool,
}

impl Pool {
    fn start(config: HeavyConfig) -> Self {
        let state = State { queue: FairQueue::new(config.queue_len_max), stopped: false };
        let shared = Arc::new(Shared { state: Mutex::new(state), wake: Condvar::new() });
        let started = (0..config.threads.max(1)).map(|index| {
            let shared = shared.clone();
            threads::start(format!("realm-heavy-{index}"), config.niceness, move || shared.work())
        });
        let threads = started
            .filter(|started| {
                started.as_ref().inspect_err(|error| tracing::error!(%error, "a heavy thread is missing")).is_ok()
            })
            .count();
        Self { config, threads, shared }
    }

    fn share(&self, scope: &Scope) -> Share {
        let anonymous = scope.key == Scope::ANONYMOUS.key;
        Share {
            weight: scope.weight,
            running_max: if anonymous { 1 } else { self.threads.saturating_sub(1).max(1) },
            waiting_max: match anonymous {
                true => self.config.anonymous_queue_len_max,
                false => self.config.tenant_queue_len_max,
            },
        }
    }

    async fn run<T, W>(&self, scope: Scope, account: Option<Arc<dyn CpuAccount>>, work: W) -> Result<T, HeavyError>
    where
        T: Send + 'static,
        W: FnOnce() -> T + Send + 'static,
    {
        if self.threads == 0 {
            return Err(HeavyError::NoThreads);
        }
        let (reply, result) = oneshot::channel();
        let job: Job = Box::new(move || {
            let before = thread_cpu_time();
            let outcome = catch_unwind(AssertUnwindSafe(work));
            let cost = thread_cpu_time().saturating_sub(before);
            if let Some(account) = account {
                account.add_cpu_time(cost);
            }
            // Nobody may be waiting any more.
            let _ = reply.send(outcome);
            cost
        });
        let id = self.shared.lock().queue.push(scope.key, self.share(&scope), job)?;
        self.shared.wake.notify_one();
        let waiting = Waiting { shared: &self.shared, key: scope.key, id };
        let outcome = result.await;
        drop(waiting);
        match outcome {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(panic)) => resume_unwind(panic),
            // A job is dropped unsent only when its pool is.
            Err(_) => Err(HeavyError::NoThreads),
        }
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.shared.lock().stopped = true;
        self.shared.wake.notify_all();
    }
}

impl Shared {
    /// The queue is whole after every statement that changes it, so a panic elsewhere harms nothing.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn work(&self) {
        let mut state = self.lock();
        while !state.stopped {
            let Some((key, job)) = state.queue.pop() else {
                state = self.wake.wait(state).unwrap_or_else(PoisonError::into_inner);
                continue;
            };
            drop(state);
            let cost = job();
            state = self.lock();
            state.queue.done(key, u64::try_from(cost.as_nanos()).unwrap_or(u64::MAX));
        }
    }
}

/// A job in the queue, until dropped.
struct Waiting<'a> {
    shared: &'a Shared,
    key: [u8; 32],
    id: EntryId,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        let removed = self.shared.lock().queue.remove(self.key, self.id);
        // Outside of the lock: what the job holds may be large.
        drop(removed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::{FutureExt, future::join_all};
    use std::sync::{
        atomic::{AtomicU64, Ordering},
        mpsc,
    };

    fn scope(number: u8) -> Scope {
        Scope { key: [number; 32], weight: 1 }
    }

    fn pool(threads: usize) -> Pool {
        Pool::start(HeavyConfig { threads, niceness: 0, tenant_queue_len_max: 2, ..HeavyConfig::default() })
    }

    #[derive(Default)]
    struct Counted(AtomicU64);

    impl CpuAccount for Counted {
        fn cpu_time(&self) -> Duration {
            Duration::from_nanos(self.0.load(Ordering::Relaxed))
        }

        fn add_cpu_time(&self, time: Duration) {
            self.0.fetch_add(time.as_nanos() as u64, Ordering::Relaxed);
        }
    }

    /// Products ran on rayon's global threads, so a call that multiplied for seconds was charged no processor time.
    #[tokio::test]
    async fn parallel_work_is_counted_on_the_thread_that_runs_it() {
        let account = Arc::new(Counted::default());
        let alone = pool(2)
            .run(scope(1), Some(account.clone()), || {
                let spend = || {
                    let until = thread_cpu_time() + Duration::from_millis(5);
                    while thread_cpu_time() < until {
                        std::hint::spin_loop();
                    }
                };
                rayon::join(spend, spend);
                crate::computes_alone()
            })
            .await;
        assert_eq!(alone, Ok(true));
        assert!(account.cpu_time() >= Duration::from_millis(10), "{:?}", account.cpu_time());
    }

    #[tokio::test]
    async fn a_full_queue_refuses_and_another_tenant_is_served() {
        let pool = pool(2);
        let (release, held) = mpsc::channel::<()>();
        let mut busy = Box::pin(pool.run(scope(1), None, move || held.recv().is_ok()));
        assert!((&mut busy).now_or_never().is_none());
        while pool.shared.lock().queue.running() == 0 {
            tokio::task::yield_now().await;
        }
        // One of two threads is left for other tenants, so these wait.
        let mut waiting: Vec<_> = (0..2).map(|n| Box::pin(pool.run(scope(1), None, move || n))).collect();
        assert!(waiting.iter_mut().all(|future| future.now_or_never().is_none()));
        let refused = pool.run(scope(1), None, || 0).await;
        assert_eq!(refused, Err(HeavyError::Overloaded { waiting: 2, waiting_max: 2 }));
        assert_eq!(pool.run(scope(2), None, || 5).await, Ok(5));
        release.send(()).unwrap();
        busy.await.unwrap();
        assert_eq!(join_all(waiting).await, [Ok(0), Ok(1)]);
    }

    #[tokio::test]
    async fn dropped_work_leaves_the_queue_at_once() {
        let pool = pool(1);
        let (release, held) = mpsc::channel::<()>();
        let mut busy = Box::pin(pool.run(scope(1), None, move || held.recv().is_ok()));
        assert!((&mut busy).now_or_never().is_none());
        while pool.shared.lock().queue.running() == 0 {
            tokio::task::yield_now().await;
        }
        let large = Arc::new([0u8; 64]);
        let holds = large.clone();
        let mut cancelled = Box::pin(pool.run(scope(1), None, move || holds.len()));
        assert!((&mut cancelled).now_or_never().is_none());
        assert_eq!(Arc::strong_count(&large), 2);
        drop(cancelled);
        assert_eq!((Arc::strong_count(&large), pool.shared.lock().queue.waiting()), (1, 0));
        release.send(()).unwrap();
        busy.await.unwrap();
    }

    #[tokio::test]
    async fn a_panic_reaches_the_caller_and_the_thread_goes_on() {
        let pool = pool(1);
        let work = AssertUnwindSafe(pool.run(scope(1), None, || panic!("work")));
        assert!(work.catch_unwind().await.is_err());
        assert_eq!(pool.run(scope(1), None, || 3).await, Ok(3));
    }
}
