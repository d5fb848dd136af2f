//! The store: a database, its writer thread, and namespaces in it.

use super::{
    changes::{Changes, Version, Write},
    connection::ConnectionMemory,
    custody::{Code, Custody},
    database::{Opened, Openers, ReopeningDatabase},
    disk,
    error::{CommitError, StoreError},
    file,
    locks::Locks,
    queue::BatchLimits,
    turnstile::{PausedCalls, Turnstiles},
    writer::{self, Request, WriterConfig},
};
use crate::budget::overhead::STORED_ENTRY_BYTES;
use redb::{
    Database, ReadOnlyTable, TableDefinition,
    backends::{FileBackend, InMemoryBackend},
};
use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread::JoinHandle,
};
use tokio::sync::{mpsc, oneshot, watch};

/// Namespace and key, to version (u64 LE) and value.
pub(super) const VALUES: TableDefinition<(&str, &[u8]), &[u8]> = TableDefinition::new("values");
/// Namespace, to bytes of its keys and values, counted as [`stored_bytes`] does.
pub(super) const SIZES: TableDefinition<&str, u64> = TableDefinition::new("sizes");
/// The number of the last commit, under [`LAST_COMMIT`].
pub(super) const COMMITS: TableDefinition<&str, u64> = TableDefinition::new("commits");
/// A key of [`COMMITS`].
pub(super) const LAST_COMMIT: &str = "last";
/// A key of [`COMMITS`]: how the file's [`SIZES`] were counted. Files of the first version do not have it.
pub(super) const SIZES_FORMAT: &str = "sizes-format";
/// Sizes that count [`STORED_ENTRY_BYTES`] for each key; those of the first version did not.
pub(super) const SIZES_WITH_OVERHEAD: u64 = 1;
/// Bytes of the version before each value.
pub(super) const VERSION_BYTES: usize = 8;

/// Bytes that a key and its value count as.
pub(super) fn stored_bytes(key: &[u8], value: &[u8]) -> u64 {
    STORED_ENTRY_BYTES + (key.len() + value.len()) as u64
}

/// What the log says when a database must be repaired before it opens.
pub const REPAIRED: &str = "the database was not left as a node leaves it, and is repaired";

/// How the store writes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoreConfig {
    /// Pages kept in memory, in bytes. Default 64 MiB.
    pub cache_bytes: usize,
    /// Commits that wait for the writer; more wait for a place. Default 1024.
    pub queue_len_max: usize,
    /// Commits that become durable together at most. Default 256.
    pub batch_len_max: usize,
    /// Keys that become durable together at most, unless one commit alone has more. Default 32768.
    pub batch_entries_max: u64,
    /// Bytes of keys and values that become durable together at most, unless one commit alone has more. Default 32 MiB.
    pub batch_bytes_max: u64,
    /// Bytes that a commit must leave free on the disk. Default 64 MiB.
    pub disk_free_bytes_min: u64,
}

impl Default for StoreConfig {
    fn default() -> Self {
        Self {
            cache_bytes: 64 << 20,
            queue_len_max: 1024,
            batch_len_max: 256,
            batch_entries_max: 32_768,
            batch_bytes_max: 32 << 20,
            disk_free_bytes_min: 64 << 20,
        }
    }
}

/// The node's storage. Cheap to clone.
#[derive(Clone)]
pub struct Store(Arc<Inner>);

struct Inner {
    database: Arc<ReopeningDatabase>,
    locks: Arc<Locks>,
    requests: Option<mpsc::Sender<Request>>,
    writer: Option<JoinHandle<()>>,
    /// Held only to look up or to change the map, never across anything that waits.
    custody: Arc<Mutex<Custody>>,
    /// Where a migration that keeps losing against calls stops those of the same namespaces.
    turnstiles: Turnstiles,
    /// Why the last batch was refused; nothing, if it was written.
    refused: Arc<Mutex<Option<CommitError>>>,
    /// Never used but by being dropped, after the database: who waits for that sees it.
    open: watch::Sender<()>,
}

