//! What the node counts, for Prometheus. Names begin with `realm_` and end with their unit;
//! docs/operations.md lists them all.
//!
//! - [`Metrics`]: what is told as it happens.
//! - `calls`: one call, from its arrival to its end.
//! - `sources`: what others count anyway and is read when somebody asks.
//! - `endpoint`: `/metrics` itself.
//! - [`heartbeat`]: how late the async workers are.
//! - `labels`: keeps the number of series bounded, whatever is uploaded or called.

mod calls;
pub(crate) mod endpoint;
pub mod heartbeat;
mod labels;
mod sources;

pub use calls::{CallMeter, Waiting};
pub use sources::{register_executor, register_models, register_native, register_tenants};

use crate::{metering::Usage, tenants::TenantId};
use labels::Bounded;
use std::sync::Arc;
use substrate_prometheus_endpoint::{
    Counter, CounterVec, F64, Gauge, GaugeVec, Histogram, HistogramOpts, HistogramVec, Opts, PrometheusError, Registry,
    U64, exponential_buckets, register,
};

/// Names of functions that have series of their own. Uploaded runtimes may bring ever new ones.
const FUNCTIONS_MAX: usize = 200;
/// Tenants that have series of their own.
const TENANTS_MAX: usize = 1000;
/// Outcomes: the node's error codes and the runtimes' own.
const OUTCOMES_MAX: usize = 100;

/// The node's counters. Cheap to clone; all clones count together.
#[derive(Clone, Debug)]
pub struct Metrics {
    /// Ended calls by function, tenant and outcome: `ok`, `dropped`, or the error's code.
    calls: CounterVec<U64>,
    /// Seconds from a call's arrival to its end, by function.
    call_seconds: HistogramVec,
    /// Calls that wait or run.
    calls_running: Gauge<U64>,
    /// Calls that wait for a place.
    calls_waiting: Gauge<U64>,
    /// Tokens by tenant and kind: `computed`, `cached`, `sampled`.
    tokens: CounterVec<U64>,
    /// Seconds from a call's arrival to its first sampled token.
    first_token_seconds: Histogram,
    /// Seconds between a call's sampled tokens.
    inter_token_seconds: Histogram,
    /// Seconds that the async workers were late for a timer.
    pub worker_stall_seconds: Histogram,
    /// Nano-dollars charged, by tenant.
    charged: CounterVec<U64>,
    /// Tokens charged, by tenant and kind: `prompt`, `cached`, `generated`.
    charged_tokens: CounterVec<U64>,
    /// Seconds of processor time of guests and host functions, by tenant.
    cpu_seconds: CounterVec<F64>,
    /// Upgrades by kind and outcome: `ok`, or the step that refused.
    upgrades: CounterVec<U64>,
    /// Open connections.
    pub connections: Gauge<U64>,
    /// Generations ended because their subscriber did not read.
    pub slow_consumers: Counter<U64>,
    labels: Arc<Labels>,
}

#[derive(Debug)]
struct Labels {
    functions: Bounded,
    tenants: Bounded,
    outcomes: Bounded,
}

