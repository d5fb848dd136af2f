//! The store against a model, over reopening, and over a disk that fails.

use super::{
    Changes, CommitError, ConnectionMemory, Namespace, Store, StoreConfig, StoreError,
    database::Openers,
    offline,
    store::{COMMITS, SIZES, SIZES_FORMAT, stored_bytes},
    transaction::{Scope, Transaction},
};
use crate::{
    BudgetScope, HostError, NativeBudget, StorageLimits,
    budget::overhead::{MAP_ENTRY_BYTES, READ_ENTRY_BYTES, STORED_ENTRY_BYTES, WRITE_ENTRY_BYTES},
};
use redb::{
    Database, DatabaseError, StorageBackend,
    backends::{FileBackend, InMemoryBackend},
};
use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

/// A small generator, so that a failure can be had again by its seed.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % bound
    }

    /// Few keys, some of which begin alike.
    fn key(&mut self) -> Vec<u8> {
        (0..1 + self.below(3)).map(|_| [0, b'a', b'b', 0xff][self.below(4) as usize]).collect()
    }
}

fn begin(namespace: &Namespace) -> Transaction {
    Transaction::new(namespace.clone(), None, StorageLimits::default(), &NativeBudget::unlimited())
}

async fn commit(namespace: &Namespace, mut transaction: Transaction) -> Result<(), CommitError> {
    match transaction.take_changes() {
        Some(changes) => namespace.commit(changes).await,
        None => Ok(()),
    }
}

type Model = BTreeMap<Vec<u8>, Vec<u8>>;

fn compare(transaction: &mut Transaction, model: &Model, seed: u64) {
    let mut keys = Vec::new();
    let mut after = Vec::new();
    while let Some(key) = transaction.next_key(Scope::Durable, &after).unwrap() {
        keys.push(key.clone());
        after = key;
    }
    assert!(keys.iter().eq(model.keys()), "seed {seed}: {keys:?} {model:?}");
}

#[tokio::test]
async fn any_sequence_of_calls_does_what_a_map_does() {
    for seed in 0..20 {
        let mut random = Random(seed);
        let store = Store::in_memory(StoreConfig::default()).unwrap();
        // Neighbours in the order of namespaces must not show.
        for neighbour in ["t", "tenan", "tenant\0", "tenant0"] {
            let mut changes = Changes::new();
            store.namespace(neighbour).write(&mut changes, b"a", Some(b"neighbour".to_vec()));
            store.commit(changes).await.unwrap();
        }
        let namespace = store.namespace("tenant");
        let mut committed = Model::new();
        for _ in 0..20 {
            let mut transaction = begin(&namespace);
            let mut model = committed.clone();
            for _ in 0..random.below(12) {
                let key = random.key();
                match random.below(4) {
                    0 => {
                        transaction.write(Scope::Durable, key.clone(), None).unwrap();
                        model.remove(&key);
                    }
                    1 => assert_eq!(transaction.get(Scope::Durable, &key).unwrap(), model.get(&key).cloned()),
                    _ => {
                        let value = vec![7; random.below(5) as usize];
                        transaction.write(Scope::Durable, key.clone(), Some(value.clone())).unwrap();
                        model.insert(key, value);
                    }
                }
            }
            compare(&mut transaction, &model, seed);
            // One in four traps.
            if random.below(4) > 0 {
                commit(&namespace, transaction).await.unwrap();
                committed = model;
            }
            let bytes: u64 = committed.iter().map(|(key, value)| stored_bytes(key, value)).sum();
            assert_eq!(namespace.bytes().unwrap(), bytes, "seed {seed}");
        }
        let entries: Model = namespace.entries().unwrap().into_iter().collect();
        assert_eq!(entries, committed);
    }
}

#[tokio::test]
async fn what_was_committed_is_there_after_reopening() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("realm.redb");
    {
        let store = Store::open(&path, StoreConfig::default()).unwrap();
        let mut changes = Changes::new();
        store.namespace("one").write(&mut changes, b"k", Some(b"v".to_vec()));
        store.namespace("two").write(&mut changes, b"k", Some(b"w".to_vec()));
        store.commit(changes).await.unwrap();
        assert!(
            matches!(Store::open(&path, StoreConfig::default()), Err(StoreError::Open { .. })),
            "one node at a time"
        );
    }
    let store = Store::open(&path, StoreConfig::default()).unwrap();
    assert_eq!(store.namespace("one").get(b"k").unwrap().unwrap(), b"v");
    assert_eq!(store.namespace("two").get(b"k").unwrap().unwrap(), b"w");
    assert_eq!(store.namespace("two").bytes().unwrap(), STORED_ENTRY_BYTES + 2);
}

