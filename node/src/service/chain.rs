//! The chain when a node starts: the one in its database, or a new one begun from the specification.
//! Where there is a chain, its runtimes are in force, and the specification's were only its first.

use super::StartError;
use crate::{
    chain::{Chain, ChainConfig, ChainStorage, Change, CodeFacts, CodeHash, CodeRef, Entry, Scope},
    executor::{Executor, TenantResources},
    runtimes::{CompilePriority, LoadedRuntime, RuntimeSlot, TenantRuntime, read_blob},
};
use realm_chain_spec::{ChainSpec, CodeSource};
use realm_host_functions::storage::{Changes, Store};
use std::{collections::BTreeMap, sync::Arc};

/// Loads runtimes while the node starts.
pub(super) struct RuntimeLoader<'a> {
    pub executor: &'a Arc<Executor>,
    /// Whom unknown code describes itself as.
    pub inspector: &'a Arc<TenantResources>,
}

/// The chain, and the runtimes that it says are in force.
pub(super) struct OpenChain {
    pub chain: Chain,
    pub slot: Arc<RuntimeSlot>,
    own: BTreeMap<String, Arc<LoadedRuntime>>,
}

impl OpenChain {
    /// Goes on with the stored chain, or begins one.
    pub(super) async fn open(
        store: &Store,
        spec: &ChainSpec,
        config: ChainConfig,
        loader: &RuntimeLoader<'_>,
    ) -> Result<Self, StartError> {
        let storage = ChainStorage::new(store);
        match storage.load(&spec.id)? {
            Some(log) => {
                let in_force = log.head().in_force.clone();
                let slot = RuntimeSlot::new(loader.stored(&storage, in_force.chain).await?);
                let mut own = BTreeMap::new();
                for (tenant, code) in &in_force.tenants {
                    own.insert(tenant.clone(), loader.stored(&storage, *code).await?);
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
        loader: &RuntimeLoader<'_>,
    ) -> Result<Self, StartError> {
        let runtime = loader.given(&spec.runtime).await?;
        let log = Chain::begin(&storage, &spec.id, &runtime.code.code, &facts(&runtime)).await?;
        let chain = Chain::start(log, storage, config);
        let mut own = BTreeMap::new();
        for tenant in &spec.tenants {
            let Some(source) = &tenant.runtime else { continue };
            let runtime = loader.given(source).await?;
            let mut changes = Changes::new();
            chain.storage().write_code(&mut changes, &runtime.code.code, &facts(&runtime));
            let change = Change { scope: Scope::Tenant(tenant.id.clone()), from: None, to: Some(code_ref(&runtime)) };
            chain.append(Entry::Upgrade(change), changes, |_| {}).await.map_err(StartError::Chain)?;
            own.insert(tenant.id.clone(), runtime);
        }
        Ok(Self { chain, slot: RuntimeSlot::new(runtime), own })
    }

    /// The runtime of a tenant: its own if it has one.
    pub(super) fn runtime_of(&self, tenant: &str) -> TenantRuntime {
        TenantRuntime::new(self.own.get(tenant).cloned(), self.slot.clone())
    }
}

impl RuntimeLoader<'_> {
    async fn given(&self, source: &CodeSource) -> Result<Arc<LoadedRuntime>, StartError> {
        self.load(read_blob(source, self.executor.config().code_bytes_max)?).await
    }

    async fn stored(&self, storage: &ChainStorage, code: CodeRef) -> Result<Arc<LoadedRuntime>, StartError> {
        self.load(storage.code(code.hash)?).await
    }

    async fn load(&self, blob: Vec<u8>) -> Result<Arc<LoadedRuntime>, StartError> {
        let runtime = LoadedRuntime::load(self.executor, self.inspector, blob, CompilePriority::AtOnce).await?;
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
