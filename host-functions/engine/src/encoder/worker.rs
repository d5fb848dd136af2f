//! The thread that owns an encoder's weights, and the line in front of it.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Instant;

use tokio::sync::oneshot;

use super::line::Line;
use crate::TenantKey;
use crate::executor::ExecutorError;
use crate::meter::{Charge, TokenMeter};
use crate::model::{EngineCounters, EngineLoad};

/// Computes vectors. A text's vector depends on its tokens alone.
pub trait TextEncoder: Send {
    /// One vector for each text, in order. There is a token in each, and no more than the model has positions.
    ///
    /// # Errors
    /// [`ExecutorError`] if the device fails.
    fn encode(&mut self, texts: &[&[u32]]) -> Result<Vec<Vec<f32>>, ExecutorError>;
}

/// Bounds of an encoder's worker.
#[derive(Clone, Copy, Debug)]
pub struct EncoderLimits {
    /// Texts that wait.
    pub queue_len_max: usize,
    /// Tokens computed together; a longer text is computed by itself.
    pub batch_tokens_max: usize,
}

/// Why a text got no vector.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EncodeTextError {
    #[error("too many texts are waiting; this one would have been number {position}")]
    Overloaded { position: usize },
    #[error(transparent)]
    Failed(#[from] ExecutorError),
    #[error("the model is not available any more")]
    Stopped,
}

struct Waiting {
    tokens: Vec<u32>,
    meter: Option<Arc<dyn TokenMeter>>,
    reply: oneshot::Sender<Result<Vec<f32>, ExecutorError>>,
}

struct State {
    line: Line<Waiting>,
    /// Texts that are being computed.
    running: usize,
    stopped: bool,
    counters: EngineCounters,
}

struct Shared {
    state: Mutex<State>,
    wake: Condvar,
    limits: EncoderLimits,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        // A panic while the lock is held is a bug in bookkeeping; the state stays what the last event made it.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn stop(&self) {
        let mut state = self.lock();
        state.stopped = true;
        state.line.clear();
        drop(state);
        self.wake.notify_one();
    }
}

/// An encoder's worker; ends when dropped.
pub struct Encoder {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

impl Encoder {
    /// Starts the thread.
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn start(encoder: Box<dyn TextEncoder>, limits: EncoderLimits) -> std::io::Result<Self> {
        let line = Line::new(limits.queue_len_max.max(1));
        let state = State { line, running: 0, stopped: false, counters: EngineCounters::default() };
        let shared = Arc::new(Shared { state: Mutex::new(state), wake: Condvar::new(), limits });
        let mine = StopOnExit(shared.clone());
        let thread = std::thread::Builder::new().name("realm-encoder".into()).spawn(move || work(&mine.0, encoder))?;
        Ok(Self { shared, thread: Some(thread) })
    }

    /// Puts a text in line. It is computed whether or not the answer is waited for, until that is dropped.
    /// `meter` is told when it is.
    ///
    /// # Errors
    /// [`EncodeTextError::Overloaded`] and [`EncodeTextError::Stopped`].
    pub fn submit(
        &self,
        owner: TenantKey,
        tokens: Vec<u32>,
        meter: Option<&Arc<dyn TokenMeter>>,
    ) -> Result<PendingVector, EncodeTextError> {
        let (reply, vector) = oneshot::channel();
        let mut state = self.shared.lock();
        if state.stopped {
            return Err(EncodeTextError::Stopped);
        }
        let mut waiting = Waiting { tokens, meter: meter.cloned(), reply };
        if let Err(refused) = state.line.push(owner, waiting) {
            // Those whose callers have gone make room.
            waiting = refused;
            state.line.retain(|waiting| !waiting.reply.is_closed());
            let position = state.line.len() + 1;
            state.line.push(owner, waiting).map_err(|_| EncodeTextError::Overloaded { position })?;
        }
        drop(state);
        self.shared.wake.notify_one();
        Ok(PendingVector(vector))
    }