impl Metrics {
    /// The counters, in a registry.
    ///
    /// # Errors
    /// The registry already has one of these names.
    pub fn register(registry: &Registry) -> Result<Self, PrometheusError> {
        let histogram = |name: &str, help: &str, first: f64, factor: f64, count: usize| {
            Ok::<_, PrometheusError>(HistogramOpts::new(name, help).buckets(exponential_buckets(first, factor, count)?))
        };
        let call = histogram("realm_call_seconds", "Seconds from a call's arrival to its end", 0.001, 2.5, 14)?;
        let first = "Seconds from a call's arrival to its first sampled token, waiting included";
        let first = histogram("realm_time_to_first_token_seconds", first, 0.005, 2.0, 14)?;
        let between = "Seconds between a call's sampled tokens";
        let between = histogram("realm_inter_token_seconds", between, 0.0005, 2.0, 14)?;
        let stall = "Seconds that the async workers were late for a timer; timers are exact to a millisecond";
        let stall = histogram("realm_worker_stall_seconds", stall, 0.002, 2.0, 12)?;
        let vec = |name: &str, help: &str, labels: &[&str]| {
            register(CounterVec::new(Opts::new(name, help), labels)?, registry)
        };
        let gauge = |name: &str, help: &str| register(Gauge::new(name, help)?, registry);
        let build =
            GaugeVec::<U64>::new(Opts::new("realm_build_info", "Always 1; the version is a label"), &["version"])?;
        register(build, registry)?.with_label_values(&[env!("CARGO_PKG_VERSION")]).set(1);
        let cpu =
            Opts::new("realm_cpu_seconds_total", "Processor time of guests and of the host functions they called");
        let metrics = Self {
            calls: vec("realm_calls_total", "Ended calls", &["function", "tenant", "outcome"])?,
            call_seconds: register(HistogramVec::new(call, &["function"])?, registry)?,
            calls_running: gauge("realm_calls_running", "Calls that wait or run")?,
            calls_waiting: gauge("realm_calls_waiting", "Calls that wait for a place")?,
            tokens: vec("realm_tokens_total", "Tokens by kind: computed, cached, sampled", &["tenant", "kind"])?,
            charged: vec("realm_charged_nano_usd_total", "Billionths of a dollar charged", &["tenant"])?,
            charged_tokens: vec(
                "realm_charged_tokens_total",
                "Tokens charged by kind: prompt, cached, generated",
                &["tenant", "kind"],
            )?,
            cpu_seconds: register(CounterVec::new(cpu, &["tenant"])?, registry)?,
            first_token_seconds: register(Histogram::with_opts(first)?, registry)?,
            worker_stall_seconds: register(Histogram::with_opts(stall)?, registry)?,
            inter_token_seconds: register(Histogram::with_opts(between)?, registry)?,
            upgrades: vec("realm_upgrades_total", "Upgrades, dry runs and rollbacks", &["kind", "outcome"])?,
            connections: gauge("realm_connections", "Open connections")?,
            slow_consumers: register(
                Counter::new("realm_slow_consumers_total", "Generations ended because their reader was too slow")?,
                registry,
            )?,
            labels: Arc::new(Labels {
                functions: Bounded::new(FUNCTIONS_MAX),
                tenants: Bounded::new(TENANTS_MAX),
                outcomes: Bounded::new(OUTCOMES_MAX),
            }),
        };
        // There from the start, so that alerts compare with 0 instead of with nothing.
        for kind in ["upgrade", "rollback", "dry_run"] {
            metrics.upgrades.with_label_values(&[kind, calls::OUTCOME_OK]).inc_by(0);
        }
        Ok(metrics)
    }

    /// A call arrived.
    pub fn begin(&self, function: &str, tenant: &TenantId) -> CallMeter {
        CallMeter::begin(self, function, tenant)
    }

    /// A call's charge is in the books.
    pub fn charged(&self, tenant: &TenantId, usage: &Usage) {
        let tenant = self.labels.tenants.value(tenant.as_str());
        self.charged.with_label_values(&[tenant]).inc_by(usage.nano_usd);
        self.cpu_seconds.with_label_values(&[tenant]).inc_by(usage.cpu_ns as f64 / 1e9);
        let kinds = [
            ("prompt", usage.computed_prompt_tokens),
            ("cached", usage.cached_tokens),
            ("generated", usage.generated_tokens),
        ];
        for (kind, count) in kinds {
            self.charged_tokens.with_label_values(&[tenant, kind]).inc_by(count);
        }
    }

    /// A call waits for a place, until what is given here drops.
    pub fn waiting(&self) -> Waiting {
        Waiting::begin(&self.calls_waiting)
    }

    /// An upgrade, a dry run or a rollback ended well, or at the step that refused it.
    pub fn upgrade(&self, kind: &str, refused_at: Option<&str>) {
        self.upgrades.with_label_values(&[kind, refused_at.unwrap_or(calls::OUTCOME_OK)]).inc();
    }
}
