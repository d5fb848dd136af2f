//! Storage as a guest sees it, and what of it is there after the call.

use super::{
    guest::{Guest, Options},
    script::{Arg, Arg::*, SCRATCH, Script, script_blob},
};
use realm_host_functions::{
    HostLimits, StorageLimits,
    budget::overhead::{MAP_ENTRY_BYTES, STORED_ENTRY_BYTES},
};
use realm_node::executor::{CallError, ConnectionMemory, RuntimeCode};
use realm_primitives::abi::HostErrorCode;
use std::sync::Arc;

const DURABLE: Arg = Is(0);
const CONNECTION: Arg = Is(1);
const NOT_FOUND: i64 = -(HostErrorCode::NotFound as i64);
const LIMIT: i64 = -(HostErrorCode::LimitExceeded as i64);

struct Fixture {
    guest: Guest,
    blob: Arc<RuntimeCode>,
}

impl Fixture {
    fn new(storage: StorageLimits) -> Self {
        let guest = Guest::with_limits(HostLimits { storage, ..HostLimits::default() });
        let blob = guest.compile(&script_blob());
        Self { guest, blob }
    }

    fn stored(&self, key: &[u8]) -> Option<Vec<u8>> {
        self.guest.tenant.storage.get(key).unwrap()
    }
}

fn set(script: &mut Script, scope: Arg, key: &[u8], value: &[u8]) {
    let (key, key_len) = script.data(key);
    let (value, value_len) = script.data(value);
    script.step("storage_set", &[scope, key, key_len, value, value_len]);
}

