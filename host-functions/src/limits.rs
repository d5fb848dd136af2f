//! Every limit of a call in one struct. All of them are checked before anything is allocated.

use std::time::Duration;

/// What one call of one tenant may use. The defaults are meant for a node that serves strangers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostLimits {
    /// Linear memory of the guest, in bytes. Default 64 MiB; the executor's pool may set less.
    pub memory_bytes_max: usize,
    /// Elements of each of the guest's tables. Default 16384.
    pub table_elements_max: usize,
    /// Time on a processor, guest and host functions together. Default 30 s.
    pub cpu_time_max: Duration,
    /// Bytes of the answer. Default 16 MiB.
    pub answer_bytes_max: u32,
    /// Native bytes of the call: everything that the host holds for it outside of its linear memory, with an
    /// overhead for each entry (see [`crate::budget`]). The tenant's and the node's budgets hold beside it.
    /// Default 512 MiB.
    pub native_bytes_max: u64,
    /// Handles of each kind that a call holds at once. Default 1024.
    pub handles_max: usize,
    /// Bytes of text or SCALE that one host function takes. Default 8 MiB.
    pub input_bytes_max: u32,
    /// Bytes that a host function may leave in the result buffer. Default 32 MiB.
    pub result_bytes_max: usize,
    /// Bytes of one item of a stream. Default 1 MiB.
    pub event_bytes_max: u32,
    /// Bytes of the text of an error that the guest may ask for; longer ones are cut. Default 4096.
    pub error_text_bytes_max: usize,
    /// Bytes of one line of the log; longer ones are cut. Default 4096.
    pub log_line_bytes_max: u32,
    /// Lines of the log that a call may write; the rest are dropped. Default 256.
    pub log_lines_max: u32,
    /// Limits of inference functions.
    pub inference: InferenceLimits,
    /// Limits of tensor functions.
    pub tensor: TensorLimits,
    /// Limits of storage functions.
    pub storage: StorageLimits,
}

impl Default for HostLimits {
    fn default() -> Self {
        Self {
            memory_bytes_max: 64 << 20,
            table_elements_max: 16_384,
            cpu_time_max: Duration::from_secs(30),
            answer_bytes_max: 16 << 20,
            native_bytes_max: 512 << 20,
            handles_max: 1024,
            input_bytes_max: 8 << 20,
            result_bytes_max: 32 << 20,
            event_bytes_max: 1 << 20,
            error_text_bytes_max: 4096,
            log_line_bytes_max: 4096,
            log_lines_max: 256,
            inference: InferenceLimits::default(),
            tensor: TensorLimits::default(),
            storage: StorageLimits::default(),
        }
    }
}

/// Limits of inference functions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InferenceLimits {
    /// Tokens that one host function takes. Default 2^20.
    pub tokens_max: u32,
    /// Tokens of the prompts of one call: given to sessions without having been sampled, or found in the cache, and of
    /// texts to embed. Default 2^20.
    pub prompt_tokens_max: u32,
    /// Tokens that one call samples, tokens that end an answer not counted. Default 2^20.
    pub generated_tokens_max: u32,
    /// Messages of one conversation. Default 4096.
    pub messages_max: u32,
    /// Sessions that a call holds at once. Default 8.
    pub sessions_max: usize,
    /// Samplers that a call holds at once. Default 16.
    pub samplers_max: usize,
    /// Bytes of all logits that a call holds. Default 128 MiB.
    pub logits_bytes_max: u64,
}

impl Default for InferenceLimits {
    fn default() -> Self {
        Self {
            tokens_max: 1 << 20,
            prompt_tokens_max: 1 << 20,
            generated_tokens_max: 1 << 20,
            messages_max: 4096,
            sessions_max: 8,
            samplers_max: 16,
            logits_bytes_max: 128 << 20,
        }
    }
}

/// Limits of tensor functions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TensorLimits {
    /// Dimensions of a tensor. Default 6.
    pub rank_max: u32,
    /// Bytes of all tensors that a call holds; weights of the model are not counted. Default 256 MiB.
    pub bytes_max: u64,
    /// Multiplications of one matrix product: what bounds the time it takes, as it cannot be
    /// interrupted. Default 2^36, a few seconds on a small machine.
    pub multiplications_max: u64,
}

impl Default for TensorLimits {
    fn default() -> Self {
        Self { rank_max: 6, bytes_max: 256 << 20, multiplications_max: 1 << 36 }
    }
}

/// Limits of storage functions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StorageLimits {
    /// Bytes of a key. Default 1024.
    pub key_bytes_max: u32,
    /// Bytes of a value. Default 4 MiB.
    pub value_bytes_max: u32,
    /// Keys and values that one call writes, in bytes, with [`WRITE_ENTRY_BYTES`] for each key. Default 32 MiB.
    ///
    /// [`WRITE_ENTRY_BYTES`]: crate::budget::overhead::WRITE_ENTRY_BYTES
    pub transaction_bytes_max: u64,
    /// Keys that one call writes or clears. Default 32768.
    pub transaction_keys_max: u64,
    /// Keys that the migration of one tenant's state writes or clears. Default 100 000.
    pub migration_keys_max: u64,
    /// Keys that one call iterates over. Default 100 000.
    pub iteration_keys_max: u64,
    /// Keys and values of the tenant on disk, in bytes, with [`STORED_ENTRY_BYTES`] for each key. Default 1 GiB.
    ///
    /// [`STORED_ENTRY_BYTES`]: crate::budget::overhead::STORED_ENTRY_BYTES
    pub tenant_bytes_max: u64,
    /// Keys and values of one connection in memory, in bytes, with [`MAP_ENTRY_BYTES`] for each key. Default 4 MiB.
    ///
    /// [`MAP_ENTRY_BYTES`]: crate::budget::overhead::MAP_ENTRY_BYTES
    pub connection_bytes_max: u64,
    /// Calls that wait for the lock of one key. Default 64.
    pub lock_waiting_max: u64,
}

impl Default for StorageLimits {
    fn default() -> Self {
        Self {
            key_bytes_max: 1024,
            value_bytes_max: 4 << 20,
            transaction_bytes_max: 32 << 20,
            transaction_keys_max: 32_768,
            migration_keys_max: 100_000,
            iteration_keys_max: 100_000,
            tenant_bytes_max: 1 << 30,
            connection_bytes_max: 4 << 20,
            lock_waiting_max: 64,
        }
    }
}
