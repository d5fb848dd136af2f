//! Polls futures of guests on threads of their own. A poll is a slice: the epoch ticker makes a running guest yield after
//! about a millisecond, and then the tenant that used the least processor time is next.
//!
//! A system that is idle polls in place: when no other guest runs or waits, [`Guests::spawn`] polls the first slice on
//! the thread that spawns, which saves a short call two wake-ups of threads.

use crate::{
    CpuAccount, Scope,
    queue::{FairQueue, Share},
    threads,
};
use async_task::{Runnable, Task};
use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll},
    thread::JoinHandle,
};
use tokio::runtime::Handle;

/// The threads of guests.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct GuestConfig {
    /// Threads. A tenant's guests run on all of them but one at once. Default: one more than the machine has processors.
    pub threads: usize,
    /// Priority behind I/O and forward passes, as in `nice`, 0 to 19. Default 5.
    pub niceness: u8,
}

impl Default for GuestConfig {
    fn default() -> Self {
        Self { threads: threads::default_count(), niceness: 5 }
    }
}

/// Polls the futures of guests. Dropping it ends its threads and drops what still waits to be polled.
#[derive(Debug)]
pub struct Guests {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
    running_max: usize,
}

type Account = Arc<dyn CpuAccount>;

/// What a task carries: whose it is, and where its time is counted.
struct Owner {
    key: [u8; 32],
    share: Share,
    account: Account,
}

struct Shared {
    state: Mutex<State>,
    /// Something can be popped, or the threads must end.
    wake: Condvar,
}

struct State {
    queue: FairQueue<[u8; 32], Runnable<Owner>>,
    /// Threads that wait for something to do.
    sleeping: usize,
    stopped: bool,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let state = self.lock();
        write!(f, "{} run, {} wait", state.queue.running(), state.queue.waiting())
    }
}

impl Guests {
    /// Starts the threads.
    ///
    /// # Errors
    /// The system gave no thread.
    pub fn start(config: GuestConfig) -> std::io::Result<Self> {
        let count = config.threads.max(1);
        let state = State { queue: FairQueue::new(usize::MAX), sleeping: 0, stopped: false };
        let shared = Arc::new(Shared { state: Mutex::new(state), wake: Condvar::new() });
        let mut guests = Self { shared, threads: Vec::new(), running_max: count.saturating_sub(1).max(1) };
        for index in 0..count {
            let shared = guests.shared.clone();
            guests
                .threads
                .push(threads::start(format!("realm-guest-{index}"), config.niceness, move || shared.work())?);
        }
        Ok(guests)
    }

    /// Starts a future of a tenant. What its polls add to `account` is what they cost the tenant. Timers and channels
    /// of the tokio runtime that this is called in work inside of the future.
    ///
    /// # Cancel safety
    /// Dropping the task drops the future, on a guest thread, as soon as the tenant's turn comes.
    pub fn spawn<F>(&self, scope: Scope, account: Account, future: F) -> Task<F::Output, impl Send + Sync + 'static>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        let share = Share { weight: scope.weight, running_max: self.running_max, waiting_max: usize::MAX };
        let owner = Owner { key: scope.key, share, account };
        let future = Entered { runtime: Handle::try_current().ok(), future: Box::pin(future) };
        let shared = self.shared.clone();
        let (runnable, task) = async_task::Builder::new()
            .propagate_panic(true)
            .metadata(owner)
            .spawn(move |_| future, move |runnable| shared.schedule(runnable));
        if let Some(runnable) = self.shared.begin_in_place(runnable) {
            self.shared.run(runnable);
        }
        task
    }

    /// Guests that wait for a thread.
    pub fn waiting(&self) -> usize {
        self.shared.lock().queue.waiting()
    }
}

impl Drop for Guests {
    fn drop(&mut self) {
        let waiting = {
            let mut state = self.shared.lock();
            state.stopped = true;
            state.queue.drain()
        };
        self.shared.wake.notify_all();
        // Outside of the lock: dropping a future may wake and so schedule others.
        drop(waiting);
        let this = std::thread::current().id();
        for thread in self.threads.drain(..).filter(|thread| thread.thread().id() != this) {
            // The panic of a future is caught and belongs to whoever awaits it.
            let _ = thread.join();
        }
    }
}

impl Shared {
    /// The queue is whole after every statement that changes it, so a panic elsewhere harms nothing.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts a task into its tenant's queue. After the end of the threads it is dropped, and with it its future.
    fn schedule(&self, runnable: Runnable<Owner>) {
        let Owner { key, share, .. } = *runnable.metadata();
        let mut state = self.lock();
        if state.stopped {
            drop(state);
            drop(runnable);
            return;
        }
        // There is no limit here: a task waits at most once, and admission bounds the tasks.
        let pushed = state.queue.push(key, share, runnable);
        let wake = state.sleeping > 0;
        drop(state);
        debug_assert!(pushed.is_ok());
        if wake {
            self.wake.notify_one();
        }
    }

    /// Gives a new task back to be run by the caller if no other guest runs or waits, and else schedules it.
    fn begin_in_place(&self, runnable: Runnable<Owner>) -> Option<Runnable<Owner>> {
        let Owner { key, share, .. } = *runnable.metadata();
        let mut state = self.lock();
        if state.stopped || !state.queue.is_idle() {
            drop(state);
            self.schedule(runnable);
            return None;
        }
        // Through the queue, so that the policy knows that it runs.
        let _ = state.queue.push(key, share, runnable);
        state.queue.pop().map(|(_, runnable)| runnable)
    }