impl Store {
    /// Opens the database in this file, or makes it. A node that died leaves nothing to repair.
    ///
    /// # Errors
    /// [`StoreError`]: the file cannot be written, is locked by another node, or is no database.
    pub fn open(path: &Path, config: StoreConfig) -> Result<Self, StoreError> {
        let (file, cache_bytes) = (path.to_owned(), config.cache_bytes);
        let builder = move || {
            let named = file.clone();
            let mut builder = Database::builder();
            builder.set_cache_size(cache_bytes).set_repair_callback(move |repair| {
                // Called again as it goes on. Commits leave nothing to repair, so somebody should look.
                if repair.progress() == 0.0 {
                    tracing::warn!(file = %named.display(), "{REPAIRED}");
                }
            });
            builder
        };
        let opened = Opened::default();
        let (first, first_builder, first_opened) = (path.to_owned(), builder.clone(), opened.clone());
        let (again, again_opened) = (path.to_owned(), opened.clone());
        let openers = Openers {
            first: Box::new(move || {
                let open = |file| first_builder().create_with_backend(FileBackend::new(file)?);
                let (database, identity) = match file::existing(&first)? {
                    Some((file, identity)) => (open(file)?, identity),
                    None => file::create(&first, open)?,
                };
                let _ = first_opened.set(identity);
                Ok(database)
            }),
            again: Box::new(move || {
                if let Some(identity) = again_opened.get() {
                    identity.check(&again).map_err(|gone| file::io_error(std::io::Error::other(gone)))?;
                }
                builder().open(&again)
            }),
            file: Some(path.to_owned()),
        };
        Self::with_openers(path.to_owned(), openers, Some((path.to_owned(), opened)), config)
    }

    /// A store in memory, for nodes that are told to forget and for tests.
    ///
    /// # Errors
    /// [`StoreError`]
    pub fn in_memory(config: StoreConfig) -> Result<Self, StoreError> {
        let opener = || Database::builder().create_with_backend(InMemoryBackend::new());
        let openers = Openers { first: Box::new(opener), again: Box::new(opener), file: None };
        Self::with_openers("(memory)".into(), openers, None, config)
    }

    /// `file`: looked at before each batch, whether it is still there and its disk has room.
    pub(super) fn with_openers(
        path: PathBuf,
        openers: Openers,
        file: Option<(PathBuf, Opened)>,
        config: StoreConfig,
    ) -> Result<Self, StoreError> {
        let database = ReopeningDatabase::open(openers).map_err(|source| StoreError::Open { path, source })?;
        let database = Arc::new(database);
        writer::make_tables(&database)?;
        let (requests, inbox) = mpsc::channel(config.queue_len_max.max(1));
        let check = move |bytes| match &file {
            Some((path, opened)) => {
                opened.get().map_or(Ok(()), |file| file.check(path)).map_err(CommitError::Unwritable)?;
                check_disk(path, bytes, config.disk_free_bytes_min)
            }
            None => Ok(()),
        };
        let custody = Arc::<Mutex<Custody>>::default();
        let refused = Arc::<Mutex<Option<CommitError>>>::default();
        let writer = WriterConfig {
            batch: BatchLimits {
                commits_max: config.batch_len_max,
                entries_max: config.batch_entries_max,
                bytes_max: config.batch_bytes_max,
            },
            queue_len_max: config.queue_len_max.max(1),
            custody: custody.clone(),
            refused: refused.clone(),
        };
        let writer = writer::start(database.clone(), inbox, writer, check).map_err(StoreError::Writer)?;
        let (requests, writer, locks) = (Some(requests), Some(writer), Arc::default());
        let turnstiles = Turnstiles::default();
        let (open, _) = watch::channel(());
        Ok(Self(Arc::new(Inner { database, locks, requests, writer, custody, turnstiles, refused, open })))
    }

    /// The namespace of this name. Tenants and the node itself each have their own.
    pub fn namespace(&self, name: &str) -> Namespace {
        Namespace { store: self.clone(), name: name.into(), purpose: Purpose::Calls }
    }

    /// Makes the changes durable, all or none.
    ///
    /// # Errors
    /// [`CommitError`]
    ///
    /// # Cancel safety
    /// Dropping the future does not take back a commit that the writer has begun.
    pub async fn commit(&self, changes: Changes) -> Result<(), CommitError> {
        let to_disk = !changes.is_empty_on_disk();
        let mut changes = changes;
        let connection = changes.connection.take();
        // The writer holds the lock too: a call that is dropped now frees it after the commit.
        let lock = changes.lock.clone();
        // The node's own commits never wait: a migration's is among them.
        let _turn = match (&changes.author, &changes.payer) {
            (Some(_), Some(namespace)) => Some(self.0.turnstiles.pass(namespace).await),
            _ => None,
        };
        let connection = connection.map(ConnectionMemory::check).transpose()?;
        if to_disk {
            let (reply, answer) = oneshot::channel();
            let requests = self.0.requests.as_ref().ok_or(CommitError::Closed)?;
            requests.send(Request { changes, reply }).await.map_err(|_| CommitError::Closed)?;
            answer.await.map_err(|_| CommitError::Closed)??;
        }
        if let Some(connection) = connection {
            connection.apply();
        }
        drop(lock);
        Ok(())
    }
}