#[tokio::test]
async fn a_snapshot_does_not_move() {
    let store = Store::in_memory(StoreConfig::default()).unwrap();
    let namespace = store.namespace("tenant");
    let mut reader = begin(&namespace);
    assert_eq!(reader.get(Scope::Durable, b"a").unwrap(), None);
    let mut writer = begin(&namespace);
    writer.write(Scope::Durable, b"b".to_vec(), Some(vec![1])).unwrap();
    commit(&namespace, writer).await.unwrap();
    assert_eq!(reader.get(Scope::Durable, b"b").unwrap(), None);
    assert_eq!(reader.next_key(Scope::Durable, b"").unwrap(), None);
}

#[tokio::test]
async fn many_commits_at_once_all_count() {
    let store = Store::in_memory(StoreConfig { batch_len_max: 7, ..StoreConfig::default() }).unwrap();
    let namespace = store.namespace("tenant");
    let commits = (0..100u32).map(|index| {
        let namespace = namespace.clone();
        tokio::spawn(async move {
            let mut transaction = begin(&namespace);
            transaction.write(Scope::Durable, index.to_be_bytes().to_vec(), Some(vec![0; 4])).unwrap();
            commit(&namespace, transaction).await
        })
    });
    for outcome in commits.collect::<Vec<_>>() {
        outcome.await.unwrap().unwrap();
    }
    assert_eq!(namespace.entries().unwrap().len(), 100);
    assert_eq!(namespace.bytes().unwrap(), 100 * (STORED_ENTRY_BYTES + 8));
}

#[tokio::test]
async fn a_quota_is_checked_again_at_the_commit() {
    let store = Store::in_memory(StoreConfig::default()).unwrap();
    let namespace = store.namespace("tenant");
    let each = STORED_ENTRY_BYTES + 9;
    let limit = each + 1;
    let limits = StorageLimits { tenant_bytes_max: limit, ..StorageLimits::default() };
    let mut both = [b'a', b'b'].map(|key| {
        let mut transaction = Transaction::new(namespace.clone(), None, limits.clone(), &NativeBudget::unlimited());
        transaction.write(Scope::Durable, vec![key], Some(vec![0; 8])).unwrap();
        transaction.take_changes().unwrap()
    });
    let second = std::mem::take(&mut both[1]);
    namespace.commit(std::mem::take(&mut both[0])).await.unwrap();
    let refused = namespace.commit(second).await;
    assert!(matches!(refused, Err(CommitError::Quota { asked, limit: by }) if (asked, by) == (2 * each, limit)));
    assert_eq!(namespace.bytes().unwrap(), each);
}

#[tokio::test]
async fn a_full_disk_refuses_writes_and_reads_go_on() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("realm.redb");
    let write = |store: &Store, value: &[u8]| {
        let mut changes = Changes::new();
        store.namespace("tenant").write(&mut changes, b"k", Some(value.to_vec()));
        changes
    };
    let store = Store::open(&path, StoreConfig::default()).unwrap();
    store.commit(write(&store, b"v")).await.unwrap();
    drop(store);
    // No disk has so much room.
    let full = StoreConfig { disk_free_bytes_min: u64::MAX, ..StoreConfig::default() };
    let store = Store::open(&path, full).unwrap();
    assert!(matches!(store.commit(write(&store, b"w")).await, Err(CommitError::DiskFull { .. })));
    assert_eq!(store.namespace("tenant").get(b"k").unwrap().unwrap(), b"v");
}

/// A disk whose writes can be made to fail.
#[derive(Clone, Debug)]
struct Disk {
    below: Arc<dyn StorageBackend>,
    failing: Arc<AtomicBool>,
}

impl Disk {
    fn check(&self) -> Result<(), std::io::Error> {
        match self.failing.load(Ordering::SeqCst) {
            true => Err(std::io::Error::other("the disk fails")),
            false => Ok(()),
        }
    }
}

