//! Every host function with handles that others hold, pointers outside of memory, and wild numbers.

use super::{TENANTS, call, hostile};
use futures::future::join_all;
use realm_host_functions::HostFunction;
use realm_tests::{Socket, TinyNode};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// Items of 64 KiB that a holder sends: more than lies between it and who does not read them.
const ITEMS: u64 = 96;
/// Attacks of each tenant at once.
const ATTACKS: usize = 4;

/// A call that holds things until its items are read.
struct Holder {
    socket: Socket,
    first: Value,
}

impl Holder {
    async fn start(node: &TinyNode, tenant: &str, value: u64) -> Self {
        let mut socket = Socket::connect_narrow(node.node.address()).await;
        let params = json!({"value": value, "tokens": 10 + value, "items": ITEMS});
        socket.subscribe("hold", params, json!({"tenant_id": tenant})).await;
        let first = holding(&socket.event().await.1);
        assert_eq!((&first["value"], &first["tokens"]), (&json!(value), &json!(10 + value)));
        Self { socket, first }
    }

    /// To its end it held what it held at first.
    async fn end(mut self) {
        let events = self.socket.events().await;
        let (last, items) = events.split_last().expect("events");
        assert_eq!(last["type"], "result", "{last}");
        assert_eq!(items.len() as u64, ITEMS - 1);
        items.iter().for_each(|item| assert_eq!(holding(item), self.first));
    }
}

/// An item without its padding.
fn holding(event: &Value) -> Value {
    assert_eq!(event["type"], "stream", "{event}");
    let mut item = event["data"].clone();
    item.as_object_mut().unwrap_or_else(|| panic!("{event}")).remove("padding");
    item
}

#[tokio::test(flavor = "multi_thread")]
async fn every_host_function_refuses_what_is_not_the_calls_own() {
    let node = hostile(|_| {}).await;
    let holders = join_all(TENANTS.iter().zip(1..).map(|(tenant, value)| Holder::start(&node, tenant, value))).await;
    let mut forged: BTreeSet<u64> = [0, 1, u64::from(u32::MAX)].into();
    for holder in &holders {
        forged.extend(holder.first["handles"].as_array().expect("handles").iter().filter_map(Value::as_u64));
    }

    let address = node.node.address();
    let attacks = join_all(TENANTS.iter().cycle().take(TENANTS.len() * ATTACKS).map(|tenant| {
        let forged = json!({"forged": forged});
        async move { (*tenant, call(&mut Socket::connect(address).await, tenant, "attack", forged).await) }
    }));
    let attacks = attacks.await;
    let alive = node.node.dispatcher().executor.stats().instances_alive();
    assert_eq!(alive as usize, holders.len(), "the holders held what was forged until the attacks were over");

    let all: BTreeSet<&str> = HostFunction::ALL.iter().map(|function| function.name()).collect();
    for (tenant, attack) in attacks {
        let tried = attack["functions"].as_array().expect("functions").iter();
        let tried: BTreeSet<&str> = tried.map(|name| name.as_str().expect("a name")).collect();
        assert_eq!(tried, all, "functions that tests/runtimes/hostile/src/functions.rs must name");
        assert_eq!(attack["reached"], json!([]));
        assert!(attack["refused"].as_u64() > Some(500), "{attack}");
        let told = attack["told"].to_string();
        for other in TENANTS {
            assert_eq!(told.contains(&hex::encode(other)), other == tenant, "{tenant} was told {told}");
        }
    }
    for holder in holders {
        holder.end().await;
    }
    node.node.stop().await;
}
