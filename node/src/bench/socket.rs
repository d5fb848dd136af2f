//! Streams as a client gets them: JSON over a WebSocket on loopback.

use super::{
    BenchError,
    delivery::{Samplings, delays_ms},
    node::{BenchNode, tenant_name},
    timeline::Timeline,
    workload::{Workload, greedy, text},
};
use jsonrpsee_ws_client::WsClient;
use realm_primitives::GenerateOptions;
use realm_rpc::{CallOptions, Event, EventBody, api::RealmClient};
use serde_json::{Value, json};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::task::JoinSet;

/// Tokens of the conversation whose second turn is timed, about.
const FIRST_TURN_TOKENS: usize = 400;
/// Tokens that the second turn adds, about.
const SECOND_TURN_TOKENS: usize = 16;

/// Time to the first token of a conversation's first and second turn.
#[derive(Clone, Debug)]
pub struct SecondTurn {
    pub first_tokens: u32,
    pub first: Duration,
    pub second_tokens: u32,
    pub second_cached: u32,
    pub second: Duration,
}

/// Runs all streams at once, over one connection.
pub async fn run(node: &BenchNode, work: &Workload) -> Result<Vec<Timeline>, String> {
    let client = Arc::new(node.connect().await?);
    let mut streams = JoinSet::new();
    for (number, prompt) in work.prompts.iter().enumerate() {
        let tenant = tenant_name(number, work.own_tenants);
        let params = json!({"prompt": prompt, "options": options_json(&work.options)});
        let (client, samplings) = (client.clone(), node.samplings.clone());
        streams.spawn(async move { observed(&client, tenant, params, samplings).await });
    }
    streams.join_all().await.into_iter().collect()
}

/// A prompt, and then the same prompt with a few tokens more, as the next turn of a conversation has it.
pub async fn second_turn(node: &BenchNode) -> Result<SecondTurn, BenchError> {
    let failed = |why| BenchError::Call { layer: "second turn", why };
    let client = node.connect().await.map_err(failed)?;
    let first = text(node, "conversation", FIRST_TURN_TOKENS);
    let mut turns = Vec::with_capacity(2);
    for prompt in [first.clone(), first + &text(node, " again", SECOND_TURN_TOKENS)] {
        let params = json!({"prompt": prompt, "options": options_json(&greedy(node, 2, 0))});
        turns.push(stream(&client, tenant_name(0, true), params).await.map_err(failed)?);
    }
    let first_of = |turn: &Timeline| turn.first().ok_or_else(|| failed("no token came".to_owned()));
    Ok(SecondTurn {
        first_tokens: turns[0].prompt_tokens,
        first: first_of(&turns[0])?,
        second_tokens: turns[1].prompt_tokens,
        second_cached: turns[1].cached_tokens,
        second: first_of(&turns[1])?,
    })
}

/// A stream, and how long its tokens took from being sampled.
async fn observed(
    client: &WsClient,
    tenant: String,
    params: Value,
    samplings: Option<Samplings>,
) -> Result<Timeline, String> {
    // What another measurement left.
    let _ = samplings.as_ref().map(|samplings| samplings.take(&tenant));
    let stream = stream(client, tenant.clone(), params).await?;
    let sampled = samplings.map(|samplings| samplings.take(&tenant)).unwrap_or_default();
    Ok(Timeline { delays_ms: delays_ms(&stream, &sampled), ..stream })
}

async fn stream(client: &WsClient, tenant: String, params: Value) -> Result<Timeline, String> {
    let options = CallOptions { tenant_id: Some(tenant), ..CallOptions::default() }.to_value();
    let began = Instant::now();
    let subscription = client.subscribe_events("stream_generate".to_owned(), Some(params), Some(options)).await;
    let mut events = subscription.map_err(|error| error.to_string())?;
    let mut arrivals = Vec::new();
    loop {
        let event: Event = match events.next().await {
            Some(event) => event.map_err(|error| error.to_string())?,
            None => return Err("the stream ended without a result".to_owned()),
        };
        let number = |data: &Value, name: &str| data.get(name).and_then(Value::as_u64).unwrap_or(0) as u32;
        match event.body {
            EventBody::Stream { data } => arrivals.push((Instant::now(), number(&data, "index") + 1)),
            EventBody::Error { error } => return Err(format!("{}: {}", error.code, error.message)),
            EventBody::Result { data } => {
                let (prompt_tokens, cached_tokens) = (number(&data, "prompt_tokens"), number(&data, "cached_tokens"));
                return Ok(Timeline { began, prompt_tokens, cached_tokens, arrivals, delays_ms: Vec::new() });
            }
        }
    }
}

fn options_json(options: &GenerateOptions) -> Value {
    let bias = options.logit_bias.iter().flatten();
    let bias: Vec<Value> = bias.map(|entry| json!({"token": entry.token, "bias": entry.bias.get()})).collect();
    let mut json = json!({"max_tokens": options.max_tokens, "temperature": 0, "logit_bias": bias, "seed": 0});
    if let Some(speculation) = options.speculation {
        json["speculation"] = json!(speculation);
    }
    json
}
