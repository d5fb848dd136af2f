//! What connections remember, over upgrades that change what is stored.

use super::{
    blob::{Blob, TRAP_AT_EIGHT},
    fixture::{Fixture, hex},
};
use realm_tests::Socket;
use serde_json::{Value, json};

async fn chat(socket: &mut Socket, text: &str) -> Value {
    let params = json!({"message": text, "max_tokens": 4, "temperature": 0});
    socket.result("realm_call", json!(["chat", params])).await
}

/// After an upgrade to a version that stores turns in another form, `chat` on a connection that had talked before answered
/// INTERNAL for ever: the migration saw durable storage only.
#[tokio::test(flavor = "multi_thread")]
async fn a_connection_goes_on_with_what_it_said_before_an_upgrade_and_a_rollback() {
    let mut fixture = Fixture::default_runtime().await;
    let mut talker = Socket::connect(fixture.node.node.address()).await;
    for turns in 1..=2 {
        assert_eq!(chat(&mut talker, "Hello").await["turns"], turns);
    }
    fixture.upgrade(realm_summarize_runtime::WASM_BINARY).await;
    for turns in 3..=4 {
        let answer = chat(&mut talker, "And then?").await;
        assert_eq!((&answer["turns"], &answer["receipt"]["spec_version"]), (&json!(turns), &json!(2)), "{answer}");
    }
    fixture.roll_back(None).await;
    for turns in 5..=6 {
        let answer = chat(&mut talker, "And then?").await;
        assert_eq!((&answer["turns"], &answer["receipt"]["spec_version"]), (&json!(turns), &json!(1)), "{answer}");
    }
    fixture.node.node.stop().await;
}

/// What cannot be taken over is dropped with one error, and the connection is of use again.
#[tokio::test(flavor = "multi_thread")]
async fn a_memory_that_the_new_code_refuses_is_emptied_once() {
    let mut fixture = Fixture::of(&Blob::version(1)).await;
    let mut talker = Socket::connect(fixture.node.node.address()).await;
    assert_eq!(talker.result("realm_call", json!(["remember"])).await, json!(0));
    assert_eq!(talker.result("realm_call", json!(["remember"])).await, json!(8));
    // Nothing durable has eight bytes, so the upgrade itself goes well.
    let code = hex(&Blob { migrate: TRAP_AT_EIGHT, ..Blob::version(2) }.wasm());
    fixture.admin.result("realm_upgradeRuntime", json!([code])).await;
    let error = talker.error("realm_call", json!(["remember"])).await;
    assert_eq!(error["data"]["code"], "RUNTIME_CHANGED", "{error}");
    assert!(error["message"].as_str().is_some_and(|text| text.contains("remembers nothing now")), "{error}");
    assert_eq!(talker.result("realm_call", json!(["remember"])).await, json!(0));
    assert_eq!(talker.result("realm_call", json!(["remember"])).await, json!(8));
    fixture.node.node.stop().await;
}
