//! One tenant.

use super::limits::{engine_share, host_limits};
use crate::{
    drain::Drain,
    executor::{ExecutorConfig, HostModel, TenantResources},
    runtimes::TenantRuntime,
};
use realm_chain_spec::{TenantLimits, TenantSpec};
use realm_engine::TenantKey;
use realm_host_functions::{
    NativeBudget,
    storage::{Namespace, Store},
};
use realm_primitives::Prices;
use std::{fmt, sync::Arc, time::Duration};

/// What the engine's key of a tenant is hashed from, beside its name.
const KEY_DOMAIN: &[u8] = b"realm-tenant:";
/// What the names of tenants' namespaces begin with; the node's own begin otherwise.
pub(crate) const NAMESPACE_PREFIX: &str = "tenant/";

/// A tenant's name, as in the chain specification. Cheap to clone.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct TenantId(Arc<str>);

impl TenantId {
    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&str> for TenantId {
    fn from(name: &str) -> Self {
        Self(name.into())
    }
}

impl fmt::Display for TenantId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A tenant: what its calls may reach and use.
#[derive(Debug)]
pub struct Tenant {
    /// Its name.
    pub id: TenantId,
    /// What its sandboxes can reach. Shared by all its calls.
    pub resources: Arc<TenantResources>,
    /// The runtime that answers it: its own, or the chain's.
    pub runtime: Arc<TenantRuntime>,
    /// Counts its calls, and cuts them when it is removed.
    pub calls: Drain,
    /// Its share of the machine, relative to the other tenants'.
    pub weight: u32,
    /// What it pays.
    pub prices: Prices,
    /// How much it may hold.
    pub limits: TenantLimits,
}

/// The models of a tenant; none where the chain's model could not be had.
#[derive(Clone, Debug, Default)]
pub struct TenantModels {
    /// Generates.
    pub model: Option<Arc<HostModel>>,
    /// Embeds, if another one shall.
    pub embedding_model: Option<Arc<HostModel>>,
}

impl Tenant {
    /// The tenant of a specification. Its native memory is a part of `native`, the node's.
    pub fn new(
        spec: &TenantSpec,
        models: TenantModels,
        store: &Store,
        runtime: Arc<TenantRuntime>,
        executor: &ExecutorConfig,
        native: &NativeBudget,
    ) -> Arc<Self> {
        let storage = Self::storage(store, &spec.id);
        // Who kept a tenant's state that was removed has nothing to do with one that is added now.
        storage.open_to_all();
        let budget = native.tenant(spec.limits.native_bytes_max);
        Self::of(spec, models, storage, runtime, Drain::default(), executor, budget)
    }

    /// This tenant, given something else from now on: its calls are counted on, and what it stored is kept
    /// by the code that kept it.
    pub fn changed(&self, spec: &TenantSpec, models: TenantModels, executor: &ExecutorConfig) -> Arc<Self> {
        let (storage, runtime) = (self.resources.storage.clone(), self.runtime.clone());
        // Calls in flight and connections hold parts of it, so it stays the same budget.
        let budget = self.resources.budget.clone();
        budget.set_limit(spec.limits.native_bytes_max);
        Self::of(spec, models, storage, runtime, self.calls.clone(), executor, budget)
    }

    /// Where the tenant of this name keeps things.
    pub fn storage(store: &Store, id: &str) -> Namespace {
        store.namespace(&format!("{NAMESPACE_PREFIX}{id}"))
    }

    fn of(
        spec: &TenantSpec,
        models: TenantModels,
        storage: Namespace,
        runtime: Arc<TenantRuntime>,
        calls: Drain,
        executor: &ExecutorConfig,
        budget: NativeBudget,
    ) -> Arc<Self> {
        let resources = resources(&spec.id, spec.weight, models, storage, &spec.limits, executor, budget);
        for model in resources.model.iter().chain(&resources.embedding_model) {
            model.model().set_share(resources.key, engine_share(spec.weight, &spec.limits));
        }
        Arc::new(Self {
            id: spec.id.as_str().into(),
            resources,
            runtime,
            calls,
            weight: spec.weight,
            prices: Prices {
                prompt_nano_usd_per_1k: spec.prices.prompt_nano_usd_per_1k,
                cached_nano_usd_per_1k: spec.prices.cached_nano_usd_per_1k,
                generated_nano_usd_per_1k: spec.prices.generated_nano_usd_per_1k,
            },
            limits: spec.limits,
        })
    }

    /// The longest that one of its calls may take.
    pub fn deadline_max(&self) -> Duration {
        Duration::from_millis(self.limits.deadline_ms_max)
    }
}

/// What a runtime runs as while the node asks it what it is: nobody, with nothing to reach.
pub fn inspector(store: &Store, executor: &ExecutorConfig, native: &NativeBudget) -> Arc<TenantResources> {
    let limits = TenantLimits::default();
    let budget = native.tenant(limits.native_bytes_max);
    // No tenant has an empty name, so this namespace is nobody's.
    resources("", 1, TenantModels::default(), Tenant::storage(store, ""), &limits, executor, budget)
}

fn resources(
    id: &str,
    weight: u32,
    models: TenantModels,
    storage: Namespace,
    limits: &TenantLimits,
    executor: &ExecutorConfig,
    budget: NativeBudget,
) -> Arc<TenantResources> {
    Arc::new(TenantResources {
        key: TenantKey::new(sp_crypto_hashing::blake2_256(&[KEY_DOMAIN, id.as_bytes()].concat())),
        weight,
        model: models.model,
        embedding_model: models.embedding_model,
        storage,
        budget,
        limits: host_limits(limits, executor),
    })
}
