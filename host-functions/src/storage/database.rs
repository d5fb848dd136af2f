//! The database, and how it comes back: redb stops after an input or output error until it is
//! opened again, so every beginning of a transaction tries that once.

use super::error::StoreError;
use redb::{Database, ReadTransaction, TransactionError, WriteTransaction};
use std::sync::{PoisonError, RwLock};

/// Opens the database: a closure, so that tests can bring a disk that fails.
pub(super) type Opener = Box<dyn Fn() -> Result<Database, redb::DatabaseError> + Send + Sync>;

/// A database that is opened again when it has failed.
pub(super) struct ReopeningDatabase {
    opener: Opener,
    /// `None` after it could not be opened again; the next transaction tries once more.
    database: RwLock<Option<Database>>,
}

impl ReopeningDatabase {
    pub(super) fn open(opener: Opener) -> Result<Self, redb::DatabaseError> {
        let database = opener()?;
        Ok(Self { opener, database: RwLock::new(Some(database)) })
    }

    pub(super) fn begin_read(&self) -> Result<ReadTransaction, StoreError> {
        self.begin(|database| redb::ReadableDatabase::begin_read(database))
    }

    pub(super) fn begin_write(&self) -> Result<WriteTransaction, StoreError> {
        self.begin(Database::begin_write)
    }

    fn begin<T>(&self, begin: impl Fn(&Database) -> Result<T, TransactionError>) -> Result<T, StoreError> {
        {
            let open = self.database.read().unwrap_or_else(PoisonError::into_inner);
            match open.as_ref().map(&begin) {
                Some(Ok(transaction)) => return Ok(transaction),
                Some(Err(TransactionError::Storage(_))) | None => {}
                Some(Err(error)) => return Err(redb::Error::from(error).into()),
            }
        }
        let mut open = self.database.write().unwrap_or_else(PoisonError::into_inner);
        // Another thread may have opened it while this one waited.
        if let Some(Ok(transaction)) = open.as_ref().map(&begin) {
            return Ok(transaction);
        }
        // The old one must be closed first: it holds the file's lock.
        *open = None;
        let database = (self.opener)().map_err(|error| StoreError::Reopen(error.to_string()))?;
        tracing::warn!("the database was opened again after an error");
        let transaction = begin(open.insert(database)).map_err(|error| redb::Error::from(error).into());
        transaction
    }
}
