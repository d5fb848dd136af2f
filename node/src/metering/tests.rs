//! The books by a clock that jumps, beside a disk that is full, and of calls that the engine outlives.

use super::{clock::SetTime, *};
use crate::executor::CallTally;
use realm_engine::TokenMeter;
use realm_host_functions::storage::StoreConfig;
use realm_primitives::Prices;
use std::path::Path;
use substrate_prometheus_endpoint::Registry;

const DAY_S: i64 = 86_400;
/// A token of a prompt costs ten.
const PRICES: Prices =
    Prices { prompt_nano_usd_per_1k: 10_000, cached_nano_usd_per_1k: 0, generated_nano_usd_per_1k: 10_000 };

fn tenant() -> TenantId {
    "acme".into()
}

async fn open(time: &Arc<SetTime>, store: &Store) -> Metering {
    let metrics = Metrics::register(&Registry::new()).expect("no name twice");
    Metering::open_by(time.clone(), store, MeteringConfig::default(), metrics).await.expect("the books open")
}

fn store() -> Store {
    Store::in_memory(StoreConfig::default()).expect("a store")
}

/// A call that computes this many tokens.
async fn call(metering: &Metering, prices: Prices, tokens: u64, caps: Caps) -> Result<(), String> {
    let most = prices.charge(tokens, 0, 0).0;
    metering.hold(&tenant(), most, caps).map_err(|exceeded| format!("{exceeded:?}"))?;
    let tally = Arc::new(CallTally::default());
    let meter = metering.meter(tenant(), prices, "call", &tally, most);
    tally.step_began(tokens);
    tally.step_ended(tokens, true);
    meter.settle(Ended::Well, None).await.map_err(|error| error.to_string())
}

/// Money in the books, in all hours.
async fn charged(metering: &Metering) -> u64 {
    metering.flush().await;
    let all = Query { tenant: None, from: Hour(0), to: Hour(u32::MAX), period: Period::Hour };
    let report = metering.report(all).await.expect("the books are read");
    report.rows.iter().map(|row| row.usage.nano_usd).sum()
}

/// A clock that was 500 days ahead for one call, and then right again, left the tenant without a cap until the node was
/// started again, and had the books of the last 400 days deleted.
#[tokio::test]
async fn a_clock_that_is_ahead_for_a_moment_neither_opens_a_cap_nor_deletes_the_books() {
    let (time, store, caps) = (SetTime::at("2026-11-26T10:00:00Z"), store(), Caps { day: 100, month: 1_000 });
    let metering = open(&time, &store).await;
    for _ in 0..4 {
        call(&metering, PRICES, 1, caps).await.expect("within the cap");
    }
    time.pass(60);
    time.jump(500 * DAY_S);
    call(&metering, PRICES, 1, caps).await.expect("within the cap");
    time.pass(60);
    time.jump(-500 * DAY_S);
    for _ in 0..5 {
        call(&metering, PRICES, 1, caps).await.expect("within the cap");
    }
    let refused = call(&metering, PRICES, 1, caps).await.expect_err("the cap is used up");
    assert!(refused.contains("spent: 100"), "{refused}");
    assert_eq!(charged(&metering).await, 100, "nothing is lost");
    // The next day is a new one.
    time.pass(DAY_S as u64);
    call(&metering, PRICES, 1, caps).await.expect("a new day");
}

/// A node that is started while its clock is wrong does not delete by it either, however often it is started.
#[tokio::test]
async fn starts_under_a_wrong_clock_delete_nothing() {
    let (time, store, caps) = (SetTime::at("2026-11-26T10:00:00Z"), store(), Caps { day: 100, month: 1_000 });
    let metering = open(&time, &store).await;
    call(&metering, PRICES, 2, caps).await.expect("within the cap");
    assert_eq!(charged(&metering).await, 20);
    drop(metering);
    time.jump(500 * DAY_S);
    for start in 1..4 {
        let metering = open(&time, &store).await;
        time.pass(3_700);
        call(&metering, PRICES, 1, caps).await.expect("within the cap");
        assert_eq!(charged(&metering).await, 20 + start * 10, "start {start}");
    }
    // Only a clock that was steady for a day is believed: 500 days are really over then.
    let metering = open(&time, &store).await;
    time.pass(25 * 3_600);
    call(&metering, PRICES, 1, caps).await.expect("within the cap");
    assert_eq!(charged(&metering).await, 40, "the first 20 are too old");
}

