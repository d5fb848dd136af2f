//! The writer: the one thread that changes the database. It takes a batch of the commits that wait ([`CommitQueue`]),
//! checks each for conflicts and quota, and makes those that pass durable with one commit of redb's. What it cannot
//! write it refuses; readers do not notice.

use super::{
    changes::{Changes, Write},
    counters,
    custody::{Custody, Handover, LastWrites},
    database::ReopeningDatabase,
    error::{CommitError, StoreError},
    queue::{BatchLimits, CommitQueue},
    store::{
        COMMITS, LAST_COMMIT, SIZES, SIZES_FORMAT, SIZES_WITH_OVERHEAD, VALUES, VERSION_BYTES, record, stored_bytes,
    },
};
use redb::{ReadableTable, Table, WriteTransaction};
use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread::{Builder, JoinHandle},
};
use tokio::sync::{mpsc, oneshot};

/// A commit that waits for the writer.
#[derive(Debug)]
pub(super) struct Request {
    pub changes: Changes,
    pub reply: oneshot::Sender<Result<(), CommitError>>,
}

/// Makes the tables, so that readers of a new database find them.
pub(super) fn make_tables(database: &ReopeningDatabase) -> Result<(), StoreError> {
    let mut transaction = database.begin_write()?;
    // As in `write_batch`: a node may be killed before its first batch.
    transaction.set_quick_repair(true);
    transaction.open_table(VALUES).map_err(redb::Error::from)?;
    transaction.open_table(SIZES).map_err(redb::Error::from)?;
    transaction.open_table(COMMITS).map_err(redb::Error::from)?;
    count_again(&transaction)?;
    transaction.commit().map_err(redb::Error::from)?;
    Ok(())
}

/// What the writer needs beside the database.
pub(super) struct WriterConfig {
    pub batch: BatchLimits,
    /// Commits that the writer takes out of its inbox before it writes the next batch.
    pub queue_len_max: usize,
    pub custody: Arc<Mutex<Custody>>,
    /// Why the last batch was refused; nothing, if it was written.
    pub refused: Arc<Mutex<Option<CommitError>>>,
}

/// Counts the sizes of a file whose sizes lack the overhead of each key: once, by reading all of it.
fn count_again(transaction: &WriteTransaction) -> Result<(), StoreError> {
    let mut commits = transaction.open_table(COMMITS).map_err(redb::Error::from)?;
    if commits.get(SIZES_FORMAT).map_err(redb::Error::from)?.is_some_and(|format| format.value() == SIZES_WITH_OVERHEAD)
    {
        return Ok(());
    }
    let values = transaction.open_table(VALUES).map_err(redb::Error::from)?;
    let mut counted: BTreeMap<String, u64> = BTreeMap::new();
    for entry in values.iter().map_err(redb::Error::from)? {
        let (key, stored) = entry.map_err(redb::Error::from)?;
        let (namespace, key) = key.value();
        let bytes = stored_bytes(key, record(stored.value())?.1);
        match counted.get_mut(namespace) {
            Some(sum) => *sum += bytes,
            None => drop(counted.insert(namespace.to_owned(), bytes)),
        }
    }
    let mut sizes = transaction.open_table(SIZES).map_err(redb::Error::from)?;
    for (namespace, bytes) in &counted {
        sizes.insert(&**namespace, bytes).map_err(redb::Error::from)?;
    }
    commits.insert(SIZES_FORMAT, SIZES_WITH_OVERHEAD).map_err(redb::Error::from)?;
    Ok(())
}

/// Starts the thread. It ends when all senders of `inbox` are gone and all requests are answered.
/// `check_disk` is asked before each batch whether so many bytes can be written.
pub(super) fn start(
    database: Arc<ReopeningDatabase>,
    mut inbox: mpsc::Receiver<Request>,
    config: WriterConfig,
    check_disk: impl Fn(u64) -> Result<(), CommitError> + Send + 'static,
) -> std::io::Result<JoinHandle<()>> {
    let WriterConfig { batch, queue_len_max, custody, refused } = config;
    Builder::new().name("realm-store".into()).spawn(move || {
        let mut last_writes = LastWrites::default();
        let mut queue = CommitQueue::new(batch);
        while queue.len() > 0 || inbox.blocking_recv().map(|request| queue.push(request)).is_some() {
            while queue.len() < queue_len_max
                && let Ok(request) = inbox.try_recv()
            {
                queue.push(request);
            }
            let batch = queue.next_batch();
            let bytes = batch.iter().map(|request| request.changes.bytes()).sum();
            let outcomes = check_disk(bytes).and_then(|()| {
                let changes = batch.iter().map(|request| &request.changes);
                write_batch(&database, &custody, &mut last_writes, changes)
                    .map_err(|error| CommitError::Unwritable(error.to_string()))
            });
            // Known before any caller learns of it.
            *refused.lock().unwrap_or_else(PoisonError::into_inner) = outcomes.as_ref().err().cloned();
            match outcomes {
                Ok(outcomes) => {
                    for (Request { changes, reply }, outcome) in batch.into_iter().zip(outcomes) {
                        // Whoever hears of a commit finds its native memory given back.
                        drop(changes);
                        // A call that was dropped meanwhile does not hear of its commit.
                        let _ = reply.send(outcome);
                    }
                }
                Err(error) => {
                    tracing::error!(commits = batch.len(), %error, "a batch of commits was refused");
                    for Request { changes, reply } in batch {
                        drop(changes);
                        let _ = reply.send(Err(error.clone()));
                    }
                }
            }
        }
    })
}

