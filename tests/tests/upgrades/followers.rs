//! Limits of those who follow the chain (`chainHead_v1_*`): each a named setting, each felt by its follower alone.

use super::{blob::Blob, fixture::Fixture};
use parity_scale_codec::Encode;
use realm_primitives::GenerateOptions;
use realm_tests::Socket;
use serde_json::{Value, json};
use std::time::Duration;

async fn follow(socket: &mut Socket) -> String {
    socket.result("chainHead_v1_follow", json!([true])).await.as_str().expect("an id").to_owned()
}

/// The next event of a follower, those of others left out.
async fn event(socket: &mut Socket, follower: &str) -> Value {
    loop {
        let notification = socket.notification().await;
        if notification["params"]["subscription"] == follower {
            return notification["params"]["result"].clone();
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_has_so_many_followers_and_no_more() {
    let fixture = Fixture::with(&Blob::version(1), |config| config.follow.followers_per_connection_max = 2).await;
    let mut socket = Socket::connect(fixture.node.node.address()).await;
    let first = follow(&mut socket).await;
    follow(&mut socket).await;
    let error = socket.error("chainHead_v1_follow", json!([true])).await;
    assert_eq!(error["code"], -32800, "{error}");
    let mut another = Socket::connect(fixture.node.node.address()).await;
    follow(&mut another).await;
    socket.result("chainHead_v1_unfollow", json!([first])).await;
    // A place comes free when the subscription has ended, a moment after its answer.
    while socket.request("chainHead_v1_follow", json!([true])).await.get("error").is_some() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    fixture.node.node.stop().await;
}

/// Blocks that a follower may hold in the test of that bound: so many that a slow machine's reader is not one that hoards.
const PINNED_MAX: usize = 16;

#[tokio::test(flavor = "multi_thread")]
async fn a_follower_that_unpins_nothing_is_told_to_stop() {
    let fixture = Fixture::with(&Blob::version(1), |config| {
        config.follow.pinned_blocks_max = PINNED_MAX;
        config.blocks.heartbeat_interval = Duration::from_millis(100);
    })
    .await;
    let mut hoarder = Socket::connect(fixture.node.node.address()).await;
    let hoarding = follow(&mut hoarder).await;
    let mut blocks = 0;
    loop {
        let event = event(&mut hoarder, &hoarding).await;
        match event["event"].as_str() {
            Some("stop") => break,
            Some("newBlock") => blocks += 1,
            _ => {}
        }
    }
    assert_eq!(blocks + 1, PINNED_MAX, "with the first one it held as many as it may");
    // Who lets go of each block goes on, past that number. Only now, so that nothing piles up before it is read.
    let mut tidy = Socket::connect(fixture.node.node.address()).await;
    let tidying = follow(&mut tidy).await;
    let first = event(&mut tidy, &tidying).await["finalizedBlockHashes"][0].clone();
    tidy.result("chainHead_v1_unpin", json!([tidying, first])).await;
    let mut unpinned = 0;
    while unpinned < PINNED_MAX + 4 {
        let event = event(&mut tidy, &tidying).await;
        assert_ne!(event["event"], "stop");
        if event["event"] == "finalized" {
            tidy.result("chainHead_v1_unpin", json!([tidying, event["finalizedBlockHashes"]])).await;
            unpinned += 1;
        }
    }
    let error = tidy.error("chainHead_v1_unpin", json!([tidying, first])).await;
    assert_eq!(error["code"], -32801, "{error}");
    fixture.node.node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_follower_has_so_many_operations_under_way() {
    let fixture = Fixture::start(|config| config.follow.operations_max = 1).await;
    let mut socket = Socket::connect(fixture.node.node.address()).await;
    let follower = follow(&mut socket).await;
    let block = event(&mut socket, &follower).await["finalizedBlockHashes"][0].clone();
    let options = GenerateOptions { max_tokens: Some(3_500), ..GenerateOptions::default() };
    let arguments = super::fixture::hex(&("Once".to_owned(), options).encode());
    let call = json!([follower, block, "RealmApi_generate", arguments]);
    let started = socket.result("chainHead_v1_call", call.clone()).await;
    assert_eq!(started["result"], "started");
    let refused = socket.result("chainHead_v1_call", call.clone()).await;
    assert_eq!(refused, json!({"result": "limitReached"}));
    socket.result("chainHead_v1_stopOperation", json!([follower, started["operationId"]])).await;
    // The stopped one makes room, its call is dropped, and nobody hears of it.
    fixture.node.idle().await;
    let health = json!([follower, block, "RealmApi_health_check", "0x"]);
    let started = socket.result("chainHead_v1_call", health).await;
    assert_eq!(started["result"], "started");
    let done = loop {
        let event = event(&mut socket, &follower).await;
        if event["event"].as_str().is_some_and(|name| name.starts_with("operation")) {
            break event;
        }
    };
    assert_eq!((&done["event"], &done["operationId"]), (&json!("operationCallDone"), &started["operationId"]));
    fixture.node.node.stop().await;
}
