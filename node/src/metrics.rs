//! What the node counts, for Prometheus. Names begin with `realm_` and end with their unit.

use crate::{
    executor::{CallUsage, Executor},
    tenants::TenantId,
};
use std::{sync::Arc, time::Instant};
use substrate_prometheus_endpoint::{
    Counter, CounterVec, Gauge, HistogramOpts, HistogramVec, MetricSource, Opts, PrometheusError, Registry,
    SourcedCounter, SourcedGauge, U64, exponential_buckets, register,
};

/// The outcome of calls that answered.
const OUTCOME_OK: &str = "ok";
/// The outcome of calls that their client gave up.
const OUTCOME_DROPPED: &str = "dropped";

/// The node's counters. Cheap to clone; all clones count together.
#[derive(Clone, Debug)]
pub struct Metrics {
    /// Ended calls by function, tenant and outcome: `ok`, `dropped`, or the error's code.
    calls: CounterVec<U64>,
    /// Seconds from a call's arrival to its end, by function.
    call_seconds: HistogramVec,
    /// Calls that wait or run.
    calls_running: Gauge<U64>,
    /// Tokens by tenant and kind: `computed`, `cached`, `sampled`.
    tokens: CounterVec<U64>,
    /// Open connections.
    pub connections: Gauge<U64>,
    /// Generations ended because their subscriber did not read.
    pub slow_consumers: Counter<U64>,
}

impl Metrics {
    /// The counters, in a registry.
    ///
    /// # Errors
    /// The registry already has one of these names.
    pub fn register(registry: &Registry) -> Result<Self, PrometheusError> {
        let seconds = HistogramOpts::new("realm_call_seconds", "Seconds from a call's arrival to its end")
            .buckets(exponential_buckets(0.001, 2.5, 14)?);
        Ok(Self {
            calls: register(
                CounterVec::new(Opts::new("realm_calls_total", "Ended calls"), &["function", "tenant", "outcome"])?,
                registry,
            )?,
            call_seconds: register(HistogramVec::new(seconds, &["function"])?, registry)?,
            calls_running: register(Gauge::new("realm_calls_running", "Calls that wait or run")?, registry)?,
            tokens: register(
                CounterVec::new(Opts::new("realm_tokens_total", "Tokens by kind"), &["tenant", "kind"])?,
                registry,
            )?,
            connections: register(Gauge::new("realm_connections", "Open connections")?, registry)?,
            slow_consumers: register(
                Counter::new("realm_slow_consumers_total", "Generations ended because their reader was too slow")?,
                registry,
            )?,
        })
    }

    /// A call arrived.
    pub fn begin(&self, function: &str, tenant: &TenantId) -> CallMeter {
        self.calls_running.inc();
        CallMeter {
            metrics: self.clone(),
            function: function.to_owned(),
            tenant: tenant.clone(),
            began: Instant::now(),
            outcome: OUTCOME_DROPPED.to_owned(),
        }
    }
}

/// One call, counted when this is dropped.
#[derive(Debug)]
#[must_use = "the call is counted as ended when this is dropped"]
pub struct CallMeter {
    metrics: Metrics,
    function: String,
    tenant: TenantId,
    began: Instant,
    outcome: String,
}

impl CallMeter {
    /// What the sandbox used.
    pub fn used(&mut self, usage: &CallUsage) {
        let kinds =
            [("computed", usage.computed_tokens), ("cached", usage.cached_tokens), ("sampled", usage.sampled_tokens)];
        for (kind, count) in kinds {
            self.metrics.tokens.with_label_values(&[self.tenant.as_str(), kind]).inc_by(count);
        }
    }

    /// The call answered, with an error's code or well.
    pub fn end(mut self, error: Option<&str>) {
        self.outcome = error.unwrap_or(OUTCOME_OK).to_owned();
    }
}

impl Drop for CallMeter {
    fn drop(&mut self) {
        let metrics = &self.metrics;
        metrics.calls_running.dec();
        metrics.calls.with_label_values(&[&self.function, self.tenant.as_str(), &self.outcome]).inc();
        metrics.call_seconds.with_label_values(&[&self.function]).observe(self.began.elapsed().as_secs_f64());
    }
}

/// Registers what the executor counts itself.
///
/// # Errors
/// The registry already has one of these names.
pub fn register_executor(registry: &Registry, executor: &Arc<Executor>) -> Result<(), PrometheusError> {
    let instances = Opts::new("realm_instances", "Sandboxes alive").variable_label("state");
    register(SourcedGauge::new(&instances, Instances(executor.clone()))?, registry)?;
    let events = Opts::new("realm_executor_total", "What happened in the executor").variable_label("event");
    register(SourcedCounter::new(&events, ExecutorEvents(executor.clone()))?, registry)?;
    Ok(())
}

#[derive(Clone)]
struct Instances(Arc<Executor>);

impl MetricSource for Instances {
    type N = u64;

    fn collect(&self, mut set: impl FnMut(&[&str], u64)) {
        let stats = self.0.stats();
        set(&["alive"], stats.instances_alive());
        set(&["awaited"], stats.waiting());
    }
}

#[derive(Clone)]
struct ExecutorEvents(Arc<Executor>);

impl MetricSource for ExecutorEvents {
    type N = u64;

    fn collect(&self, mut set: impl FnMut(&[&str], u64)) {
        let stats = self.0.stats();
        set(&["instance_created"], stats.instances_created());
        set(&["trap"], stats.traps());
        set(&["refused"], stats.refused());
    }
}