/// Writes what passes its checks and commits. An error means that nothing was written.
fn write_batch<'a>(
    database: &ReopeningDatabase,
    custody: &Mutex<Custody>,
    last_writes: &mut LastWrites,
    batch: impl Iterator<Item = &'a Changes>,
) -> Result<Vec<Result<(), CommitError>>, StoreError> {
    let mut transaction = database.begin_write()?;
    // Allocator state goes to disk with each commit, so that opening after a kill repairs nothing.
    transaction.set_quick_repair(true);
    let mut handovers = Vec::new();
    let outcomes = apply(&transaction, custody, last_writes, batch, &mut handovers)?;
    if outcomes.iter().all(Result::is_err) {
        transaction.abort().map_err(redb::Error::from)?;
        return Ok(outcomes);
    }
    // A handover must be known before the state that it is about can be seen.
    let before: Vec<_> = {
        let mut custody = lock(custody);
        handovers.into_iter().map(|(handover, commit)| custody.hand_over(handover, commit)).collect()
    };
    match transaction.commit().map_err(redb::Error::from) {
        Ok(()) => Ok(outcomes),
        Err(error) => {
            let mut custody = lock(custody);
            before.into_iter().rev().for_each(|before| custody.restore(before));
            Err(error.into())
        }
    }
}

fn lock(custody: &Mutex<Custody>) -> MutexGuard<'_, Custody> {
    // Every change of it is one call that cannot panic halfway.
    custody.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Puts the batch into the transaction. Handovers that passed are named in `handovers` with their commits.
fn apply<'a>(
    transaction: &WriteTransaction,
    custody: &Mutex<Custody>,
    last_writes: &mut LastWrites,
    batch: impl Iterator<Item = &'a Changes>,
    handovers: &mut Vec<(&'a Handover, u64)>,
) -> Result<Vec<Result<(), CommitError>>, StoreError> {
    let mut values = transaction.open_table(VALUES).map_err(redb::Error::from)?;
    let mut sizes = transaction.open_table(SIZES).map_err(redb::Error::from)?;
    let mut commits = transaction.open_table(COMMITS).map_err(redb::Error::from)?;
    let mut version = commits.get(LAST_COMMIT).map_err(redb::Error::from)?.map_or(0, |last| last.value());
    let mut outcomes = Vec::new();
    for changes in batch {
        if let Err(error) = check_custody(&lock(custody), last_writes, changes, version) {
            outcomes.push(Err(error));
            continue;
        }
        let counted = match counters::resolve(&values, changes)? {
            Ok(counted) => counted,
            Err(error) => {
                outcomes.push(Err(error));
                continue;
            }
        };
        let writes = || changes.writes.iter().chain(&counted);
        let checked = check(&values, &sizes, writes())?;
        if let Ok(new_sizes) = &checked {
            version += 1;
            for write in writes() {
                put(&mut values, write, version)?;
                last_writes.wrote(&write.namespace, version);
            }
            handovers.extend(changes.handovers.iter().map(|handover| (handover, version)));
            for (namespace, bytes) in new_sizes {
                sizes.insert(*namespace, bytes).map_err(redb::Error::from)?;
            }
        }
        outcomes.push(checked.map(drop));
    }
    commits.insert(LAST_COMMIT, version).map_err(redb::Error::from)?;
    Ok(outcomes)
}

/// Whether the call's code still keeps what it writes to, and the migration saw all that it migrates.
fn check_custody(
    custody: &Custody,
    last_writes: &LastWrites,
    changes: &Changes,
    last_commit: u64,
) -> Result<(), CommitError> {
    if let Some(code) = &changes.author
        && changes.writes.iter().any(|write| !custody.allows(&write.namespace, code, last_commit))
    {
        return Err(CommitError::Migrated);
    }
    if changes.handovers.iter().all(|handover| last_writes.seen_by(handover)) {
        return Ok(());
    }
    Err(CommitError::Conflict { key: Vec::new() })
}

pub(super) type Values<'txn> = Table<'txn, (&'static str, &'static [u8]), &'static [u8]>;

/// Whether the changes may be written, and the sizes that their namespaces will have.
/// A key written twice by one commit counts as its last write, as it will be.
fn check<'a>(
    values: &Values<'_>,
    sizes: &Table<'_, &'static str, u64>,
    writes: impl Iterator<Item = &'a Write>,
) -> Result<Result<HashMap<&'a str, u64>, CommitError>, StoreError> {
    let mut new_sizes: HashMap<&str, u64> = HashMap::new();
    let mut quotas: HashMap<&str, (u64, u64)> = HashMap::new();
    let mut written: HashMap<(&str, &[u8]), u64> = HashMap::new();
    for write in writes {
        let namespace = &*write.namespace;
        let stored = values.get((namespace, &write.key[..])).map_err(redb::Error::from)?;
        let stored = stored.as_ref().map(|stored| record(stored.value())).transpose()?;
        if let Some(expected) = write.expected
            && expected != stored.map(|(version, _)| version)
        {
            return Ok(Err(CommitError::Conflict { key: write.key.clone() }));
        }
        let before = stored.map_or(0, |(_, value)| stored_bytes(&write.key, value));
        let bytes = write.value.as_ref().map_or(0, |value| stored_bytes(&write.key, value));
        let before = written.insert((namespace, &write.key), bytes).unwrap_or(before);
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