impl Store {
    /// Makes calls of these namespaces wait with their commits until the guard is dropped, for a migration that cannot
    /// win against them otherwise. Commits of other namespaces, and the node's own, go on.
    pub async fn pause_calls(&self, namespaces: &[Namespace]) -> PausedCalls {
        self.0.turnstiles.stop(namespaces.iter().map(Namespace::name_arc).collect()).await
    }

    /// Whether the last batch of commits was written, or none was refused yet.
    ///
    /// # Errors
    /// Why it was refused: the disk is full, or the file fails or is gone.
    pub fn writable(&self) -> Result<(), CommitError> {
        match &*self.0.refused.lock().unwrap_or_else(PoisonError::into_inner) {
            Some(error) => Err(error.clone()),
            None => Ok(()),
        }
    }

    /// Resolves when everybody has let go of the store, and the file with it; this future does not hold it.
    pub fn closed(&self) -> impl Future<Output = ()> + Send + 'static {
        let mut open = self.0.open.subscribe();
        // Nothing is ever sent: the only news is that there will be none.
        async move { while open.changed().await.is_ok() {} }
    }

    fn custody(&self) -> MutexGuard<'_, Custody> {
        // Every change of it is one call that cannot panic halfway.
        self.0.custody.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store").finish_non_exhaustive()
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        // The writer ends when the queue is closed and empty.
        self.requests = None;
        if let Some(writer) = self.writer.take() {
            // A panic there was logged there; every commit it took was answered with `Closed`.
            let _ = writer.join();
        }
    }
}

fn check_disk(path: &Path, bytes: u64, free_bytes_min: u64) -> Result<(), CommitError> {
    // Copy-on-write trees write every changed page anew, hence the factor.
    let needed = free_bytes_min.saturating_add(bytes.saturating_mul(4));
    match disk::free_bytes(path) {
        Some(free) if free < needed => Err(CommitError::DiskFull { free, needed }),
        _ => Ok(()),
    }
}

/// One tenant's part of the store, or the node's own. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Namespace {
    store: Store,
    name: Arc<str>,
    purpose: Purpose,
}

/// What a namespace is used for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Purpose {
    /// Calls of code in force.
    Calls,
    /// The migration of what it holds, by code that is not in force yet.
    Migration,
    /// The migration of a connection's memory, which stands in its place.
    ConnectionMigration,
}

impl Namespace {
    /// The same for code that is not in force yet: it may see all of it, whoever keeps it.
    pub fn for_migration(&self) -> Self {
        Self { purpose: Purpose::Migration, ..self.clone() }
    }

    /// The same for code that takes over a connection's memory: what the code does to durable storage it does to the
    /// memory of the call's connection, and to nothing else.
    pub fn for_connection_migration(&self) -> Self {
        Self { purpose: Purpose::ConnectionMigration, ..self.clone() }
    }

    /// Lets calls of any code in, as for a tenant that begins anew.
    pub fn open_to_all(&self) {
        self.store.custody().forget(&self.name);
    }

    /// The store that it is a part of.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// Whether a call of this code may see what the snapshot shows.
    pub(super) fn allows(&self, code: &Code, snapshot: &Snapshot) -> bool {
        self.is_migrating() || self.store.custody().allows(&self.name, code, snapshot.commit)
    }

    pub(super) fn is_migrating(&self) -> bool {
        self.purpose != Purpose::Calls
    }

