//! Streams through the wasm runtime: a sandbox each, no network.

use super::{
    node::{BenchNode, tenant_name},
    timeline::Timeline,
    workload::Workload,
};
use crate::executor::{CallSetup, EventReceiver, event_queue};
use parity_scale_codec::{Decode, Encode};
use realm_primitives::{CallContext, GenerateResult, H256, Prices, RuntimeError, TokenEvent};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::task::JoinSet;

/// The export that is called.
const EXPORT: &str = "RealmApi_stream_generate";
/// Items between the guest and us, as between a guest and its subscription.
const ITEMS_MAX: usize = 16;
/// Bytes of these items.
const ITEM_BYTES_MAX: u32 = 1 << 20;
const TIME_MAX: Duration = Duration::from_secs(600);

/// Runs all streams at once.
pub async fn run(node: &BenchNode, work: &Workload) -> Result<Vec<Timeline>, String> {
    let mut streams = JoinSet::new();
    for (number, prompt) in work.prompts.iter().enumerate() {
        let name = tenant_name(number, work.own_tenants);
        let (tenant, runtime) = node.tenant(&name).ok_or_else(|| format!("no tenant {name}"))?;
        let (executor, arguments) = (node.executor().clone(), (prompt.clone(), work.options.clone()).encode());
        let max_tokens_limit = work.options.max_tokens.unwrap_or(1);
        streams.spawn(async move {
            let (events, inbox) = event_queue(ITEMS_MAX, ITEM_BYTES_MAX);
            let began = Instant::now();
            let setup = CallSetup {
                context: context(name, max_tokens_limit),
                tenant,
                connection: None,
                events: Some(events),
                deadline: Some(began + TIME_MAX),
                tally: Arc::default(),
            };
            let call = executor.call(&runtime.code, EXPORT, &arguments, setup);
            let (outcome, arrivals) = tokio::join!(call, arrivals(inbox));
            let answer = outcome.result.map_err(|error| error.to_string())?;
            let answer = Result::<GenerateResult, RuntimeError>::decode(&mut &answer[..]);
            let answer = answer.map_err(|error| error.to_string())?.map_err(|error| error.to_string())?;
            let (prompt_tokens, cached_tokens) = (answer.prompt_tokens, answer.cached_tokens);
            Ok(Timeline { began, prompt_tokens, cached_tokens, arrivals: arrivals?, delays_ms: Vec::new() })
        });
    }
    streams.join_all().await.into_iter().collect()
}

async fn arrivals(mut inbox: EventReceiver) -> Result<Vec<(Instant, u32)>, String> {
    let mut arrivals = Vec::new();
    while let Some(item) = inbox.recv().await {
        let event = TokenEvent::decode(&mut &item[..]).map_err(|error| error.to_string())?;
        arrivals.push((Instant::now(), event.index + 1));
    }
    Ok(arrivals)
}

fn context(tenant: String, max_tokens_limit: u32) -> CallContext {
    CallContext {
        tenant,
        call_id: "bench".into(),
        seed: 0,
        deadline_ms: TIME_MAX.as_millis() as u64,
        streaming: true,
        connected: false,
        code_hash: H256::default(),
        prices: Prices::default(),
        max_tokens_limit,
    }
}
