//! How far loading is.

/// A stage of loading.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LoadStage {
    /// Reading the header, the tokenizer and the chat template.
    Header,
    /// Repacking weights; counted in bytes of the file.
    Weights,
    /// Hashing the file; it goes on beside the packing, and this is the wait for its end.
    Hash,
}

/// Is told how loading proceeds, from the thread that loads.
pub trait LoadProgress: Sync {
    /// `done` of `total` bytes of a stage. Each stage begins with `done` = 0.
    fn advance(&self, stage: LoadStage, done: u64, total: u64);
}

/// Tells nobody.
pub struct Silent;

impl LoadProgress for Silent {
    fn advance(&self, _: LoadStage, _: u64, _: u64) {}
}

impl<F: Fn(LoadStage, u64, u64) + Sync> LoadProgress for F {
    fn advance(&self, stage: LoadStage, done: u64, total: u64) {
        self(stage, done, total);
    }
}
