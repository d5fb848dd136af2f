//! How far opening a model is: a bar on a terminal, which is standard error, and lines in the log.

use indicatif::{ProgressBar, ProgressStyle};
use realm_engine::{LoadProgress, LoadStage, hub::PullProgress};
use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

/// How often the log says how far a thing is.
const LOG_EVERY: Duration = Duration::from_secs(5);

/// Follows one model into memory.
pub struct Progress {
    model: String,
    meter: Meter,
}

impl Progress {
    /// `model`: its name in the chain specification.
    pub fn new(model: &str) -> Self {
        Self { model: model.to_owned(), meter: Meter::new() }
    }
}

impl LoadProgress for Progress {
    fn advance(&self, stage: LoadStage, done: u64, total: u64) {
        let stage = match stage {
            LoadStage::Header => "header",
            LoadStage::Weights => "weights",
            LoadStage::Hash => "hash",
        };
        if self.meter.advance(stage, done, total) {
            tracing::info!(model = self.model, stage, done, total, "opening a model");
        }
    }
}

/// Follows a download.
pub struct Download(Meter);

impl Download {
    /// Nothing is here yet.
    pub fn new() -> Self {
        Self(Meter::new())
    }
}

impl PullProgress for Download {
    fn advance(&self, file: &str, done: u64, total: u64) {
        if self.0.advance(file, done, total) || done == total {
            tracing::info!(file, done, total, "fetching a model");
        }
    }
}

/// A bar that shows one thing after another. It is gone when this is dropped.
struct Meter {
    bar: ProgressBar,
    /// What the log heard of last, and when.
    logged: Mutex<Option<(String, Instant)>>,
}

impl Meter {
    fn new() -> Self {
        let bar = ProgressBar::new(0);
        if let Ok(style) = ProgressStyle::with_template("{msg:8} {wide_bar} {bytes}/{total_bytes}") {
            bar.set_style(style);
        }
        Self { bar, logged: Mutex::new(None) }
    }

    /// Shows that `done` of `total` bytes of a thing are done. Whether it is time for the log to hear of it.
    fn advance(&self, what: &str, done: u64, total: u64) -> bool {
        self.bar.set_message(what.to_owned());
        self.bar.set_length(total);
        self.bar.set_position(done);
        let mut logged = self.logged.lock().unwrap_or_else(PoisonError::into_inner);
        let due = logged.as_ref().is_none_or(|(last, at)| last != what || at.elapsed() >= LOG_EVERY);
        if due {
            *logged = Some((what.to_owned(), Instant::now()));
        }
        due
    }
}

impl Drop for Meter {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
