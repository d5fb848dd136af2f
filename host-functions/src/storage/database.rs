//! The database, and how it comes back: redb stops after an input or output error until it is
//! opened again, so every beginning of a transaction tries that once. Where it cannot be opened for
//! writing, it is opened for reading, and each write tries again.

use super::{error::StoreError, file::FileIdentity, read_only::ReadOnlyFile};
use redb::{Database, DatabaseError, ReadTransaction, TransactionError, WriteTransaction};
use std::{
    path::PathBuf,
    sync::{Arc, OnceLock, PoisonError, RwLock},
};

/// How the database is opened: closures, so that tests can bring a disk that fails.
pub(super) struct Openers {
    /// At first. Makes it if it is not there.
    pub first: Opener,
    /// After an error. What is not there any more is not made anew.
    pub again: Opener,
    /// The file to read from where that fails.
    pub file: Option<PathBuf>,
}

/// Which file was opened, once it was.
pub(super) type Opened = Arc<OnceLock<FileIdentity>>;

/// One way to open it.
pub(super) type Opener = Box<dyn Fn() -> Result<Database, DatabaseError> + Send + Sync>;

/// A database that is opened again when it has failed.
pub(super) struct ReopeningDatabase {
    again: Opener,
    file: Option<PathBuf>,
    state: RwLock<State>,
}

enum State {
    Open(Database),
    /// It could not be opened for writing.
    ReadOnly(Database),
    /// It could not be opened.
    Closed,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Purpose {
    Read,
    Write,
}

impl ReopeningDatabase {
    pub(super) fn open(openers: Openers) -> Result<Self, DatabaseError> {
        let database = (openers.first)()?;
        Ok(Self { again: openers.again, file: openers.file, state: RwLock::new(State::Open(database)) })
    }

    pub(super) fn begin_read(&self) -> Result<ReadTransaction, StoreError> {
        self.begin(Purpose::Read, |database| redb::ReadableDatabase::begin_read(database))
    }

    pub(super) fn begin_write(&self) -> Result<WriteTransaction, StoreError> {
        self.begin(Purpose::Write, Database::begin_write)
    }

    fn begin<T>(
        &self,
        purpose: Purpose,
        begin: impl Fn(&Database) -> Result<T, TransactionError>,
    ) -> Result<T, StoreError> {
        {
            let state = self.state.read().unwrap_or_else(PoisonError::into_inner);
            match state.database(purpose).map(&begin) {
                Some(Ok(transaction)) => return Ok(transaction),
                Some(Err(TransactionError::Storage(_))) | None => {}
                Some(Err(error)) => return Err(redb::Error::from(error).into()),
            }
        }
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        // Another thread may have opened it while this one waited.
        if let Some(Ok(transaction)) = state.database(purpose).map(&begin) {
            return Ok(transaction);
        }
        let unwritable = self.reopen(&mut state).err();
        match state.database(purpose) {
            Some(database) => begin(database).map_err(|error| redb::Error::from(error).into()),
            None => Err(StoreError::Reopen(unwritable.unwrap_or_default())),
        }
    }

    /// Opens it for writing, else for reading.
    ///
    /// # Errors
    /// Why it cannot be opened for writing.
    fn reopen(&self, state: &mut State) -> Result<(), String> {
        // The old one must be closed first: it holds the file's lock.
        *state = State::Closed;
        let error = match (self.again)() {
            Ok(database) => {
                tracing::warn!("the database was opened again after an error");
                *state = State::Open(database);
                return Ok(());
            }
            Err(error) => error.to_string(),
        };
        if let Some(file) = &self.file {
            let opened = ReadOnlyFile::open(file)
                .map_err(|error| error.to_string())
                .and_then(|file| Database::builder().create_with_backend(file).map_err(|error| error.to_string()));
            match opened {
                Ok(database) => *state = State::ReadOnly(database),
                Err(unreadable) => tracing::error!(error = unreadable, "the database cannot be read"),
            }
        }
        Err(error)
    }
}

impl State {
    fn database(&self, purpose: Purpose) -> Option<&Database> {
        match self {
            State::Open(database) => Some(database),
            State::ReadOnly(database) => (purpose == Purpose::Read).then_some(database),
            State::Closed => None,
        }
    }
}
