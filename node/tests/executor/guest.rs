//! An executor and a tenant to call blobs with.

use realm_engine::TenantKey;
use realm_host_functions::{
    HostLimits, NativeBudget,
    storage::{Store, StoreConfig},
};
use realm_node::executor::{
    CallError, CallOutcome, CallSetup, ConnectionMemory, EventSender, Executor, ExecutorConfig, HostModel, RuntimeCode,
    TenantResources,
};
use realm_primitives::{CallContext, H256, Prices};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};

/// A small pool, so that tests reach its ends.
pub fn executor_config() -> ExecutorConfig {
    ExecutorConfig { instances_max: 8, memory_bytes_max: 16 << 20, ..ExecutorConfig::default() }
}

/// One executor, one tenant.
pub struct Guest {
    pub executor: Arc<Executor>,
    pub store: Store,
    pub tenant: Arc<TenantResources>,
}

/// What a test may change about a call.
#[derive(Default)]
pub struct Options {
    pub deadline: Option<Duration>,
    pub connection: Option<Arc<ConnectionMemory>>,
    pub events: Option<EventSender>,
}

impl Guest {
    pub fn new() -> Self {
        Self::with(executor_config(), HostLimits::default(), None)
    }

    pub fn with_limits(limits: HostLimits) -> Self {
        Self::with(executor_config(), limits, None)
    }

    pub fn with(config: ExecutorConfig, limits: HostLimits, model: Option<Arc<HostModel>>) -> Self {
        let store = Store::in_memory(StoreConfig::default()).unwrap();
        let tenant = TenantResources {
            key: TenantKey::new([1; 32]),
            weight: 1,
            model,
            embedding_model: None,
            storage: store.namespace("tenant"),
            budget: NativeBudget::unlimited().tenant(1 << 30),
            limits,
        };
        Self { executor: Arc::new(Executor::new(config).unwrap()), store, tenant: Arc::new(tenant) }
    }

    pub fn compile(&self, code: &[u8]) -> Arc<RuntimeCode> {
        self.executor.compile(code).unwrap()
    }

    pub fn setup(&self, options: Options) -> CallSetup {
        CallSetup {
            context: CallContext {
                tenant: "tenant".into(),
                call_id: "call".into(),
                seed: 42,
                deadline_ms: 0,
                streaming: options.events.is_some(),
                connected: options.connection.is_some(),
                code_hash: H256::default(),
                prices: Prices::default(),
                max_tokens_limit: 100,
            },
            tenant: self.tenant.clone(),
            connection: options.connection,
            events: options.events,
            deadline: options.deadline.map(|deadline| Instant::now() + deadline),
            tally: Arc::default(),
        }
    }

    pub async fn call(&self, code: &Arc<RuntimeCode>, export: &str, arguments: &[u8]) -> CallOutcome {
        self.call_with(code, export, arguments, Options::default()).await
    }

    pub async fn call_with(
        &self,
        code: &Arc<RuntimeCode>,
        export: &str,
        arguments: &[u8],
        options: Options,
    ) -> CallOutcome {
        self.executor.call(code, export, arguments, self.setup(options)).await
    }

    /// The error of a call that must fail.
    pub async fn error(&self, code: &Arc<RuntimeCode>, export: &str) -> CallError {
        match self.call(code, export, &[]).await.result {
            Ok(answer) => panic!("{export} answered {answer:?}"),
            Err(error) => error,
        }
    }
}
