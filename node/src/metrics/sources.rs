//! What others count anyway: the executor, the engines, the tenants' runtimes. Read whenever
//! somebody asks for `/metrics`.

use crate::{
    dispatcher::Dispatcher,
    executor::{Executor, HostModel},
};
use realm_engine::{EngineCounters, EngineLoad};
use realm_host_functions::NativeBudget;
use std::{collections::BTreeMap, sync::Arc};
use substrate_prometheus_endpoint::{
    MetricSource, Opts, PrometheusError, Registry, SourcedCounter, SourcedGauge, prometheus::core::Number, register,
};

/// A source that is a function of where the numbers are.
#[derive(Clone)]
struct Source<S, N> {
    from: S,
    read: fn(&S, &mut dyn FnMut(&[&str], N)),
}

impl<S: Clone + Send + Sync, N: Number> MetricSource for Source<S, N> {
    type N = N;

    fn collect(&self, mut set: impl FnMut(&[&str], N)) {
        (self.read)(&self.from, &mut set);
    }
}

/// Registers what the executor counts itself.
///
/// # Errors
/// The registry already has one of these names.
pub fn register_executor(registry: &Registry, executor: &Arc<Executor>) -> Result<(), PrometheusError> {
    let gauge = |name: &str, help: &str, read| {
        register(
            SourcedGauge::new(&Opts::new(name, help), Source::<_, u64> { from: executor.clone(), read })?,
            registry,
        )
    };
    let counter = |name: &str, help: &str, read| {
        register(
            SourcedCounter::new(&Opts::new(name, help), Source::<_, u64> { from: executor.clone(), read })?,
            registry,
        )
    };
    gauge("realm_instances", "Sandboxes alive", |e, set| set(&[], e.stats().instances_alive()))?;
    gauge("realm_instances_awaited", "Calls that wait for a sandbox", |e, set| set(&[], e.stats().waiting()))?;
    counter("realm_instances_created_total", "Sandboxes made: one for each call that ran", |e, set| {
        set(&[], e.stats().instances_created());
    })?;
    counter("realm_instances_refused_total", "Calls refused for want of a sandbox", |e, set| {
        set(&[], e.stats().refused());
    })?;
    counter("realm_traps_total", "Calls that ended by a trap or at a limit of their sandbox", |e, set| {
        set(&[], e.stats().traps());
    })?;
    Ok(())
}

type Models = Arc<BTreeMap<String, Arc<HostModel>>>;

/// Registers what the models' engines count, each with the model's name in the chain specification.
///
/// # Errors
/// The registry already has one of these names.
pub fn register_models(registry: &Registry, models: &BTreeMap<String, Arc<HostModel>>) -> Result<(), PrometheusError> {
    let models = Arc::new(models.clone());
    let opts = |name: &str, help: &str| Opts::new(name, help).variable_label("model");
    let gauge = |opts: Opts, read| {
        register(SourcedGauge::new(&opts, Source::<Models, u64> { from: models.clone(), read })?, registry)
    };
    gauge(opts("realm_engine_sessions", "Sequences open in the engine"), |m, set| {
        each_load(m, |name, load| set(&[name], load.sessions as u64));
    })?;
    gauge(opts("realm_engine_jobs", "Forward passes that wait or are computed"), |m, set| {
        each_load(m, |name, load| set(&[name], load.jobs as u64));
    })?;
    gauge(opts("realm_engine_queue", "Forward passes that wait for their first KV block"), |m, set| {
        each_load(m, |name, load| set(&[name], load.queued as u64));
    })?;
    gauge(
        opts("realm_kv_blocks", "Blocks of the KV cache by state: used, cached, free").variable_label("state"),
        |m, set| {
            each_load(m, |name, load| {
                let (cached, free) = (load.kv_blocks_cached as u64, u64::from(load.kv_blocks_free));
                set(&[name, "used"], u64::from(load.kv_blocks).saturating_sub(cached + free));
                set(&[name, "cached"], cached);
                set(&[name, "free"], free);
            });
        },
    )?;
    let counter = |name: &str, help: &str, read| {
        register(
            SourcedCounter::new(&opts(name, help), Source::<Models, u64> { from: models.clone(), read })?,
            registry,
        )
    };
    counter("realm_engine_steps_total", "Steps computed: batches", |m, set| {
        each_count(m, |name, counters| set(&[name], counters.steps));
    })?;
    counter("realm_engine_batch_sequences_total", "Sequences in those batches, summed up", |m, set| {
        each_count(m, |name, counters| set(&[name], counters.sequences));
    })?;
    counter("realm_engine_tokens_total", "Tokens computed, of prompts and of answers", |m, set| {
        each_count(m, |name, counters| set(&[name], counters.tokens));
    })?;
    let help = "Of these, tokens computed again because KV memory was short";
    counter("realm_engine_recomputed_tokens_total", help, |m, set| {
        each_count(m, |name, counters| set(&[name], counters.recomputed));
    })?;
    let busy = Source::<Models, f64> {
        from: models.clone(),
        read: |m, set| each_count(m, |name, counters| set(&[name], counters.busy.as_secs_f64())),
    };
    let busy_opts = opts("realm_engine_busy_seconds_total", "Seconds spent computing steps");
    register(SourcedCounter::new(&busy_opts, busy)?, registry)?;
    Ok(())
}

