//! How far opening a model is: a bar on a terminal, and lines in the log.

use indicatif::{ProgressBar, ProgressStyle};
use realm_engine::{LoadProgress, LoadStage, hub::PullProgress};
use std::{
    cell::RefCell,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

/// How often the log says how far a stage is.
const LOG_EVERY: Duration = Duration::from_secs(5);

/// Follows one model. The bar is gone when this is dropped.
pub struct Progress {
    model: String,
    bar: ProgressBar,
    /// The stage that the log heard of last, and when.
    logged: Mutex<Option<(LoadStage, Instant)>>,
}

impl Progress {
    /// `model`: its name in the chain specification.
    pub fn new(model: &str) -> Self {
        Self { model: model.to_owned(), bar: bar(), logged: Mutex::new(None) }
    }
}

impl LoadProgress for Progress {
    fn advance(&self, stage: LoadStage, done: u64, total: u64) {
        let name = match stage {
            LoadStage::Header => "header",
            LoadStage::Weights => "weights",
            LoadStage::Hash => "hash",
        };
        self.bar.set_message(name);
        self.bar.set_length(total);
        self.bar.set_position(done);
        let mut logged = self.logged.lock().unwrap_or_else(PoisonError::into_inner);
        if logged.is_none_or(|(last, at)| last != stage || at.elapsed() >= LOG_EVERY) {
            *logged = Some((stage, Instant::now()));
            tracing::info!(model = self.model, stage = name, done, total, "opening a model");
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

/// Follows a download: a bar on a terminal, which is standard error, and lines in the log if there is one.
pub struct Download {
    bar: ProgressBar,
    logged: RefCell<Option<(String, Instant)>>,
}

impl Download {
    /// Nothing is here yet.
    pub fn new() -> Self {
        Self { bar: bar(), logged: RefCell::new(None) }
    }
}

impl PullProgress for Download {
    fn advance(&self, file: &str, done: u64, total: u64) {
        self.bar.set_message(file.to_owned());
        self.bar.set_length(total);
        self.bar.set_position(done);
        let mut logged = self.logged.borrow_mut();
        let due = logged.as_ref().is_none_or(|(last, at)| last != file || at.elapsed() >= LOG_EVERY);
        if due || done == total {
            *logged = Some((file.to_owned(), Instant::now()));
            tracing::info!(file, done, total, "fetching a model");
        }
    }
}

impl Drop for Download {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

fn bar() -> ProgressBar {
    let bar = ProgressBar::new(0);
    if let Ok(style) = ProgressStyle::with_template("{msg:8} {wide_bar} {bytes}/{total_bytes}") {
        bar.set_style(style);
    }
    bar
}
