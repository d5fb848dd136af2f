//! The writer: the one thread that changes the database. It takes all commits that wait, up to a
//! batch, checks each for conflicts and quota, and makes those that pass durable with one commit of
//! redb's. What it cannot write it refuses; readers do not notice.

use super::{
    changes::{Changes, Write},
    database::ReopeningDatabase,
    error::{CommitError, StoreError},
    store::{COMMITS, SIZES, VALUES, VERSION_BYTES, record},
};
use redb::{ReadableTable, Table, WriteTransaction};
use std::{
    collections::HashMap,
    sync::Arc,
    thread::{Builder, JoinHandle},
};
use tokio::sync::{mpsc, oneshot};

/// The one key of [`COMMITS`].
const LAST_COMMIT: &str = "last";

/// A commit that waits for the writer.
pub(super) struct Request {
    pub changes: Changes,
    pub reply: oneshot::Sender<Result<(), CommitError>>,
}

/// Makes the tables, so that readers of a new database find them.
pub(super) fn make_tables(database: &ReopeningDatabase) -> Result<(), StoreError> {
    let transaction = database.begin_write()?;
    transaction.open_table(VALUES).map_err(redb::Error::from)?;
    transaction.open_table(SIZES).map_err(redb::Error::from)?;
    transaction.open_table(COMMITS).map_err(redb::Error::from)?;
    transaction.commit().map_err(redb::Error::from)?;
    Ok(())
}

/// Starts the thread. It ends when all senders of `inbox` are gone and all requests are answered.
/// `check_disk` is asked before each batch whether so many bytes can be written.
pub(super) fn start(
    database: Arc<ReopeningDatabase>,
    mut inbox: mpsc::Receiver<Request>,
    batch_len_max: usize,
    check_disk: impl Fn(u64) -> Result<(), CommitError> + Send + 'static,
) -> std::io::Result<JoinHandle<()>> {
    Builder::new().name("realm-store".into()).spawn(move || {
        while let Some(first) = inbox.blocking_recv() {
            let mut batch = vec![first];
            while batch.len() < batch_len_max
                && let Ok(next) = inbox.try_recv()
            {
                batch.push(next);
            }
            let bytes = batch.iter().map(|request| request.changes.bytes()).sum();
            let outcomes = check_disk(bytes).and_then(|()| {
                write_batch(&database, batch.iter().map(|request| &request.changes))
                    .map_err(|error| CommitError::Unwritable(error.to_string()))
            });
            match outcomes {
                Ok(outcomes) => {
                    for (request, outcome) in batch.into_iter().zip(outcomes) {
                        // A call that was dropped meanwhile does not hear of its commit.
                        let _ = request.reply.send(outcome);
                    }
                }
                Err(error) => {
                    tracing::error!(commits = batch.len(), %error, "a batch of commits was refused");
                    for request in batch {
                        let _ = request.reply.send(Err(error.clone()));
                    }
                }
            }
        }
    })
}

/// Writes what passes its checks and commits. An error means that nothing was written.
fn write_batch<'a>(
    database: &ReopeningDatabase,
    batch: impl Iterator<Item = &'a Changes>,
) -> Result<Vec<Result<(), CommitError>>, StoreError> {
    let mut transaction = database.begin_write()?;
    // Allocator state goes to disk with each commit, so that opening after a kill repairs nothing.
    transaction.set_quick_repair(true);
    let outcomes = apply(&transaction, batch)?;
    if outcomes.iter().any(Result::is_ok) {
        transaction.commit().map_err(redb::Error::from)?;
    } else {
        transaction.abort().map_err(redb::Error::from)?;
    }
    Ok(outcomes)
}

fn apply<'a>(
    transaction: &WriteTransaction,
    batch: impl Iterator<Item = &'a Changes>,
) -> Result<Vec<Result<(), CommitError>>, StoreError> {
    let mut values = transaction.open_table(VALUES).map_err(redb::Error::from)?;
    let mut sizes = transaction.open_table(SIZES).map_err(redb::Error::from)?;
    let mut commits = transaction.open_table(COMMITS).map_err(redb::Error::from)?;
    let mut version = commits.get(LAST_COMMIT).map_err(redb::Error::from)?.map_or(0, |last| last.value());
    let mut outcomes = Vec::new();
    for changes in batch {
        let checked = check(&values, &sizes, changes)?;
        if let Ok(new_sizes) = &checked {
            version += 1;
            for write in &changes.writes {
                put(&mut values, write, version)?;
            }
            for (namespace, bytes) in new_sizes {
                sizes.insert(*namespace, bytes).map_err(redb::Error::from)?;
            }
        }
        outcomes.push(checked.map(drop));
    }
    commits.insert(LAST_COMMIT, version).map_err(redb::Error::from)?;
    Ok(outcomes)
}

type Values<'txn> = Table<'txn, (&'static str, &'static [u8]), &'static [u8]>;

/// Whether the changes may be written, and the sizes that their namespaces will have.
/// A key written twice by one commit counts as its last write, as it will be.
fn check<'a>(
    values: &Values<'_>,
    sizes: &Table<'_, &'static str, u64>,
    changes: &'a Changes,
) -> Result<Result<HashMap<&'a str, u64>, CommitError>, StoreError> {
    let mut new_sizes: HashMap<&str, u64> = HashMap::new();
    let mut quotas: HashMap<&str, (u64, u64)> = HashMap::new();
    let mut written: HashMap<(&str, &[u8]), u64> = HashMap::new();
    for write in &changes.writes {
        let namespace = &*write.namespace;
        let stored = values.get((namespace, &write.key[..])).map_err(redb::Error::from)?;
        let stored = stored.as_ref().map(|stored| record(stored.value())).transpose()?;
        if let Some(expected) = write.expected
            && expected != stored.map(|(version, _)| version)
        {
            return Ok(Err(CommitError::Conflict { key: write.key.clone() }));
        }
        let key_len = write.key.len() as u64;
        let stored_bytes = stored.map_or(0, |(_, value)| key_len + value.len() as u64);
        let bytes = write.value.as_ref().map_or(0, |value| key_len + value.len() as u64);
        let before = written.insert((namespace, &write.key), bytes).unwrap_or(stored_bytes);
        let size = match new_sizes.get(namespace) {
            Some(size) => *size,
            None => {
                let size = sizes.get(namespace).map_err(redb::Error::from)?.map_or(0, |size| size.value());
                quotas.insert(namespace, (size, write.quota_bytes));
                size
            }
        };
        new_sizes.insert(namespace, (size + bytes).saturating_sub(before));
    }
    for (namespace, (before, limit)) in quotas {
        let asked = new_sizes.get(namespace).copied().unwrap_or(before);
        // Shrinking is always allowed, also above the quota.
        if asked > limit && asked > before {
            return Ok(Err(CommitError::Quota { asked, limit }));
        }
    }
    Ok(Ok(new_sizes))
}

fn put(values: &mut Values<'_>, write: &Write, version: u64) -> Result<(), StoreError> {
    let key = (&*write.namespace, &write.key[..]);
    match &write.value {
        Some(value) => {
            let mut stored = Vec::with_capacity(VERSION_BYTES + value.len());
            stored.extend_from_slice(&version.to_le_bytes());
            stored.extend_from_slice(value);
            values.insert(key, &stored[..]).map_err(redb::Error::from)?;
        }
        None => {
            values.remove(key).map_err(redb::Error::from)?;
        }
    }
    Ok(())
}