fn each_load(models: &Models, mut each: impl FnMut(&str, EngineLoad)) {
    models.iter().for_each(|(name, model)| each(name, model.model().load_now()));
}

fn each_count(models: &Models, mut each: impl FnMut(&str, EngineCounters)) {
    models.iter().for_each(|(name, model)| each(name, model.model().counters()));
}

/// Registers the native memory of the node.
///
/// # Errors
/// The registry already has this name.
pub fn register_native(registry: &Registry, native: &NativeBudget) -> Result<(), PrometheusError> {
    let gauge = |name: &str, help: &str, read| {
        register(SourcedGauge::new(&Opts::new(name, help), Source::<_, u64> { from: native.clone(), read })?, registry)
    };
    gauge("realm_native_bytes", "Native memory that tenants hold, in bytes", |native, set| set(&[], native.used()))?;
    gauge("realm_native_bytes_max", "Native memory that tenants may hold, in bytes", |native, set| {
        set(&[], native.limit());
    })?;
    Ok(())
}

/// Registers which runtime is in force for each tenant, the native memory that it holds, and whether the database that
/// they share takes writes.
///
/// # Errors
/// The registry already has one of these names.
pub fn register_tenants(registry: &Registry, dispatcher: &Arc<Dispatcher>) -> Result<(), PrometheusError> {
    let opts = Opts::new("realm_runtimes_unavailable", "Tenants whose own runtime is in force and not loaded");
    let source = Source::<Arc<Dispatcher>, u64> {
        from: dispatcher.clone(),
        read: |dispatcher, set| {
            let tenants = dispatcher.tenants.all();
            set(&[], tenants.iter().filter(|tenant| tenant.runtime.available().is_err()).count() as u64);
        },
    };
    register(SourcedGauge::new(&opts, source)?, registry)?;
    let opts = Opts::new("realm_database_writable", "1 if the last batch of commits was written, 0 if it was refused");
    let source = Source::<Arc<Dispatcher>, u64> {
        from: dispatcher.clone(),
        read: |dispatcher, set| set(&[], u64::from(dispatcher.tenants.store().writable().is_ok())),
    };
    register(SourcedGauge::new(&opts, source)?, registry)?;
    let opts = Opts::new("realm_spec_version", "Version of the runtime in force").variable_label("tenant");
    let source = Source::<Arc<Dispatcher>, u64> {
        from: dispatcher.clone(),
        read: |dispatcher, set| {
            for tenant in dispatcher.tenants.all().iter().take(super::TENANTS_MAX) {
                set(&[tenant.id.as_str()], u64::from(tenant.runtime.current().version().spec_version));
            }
        },
    };
    register(SourcedGauge::new(&opts, source)?, registry)?;
    let opts = Opts::new("realm_tenant_native_bytes", "Native memory of a tenant, in bytes").variable_label("tenant");
    let source = Source::<Arc<Dispatcher>, u64> {
        from: dispatcher.clone(),
        read: |dispatcher, set| {
            for tenant in dispatcher.tenants.all().iter().take(super::TENANTS_MAX) {
                set(&[tenant.id.as_str()], tenant.resources.budget.used());
            }
        },
    };
    register(SourcedGauge::new(&opts, source)?, registry)?;
    Ok(())
}
