//! The database's file while no node has it: is it whole, and what is in it.

use super::{
    error::StoreError,
    store::{COMMITS, LAST_COMMIT, SIZES, SIZES_FORMAT, SIZES_WITH_OVERHEAD, VALUES, record},
};
use crate::budget::overhead::STORED_ENTRY_BYTES;
use redb::{Database, DatabaseError, ReadOnlyDatabase, ReadTransaction, ReadableDatabase, ReadableTable};
use std::{
    collections::BTreeMap,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

/// What a check found.
#[derive(Debug, Default)]
pub struct Checked {
    /// What each namespace holds.
    pub namespaces: BTreeMap<String, Held>,
    /// The pages did not fit together, as after a crash of the machine, and were repaired: what was
    /// committed last may be gone.
    pub repaired: bool,
    /// What is wrong in a file whose pages fit together; nothing, if it is as a node left it.
    pub problems: Vec<String>,
}

/// What a namespace holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Held {
    /// Keys.
    pub keys: u64,
    /// Bytes of keys and values.
    pub bytes: u64,
}

/// A stored value.
#[derive(Debug)]
pub struct Stored<'a> {
    /// Whose it is.
    pub namespace: &'a str,
    /// Its key.
    pub key: &'a [u8],
    /// Its value.
    pub value: &'a [u8],
}

/// Checks every page and every value, and repairs pages where that is needed.
///
/// # Errors
/// [`StoreError`]: a node has the file, it is not there or no database, or it cannot be repaired.
pub fn check(path: &Path) -> Result<Checked, StoreError> {
    let opening = |source| StoreError::Open { path: path.to_owned(), source };
    let repaired = Arc::new(AtomicBool::new(false));
    let seen = repaired.clone();
    let mut builder = Database::builder();
    builder.set_repair_callback(move |_| seen.store(true, Ordering::Relaxed));
    let mut database = builder.open(path).map_err(opening)?;
    let whole = database.check_integrity().map_err(opening)?;
    let repaired = repaired.load(Ordering::Relaxed) || !whole;
    let transaction = database.begin_read().map_err(redb::Error::from)?;
    Ok(Checked { repaired, ..read(&transaction)? })
}

/// Gives every value to `each`, in order of namespaces and keys, until it fails.
///
/// # Errors
/// [`StoreError`] as [`check`]; what `each` fails with.
pub fn export<E: From<StoreError>>(path: &Path, mut each: impl FnMut(Stored<'_>) -> Result<(), E>) -> Result<(), E> {
    let database = ReadOnlyDatabase::open(path).map_err(|source| StoreError::Open { path: path.to_owned(), source })?;
    let transaction = database.begin_read().map_err(failed)?;
    let values = transaction.open_table(VALUES).map_err(failed)?;
    for entry in values.iter().map_err(failed)? {
        let (key, value) = entry.map_err(failed)?;
        let (namespace, key) = key.value();
        each(Stored { namespace, key, value: record(value.value())?.1 })?;
    }
    Ok(())
}

impl StoreError {
    /// A node, or another program, has the database open.
    pub fn is_in_use(&self) -> bool {
        matches!(self, StoreError::Open { source: DatabaseError::DatabaseAlreadyOpen, .. })
    }

    /// The file must be repaired before it can be read.
    pub fn needs_repair(&self) -> bool {
        matches!(self, StoreError::Open { source: DatabaseError::RepairAborted, .. })
    }
}

/// Whether what the tables say of each other is so.
fn read(transaction: &ReadTransaction) -> Result<Checked, StoreError> {
    let values = transaction.open_table(VALUES).map_err(redb::Error::from)?;
    let sizes = transaction.open_table(SIZES).map_err(redb::Error::from)?;
    let commits = transaction.open_table(COMMITS).map_err(redb::Error::from)?;
    let last = commits.get(LAST_COMMIT).map_err(redb::Error::from)?.map_or(0, |last| last.value());
    let format = commits.get(SIZES_FORMAT).map_err(redb::Error::from)?.map_or(0, |format| format.value());
    let entry_bytes = if format == SIZES_WITH_OVERHEAD { STORED_ENTRY_BYTES } else { 0 };
    let mut checked = Checked::default();
    for entry in values.iter().map_err(redb::Error::from)? {
        let (key, value) = entry.map_err(redb::Error::from)?;
        let (namespace, key) = key.value();
        let (version, value) = match record(value.value()) {
            Ok((version, value)) => (version, value),
            Err(error) => {
                checked.problems.push(format!("{namespace}: a value of {} bytes: {error}", value.value().len()));
                continue;
            }
        };
        if version > last {
            checked.problems.push(format!("{namespace}: a value is of a commit after the last, {last}"));
        }
        let held = checked.namespaces.entry(namespace.to_owned()).or_default();
        held.keys += 1;
        held.bytes += (key.len() + value.len()) as u64;
    }
    for entry in sizes.iter().map_err(redb::Error::from)? {
        let (namespace, bytes) = entry.map_err(redb::Error::from)?;
        let (namespace, bytes) = (namespace.value(), bytes.value());
        let held = checked.namespaces.get(namespace).copied().unwrap_or_default();
        let counted = held.bytes + held.keys * entry_bytes;
        if counted != bytes {
            checked.problems.push(format!("{namespace}: holds {counted} bytes, but {bytes} are counted"));
        }
    }
    Ok(checked)
}

fn failed(error: impl Into<redb::Error>) -> StoreError {
    StoreError::Database(error.into())
}
