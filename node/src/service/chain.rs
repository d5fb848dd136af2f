//! The chain when a node starts: the one in its database, or a new one begun from the specification.
//! Where there is a chain, its runtimes are in force, and the specification's were only its first.
//!
//! The chain's runtime must load, or the node does not start. A tenant's own is its administrator's: one that does not
//! load, or takes long to compile, is unavailable to that tenant, and the node serves the others.

use super::StartError;
use crate::{
    chain::{Chain, ChainConfig, ChainStorage, Change, CodeFacts, CodeHash, CodeRef, Entry, Scope},
    excerpt::{LOGGED_BYTES_MAX, excerpt},
    executor::{Executor, TenantResources},
    runtimes::{CompilePriority, LoadedRuntime, RuntimeSlot, TenantRuntime, Unavailable, read_blob},
};
use realm_chain_spec::{ChainSpec, CodeSource};
use realm_host_functions::storage::{Changes, Store};
use std::{collections::BTreeMap, sync::Arc, time::Duration};

/// Loads runtimes while the node starts.
#[derive(Clone)]
pub(super) struct RuntimeLoader {
    pub executor: Arc<Executor>,
    /// Whom unknown code describes itself as.
    pub inspector: Arc<TenantResources>,
}

/// How long a start waits for the runtimes of all tenants together. Those that are not compiled by then follow while the
/// node serves.
const TENANT_RUNTIMES_WAIT_MAX: Duration = Duration::from_secs(30);
/// Why a tenant's calls are refused while its runtime is compiled, as the rest of a sentence.
const NOT_YET: &str = "is still being compiled; try again soon";

/// The chain, and the runtimes that it says are in force.
pub(super) struct OpenChain {
    pub chain: Chain,
    pub slot: Arc<RuntimeSlot>,
    own: BTreeMap<String, Arc<TenantRuntime>>,
}

impl OpenChain {
    /// Goes on with the stored chain, or begins one.
    pub(super) async fn open(
        store: &Store,
        spec: &ChainSpec,
        config: ChainConfig,
        loader: &RuntimeLoader,
    ) -> Result<Self, StartError> {
        let storage = ChainStorage::new(store);
        match storage.load(&spec.id)? {
            Some(log) => {
                let in_force = log.head().in_force.clone();
                let slot = RuntimeSlot::new(loader.stored(&storage, in_force.chain).await?);
                let of = |(tenant, code): (&String, &CodeRef)| {
                    let unavailable = Unavailable { code_hash: code.hash.0, why: NOT_YET.into() };
                    (tenant.clone(), Arc::new(TenantRuntime::unavailable(unavailable, slot.clone())))
                };
                let own: BTreeMap<_, _> = in_force.tenants.iter().map(of).collect();
                let waited: Vec<_> = in_force
                    .tenants
                    .iter()
                    .filter_map(|(id, code)| Some((id.clone(), *code, own.get(id)?.clone())))
                    .collect();
                let loading = tokio::spawn(loader.clone().all(storage.clone(), waited));
                if tokio::time::timeout(TENANT_RUNTIMES_WAIT_MAX, loading).await.is_err() {
                    tracing::warn!("some tenants' runtimes are still being compiled; the node serves the others");
                }
                Ok(Self { chain: Chain::start(log, storage, config), slot, own })
            }
            None => Self::begin(storage, spec, config, loader).await,
        }
    }

    async fn begin(
        storage: ChainStorage,
        spec: &ChainSpec,
        config: ChainConfig,
        loader: &RuntimeLoader,
    ) -> Result<Self, StartError> {
        let runtime = loader.given(&spec.runtime).await?;
        let log = Chain::begin(&storage, &spec.id, &runtime.code.code, &facts(&runtime)).await?;
        let chain = Chain::start(log, storage, config);
        let slot = RuntimeSlot::new(runtime);
        let mut own = BTreeMap::new();
        for tenant in &spec.tenants {
            let Some(source) = &tenant.runtime else { continue };
            let runtime = loader.given(source).await?;
            let mut changes = Changes::new();
            chain.storage().write_code(&mut changes, &runtime.code.code, &facts(&runtime));
            let change = Change { scope: Scope::Tenant(tenant.id.clone()), from: None, to: Some(code_ref(&runtime)) };
            chain.append(Entry::Upgrade(change), changes, |_| {}).await.map_err(StartError::Chain)?;
            own.insert(tenant.id.clone(), Arc::new(TenantRuntime::new(Some(runtime), slot.clone())));
        }
        Ok(Self { chain, slot, own })
    }

    /// The runtime of a tenant: its own if it has one.
    pub(super) fn runtime_of(&self, tenant: &str) -> Arc<TenantRuntime> {
        let own = self.own.get(tenant).cloned();
        own.unwrap_or_else(|| Arc::new(TenantRuntime::new(None, self.slot.clone())))
    }
}

impl RuntimeLoader {
    /// Loads tenants' own runtimes, one after the other, and settles what became of each.
    async fn all(self, storage: ChainStorage, waited: Vec<(String, CodeRef, Arc<TenantRuntime>)>) {
        for (tenant, code, runtime) in waited {
            let loaded = self.stored(&storage, code).await.map_err(|error| {
                // It may quote what the blob says of itself.
                let error = excerpt(&error.to_string(), LOGGED_BYTES_MAX);
                tracing::error!(tenant, code_hash = %code.hash, error, "a tenant's own runtime is not available");
                Arc::from(format!("did not load when the node started: {error}"))
            });
            runtime.settle(code.hash.0, loaded);
        }
    }

    async fn given(&self, source: &CodeSource) -> Result<Arc<LoadedRuntime>, StartError> {
        self.load(read_blob(source, self.executor.config().code_bytes_max)?).await
    }

    async fn stored(&self, storage: &ChainStorage, code: CodeRef) -> Result<Arc<LoadedRuntime>, StartError> {
        self.load(storage.code(code.hash)?).await
    }

    async fn load(&self, blob: Vec<u8>) -> Result<Arc<LoadedRuntime>, StartError> {
        let runtime = LoadedRuntime::load(&self.executor, &self.inspector, blob, CompilePriority::AtOnce).await?;
        let version = runtime.version();
        tracing::info!(
            runtime = version.spec_name,
            spec_version = version.spec_version,
            code_hash = %runtime.code.hash,
            metadata_hash = %runtime.metadata.hash(),
            "runtime loaded"
        );
        Ok(runtime)
    }
}

fn facts(runtime: &LoadedRuntime) -> CodeFacts {
    CodeFacts { version: runtime.version().clone(), metadata: runtime.metadata_bytes.clone() }
}

fn code_ref(runtime: &LoadedRuntime) -> CodeRef {
    CodeRef { hash: CodeHash(runtime.code.hash), spec_version: runtime.version().spec_version }
}
