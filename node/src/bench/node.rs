//! The node that is measured: on loopback, in this process, a tenant for each stream.

use super::{BenchConfig, BenchError, Samplings};
use crate::{
    executor::{Executor, HostModel, TenantResources},
    runtimes::LoadedRuntime,
    service::{Node, NodeConfig, StartError},
};
use jsonrpsee_ws_client::{WsClient, WsClientBuilder};
use realm_chain_spec::{ChainSpec, ModelSource, TenantSpec};
use std::{sync::Arc, time::Duration};

/// What the tenants are called, before their number.
const TENANT_PREFIX: &str = "bench_";
/// How long anything may take.
const WAIT_MAX: Duration = Duration::from_secs(600);

pub struct BenchNode {
    node: Node,
    pub model: Arc<HostModel>,
    /// Tokens that would end an answer.
    pub end_tokens: Vec<u32>,
    /// When it sampled; known only if every stream has a tenant of its own.
    pub samplings: Option<Samplings>,
}

impl BenchNode {
    pub async fn start(config: &BenchConfig) -> Result<Self, BenchError> {
        let mut chain = ChainSpec::dev();
        let Some(first) = chain.models.first_mut() else { return Err(internal("a chain without models")) };
        first.path = ModelSource::File(config.model.clone());
        first.sha256 = None;
        let (model, tenants) = (first.name.clone(), config.streams.iter().copied().max().unwrap_or(1).max(1));
        chain.tenants = (0..tenants).map(|number| tenant(number, &model, tenants)).collect();
        let mut node = NodeConfig::new(chain);
        node.listen.set_port(0);
        node.metrics = None;
        node.engine = config.engine.clone();
        let node = Node::start(node).await?;
        let tenant = node.dispatcher().tenants.all().into_iter().next();
        let model = tenant.and_then(|tenant| tenant.resources.model.clone()).ok_or_else(|| internal("no model"))?;
        let tokenizer = model.model().tokenizer();
        let end_tokens = (0..model.model().info().vocab_size).filter(|&token| tokenizer.is_end(token)).collect();
        let samplings = config.samplings.clone().filter(|_| !config.one_tenant);
        Ok(Self { node, model, end_tokens, samplings })
    }

    pub fn url(&self) -> String {
        format!("ws://{}", self.node.address())
    }

    /// A connection of a client.
    pub async fn connect(&self) -> Result<WsClient, String> {
        let client = WsClientBuilder::default().request_timeout(WAIT_MAX);
        client.build(self.url()).await.map_err(|error| error.to_string())
    }

    pub fn executor(&self) -> &Arc<Executor> {
        &self.node.dispatcher().executor
    }

    /// What calls of the stream's tenant can reach, and the runtime that answers it.
    pub fn tenant(&self, name: &str) -> Option<(Arc<TenantResources>, Arc<LoadedRuntime>)> {
        let tenants = self.node.dispatcher().tenants.all();
        let tenant = tenants.iter().find(|tenant| tenant.id.as_str() == name)?;
        Some((tenant.resources.clone(), tenant.runtime.current()))
    }

    /// Tokens of a text. One that cannot be tokenised has none; its call will say why.
    pub fn token_count(&self, text: &str) -> usize {
        self.model.model().tokenizer().encode(text, true).map_or(0, |tokens| tokens.len())
    }

    pub async fn stop(self) {
        self.node.stop().await;
    }
}

/// The name of a stream's tenant.
pub fn tenant_name(stream: usize, own_tenants: bool) -> String {
    format!("{TENANT_PREFIX}{}", if own_tenants { stream } else { 0 })
}

fn tenant(number: usize, model: &str, calls: usize) -> TenantSpec {
    let mut spec = TenantSpec::new(&tenant_name(number, true), model);
    spec.limits.concurrent_calls_max = spec.limits.concurrent_calls_max.max(calls as u32);
    spec
}

fn internal(what: &str) -> BenchError {
    StartError::Internal(what.to_owned()).into()
}