/// What was spent is read from the books again when a jump is believed, in either direction.
#[tokio::test]
async fn a_jump_that_lasts_brings_the_caps_of_the_day_it_leads_to() {
    let (time, store, caps) = (SetTime::at("2026-11-26T10:00:00Z"), store(), Caps { day: 100, month: 1_000 });
    let metering = open(&time, &store).await;
    call(&metering, PRICES, 8, caps).await.expect("within the cap");
    let lasting_jump = async |by_s: i64, metering: &Metering| {
        time.jump(by_s);
        metering.hour();
        time.pass(1_000);
        metering.hour();
        metering.flush().await;
        metering.hour()
    };
    assert_eq!(lasting_jump(2 * DAY_S, &metering).await.to_string(), "2026-11-28T10:00:00Z");
    call(&metering, PRICES, 10, caps).await.expect("another day's cap");
    assert_eq!(lasting_jump(-2 * DAY_S, &metering).await.to_string(), "2026-11-26T10:00:00Z");
    assert!(call(&metering, PRICES, 3, caps).await.is_err(), "80 of 100 are spent on this day");
    call(&metering, PRICES, 2, caps).await.expect("to the last one");
}

/// The books on a disk that is as good as full.
async fn open_on_full_disk(time: &Arc<SetTime>, path: &Path) -> Metering {
    // No disk has so much room.
    let full = StoreConfig { disk_free_bytes_min: u64::MAX, ..StoreConfig::default() };
    open(time, &Store::open(path, full).expect("a full disk is read")).await
}

/// With a full disk nothing was inferred, even for tenants whose prices are all zero.
#[tokio::test]
async fn calls_that_cost_nothing_need_no_disk() {
    let folder = tempfile::tempdir().expect("a folder");
    let (time, caps) = (SetTime::at("2026-11-26T10:00:00Z"), Caps { day: 100, month: 1_000 });
    let path = folder.path().join("realm.redb");
    drop(Store::open(&path, StoreConfig::default()).expect("a store"));
    let metering = open_on_full_disk(&time, &path).await;
    for _ in 0..3 {
        call(&metering, Prices::default(), 5, caps).await.expect("it costs nothing");
    }
    // Also one that runs for longer than a moment.
    let tally = Arc::new(CallTally::default());
    let mut meter = metering.meter(tenant(), Prices::default(), "long", &tally, 0);
    meter.watch(tokio::time::sleep(std::time::Duration::from_millis(120))).await;
    meter.settle(Ended::Well, None).await.expect("it costs nothing");
    assert!(call(&metering, PRICES, 1, caps).await.is_err(), "a charge needs the disk");
}

/// A node that died with calls under way did not start again where the disk was full.
#[tokio::test]
async fn open_calls_do_not_keep_a_node_with_a_full_disk_from_starting() {
    let folder = tempfile::tempdir().expect("a folder");
    let (time, path) = (SetTime::at("2026-11-26T10:00:00Z"), folder.path().join("realm.redb"));
    {
        let store = Store::open(&path, StoreConfig::default()).expect("a store");
        Ledger::new(&store).open("left", &tenant(), Hour(500_000)).await.expect("room");
    }
    let metering = open_on_full_disk(&time, &path).await;
    // What it does beside holds the file too.
    metering.flush().await;
    drop(metering);
    let store = Store::open(&path, StoreConfig::default()).expect("a store");
    assert_eq!(Ledger::new(&store).close_interrupted().await.expect("room"), 1, "it is still there to be settled");
}

/// A call that was dropped while the engine computed a step of it was charged for nothing of that step.
#[tokio::test]
async fn a_dropped_call_is_charged_for_the_step_that_outlives_it() {
    let (time, store) = (SetTime::at("2026-11-26T10:00:00Z"), store());
    let metering = open(&time, &store).await;
    for computed in [true, false] {
        let tally = Arc::new(CallTally::default());
        let meter = metering.meter(tenant(), PRICES, "dropped", &tally, 0);
        tally.step_began(7);
        drop(meter);
        tokio::task::yield_now().await;
        tally.step_ended(7, computed);
        assert_eq!(charged(&metering).await, 70, "a failed step costs nothing");
    }
}
