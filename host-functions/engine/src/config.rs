//! The engine's settings.

use realm_kernels::{KvType, WeightType};

use crate::device::ComputeDevice;

/// Bounds and sizes of one model's engine. Every field has a default that suits a small machine.
#[derive(Clone, Debug)]
pub struct EngineConfig {
    /// Where layers are computed. Default: the processor, with this engine's kernels. Encoders are always computed there.
    pub device: ComputeDevice,
    /// Threads that compute, the worker's own included. Default: the machine's cores.
    pub threads: usize,
    /// Memory for keys and values of all sequences, in bytes. Rounded down to whole blocks, and never more than
    /// [`sequences_max`](Self::sequences_max) full contexts take. Default: 1 GiB.
    pub kv_bytes_max: u64,
    /// As much of it as one tenant may hold. Default: no bound of its own.
    pub kv_bytes_per_tenant_max: u64,
    /// How precisely keys and values are kept. Default: as the weights are, 32 bits for f32 and 16 bits otherwise.
    pub kv_precision: Option<KvPrecision>,
    /// Tokens in one step. Default: 512.
    pub batch_tokens_max: usize,
    /// Tokens of prompts in one step: the most by which a long prompt delays the streams that are under way.
    /// Default: 256.
    pub prefill_chunk_tokens: usize,
    /// Sessions open at once. Default: 256.
    pub sequences_max: usize,
    /// Forward passes that wait for room in the KV memory. Default: 256.
    pub queue_len_max: usize,
    /// The longest sequence, if that shall be shorter than the model's context. Default: the model's.
    pub context_length_max: Option<u32>,
    /// Logits that one forward pass may ask for, in bytes. Default: 64 MiB.
    pub logits_bytes_max: usize,
    /// The SHA-256 that the weights must have, else the model is refused. Of several files it is that of their hashes, one
    /// behind the other in alphabetical order of their names. Default: any.
    pub sha256: Option<[u8; 32]>,
    /// Whether finished blocks are kept for later sequences of the same tenant that begin alike. Default: yes.
    pub prefix_cache: bool,
}

impl Default for EngineConfig {
    fn default() -> Self {
        Self {
            device: ComputeDevice::Cpu,
            threads: std::thread::available_parallelism().map_or(1, usize::from),
            kv_bytes_max: 1 << 30,
            kv_bytes_per_tenant_max: u64::MAX,
            kv_precision: None,
            batch_tokens_max: 512,
            prefill_chunk_tokens: 256,
            sequences_max: 256,
            queue_len_max: 256,
            context_length_max: None,
            logits_bytes_max: 64 << 20,
            sha256: None,
            prefix_cache: true,
        }
    }
}

/// What keys and values are kept as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KvPrecision {
    /// 8-bit whole numbers, with a scale for each head's key and for its value at each position: little more than half
    /// of what 16-bit floats take, and logits some hundredths off.
    Int8,
    /// 16-bit floats.
    F16,
    /// 32-bit floats.
    F32,
}

impl KvPrecision {
    /// The precision that suits weights of a type.
    pub(crate) fn for_weights(weights: WeightType) -> Self {
        if weights == WeightType::F32 { Self::F32 } else { Self::F16 }
    }
}

impl From<KvPrecision> for KvType {
    fn from(precision: KvPrecision) -> Self {
        match precision {
            KvPrecision::Int8 => KvType::I8,
            KvPrecision::F16 => KvType::F16,
            KvPrecision::F32 => KvType::F32,
        }
    }
}
