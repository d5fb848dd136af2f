//! Calls that an upgrade finds running: they end on the code they began with, which is freed with the last of them.

use super::{
    blob::{Blob, KEY, LENGTHEN},
    fixture::Fixture,
};
use realm_host_functions::storage::CommitError;
use realm_node::{
    executor::{CallError, CallSetup, EventReceiver, event_queue},
    runtimes::LoadedRuntime,
};
use realm_primitives::{CallContext, H256, Prices};
use realm_tests::{HANG, Socket};
use serde_json::{Value, json};
use std::{
    sync::{Arc, Weak},
    time::Duration,
};
use tokio::task::JoinHandle;

async fn freed(runtime: &Weak<LoadedRuntime>) {
    let gone = async {
        while runtime.strong_count() > 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(HANG, gone).await.expect("the old runtime is freed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_ends_on_the_code_it_began_with_which_is_freed_then() {
    let mut fixture = Fixture::default_runtime().await;
    let old = Arc::downgrade(&fixture.tenant("dev").runtime.current());
    let mut reader = Socket::connect(fixture.node.node.address()).await;
    let params = json!({"prompt": "Once upon a time", "max_tokens": 2000, "temperature": 0});
    reader.subscribe("stream_generate", params.clone(), json!({})).await;
    let mut events = vec![reader.event().await.1];

    let report = fixture.upgrade(realm_summarize_runtime::WASM_BINARY).await;
    let short = json!({"prompt": "Once upon a time", "max_tokens": 2, "temperature": 0});
    let new = fixture.admin.result("realm_call", json!(["generate", short])).await;
    assert_eq!(new["receipt"]["code_hash"], report["to"]["code_hash"], "new calls use the new code at once");

    events.extend(reader.events().await);
    for (seq, event) in events.iter().enumerate() {
        assert_eq!(event["seq"], json!(seq));
    }
    let last = &events.last().unwrap()["data"];
    assert_eq!(last["receipt"]["code_hash"], report["from"]["code_hash"], "the stream ended on the old code");
    let pieces: String = events.iter().filter_map(|event| event["data"]["token"].as_str()).collect();
    assert_eq!(last["text"], json!(pieces), "no event is lost");
    freed(&old).await;
    fixture.node.node.stop().await;
}

/// A call of a blob of version 1 that stands still in the middle, until `items` is read to its end.
struct Held {
    call: JoinHandle<Result<Vec<u8>, CallError>>,
    items: EventReceiver,
    runtime: Weak<LoadedRuntime>,
}

impl Held {
    async fn begin(fixture: &Fixture, export: &'static str) -> Self {
        let tenant = fixture.tenant("dev");
        let runtime = tenant.runtime.current();
        let held = Arc::downgrade(&runtime);
        let executor = fixture.node.node.dispatcher().executor.clone();
        let (events, mut items) = event_queue(1, 1 << 20);
        let call = tokio::spawn(async move {
            let setup = CallSetup {
                context: CallContext {
                    tenant: "dev".into(),
                    call_id: "held".into(),
                    seed: 1,
                    deadline_ms: 60_000,
                    streaming: true,
                    connected: false,
                    code_hash: H256::default(),
                    prices: Prices::default(),
                    max_tokens_limit: 1,
                },
                tenant: tenant.resources.clone(),
                connection: None,
                events: Some(events),
                deadline: None,
                tally: std::sync::Arc::default(),
            };
            executor.call(&runtime.code, export, &[], setup).await.result
        });
        // The first item is read, the second lies in the channel, the third waits.
        items.recv().await.expect("the call began");
        Self { call, items, runtime: held }
    }

    async fn finish(mut self) -> Result<Vec<u8>, CallError> {
        while self.items.recv().await.is_some() {}
        self.call.await.unwrap()
    }
}

fn was_migrated(result: &Result<Vec<u8>, CallError>) -> bool {
    matches!(result, Err(CallError::StorageCommit(CommitError::Migrated)))
}

/// A call of the old code, which had not looked at a key before the migration, wrote it blindly in the old
/// format after it: the new code then read what it could not understand.
#[tokio::test(flavor = "multi_thread")]
async fn old_code_neither_writes_nor_reads_what_a_migration_has_left() {
    let mut fixture = Fixture::of(&Blob::version(1)).await;
    fixture.store("dev", KEY, b"abc").await;
    let writer = Held::begin(&fixture, "TestApi_hold_and_write").await;
    let reader = Held::begin(&fixture, "TestApi_hold_and_read").await;
    fixture.upgrade(&Blob { migrate: LENGTHEN, ..Blob::version(2) }.wasm()).await;
    let old = writer.runtime.clone();
    let writer = writer.finish().await;
    assert_eq!(old.strong_count(), 1, "one call still holds the old code");
    let reader = reader.finish().await;
    freed(&old).await;
    assert!(was_migrated(&writer), "{writer:?}");
    assert!(was_migrated(&reader), "{reader:?}");
    assert_eq!(fixture.stored("dev", KEY).unwrap(), b"abc2");

    // Where the migration leaves the state as it is, a call in flight ends as if nothing had happened.
    let writer = Held::begin(&fixture, "TestApi_hold_and_write").await;
    fixture.upgrade(&Blob::version(3).wasm()).await;
    assert!(writer.finish().await.is_ok());
    assert_eq!(fixture.stored("dev", KEY).unwrap(), b"22222222");
    fixture.node.node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pinned_call_is_not_executed_by_another_runtime() {
    let mut fixture = Fixture::of(&Blob::version(1)).await;
    let metadata = fixture.admin.result("system_metadata", json!([])).await;
    let pinned = |hash: &Value| json!(["hold_and_write", {}, {"runtime": hash}]);
    fixture.admin.result("realm_call", pinned(&metadata["metadata_hash"])).await;
    let report = fixture.upgrade(&Blob::version(2).wasm()).await;
    fixture.store("dev", KEY, b"untouched").await;
    let error = fixture.admin.error("realm_call", pinned(&metadata["metadata_hash"])).await;
    assert_eq!(error["data"]["code"], "RUNTIME_CHANGED");
    assert_eq!(
        (&error["data"]["spec_version"], &error["data"]["metadata_hash"]),
        (&json!(2), &report["metadata_hash"])
    );
    assert_eq!(fixture.stored("dev", KEY).unwrap(), b"untouched");
    fixture.admin.result("realm_call", pinned(&report["metadata_hash"])).await;
    fixture.node.node.stop().await;
}
