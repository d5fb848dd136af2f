//! A few persistent threads that run the chunks of one loop at a time.
//!
//! ```text
//! caller   open job ── take chunks ──────── close job ── wait for joined workers ── return
//! worker        └ join ── take chunks ── leave ┘
//! ```
//!
//! Chunks are handed out by an atomic counter, so whoever has time takes the next: large ones first, for
//! long streams of reads, then smaller ones, so that all end together. A worker joins a job only while it
//! is open: if it sleeps, or another process holds its core, the caller does all chunks itself and waits
//! for nobody. Workers spin for a bounded number of rounds between jobs, giving way to anybody who has
//! something to do, and then park. While they spin they ask for the weights that come next
//! ([`Pool::expect`]), so that memory does not rest.

use std::any::Any;
use std::cell::UnsafeCell;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use crate::{Isa, Matrix, memory};

/// Rounds a worker spins after a job before it parks: 100 to 300 microseconds, longer than the gap between two forward
/// passes of a small model, because waking a processor that sleeps takes as long as such a pass.
const SPIN_ROUNDS_MAX: u32 = 6_000;
/// After so many rounds, a microsecond or two, a spinning worker offers its processor to whoever has something to do.
const ROUNDS_PER_OFFER: u32 = 64;
/// After so many loops a thread offers its processor. Threads that compute are full of work for longer than a turn of the
/// system's scheduler, and where that preempts at its ticks only, whoever woke meanwhile (to send a token, say) would wait
/// for up to 4 ms; with offers he waits for a few loops. With nobody waiting an offer costs less than a microsecond.
const LOOPS_PER_OFFER: u64 = 4;
/// A chunk is what is left divided by this many per thread.
const SHARES_PER_THREAD: usize = 2;
/// Bytes of expected weights that a waiting worker asks for, at most: more gained nothing.
const EXPECTED_BYTES_MAX: usize = 64 << 10;
/// Bytes that it asks for between two looks for a job.
const EXPECTED_BYTES_STEP: usize = 256;
/// Threads beyond this are refused: more never help kernels that are bound by memory.
const THREADS_MAX: usize = 256;

/// The low bits of `Shared::state`: workers inside the job.
const JOINED: u64 = (1 << 16) - 1;
/// Set while workers may join.
const OPEN: u64 = 1 << 16;
/// One more job.
const EPOCH: u64 = 1 << 32;

/// Persistent threads and the instruction set their kernels use.
///
/// One loop runs at a time. A loop started while another runs (from inside a chunk, or from another
/// thread) runs on its caller's thread. Dropping the pool ends its threads.
pub struct Pool {
    shared: Arc<Shared>,
    workers: Vec<JoinHandle<()>>,
    /// Held while a loop runs.
    busy: AtomicBool,
    isa: Isa,
}

struct Shared {
    /// Epoch, `OPEN` and the number of joined workers in one word, so that joining and closing
    /// exclude each other.
    state: AtomicU64,
    job: UnsafeCell<Job>,
    stop: AtomicBool,
    asleep: Box<[AtomicBool]>,
    /// Where the weights begin that come next, and their bytes. Never read through: only asked for.
    expected: (AtomicUsize, AtomicUsize),
    panic: Mutex<Option<Box<dyn Any + Send>>>,
}

// SAFETY: `job` is written only by the holder of `Pool::busy` while the state is closed with nobody
// joined, and read only by joined workers; all else is Sync by itself.
unsafe impl Sync for Shared {}
// SAFETY: the pointers in `job` are used only while the loop they belong to runs.
unsafe impl Send for Shared {}

/// A borrowed `Chunks<F>` whose type is erased: the pointer and the function that knows its type.
#[derive(Clone, Copy)]
struct Job {
    chunks: *const (),
    run: unsafe fn(*const ()),
}

struct Chunks<'a, F> {
    next: AtomicUsize,
    units: usize,
    chunk_len: usize,
    /// Chunks that what is left would make.
    shares: usize,
    body: &'a F,
}

