//! Why the books cannot be opened, read or kept.

use realm_host_functions::storage::{CommitError, StoreError};

/// Why the books cannot be opened, read or kept.
#[derive(Debug, thiserror::Error)]
pub enum MeteringError {
    /// The database cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The database cannot be written.
    #[error(transparent)]
    Commit(#[from] CommitError),
    /// What was read is not what was written.
    #[error("{0} in the database is damaged")]
    Corrupt(&'static str),
    /// A question with a longer answer than one may have.
    #[error("that is more than {rows_max} rows; ask for less time, for longer periods or for one tenant")]
    TooManyRows {
        /// The most there may be.
        rows_max: usize,
    },
}
