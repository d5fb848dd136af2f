//! What a node holds and does at this moment.

use serde::{Deserialize, Serialize};

/// The answer of `realm_status`. Names that end with `_total` are counters since the node started: they only grow, and
/// their difference over that of `uptime_ms` is a rate.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct NodeStatus {
    /// Milliseconds since the node started.
    pub uptime_ms: u64,
    /// Bytes of the process that are in memory; null where the system does not tell.
    pub resident_bytes: Option<u64>,
    /// Bytes of native memory that tenants hold: of their calls, connections and kept streams.
    pub native_bytes: u64,
    /// Bytes of native memory that tenants may hold.
    pub native_bytes_max: u64,
    /// Open connections, the asking one included.
    pub connections: u64,
    /// Most connections that may be open.
    pub connections_max: u64,
    /// Calls that have a place.
    pub calls_running: u64,
    /// Places that there are.
    pub calls_running_max: u64,
    /// Calls that wait for one.
    pub calls_waiting: u64,
    /// Most calls that may wait.
    pub calls_waiting_max: u64,
    /// Sandboxes alive.
    pub instances: u64,
    /// Most sandboxes that may be.
    pub instances_max: u64,
    /// The models, by name.
    pub models: Vec<ModelStatus>,
}

/// What one model's engine holds and did.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ModelStatus {
    /// Its name in the chain specification.
    pub name: String,
    /// Sequences open; a model that embeds has none.
    pub sessions: u64,
    /// Forward passes that wait or are computed.
    pub jobs: u64,
    /// Of these, the ones that wait for memory.
    pub jobs_waiting: u64,
    /// Bytes of the KV cache that sequences hold.
    pub kv_used_bytes: u64,
    /// Bytes of it kept for sequences that begin alike; they give way when memory is needed.
    pub kv_cached_bytes: u64,
    /// All its bytes.
    pub kv_bytes_max: u64,
    /// Batches computed.
    pub batches_total: u64,
    /// Sequences in them: divided by the batches it is the mean batch.
    pub batch_sequences_total: u64,
    /// Tokens computed, of prompts and of answers.
    pub tokens_total: u64,
    /// Milliseconds spent computing.
    pub busy_ms_total: u64,
}
