//! Streams through the engine alone: sessions and samplers, as a runtime would use them.

use super::{
    node::{BenchNode, tenant_name},
    timeline::Timeline,
    workload::Workload,
};
use realm_engine::{Model, Rows, Sampler, SamplingParams, TenantKey};
use std::{sync::Arc, time::Instant};
use tokio::task::JoinSet;

/// Runs all streams at once.
pub async fn run(node: &BenchNode, work: &Workload) -> Result<Vec<Timeline>, String> {
    let mut streams = JoinSet::new();
    for (number, prompt) in work.prompts.iter().enumerate() {
        let name = tenant_name(number, work.own_tenants);
        let (resources, _) = node.tenant(&name).ok_or_else(|| format!("no tenant {name}"))?;
        let tokens = node.model.model().tokenizer().encode(prompt, true).map_err(|error| error.to_string())?;
        let bias = node.end_tokens.iter().map(|&token| (token, -100.0)).collect();
        let params = SamplingParams { temperature: 0.0, logit_bias: bias, ..SamplingParams::default() };
        let count = work.options.max_tokens.unwrap_or(1);
        streams.spawn(stream(node.model.model().clone(), resources.key, tokens, params, count));
    }
    streams.join_all().await.into_iter().collect()
}

async fn stream(
    model: Arc<Model>,
    tenant: TenantKey,
    prompt: Vec<u32>,
    params: SamplingParams,
    count: u32,
) -> Result<Timeline, String> {
    let began = Instant::now();
    let mut sampler = Sampler::new(params).map_err(|error| error.to_string())?;
    let mut session = model.open_session(tenant, &prompt).map_err(|error| error.to_string())?;
    let (prompt_tokens, cached_tokens) = (prompt.len() as u32, session.reused_len());
    let mut next = prompt[cached_tokens as usize..].to_vec();
    let mut arrivals = Vec::with_capacity(count as usize);
    for number in 1..=count {
        let logits = session.forward(next, Rows::Last).await.map_err(|error| error.to_string())?;
        let token = sampler.sample(&logits.data).map_err(|error| error.to_string())?.token;
        arrivals.push((Instant::now(), number));
        next = vec![token];
    }
    Ok(Timeline { began, prompt_tokens, cached_tokens, arrivals, delays_ms: Vec::new() })
}