    pub(super) fn migrates_connection(&self) -> bool {
        self.purpose == Purpose::ConnectionMigration
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Makes the changes durable, all or none, whatever namespaces they are of.
    ///
    /// # Errors
    /// [`CommitError`]
    pub async fn commit(&self, changes: Changes) -> Result<(), CommitError> {
        self.store.commit(changes).await
    }

    /// The value of a key, as it is now.
    ///
    /// # Errors
    /// [`StoreError`]
    pub fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.snapshot()?.get(key)?.map(|(_, value)| value))
    }

    /// Bytes of all keys and values, with [`STORED_ENTRY_BYTES`] for each key, as of now.
    ///
    /// # Errors
    /// [`StoreError`]
    pub fn bytes(&self) -> Result<u64, StoreError> {
        Ok(self.snapshot()?.bytes)
    }

    /// Adds a write of this namespace to `changes`; `None` clears. For the node's own use: no quota.
    pub fn write(&self, changes: &mut Changes, key: &[u8], value: Option<Vec<u8>>) {
        let (namespace, key) = (self.name.clone(), key.to_vec());
        changes.writes.push(Write { namespace, key, value, expected: None, quota_bytes: u64::MAX });
    }

    /// All keys and values as they are now, in byte order. For exports and migrations.
    ///
    /// # Errors
    /// [`StoreError`]
    pub fn entries(&self) -> Result<Vec<(Vec<u8>, Vec<u8>)>, StoreError> {
        let snapshot = self.snapshot()?;
        let mut entries = Vec::new();
        let mut after = Vec::new();
        while let Some(key) = snapshot.next_key(&after)? {
            if let Some((_, value)) = snapshot.get(&key)? {
                entries.push((key.clone(), value));
            }
            after = key;
        }
        Ok(entries)
    }

    /// All keys as they are now, in byte order.
    ///
    /// # Errors
    /// [`StoreError`]
    pub fn keys(&self) -> Result<Vec<Vec<u8>>, StoreError> {
        let snapshot = self.snapshot()?;
        let mut keys: Vec<Vec<u8>> = Vec::new();
        while let Some(key) = snapshot.next_key(keys.last().map_or(&[], Vec::as_slice))? {
            keys.push(key);
        }
        Ok(keys)
    }

    /// Keys and values from the key `from` to before the key `to`, as they are now, in byte order.
    ///
    /// # Errors
    /// [`StoreError`]
    pub fn between(&self, from: &[u8], to: &[u8]) -> Result<Vec<(Vec<u8>, Vec<u8>)>, StoreError> {
        self.snapshot()?.between(from, to)
    }

    /// The first key after `after` in byte order, as of now.
    ///
    /// # Errors
    /// [`StoreError`]
    pub fn next_key(&self, after: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.snapshot()?.next_key(after)
    }

    pub(super) fn name_arc(&self) -> Arc<str> {
        self.name.clone()
    }

    pub(super) fn locks(&self) -> &Arc<Locks> {
        &self.store.0.locks
    }

    pub(super) fn snapshot(&self) -> Result<Snapshot, StoreError> {
        let transaction = self.store.0.database.begin_read()?;
        let values = transaction.open_table(VALUES).map_err(redb::Error::from)?;
        let sizes = transaction.open_table(SIZES).map_err(redb::Error::from)?;
        let bytes = sizes.get(&*self.name).map_err(redb::Error::from)?.map_or(0, |bytes| bytes.value());
        let commits = transaction.open_table(COMMITS).map_err(redb::Error::from)?;
        let commit = commits.get(LAST_COMMIT).map_err(redb::Error::from)?.map_or(0, |last| last.value());
        Ok(Snapshot { name: self.name.clone(), values, bytes, commit })
    }
}

/// A namespace as it was at one commit.
pub(super) struct Snapshot {
    name: Arc<str>,
    values: ReadOnlyTable<(&'static str, &'static [u8]), &'static [u8]>,
    /// Bytes of all keys and values, with [`STORED_ENTRY_BYTES`] for each key.
    pub bytes: u64,
    /// The last commit that it shows.
    pub commit: u64,
}

impl Snapshot {
    /// Version and value of a key.
    pub(super) fn get(&self, key: &[u8]) -> Result<Option<(Version, Vec<u8>)>, StoreError> {
        let stored = self.values.get((&*self.name, key)).map_err(redb::Error::from)?;
        stored.map(|stored| record(stored.value()).map(|(version, value)| (Some(version), value.to_vec()))).transpose()
    }

    /// Bytes of a key's value.
    pub(super) fn size(&self, key: &[u8]) -> Result<Option<u64>, StoreError> {
        let stored = self.values.get((&*self.name, key)).map_err(redb::Error::from)?;
        stored.map(|stored| record(stored.value()).map(|(_, value)| value.len() as u64)).transpose()
    }

    /// Keys and values from `from` to before `to`.
    fn between(&self, from: &[u8], to: &[u8]) -> Result<Vec<(Vec<u8>, Vec<u8>)>, StoreError> {
        let range = self.values.range((&*self.name, from)..(&*self.name, to)).map_err(redb::Error::from)?;
        let mut found = Vec::new();
        for entry in range {
            let (key, stored) = entry.map_err(redb::Error::from)?;
            found.push((key.value().1.to_vec(), record(stored.value())?.1.to_vec()));
        }
        Ok(found)
    }

    /// The first key after `after` in byte order.
    pub(super) fn next_key(&self, after: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        // The least byte string that is greater.
        let mut from = after.to_vec();
        from.push(0);
        let mut range = self.values.range((&*self.name, &from[..])..).map_err(redb::Error::from)?;
        let Some(entry) = range.next() else { return Ok(None) };
        let (key, _) = entry.map_err(redb::Error::from)?;
        let (name, key) = key.value();
        Ok((name == &*self.name).then(|| key.to_vec()))
    }
}

/// Version and value of a stored record.
pub(super) fn record(stored: &[u8]) -> Result<(u64, &[u8]), StoreError> {
    match stored.split_first_chunk::<VERSION_BYTES>() {
        Some((version, value)) => Ok((u64::from_le_bytes(*version), value)),
        None => Err(redb::Error::Corrupted(format!("a record has {} bytes", stored.len())).into()),
    }
}