impl<F: Fn(Range<usize>) + Sync> Chunks<'_, F> {
    fn run(&self) {
        while let Some(chunk) = self.take() {
            (self.body)(chunk);
        }
    }

    fn take(&self) -> Option<Range<usize>> {
        let mut start = self.next.load(Ordering::Relaxed);
        while start < self.units {
            let left = self.units - start;
            let len = (left / self.shares / self.chunk_len).max(1) * self.chunk_len;
            let end = start + len.min(left);
            match self.next.compare_exchange_weak(start, end, Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => return Some(start..end),
                Err(now) => start = now,
            }
        }
        None
    }

    /// # Safety
    /// `chunks` points to a live `Chunks<F>`.
    unsafe fn run_erased(chunks: *const ()) {
        // SAFETY: by this function's contract.
        unsafe { (*chunks.cast::<Self>()).run() }
    }
}

impl Pool {
    /// A pool of `threads` threads, the caller's included, with the machine's best instruction set.
    /// At least one, at most 256; fewer if the system refuses to start them.
    pub fn new(threads: usize) -> Pool {
        Pool::with_isa(threads, Isa::detect())
    }

    /// As [`Pool::new`], with an instruction set of choice.
    pub fn with_isa(threads: usize, isa: Isa) -> Pool {
        let worker_count = threads.clamp(1, THREADS_MAX) - 1;
        let shared = Arc::new(Shared {
            state: AtomicU64::new(0),
            job: UnsafeCell::new(Job { chunks: std::ptr::null(), run: nothing }),
            stop: AtomicBool::new(false),
            asleep: (0..worker_count).map(|_| AtomicBool::new(false)).collect(),
            expected: (AtomicUsize::new(0), AtomicUsize::new(0)),
            panic: Mutex::new(None),
        });
        let workers = (0..worker_count)
            .map_while(|index| {
                let shared = shared.clone();
                std::thread::Builder::new().name(format!("kernel-{index}")).spawn(move || shared.work(index)).ok()
            })
            .collect();
        Pool { shared, workers, busy: AtomicBool::new(false), isa }
    }

    /// Threads that take chunks, the caller's included.
    pub fn threads(&self) -> usize {
        self.workers.len() + 1
    }

    /// The instruction set that kernels given this pool use.
    pub fn isa(&self) -> Isa {
        self.isa
    }

    /// Says which weights are multiplied next but one: behind the loop that runs next. Threads that wait for
    /// work then ask memory for their part of them.
    pub fn expect(&self, next: &Matrix) {
        let bytes = next.as_bytes();
        self.shared.expected.1.store(bytes.len(), Ordering::Relaxed);
        self.shared.expected.0.store(bytes.as_ptr().addr(), Ordering::Relaxed);
    }

    /// Calls `body` with ranges that together cover `0..units`, each once, on whichever threads are free;
    /// returns when all are done. A range has `chunk_len` units or a multiple, but for the last. With one
    /// chunk, all on the caller.
    ///
    /// # Panics
    /// A panic in `body` is passed on to the caller after every thread has left the loop.
    pub fn run<F: Fn(Range<usize>) + Sync>(&self, units: usize, chunk_len: usize, body: F) {
        let chunk_len = chunk_len.max(1);
        if units <= chunk_len || self.workers.is_empty() || self.busy.swap(true, Ordering::Acquire) {
            if units > 0 {
                body(0..units);
            }
            return;
        }
        let shares = self.threads() * SHARES_PER_THREAD;
        let chunks = Chunks { next: AtomicUsize::new(0), units, chunk_len, shares, body: &body };
        let job = Job { chunks: (&raw const chunks).cast(), run: Chunks::<F>::run_erased };
        // SAFETY: `busy` is held and the last loop ended closed with nobody joined, so no other
        // thread looks at the job.
        unsafe { *self.shared.job.get() = job };
        let state = &self.shared.state;
        let epoch = state.load(Ordering::Relaxed) & !(EPOCH - 1);
        state.store(epoch.wrapping_add(EPOCH) | OPEN, Ordering::SeqCst);
        for (asleep, worker) in self.shared.asleep.iter().zip(&self.workers) {
            if asleep.load(Ordering::SeqCst) {
                worker.thread().unpark();
            }
        }
        let mine = catch_unwind(AssertUnwindSafe(|| chunks.run()));
        if mine.is_err() {
            chunks.next.store(units, Ordering::Relaxed);
        }
        // Once closed nobody joins; `chunks` must outlive those who have.
        state.fetch_and(!OPEN, Ordering::AcqRel);
        let mut rounds = 0u32;
        while state.load(Ordering::Acquire) & JOINED != 0 {
            rounds += 1;
            if rounds < SPIN_ROUNDS_MAX { std::hint::spin_loop() } else { std::thread::yield_now() }
        }
        let theirs = self.shared.panic.lock().unwrap_or_else(|poison| poison.into_inner()).take();
        self.busy.store(false, Ordering::Release);
        offer(epoch / EPOCH);
        if let Some(payload) = mine.err().or(theirs) {
            resume_unwind(payload);
        }
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::SeqCst);
        for worker in self.workers.drain(..) {
            worker.thread().unpark();
            // A worker catches the panics of its jobs, so it ends well.
            let _ = worker.join();
        }
    }
}