impl StorageBackend for Disk {
    fn len(&self) -> Result<u64, std::io::Error> {
        self.below.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> Result<(), std::io::Error> {
        self.below.read(offset, out)
    }

    fn set_len(&self, len: u64) -> Result<(), std::io::Error> {
        self.check()?;
        self.below.set_len(len)
    }

    fn sync_data(&self) -> Result<(), std::io::Error> {
        self.check()?;
        self.below.sync_data()
    }

    fn write(&self, offset: u64, data: &[u8]) -> Result<(), std::io::Error> {
        self.check()?;
        self.below.write(offset, data)
    }
}

#[tokio::test]
async fn a_disk_that_failed_and_works_again_lost_nothing_that_was_acknowledged() {
    let disk = Disk { below: Arc::new(InMemoryBackend::new()), failing: Arc::default() };
    let opener = {
        let disk = disk.clone();
        move || Database::builder().create_with_backend(disk.clone())
    };
    let openers = Openers { first: Box::new(opener.clone()), again: Box::new(opener), file: None };
    let store = Store::with_openers("(disk)".into(), openers, None, StoreConfig::default()).unwrap();
    let namespace = store.namespace("tenant");
    let put = async |key: &[u8]| {
        let mut transaction = begin(&namespace);
        transaction.write(Scope::Durable, key.to_vec(), Some(vec![1; 5000])).unwrap();
        commit(&namespace, transaction).await
    };
    for round in 0..5u8 {
        put(&[1, round]).await.unwrap();
        disk.failing.store(true, Ordering::SeqCst);
        let refused = put(&[2, round]).await;
        assert!(matches!(refused, Err(CommitError::Unwritable(_))), "{refused:?}");
        disk.failing.store(false, Ordering::SeqCst);
        put(&[3, round]).await.unwrap();
    }
    let keys: Vec<_> = namespace.entries().unwrap().into_iter().map(|(key, _)| key).collect();
    let expected = [1, 3].iter().flat_map(|first| (0..5).map(|round| vec![*first, round]));
    assert!(keys.iter().cloned().eq(expected), "{keys:?}");
}

/// A disk that the system had mounted read-only after an error took reading away, too: the database could not be opened
/// for writing any more, and so not at all.
#[tokio::test]
async fn what_can_no_longer_be_written_can_still_be_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("realm.redb");
    let failing = Arc::<AtomicBool>::default();
    let (first, again) = (path.clone(), path.clone());
    let (fails_first, fails_again) = (failing.clone(), failing.clone());
    let openers = Openers {
        first: Box::new(move || {
            let file = std::fs::File::create_new(&first)
                .and_then(|_| std::fs::File::options().read(true).write(true).open(&first));
            let below = Arc::new(FileBackend::new(file.expect("a file"))?);
            Database::builder().create_with_backend(Disk { below, failing: fails_first.clone() })
        }),
        again: Box::new(move || match fails_again.load(Ordering::SeqCst) {
            true => Err(DatabaseError::Storage(std::io::Error::from(std::io::ErrorKind::ReadOnlyFilesystem).into())),
            false => Database::builder().open(&again),
        }),
        file: Some(path.clone()),
    };
    let store = Store::with_openers(path.clone(), openers, None, StoreConfig::default()).unwrap();
    let namespace = store.namespace("tenant");
    let put = async |key: &[u8]| {
        let mut transaction = begin(&namespace);
        transaction.write(Scope::Durable, key.to_vec(), Some(vec![1; 5000])).unwrap();
        commit(&namespace, transaction).await
    };
    put(b"before").await.unwrap();
    failing.store(true, Ordering::SeqCst);
    for _ in 0..3 {
        let refused = put(b"refused").await;
        assert!(matches!(refused, Err(CommitError::Unwritable(_))), "{refused:?}");
        assert_eq!(namespace.get(b"before").unwrap(), Some(vec![1; 5000]));
        assert_eq!(namespace.get(b"refused").unwrap(), None);
    }
    // One that still reads what it could read then does not keep a writer away.
    let mut reading = begin(&namespace);
    assert!(reading.get(Scope::Durable, b"before").unwrap().is_some());
    failing.store(false, Ordering::SeqCst);
    put(b"after").await.unwrap();
    let keys: Vec<_> = namespace.entries().unwrap().into_iter().map(|(key, _)| key).collect();
    assert_eq!(keys, [b"after".to_vec(), b"before".to_vec()]);
}

#[test]
fn a_call_without_a_connection_has_no_connection_scope() {
    let store = Store::in_memory(StoreConfig::default()).unwrap();
    let refused = begin(&store.namespace("tenant")).get(Scope::Connection, b"k");
    assert!(matches!(refused, Err(HostError::Invalid(_))));
}