    /// Runs one slice and charges the tenant.
    fn run(&self, runnable: Runnable<Owner>) {
        let key = runnable.metadata().key;
        let cost_ns = slice(runnable);
        let mut state = self.lock();
        state.queue.done(key, cost_ns);
        // The slice may have counted as the last one that its tenant may run at once.
        let wake = state.sleeping > 0 && state.queue.waiting() > 0;
        drop(state);
        if wake {
            self.wake.notify_one();
        }
    }

    fn work(&self) {
        let mut state = self.lock();
        while !state.stopped {
            let Some((key, runnable)) = state.queue.pop() else {
                state.sleeping += 1;
                state = self.wake.wait(state).unwrap_or_else(PoisonError::into_inner);
                state.sleeping -= 1;
                continue;
            };
            drop(state);
            let cost_ns = slice(runnable);
            state = self.lock();
            state.queue.done(key, cost_ns);
        }
    }
}

/// Polls once; gives the nanoseconds that were counted meanwhile.
fn slice(runnable: Runnable<Owner>) -> u64 {
    let account = runnable.metadata().account.clone();
    let before = account.cpu_time();
    // Panics of the future go to whoever awaits the task. What arrives here is the panic of a destructor.
    if catch_unwind(AssertUnwindSafe(|| runnable.run())).is_err() {
        tracing::error!("a guest's future panicked when it was dropped");
    }
    u64::try_from(account.cpu_time().saturating_sub(before).as_nanos()).unwrap_or(u64::MAX)
}

/// A future that finds the tokio runtime it was made in, on whichever thread it is polled.
struct Entered<F> {
    runtime: Option<Handle>,
    future: Pin<Box<F>>,
}

impl<F: Future> Future for Entered<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let this = &mut *self;
        let _entered = this.runtime.as_ref().map(Handle::enter);
        this.future.as_mut().poll(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{
        sync::atomic::{AtomicBool, AtomicU64, Ordering},
        time::Duration,
    };

    /// Counts what it is told.
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

    fn scope(number: u8) -> Scope {
        Scope { key: [number; 32], weight: 1 }
    }

    fn guests(threads: usize) -> Guests {
        Guests::start(GuestConfig { threads, niceness: 0 }).unwrap()
    }

    /// Yields once, as a guest does at the end of its slice.
    async fn end_of_slice() {
        let mut yielded = false;
        std::future::poll_fn(|context| {
            if std::mem::replace(&mut yielded, true) {
                return Poll::Ready(());
            }
            context.waker().wake_by_ref();
            Poll::Pending
        })
        .await;
    }

    /// Guests ran on the async workers, where two endless loops of one tenant delayed every poll of another tenant. The
    /// delay is counted in slices of the loops, so that the test does not depend on the machine.
    #[tokio::test]
    async fn two_endless_loops_delay_another_tenant_by_a_few_slices() {
        let guests = guests(2);
        let (slices, stop) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
        let loops: Vec<_> = (0..2)
            .map(|_| {
                let (slices, stop) = (slices.clone(), stop.clone());
                let account = Arc::new(Counted::default());
                guests.spawn(scope(1), account.clone(), async move {
                    while !stop.load(Ordering::Relaxed) {
                        slices.fetch_add(1, Ordering::Relaxed);
                        account.add_cpu_time(Duration::from_millis(1));
                        std::thread::sleep(Duration::from_millis(1));
                        end_of_slice().await;
                    }
                })
            })
            .collect();
        let mut worst = 0;
        for _ in 0..20 {
            let before = slices.load(Ordering::Relaxed);
            let seen = slices.clone();
            let polled =
                guests.spawn(scope(2), Arc::new(Counted::default()), async move { seen.load(Ordering::Relaxed) });
            worst = worst.max(polled.await - before);
        }
        stop.store(true, Ordering::Relaxed);
        for task in loops {
            task.await;
        }
        // One thread may only ever run the loops, but the other one is free for anybody else.
        assert!(worst <= 8, "{worst} slices");
    }

    #[tokio::test]
    async fn a_dropped_task_drops_its_future_and_leaves_nothing() {
        let guests = guests(2);
        let held = Arc::new(());
        let holds = held.clone();
        let task = guests.spawn(scope(1), Arc::new(Counted::default()), async move {
            let _holds = holds;
            std::future::pending::<()>().await;
        });
        assert_eq!(Arc::strong_count(&held), 2);
        drop(task);
        while Arc::strong_count(&held) > 1 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        while !guests.shared.lock().queue.is_idle() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        assert_eq!(guests.shared.lock().queue.tenants(), 0);
    }

    #[tokio::test]
    async fn a_panic_reaches_whoever_awaits_and_no_thread_ends() {
        let guests = guests(1);
        for _ in 0..3 {
            let task = guests.spawn(scope(1), Arc::new(Counted::default()), async {
                end_of_slice().await;
                panic!("a guest");
            });
            let outcome = futures::FutureExt::catch_unwind(AssertUnwindSafe(task)).await;
            assert!(outcome.is_err());
        }
        assert_eq!(guests.spawn(scope(1), Arc::new(Counted::default()), async { 7 }).await, 7);
    }

    #[tokio::test]
    async fn timers_of_the_runtime_work_on_guest_threads() {
        let guests = guests(1);
        let task = guests.spawn(scope(1), Arc::new(Counted::default()), async {
            end_of_slice().await;
            tokio::time::sleep(Duration::from_millis(1)).await;
            std::thread::current().name().map(str::to_owned)
        });
        assert_eq!(task.await.as_deref(), Some("realm-guest-0"));
    }

    #[tokio::test]
    async fn the_first_slice_of_a_lone_guest_runs_in_place() {
        let guests = guests(1);
        let here = std::thread::current().id();
        let lone = guests.spawn(scope(1), Arc::new(Counted::default()), async { std::thread::current().id() });
        assert_eq!(lone.await, here);
    }
}
