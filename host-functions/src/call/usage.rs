//! What a call used: the numbers that metering, metrics and tests read.

use super::TokenTimes;
use crate::functions::HostFunction;
use std::time::Duration;

/// What a call used up to now, or altogether.
#[derive(Clone, Debug)]
pub struct CallUsage {
    host_calls: [u64; HostFunction::COUNT],
    /// Tokens given to forward passes and embeddings that were computed, not taken from the cache.
    pub computed_tokens: u64,
    /// Tokens of prompts that were found in the cache.
    pub cached_tokens: u64,
    /// Tokens drawn by `sample_token`.
    pub sampled_tokens: u64,
    /// When they were drawn.
    pub token_times: TokenTimes,
    /// Items emitted to the stream.
    pub events: u64,
    /// Bytes emitted to the stream.
    pub event_bytes: u64,
    /// Keys and values read from storage, in bytes.
    pub storage_read_bytes: u64,
    /// Keys and values written to storage, in bytes.
    pub storage_written_bytes: u64,
    /// Linear memory of the guest at its end, in bytes.
    pub memory_bytes: u64,
    /// Time on a processor: guest and the host functions that it called.
    pub cpu_time: Duration,
    /// Time from the call's beginning to its end.
    pub wall_time: Duration,
}

impl Default for CallUsage {
    fn default() -> Self {
        Self {
            host_calls: [0; HostFunction::COUNT],
            computed_tokens: 0,
            cached_tokens: 0,
            sampled_tokens: 0,
            token_times: TokenTimes::default(),
            events: 0,
            event_bytes: 0,
            storage_read_bytes: 0,
            storage_written_bytes: 0,
            memory_bytes: 0,
            cpu_time: Duration::ZERO,
            wall_time: Duration::ZERO,
        }
    }
}

impl CallUsage {
    /// How often the guest called `function`.
    pub fn host_calls(&self, function: HostFunction) -> u64 {
        self.host_calls[function as usize]
    }

    /// How often the guest called host functions.
    pub fn host_calls_total(&self) -> u64 {
        self.host_calls.iter().sum()
    }

    pub(crate) fn count(&mut self, function: HostFunction) {
        self.host_calls[function as usize] += 1;
    }
}