#[tokio::test]
async fn a_lock_is_free_when_its_call_has_ended_in_whatever_way() {
    let store = Store::in_memory(StoreConfig::default()).unwrap();
    let namespace = store.namespace("tenant");
    let locked = async || {
        let mut transaction = begin(&namespace);
        transaction.lock(Scope::Durable, b"k".to_vec()).await.unwrap();
        transaction
    };
    drop(locked().await);
    let mut nothing_written = locked().await;
    assert!(nothing_written.take_changes().is_none());
    let panicked = locked().await;
    let panics = std::panic::AssertUnwindSafe(|| {
        let _held = panicked;
        panic!("of a host function");
    });
    std::panic::catch_unwind(panics).unwrap_err();

    // One that waits and goes leaves its place.
    let holder = locked().await;
    {
        let mut waiting = std::pin::pin!(locked());
        assert!(futures::poll!(&mut waiting).is_pending());
    }
    drop(nothing_written);
    let mut next = std::pin::pin!(locked());
    assert!(futures::poll!(&mut next).is_pending());
    drop(holder);

    // A commit keeps the lock until it is durable, also where nobody waits for it any more.
    let mut transaction = next.await;
    transaction.write(Scope::Durable, b"k".to_vec(), Some(b"1".to_vec())).unwrap();
    let changes = transaction.take_changes().unwrap();
    drop(transaction);
    {
        let mut committing = std::pin::pin!(namespace.commit(changes));
        // Handed to the writer by the first poll, then dropped.
        let _ = futures::poll!(&mut committing);
    }
    let mut next = locked().await;
    assert_eq!(next.get(Scope::Durable, b"k").unwrap(), Some(b"1".to_vec()));
    // A refused commit frees it, too.
    next.write(Scope::Durable, b"k".to_vec(), Some(b"2".to_vec())).unwrap();
    let mut rival = begin(&namespace);
    rival.write(Scope::Durable, b"k".to_vec(), Some(b"3".to_vec())).unwrap();
    commit(&namespace, rival).await.unwrap();
    assert!(matches!(commit(&namespace, next).await, Err(CommitError::Conflict { .. })));
    drop(locked().await);
    // The writer's thread may still be at letting go of its own.
    let emptied = async {
        while namespace.locks().len() > 0 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(20), emptied)
        .await
        .expect("keys that nobody locks are not kept");
}

#[tokio::test]
async fn so_many_wait_for_a_lock_and_each_call_has_one() {
    let store = Store::in_memory(StoreConfig::default()).unwrap();
    let namespace = store.namespace("tenant");
    let limits = StorageLimits { lock_waiting_max: 1, ..StorageLimits::default() };
    let begin = || Transaction::new(namespace.clone(), None, limits.clone(), &NativeBudget::unlimited());
    let mut holder = begin();
    holder.lock(Scope::Durable, b"k".to_vec()).await.unwrap();
    holder.lock(Scope::Durable, b"k".to_vec()).await.expect("it has that one");
    let second = holder.lock(Scope::Durable, b"other".to_vec()).await;
    assert!(matches!(second, Err(HostError::Invalid(_))), "two could wait for each other");
    let mut waiter = begin();
    let mut waiting = std::pin::pin!(waiter.lock(Scope::Durable, b"k".to_vec()));
    assert!(futures::poll!(&mut waiting).is_pending());
    let refused = begin().lock(Scope::Durable, b"k".to_vec()).await;
    assert!(matches!(refused, Err(HostError::LockQueue { position: 2 })), "{refused:?}");
    let mut late = begin();
    late.get(Scope::Durable, b"k").unwrap();
    let too_late = late.lock(Scope::Durable, b"free".to_vec()).await;
    assert!(matches!(too_late, Err(HostError::Invalid(_))), "its snapshot would be older than its turn");
    // Another tenant's key of the same name is another key.
    let mut other = Transaction::new(store.namespace("other"), None, limits.clone(), &NativeBudget::unlimited());
    other.lock(Scope::Durable, b"k".to_vec()).await.unwrap();
}