    pub fn load_now(&self) -> EngineLoad {
        let state = self.shared.lock();
        let queued = state.line.len();
        EngineLoad { jobs: queued + state.running, queued, ..EngineLoad::default() }
    }

    pub fn counters(&self) -> EngineCounters {
        self.shared.lock().counters
    }
}

impl Drop for Encoder {
    fn drop(&mut self) {
        self.shared.stop();
        if let Some(thread) = self.thread.take() {
            // A worker that panicked has said so on standard error; there is nobody left to tell.
            let _ = thread.join();
        }
    }
}

/// A vector on its way; dropping it takes the text out of the line.
pub struct PendingVector(oneshot::Receiver<Result<Vec<f32>, ExecutorError>>);

impl PendingVector {
    pub async fn wait(self) -> Result<Vec<f32>, EncodeTextError> {
        Ok(self.0.await.map_err(|_| EncodeTextError::Stopped)??)
    }
}

/// However the worker's thread ends, nobody waits for it in vain.
struct StopOnExit(Arc<Shared>);

impl Drop for StopOnExit {
    fn drop(&mut self) {
        self.0.stop();
    }
}

fn work(shared: &Shared, mut encoder: Box<dyn TextEncoder>) {
    while let Some(batch) = next_batch(shared) {
        let Batch { waiting: batch, charges } = batch;
        let texts: Vec<&[u32]> = batch.iter().map(|waiting| &waiting.tokens[..]).collect();
        let began = Instant::now();
        let outcome = encoder.encode(&texts);
        let took = began.elapsed();
        let tokens: usize = texts.iter().map(|text| text.len()).sum();
        let mut state = shared.lock();
        state.running = 0;
        if outcome.is_ok() {
            state.counters.steps += 1;
            state.counters.sequences += batch.len() as u64;
            state.counters.tokens += tokens as u64;
            state.counters.busy += took;
        }
        drop(state);
        match &outcome {
            Ok(_) => charges.into_iter().for_each(Charge::computed),
            Err(_) => drop(charges),
        }
        // A receiver that is gone has cancelled.
        match outcome {
            Ok(vectors) => batch.into_iter().zip(vectors).for_each(|(waiting, vector)| {
                let _ = waiting.reply.send(Ok(vector));
            }),
            Err(error) => batch.into_iter().for_each(|waiting| {
                let _ = waiting.reply.send(Err(error.clone()));
            }),
        }
    }
}

/// Texts that are computed together.
#[derive(Default)]
struct Batch {
    waiting: Vec<Waiting>,
    /// Dropped, by a panic too, they count as not computed.
    charges: Vec<Charge>,
}

/// Waits for texts and takes as many as fit together; `None` when the worker shall end.
fn next_batch(shared: &Shared) -> Option<Batch> {
    let mut state = shared.lock();
    loop {
        if state.stopped {
            return None;
        }
        let (mut batch, mut tokens) = (Batch::default(), 0);
        let fits = |tokens: usize, waiting: &Waiting| {
            waiting.reply.is_closed() || tokens == 0 || tokens + waiting.tokens.len() <= shared.limits.batch_tokens_max
        };
        while let Some(waiting) = state.line.pop_if(|waiting| fits(tokens, waiting)) {
            // Charged first, then looked at: a caller that goes away either keeps the text from being computed, or sees
            // that it is.
            let charge = waiting.meter.as_ref().map(|meter| Charge::begin(meter, waiting.tokens.len() as u64));
            if !waiting.reply.is_closed() {
                tokens += waiting.tokens.len();
                batch.waiting.push(waiting);
                batch.charges.extend(charge);
            }
        }
        if !batch.waiting.is_empty() {
            state.running = batch.waiting.len();
            return Some(batch);
        }
        state = shared.wake.wait(state).unwrap_or_else(PoisonError::into_inner);
    }
}