fn on_key(script: &mut Script, name: &str, scope: Arg, key: &[u8]) -> u32 {
    let (key, key_len) = script.data(key);
    script.step(name, &[scope, key, key_len])
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_sees_its_writes_and_the_disk_sees_them_after_it() {
    let fixture = Fixture::new(StorageLimits::default());
    let mut script = Script::new();
    on_key(&mut script, "storage_get", DURABLE, b"k");
    set(&mut script, DURABLE, b"k", b"value");
    let len = on_key(&mut script, "storage_get", DURABLE, b"k");
    script.step("take", &[Is(SCRATCH), Of(len)]);
    on_key(&mut script, "storage_clear", DURABLE, b"k");
    on_key(&mut script, "storage_clear", DURABLE, b"k");
    on_key(&mut script, "storage_get", DURABLE, b"k");
    set(&mut script, DURABLE, b"k", b"again");
    set(&mut script, DURABLE, b"empty", b"");
    let played = script.play(&fixture.guest, &fixture.blob).await.unwrap();
    assert_eq!(played.results, [NOT_FOUND, 0, 5, 0, 1, 0, NOT_FOUND, 0, 0]);
    assert_eq!(&played.scratch[..5], b"value");
    assert_eq!(fixture.stored(b"k").unwrap(), b"again");
    assert_eq!(fixture.stored(b"empty").unwrap(), b"");
    assert_eq!(fixture.guest.tenant.storage.bytes().unwrap(), 6 + 5 + 2 * STORED_ENTRY_BYTES);
    assert_eq!(fixture.guest.store.namespace("another tenant").get(b"k").unwrap(), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trap_drops_the_writes() {
    let fixture = Fixture::new(StorageLimits::default());
    let connection = Arc::new(ConnectionMemory::new(&fixture.guest.tenant.budget));
    let mut script = Script::new();
    set(&mut script, DURABLE, b"k", b"v");
    set(&mut script, CONNECTION, b"k", b"v");
    let options = Options { connection: Some(connection.clone()), ..Options::default() };
    let outcome = fixture.guest.call_with(&fixture.blob, "script_then_trap", &script.encoded(), options).await;
    assert!(matches!(outcome.result, Err(CallError::Trap { .. })), "{:?}", outcome.result);
    assert_eq!(outcome.usage.storage_written_bytes, 4);
    assert_eq!(fixture.stored(b"k"), None);
    assert_eq!(connection.bytes(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_remembers_between_calls_and_only_its_own() {
    let limits = StorageLimits { connection_bytes_max: MAP_ENTRY_BYTES + 8, ..StorageLimits::default() };
    let fixture = Fixture::new(limits);
    let connection = Arc::new(ConnectionMemory::new(&fixture.guest.tenant.budget));
    let on = |memory: &Arc<ConnectionMemory>| Options { connection: Some(memory.clone()), ..Options::default() };
    let mut write = Script::new();
    set(&mut write, CONNECTION, b"name", b"ada");
    set(&mut write, CONNECTION, b"more", b"!");
    let played = write.play_with(&fixture.guest, &fixture.blob, on(&connection)).await.unwrap();
    assert_eq!(played.results, [0, LIMIT]);
    let mut read = Script::new();
    on_key(&mut read, "storage_get", CONNECTION, b"name");
    on_key(&mut read, "storage_next_key", CONNECTION, b"");
    on_key(&mut read, "storage_get", DURABLE, b"name");
    let played = read.play_with(&fixture.guest, &fixture.blob, on(&connection)).await.unwrap();
    assert_eq!(played.results, [3, 4, NOT_FOUND]);
    let other = Arc::new(ConnectionMemory::new(&fixture.guest.tenant.budget));
    let played = read.play_with(&fixture.guest, &fixture.blob, on(&other)).await.unwrap();
    assert_eq!(played.results, [NOT_FOUND; 3]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_quota_bounds_growth_and_never_shrinking() {
    // Room for two keys with ten bytes of keys and values, or for one with a longer value.
    let tenant_bytes_max = 2 * STORED_ENTRY_BYTES + 10;
    let fixture = Fixture::new(StorageLimits { tenant_bytes_max, ..StorageLimits::default() });
    let mut script = Script::new();
    let fits = vec![0; STORED_ENTRY_BYTES as usize + 9];
    set(&mut script, DURABLE, b"a", &[&fits[..], b"0"].concat());
    set(&mut script, DURABLE, b"a", &fits);
    set(&mut script, DURABLE, b"b", b"");
    on_key(&mut script, "storage_clear", DURABLE, b"a");
    set(&mut script, DURABLE, b"b", b"12345");
    let played = script.play(&fixture.guest, &fixture.blob).await.unwrap();
    assert_eq!(played.results, [LIMIT, 0, LIMIT, 1, 0]);
    let mut script = Script::new();
    set(&mut script, DURABLE, b"c", b"1234");
    set(&mut script, DURABLE, b"c", b"123");
    assert_eq!(script.play(&fixture.guest, &fixture.blob).await.unwrap().results, [LIMIT, 0]);
    assert_eq!(fixture.guest.tenant.storage.bytes().unwrap(), tenant_bytes_max);
}

#[tokio::test(flavor = "multi_thread")]
async fn iteration_is_in_byte_order_and_bounded() {
    let fixture = Fixture::new(StorageLimits { iteration_keys_max: 5, ..StorageLimits::default() });
    let mut script = Script::new();
    for key in [&b"b"[..], b"\xff", b"a\0", b"a"] {
        set(&mut script, DURABLE, key, b"");
    }
    script.play(&fixture.guest, &fixture.blob).await.unwrap();
    let mut script = Script::new();
    let mut steps = vec![];
    for after in [&b""[..], b"a", b"a\0", b"b", b"\xff", b""] {
        steps.push(on_key(&mut script, "storage_next_key", DURABLE, after));
    }
    let played = script.play(&fixture.guest, &fixture.blob).await.unwrap();
    assert_eq!(played.results, [1, 2, 1, 1, NOT_FOUND, LIMIT]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_update_that_another_call_overtook_is_refused() {
    let fixture = Arc::new(Fixture::new(StorageLimits::default()));
    // The slow call reads the counter and waits; the quick one reads and writes it meanwhile.
    let (events, mut inbox) = realm_node::executor::event_queue(1, 1 << 20);
    let mut script = Script::new();
    on_key(&mut script, "storage_get", DURABLE, b"counter");
    let (item, item_len) = script.data(b"!");
    // The first item is read, the second lies in the channel, the third waits.
    for _ in 0..3 {
        script.step("emit", &[item, item_len]);
    }
    set(&mut script, DURABLE, b"counter", b"slow");
    let slow = {
        let fixture = fixture.clone();
        tokio::spawn(async move {
            let options = Options { events: Some(events), ..Options::default() };
            script.play_with(&fixture.guest, &fixture.blob, options).await
        })
    };
    inbox.recv().await.unwrap();
    let mut quick = Script::new();
    on_key(&mut quick, "storage_get", DURABLE, b"counter");
    set(&mut quick, DURABLE, b"counter", b"quick");
    quick.play(&fixture.guest, &fixture.blob).await.unwrap();
    while inbox.recv().await.is_some() {}
    let refused = slow.await.unwrap();
    assert!(matches!(refused, Err(CallError::StorageCommit(_))), "{refused:?}");
    assert_eq!(fixture.stored(b"counter").unwrap(), b"quick");
}