/// A migration at its last attempt stopped the commits of all tenants, for as long as it took.
#[tokio::test]
async fn a_paused_namespace_holds_up_no_other() {
    let store = Store::in_memory(StoreConfig::default()).unwrap();
    let (migrated, other) = (store.namespace("tenant/migrated"), store.namespace("tenant/other"));
    let write = |namespace: &Namespace| {
        let mut transaction = begin(namespace).of_code([1; 32], 1);
        transaction.write(Scope::Durable, b"k".to_vec(), Some(b"v".to_vec())).unwrap();
        transaction.take_changes().unwrap()
    };
    let paused = store.pause_calls(std::slice::from_ref(&migrated)).await;
    let mut waiting = std::pin::pin!(migrated.commit(write(&migrated)));
    assert!(futures::poll!(&mut waiting).is_pending());
    for _ in 0..20 {
        other.commit(write(&other)).await.unwrap();
    }
    // The node's own writes to the migrated namespace, the migration's among them, pass.
    let mut own = Changes::new();
    migrated.write(&mut own, b"own", Some(b"v".to_vec()));
    migrated.commit(own).await.unwrap();
    assert!(futures::poll!(&mut waiting).is_pending());
    assert_eq!(migrated.get(b"k").unwrap(), None);
    drop(paused);
    waiting.await.unwrap();
    assert_eq!(migrated.get(b"k").unwrap(), Some(b"v".to_vec()));
}

/// A call could write millions of small keys, which held the one writer for seconds.
#[test]
fn a_call_writes_a_bounded_number_of_keys_and_a_migration_more() {
    let store = Store::in_memory(StoreConfig::default()).unwrap();
    let limits = StorageLimits { transaction_keys_max: 3, migration_keys_max: 4, ..StorageLimits::default() };
    let namespace = store.namespace("tenant");
    for (namespace, keys_max) in [(namespace.clone(), 3), (namespace.for_migration(), 4)] {
        let mut transaction = Transaction::new(namespace, None, limits.clone(), &NativeBudget::unlimited());
        let mut write = |key: u8, value| transaction.write(Scope::Durable, vec![key], value);
        (0..keys_max).for_each(|key| write(key, Some(vec![1])).unwrap());
        let refused = write(keys_max, Some(vec![1])).unwrap_err();
        assert_eq!(refused.to_string().contains("keys written"), true, "{refused}");
        assert!(write(keys_max, None).is_err(), "clearing is a write too");
        write(0, Some(vec![2, 2])).expect("a key that it wrote before is no further one");
        write(0, None).expect("nor is clearing that");
    }
}

/// 100,000 keys of a kilobyte that a call had read took 104 MiB, and 200,000 keys of four bytes that it wrote 162 MiB,
/// for two counted.
#[tokio::test]
async fn what_a_call_has_read_and_written_counts_in_its_budget() {
    let store = Store::in_memory(StoreConfig::default()).unwrap();
    let namespace = store.namespace("tenant");
    let node = NativeBudget::node(1 << 20);
    let call = node.tenant(1 << 20).call(READ_ENTRY_BYTES * 10 + 2 * (WRITE_ENTRY_BYTES + 9));
    let mut transaction = Transaction::new(namespace.clone(), None, StorageLimits::default(), &call);
    for key in 0..10u8 {
        // However long: a hash is kept. However often.
        transaction.get(Scope::Durable, &[key; 1024]).unwrap();
        transaction.get(Scope::Durable, &[key; 1024]).unwrap();
    }
    assert_eq!(node.used(), 10 * READ_ENTRY_BYTES);
    for key in 0..2u8 {
        transaction.write(Scope::Durable, vec![key], Some(vec![0; 8])).unwrap();
        transaction.write(Scope::Durable, vec![key], Some(vec![1; 8])).unwrap();
    }
    assert_eq!(node.used(), call.limit());
    let refused = transaction.write(Scope::Durable, vec![9], None).unwrap_err();
    assert!(matches!(refused, HostError::NativeBytes(exceeded) if exceeded.scope == BudgetScope::Call), "{refused}");
    assert!(transaction.get(Scope::Durable, b"another").is_err());
    // A shorter value leaves room.
    transaction.write(Scope::Durable, vec![0], None).unwrap();
    assert_eq!(node.used(), call.limit() - 8);
    // The writes are held until they are durable, and what was read is not.
    let changes = transaction.take_changes().unwrap();
    assert_eq!(node.used(), 2 * (WRITE_ENTRY_BYTES + 1) + 8);
    drop(transaction);
    namespace.commit(changes).await.unwrap();
    assert_eq!(node.used(), 0);
}

