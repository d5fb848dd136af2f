//! One call, counted from its arrival to its end, however it ends.

use super::Metrics;
use crate::{executor::CallUsage, tenants::TenantId};
use std::time::Instant;
use substrate_prometheus_endpoint::{Gauge, U64};

/// The outcome of calls that answered.
pub(super) const OUTCOME_OK: &str = "ok";
/// The outcome of calls that their client gave up.
const OUTCOME_DROPPED: &str = "dropped";

/// One call, counted when this is dropped.
#[derive(Debug)]
#[must_use = "the call is counted as ended when this is dropped"]
pub struct CallMeter {
    metrics: Metrics,
    function: String,
    tenant: String,
    began: Instant,
    outcome: String,
}

impl CallMeter {
    pub(super) fn begin(metrics: &Metrics, function: &str, tenant: &TenantId) -> Self {
        metrics.calls_running.inc();
        Self {
            function: metrics.labels.functions.value(function).to_owned(),
            tenant: metrics.labels.tenants.value(tenant.as_str()).to_owned(),
            metrics: metrics.clone(),
            began: Instant::now(),
            outcome: OUTCOME_DROPPED.to_owned(),
        }
    }

    /// What the sandbox used.
    pub fn used(&mut self, usage: &CallUsage) {
        let metrics = &self.metrics;
        let kinds =
            [("computed", usage.computed_tokens), ("cached", usage.cached_tokens), ("sampled", usage.sampled_tokens)];
        for (kind, count) in kinds {
            metrics.tokens.with_label_values(&[self.tenant.as_str(), kind]).inc_by(count);
        }
        if let Some(first) = usage.token_times.first() {
            metrics.first_token_seconds.observe(first.saturating_duration_since(self.began).as_secs_f64());
        }
        for gap in usage.token_times.gaps() {
            metrics.inter_token_seconds.observe(gap.as_secs_f64());
        }
    }

    /// The call answered, with an error's code or well.
    pub fn end(mut self, error: Option<&str>) {
        self.outcome = self.metrics.labels.outcomes.value(error.unwrap_or(OUTCOME_OK)).to_owned();
    }
}

impl Drop for CallMeter {
    fn drop(&mut self) {
        let metrics = &self.metrics;
        metrics.calls_running.dec();
        metrics.calls.with_label_values(&[&self.function, &self.tenant, &self.outcome]).inc();
        metrics.call_seconds.with_label_values(&[&self.function]).observe(self.began.elapsed().as_secs_f64());
    }
}

/// One more that waits, until dropped: when it got its place, or gave up.
#[derive(Debug)]
#[must_use = "the call waits no more when this is dropped"]
pub struct Waiting(Gauge<U64>);

impl Waiting {
    pub(super) fn begin(gauge: &Gauge<U64>) -> Self {
        gauge.inc();
        Self(gauge.clone())
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.dec();
    }
}
