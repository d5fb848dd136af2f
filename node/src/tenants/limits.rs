//! A tenant's limits as the sandbox and the engine know them.

use crate::executor::ExecutorConfig;
use realm_chain_spec::TenantLimits;
use realm_engine::TenantShare;
use realm_host_functions::{HostLimits, InferenceLimits, StorageLimits};
use std::time::Duration;

/// The limits of each of a tenant's calls. What the specification does not say is the host's default.
pub fn host_limits(spec: &TenantLimits, executor: &ExecutorConfig) -> HostLimits {
    let memory_bytes_max = usize::try_from(spec.guest_memory_bytes_max).unwrap_or(usize::MAX);
    HostLimits {
        memory_bytes_max: memory_bytes_max.min(executor.memory_bytes_max),
        cpu_time_max: Duration::from_millis(spec.guest_cpu_ms_max),
        inference: InferenceLimits {
            prompt_tokens_max: spec.prompt_tokens_max,
            generated_tokens_max: spec.max_tokens,
            ..InferenceLimits::default()
        },
        storage: StorageLimits { tenant_bytes_max: spec.storage_bytes_max, ..StorageLimits::default() },
        ..HostLimits::default()
    }
}

/// What the tenant may take of each model's engine.
pub fn engine_share(weight: u32, spec: &TenantLimits) -> TenantShare {
    TenantShare { weight, kv_bytes_max: spec.kv_bytes_max, sessions_max: spec.sessions_max as usize }
}
