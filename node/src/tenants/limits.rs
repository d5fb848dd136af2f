//! A tenant's limits as the sandbox knows them.

use crate::executor::ExecutorConfig;
use realm_chain_spec::TenantLimits;
use realm_host_functions::{HostLimits, StorageLimits};

/// The limits of each of a tenant's calls. What the specification does not say is the host's default.
pub fn host_limits(spec: &TenantLimits, executor: &ExecutorConfig) -> HostLimits {
    let memory_bytes_max = usize::try_from(spec.guest_memory_bytes_max).unwrap_or(usize::MAX);
    HostLimits {
        memory_bytes_max: memory_bytes_max.min(executor.memory_bytes_max),
        storage: StorageLimits { tenant_bytes_max: spec.storage_bytes_max, ..StorageLimits::default() },
        ..HostLimits::default()
    }
}
