//! The epoch ticker: a thread of its own that advances the engine's epoch, so that a running guest
//! is looked at every few milliseconds no matter what the async executor's threads do.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{Builder, JoinHandle},
    time::Duration,
};
use wasmtime::EngineWeak;

/// Advances the epoch until dropped. Stops by itself when the engine is gone.
#[derive(Debug)]
pub(super) struct EpochTicker {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl EpochTicker {
    /// # Errors
    /// The system gave no thread.
    pub(super) fn start(engine: EngineWeak, interval: Duration) -> std::io::Result<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        let seen = stop.clone();
        let thread = Builder::new().name("realm-epoch".into()).spawn(move || {
            while !seen.load(Ordering::Relaxed) {
                std::thread::sleep(interval);
                let Some(engine) = engine.upgrade() else { return };
                engine.increment_epoch();
            }
        })?;
        Ok(Self { stop, thread: Some(thread) })
    }
}

impl Drop for EpochTicker {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // The thread cannot panic; if it did, there is nothing left to stop.
            let _ = thread.join();
        }
    }
}
