//! `realm_status`.

use super::connection;
use crate::{
    admission::LineLimits, dispatcher::Dispatcher, executor::HostModel, memory::resident_bytes, millis::whole_ms,
};
use jsonrpsee::{
    Extensions,
    core::{RpcResult, async_trait},
};
use realm_engine::EngineLoad;
use realm_host_functions::NativeBudget;
use realm_rpc::{ModelStatus, NodeStatus, api::StatusServer};
use std::{collections::BTreeMap, sync::Arc, time::Instant};

/// The method.
pub struct Status {
    /// What it looks at.
    pub dispatcher: Arc<Dispatcher>,
    /// The engines, by the models' names.
    pub models: BTreeMap<String, Arc<HostModel>>,
    /// The node's native memory.
    pub native: NativeBudget,
    /// When the node started.
    pub began: Instant,
    /// Connections that may be open.
    pub connections_max: usize,
    /// Calls that may run, and wait.
    pub line: LineLimits,
}

#[async_trait]
impl StatusServer for Status {
    async fn status(&self, extensions: &Extensions) -> RpcResult<NodeStatus> {
        connection(extensions)?.identity().check_admin(None)?;
        let executor = &self.dispatcher.executor;
        Ok(NodeStatus {
            uptime_ms: whole_ms(self.began.elapsed()),
            resident_bytes: resident_bytes(),
            native_bytes: self.native.used(),
            native_bytes_max: self.native.limit(),
            connections: self.dispatcher.metrics.connections.get(),
            connections_max: self.connections_max as u64,
            calls_running: self.dispatcher.admission.running() as u64,
            calls_running_max: self.line.running_max as u64,
            calls_waiting: self.dispatcher.admission.waiting() as u64,
            calls_waiting_max: self.line.queue_len_max as u64,
            instances: executor.stats().instances_alive(),
            instances_max: u64::from(executor.config().instances_max),
            models: self.models.iter().map(|(name, model)| of_model(name, model)).collect(),
        })
    }
}

fn of_model(name: &str, model: &HostModel) -> ModelStatus {
    let model = model.model();
    let (load, counters) = (model.load_now(), model.counters());
    let EngineLoad { sessions, jobs, queued, kv_blocks, kv_blocks_free, kv_blocks_cached } = load;
    let bytes = |blocks: u64| blocks * model.kv_block_bytes();
    let cached = kv_blocks_cached as u64;
    ModelStatus {
        name: name.to_owned(),
        sessions: sessions as u64,
        jobs: jobs as u64,
        jobs_waiting: queued as u64,
        kv_used_bytes: bytes(u64::from(kv_blocks).saturating_sub(u64::from(kv_blocks_free) + cached)),
        kv_cached_bytes: bytes(cached),
        kv_bytes_max: bytes(u64::from(kv_blocks)),
        batches_total: counters.steps,
        batch_sequences_total: counters.sequences,
        tokens_total: counters.tokens,
        busy_ms_total: whole_ms(counters.busy),
    }
}
