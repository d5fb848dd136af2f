//! What was used.

use jsonrpsee::{core::RpcResult, proc_macros::rpc};
use serde_json::Value;

/// What tenants used and are charged.
#[cfg_attr(not(feature = "client"), rpc(server))]
#[cfg_attr(feature = "client", rpc(server, client))]
pub trait Usage {
    /// What a tenant used, or each, summed up per `period`: `hour`, `day` (the default) or `month`, in UTC. `from` and `to`
    /// are `2026-11-26` or `2026-11-26T12:00:00Z`, rounded up to full hours; default the present month until now.
    /// Answers `{from, to, period, rows, totals, total}`, where rows and totals have
    /// `{tenant_id, calls, failed, cancelled, interrupted, prompt_tokens, cached_tokens, generated_tokens, cpu_ms, wall_ms,
    /// cost_nano_usd, cost_usd}`, and rows their `begin`. `prompt_tokens` includes the cached ones.
    #[method(name = "realm_usage", with_extensions)]
    async fn usage(
        &self,
        tenant_id: Option<String>,
        from: Option<String>,
        to: Option<String>,
        period: Option<String>,
    ) -> RpcResult<Value>;
}