/// A connection's memory counted keys and values alone, a hundredth of what small keys take.
#[tokio::test]
async fn a_connections_memory_counts_in_its_tenants_budget() {
    let store = Store::in_memory(StoreConfig::default()).unwrap();
    let namespace = store.namespace("tenant");
    let tenant = NativeBudget::node(1 << 20).tenant(10_000);
    let memory = Arc::new(ConnectionMemory::new(&tenant));
    let begin = || {
        let budget = tenant.call(u64::MAX);
        Transaction::new(namespace.clone(), Some(memory.clone()), StorageLimits::default(), &budget)
    };
    let mut first = begin();
    for key in 0..10u8 {
        first.write(Scope::Connection, vec![key], Some(vec![0; 5])).unwrap();
    }
    commit(&namespace, first).await.unwrap();
    let each = MAP_ENTRY_BYTES + 6;
    assert_eq!((memory.bytes(), tenant.used()), (10 * each, 10 * each));
    // One that is cleared, one that is set again, and one that both of two calls set.
    let (mut second, mut third) = (begin(), begin());
    second.write(Scope::Connection, vec![0], None).unwrap();
    second.write(Scope::Connection, vec![1], Some(Vec::new())).unwrap();
    second.write(Scope::Connection, vec![20], Some(vec![0; 5])).unwrap();
    third.write(Scope::Connection, vec![20], Some(vec![0; 7])).unwrap();
    commit(&namespace, second).await.unwrap();
    commit(&namespace, third).await.unwrap();
    assert_eq!((memory.bytes(), tenant.used()), (10 * each - 5 + 2, 10 * each - 5 + 2));
    // The commit is refused where the tenant has no room, and changes nothing.
    let other = tenant.try_take("other calls", 10_000 - tenant.used() - WRITE_ENTRY_BYTES - 20).unwrap();
    let mut fourth = begin();
    fourth.write(Scope::Connection, vec![30], Some(vec![0; 5])).unwrap();
    assert!(matches!(commit(&namespace, fourth).await, Err(CommitError::NativeBytes(_))));
    drop(other);
    assert_eq!(tenant.used(), 10 * each - 5 + 2);
    drop(memory);
    assert_eq!(tenant.used(), 0);
}

/// The database held eleven bytes for each that was counted: 8.9 MB for 200,000 keys of four bytes.
#[tokio::test]
async fn a_quota_counts_what_small_keys_take_on_disk() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("realm.redb");
    let store = Store::open(&path, StoreConfig::default()).unwrap();
    let namespace = store.namespace("tenant/dev");
    for block in 0..20u32 {
        let mut transaction = begin(&namespace);
        for key in 0..1000 {
            transaction.write(Scope::Durable, (block * 1000 + key).to_be_bytes().to_vec(), Some(Vec::new())).unwrap();
        }
        commit(&namespace, transaction).await.unwrap();
    }
    let counted = namespace.bytes().unwrap();
    assert_eq!(counted, 20_000 * (STORED_ENTRY_BYTES + 4));
    drop((namespace, store));
    // An empty database has a file of some size, too.
    let file_bytes = std::fs::metadata(&path).unwrap().len();
    assert!(file_bytes < counted + (4 << 20), "{file_bytes} bytes on disk for {counted} that count");
}

/// Files of the first version counted keys and values alone; their sizes are counted again when they are opened.
#[tokio::test]
async fn sizes_of_an_older_file_are_counted_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("realm.redb");
    let store = Store::open(&path, StoreConfig::default()).unwrap();
    let mut changes = Changes::new();
    for (namespace, key) in [("a", "1"), ("a", "2"), ("b", "1")] {
        store.namespace(namespace).write(&mut changes, key.as_bytes(), Some(vec![0; 9]));
    }
    store.commit(changes).await.unwrap();
    drop(store);
    {
        let database = Database::open(&path).unwrap();
        let transaction = database.begin_write().unwrap();
        transaction.open_table(COMMITS).unwrap().remove(SIZES_FORMAT).unwrap();
        let mut sizes = transaction.open_table(SIZES).unwrap();
        sizes.insert("a", 20).unwrap();
        sizes.insert("b", 10).unwrap();
        drop(sizes);
        transaction.commit().unwrap();
    }
    assert_eq!(offline::check(&path).unwrap().problems, Vec::<String>::new());
    let store = Store::open(&path, StoreConfig::default()).unwrap();
    let bytes = ["a", "b", "c"].map(|name| store.namespace(name).bytes().unwrap());
    assert_eq!(bytes, [2 * (STORED_ENTRY_BYTES + 10), STORED_ENTRY_BYTES + 10, 0]);
    drop(store);
    assert_eq!(offline::check(&path).unwrap().problems, Vec::<String>::new());
}