impl std::fmt::Debug for Pool {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pool").field("threads", &self.threads()).field("isa", &self.isa).finish()
    }
}

impl Shared {
    /// A worker's life: wait for an open job not seen before, join, work, leave.
    fn work(&self, index: usize) {
        let mut seen = 0;
        while let Some(state) = self.next_open(index, seen) {
            if self.state.compare_exchange(state, state + 1, Ordering::AcqRel, Ordering::Relaxed).is_err() {
                continue;
            }
            seen = state / EPOCH;
            // SAFETY: joined, so the job is not rewritten until this worker leaves.
            let job = unsafe { *self.job.get() };
            // SAFETY: the loop's caller keeps the chunks alive while anybody is joined.
            let outcome = catch_unwind(AssertUnwindSafe(|| unsafe { (job.run)(job.chunks) }));
            if let Err(payload) = outcome {
                *self.panic.lock().unwrap_or_else(|poison| poison.into_inner()) = Some(payload);
            }
            self.state.fetch_sub(1, Ordering::Release);
            offer(seen);
        }
    }

    /// Addresses of the expected weights that worker `index` will read first: the caller takes the first
    /// chunk, and the workers the following.
    fn expected(&self, index: usize) -> Range<usize> {
        let (start, len) = (self.expected.0.load(Ordering::Relaxed), self.expected.1.load(Ordering::Relaxed));
        let threads = self.asleep.len() + 1;
        let share = len / (threads * SHARES_PER_THREAD);
        let start = start + share * (index + 1);
        start..start + share.min(EXPECTED_BYTES_MAX)
    }

    /// The state in which an unseen job is open; `None` when the pool ends.
    fn next_open(&self, index: usize, seen: u64) -> Option<u64> {
        let fresh = |state: u64| state & OPEN != 0 && state / EPOCH != seen;
        let mut expected = self.expected(index);
        let mut rounds = 0u32;
        loop {
            let state = self.state.load(Ordering::Acquire);
            if fresh(state) {
                return Some(state);
            }
            if self.stop.load(Ordering::Relaxed) {
                return None;
            }
            rounds += 1;
            if rounds < SPIN_ROUNDS_MAX {
                if rounds.is_multiple_of(ROUNDS_PER_OFFER) {
                    std::thread::yield_now();
                } else if expected.is_empty() {
                    std::hint::spin_loop();
                } else {
                    let step = expected.start..expected.end.min(expected.start + EXPECTED_BYTES_STEP);
                    expected.start = step.end;
                    for address in step.step_by(memory::CACHE_LINE) {
                        memory::prefetch::<2>(std::ptr::without_provenance(address));
                    }
                }
                continue;
            }
            rounds = 0;
            // Either this worker sees the job below, or the job's caller sees it asleep.
            self.asleep[index].store(true, Ordering::SeqCst);
            if !fresh(self.state.load(Ordering::SeqCst)) && !self.stop.load(Ordering::SeqCst) {
                std::thread::park();
            }
            self.asleep[index].store(false, Ordering::SeqCst);
        }
    }
}

/// Lets others have the processor for a moment, every so many loops.
fn offer(epoch: u64) {
    if epoch % LOOPS_PER_OFFER == 0 {
        std::thread::yield_now();
    }
}

unsafe fn nothing(_: *const ()) {}
