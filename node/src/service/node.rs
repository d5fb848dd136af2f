//! The wiring.

use super::{
    NodeConfig, StartError,
    chain::{OpenChain, RuntimeLoader},
    models,
};
use crate::{
    admission::{Admission, LineLimits},
    auth::Auth,
    dispatcher::Dispatcher,
    drain::Drain,
    executor::Executor,
    metering::Metering,
    methods::{self, ChainInfo},
    metrics::{self, Metrics, heartbeat, register_executor, register_models, register_native, register_tenants},
    server::{Access, AllowedOrigins, Server},
    substrate::{self, Queries, View},
    tenants::{
        Known, Parts, Runtimes, StoredError, StoredTenants, Tenant, TenantManager, TenantModels, Tenants, inspector,
        models_of, revoke_keys,
    },
    upgrade::Upgrader,
};
use realm_chain_spec::{Authentication, TenantSpec};
use realm_host_functions::{
    NativeBudget,
    storage::{Store, StoreConfig},
};
use realm_rpc::api::{StatusServer, TenantsServer};
use std::{
    fs::DirBuilder,
    net::SocketAddr,
    os::unix::fs::{DirBuilderExt, MetadataExt},
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};
use substrate_prometheus_endpoint::Registry;
use tokio::task::{JoinHandle, JoinSet};

/// The database's file in the base path.
pub(crate) const DATABASE_FILE: &str = "realm.redb";

/// Only the node's user may look into a base path that the node makes.
const BASE_PATH_MODE: u32 = 0o700;
/// Bits of a mode that let others write.
const WRITABLE_BY_OTHERS: u32 = 0o022;

/// How long a node that stops waits for the last of its tasks to let go of the database.
const DATABASE_CLOSE_WAIT_MAX: Duration = Duration::from_secs(2);

/// A running node.
#[derive(Debug)]
pub struct Node {
    dispatcher: Arc<Dispatcher>,
    server: Server,
    metrics: Option<JoinHandle<()>>,
    /// Ends with the node.
    _heartbeat: JoinSet<()>,
    shutdown_wait_max: Duration,
    store: Store,
}

impl Node {
    /// Starts a node; when this returns it answers.
    ///
    /// # Errors
    /// [`StartError`]; nothing is left running.
    pub async fn start(config: NodeConfig) -> Result<Self, StartError> {
        let began = Instant::now();
        let needs_keys = config.chain.authentication == Authentication::Keys;
        if !needs_keys && !config.listen.ip().is_loopback() && !config.allow_unauthenticated {
            return Err(StartError::Exposed { address: config.listen });
        }
        let store = open_store(config.base_path.as_deref())?;
        let auth = Auth::open(&store, needs_keys, config.auth)?;
        if needs_keys && !config.auth.start_without_keys && !auth.keys.any_good() {
            return Err(StartError::NoKeys { base_path: config.base_path });
        }
        let executor = Arc::new(Executor::new(config.executor.clone())?);
        let native = NativeBudget::node(config.native_bytes_max);
        let inspector = inspector(&store, executor.config(), &native);
        let loader = RuntimeLoader { executor: executor.clone(), inspector: inspector.clone() };
        let open = OpenChain::open(&store, &config.chain, config.blocks, &loader).await?;
        let models = models::load(&config.chain.models, &config.engine).await?;

        let stored = StoredTenants::new(&store);
        let known = stored.merged(&config.chain)?;
        for id in stored.removed().map_err(StoredError::from)? {
            // The node may have died between removing the tenant and this.
            revoke_keys(&auth.keys, &id).await?;
        }
        let named = config.chain.models.iter().map(|model| (model.name.clone(), models.get(&model.name).cloned()));
        let named: Vec<_> = named.collect();
        // No tenant has an empty name, so nothing of anybody's is behind this one.
        let public = TenantSpec::new("", "");
        let runtime = open.runtime_of("");
        let public = Tenant::new(&public, TenantModels::default(), &store, runtime, executor.config(), &native);
        let default = config.chain.tenants.first().map_or("", |spec| spec.id.as_str()).into();
        let tenants = Tenants::new(default, public);
        for Known { spec, disabled, .. } in known.values() {
            let (runtime, models) = (open.runtime_of(&spec.id), models_of(spec, &named));
            tenants.put(Tenant::new(spec, models, &store, runtime, executor.config(), &native), *disabled);
        }

        let registry = Registry::new();
        let metrics = Metrics::register(&registry).map_err(internal)?;
        register_executor(&registry, &executor).map_err(internal)?;
        register_models(&registry, &models).map_err(internal)?;
        let heartbeat = heartbeat::start(&metrics.worker_stall_seconds);
        let metering = Metering::open(&store, config.metering, metrics.clone()).await.map_err(internal)?;
        // A call that has a place has an instance too: the fair line is the only one.
        let running_max = config.calls_max.min(config.executor.instances_max as usize);
        let line = LineLimits { running_max, queue_len_max: config.queue_len_max };
        let dispatcher = Arc::new(Dispatcher {
            executor,
            auth,
            tenants,
            admission: Admission::new(line),
            drain: Drain::default(),
            metrics,
            metering,
        });
        register_tenants(&registry, &dispatcher).map_err(internal)?;
        register_native(&registry, &native).map_err(internal)?;
        let chain = ChainInfo { name: config.chain.name.clone(), properties: config.chain.properties.clone() };
        let runtime = open.slot.clone();
        let upgrader =
            Upgrader::new(config.upgrade, dispatcher.clone(), open.chain.clone(), open.slot.clone(), inspector);
        let queries = Arc::new(Queries::new(config.queries));
        let view = View { dispatcher: dispatcher.clone(), chain: open.chain.clone(), queries };
        let mut others =
            substrate::methods(view, chain.clone(), Arc::new(upgrader), config.follow).map_err(internal)?;
        let runtimes = Runtimes(Box::new(move |id| open.runtime_of(id)));
        let parts = Parts {
            store: store.clone(),
            models: named,
            runtimes,
            tenants_max: config.tenants_max,
            native: native.clone(),
        };
        let manager = Arc::new(TenantManager::new(dispatcher.clone(), stored, known, parts));
        others.merge(TenantsServer::into_rpc(methods::TenantMethods { manager })).map_err(internal)?;
        let status = methods::Status {
            dispatcher: dispatcher.clone(),
            models,
            native,
            began,
            connections_max: config.server.connections_max,
            line,
        };
        others.merge(StatusServer::into_rpc(status)).map_err(internal)?;
        let methods = methods::all(&dispatcher, chain, config.events, others).map_err(internal)?;
        let metrics = match config.metrics {
            Some(address) => Some(
                metrics::endpoint::serve(address, registry)
                    .await
                    .map_err(|error| StartError::Metrics { address, error })?,
            ),
            None => None,
        };
        let any_origin = config.origins == AllowedOrigins::Any;
        let server = match Server::start(
            config.listen,
            methods,
            dispatcher.clone(),
            config.server,
            config.events,
            Access { origins: config.origins, hosts: config.hosts },
        )
        .await
        {
            Ok(server) => server,
            Err(error) => {
                metrics.iter().for_each(JoinHandle::abort);
                return Err(error.into());
            }
        };
        log_access(needs_keys, server.address(), any_origin);
        let version = runtime.current().version().clone();
        tracing::info!(
            chain = config.chain.id,
            runtime = version.spec_name,
            spec_version = version.spec_version,
            url = %format_args!("ws://{}", server.address()),
            "listening"
        );
        let shutdown_wait_max = config.shutdown_wait_max;
        Ok(Self { dispatcher, server, metrics, _heartbeat: heartbeat, shutdown_wait_max, store })
    }

    /// The address that JSON-RPC listens on.
    pub fn address(&self) -> SocketAddr {
        self.server.address()
    }

    /// What calls functions, for those who run inside the same process.
    pub fn dispatcher(&self) -> &Arc<Dispatcher> {
        &self.dispatcher
    }

    /// Takes no new calls, lets the running ones finish within the configured time, cuts the rest,
    /// closes connections, and lets go of the database.
    pub async fn stop(self) {
        tracing::info!("stopping");
        let Self { dispatcher, server, metrics, _heartbeat, shutdown_wait_max, store } = self;
        dispatcher.drain.drain(shutdown_wait_max).await;
        server.stop().await;
        dispatcher.metering.flush().await;
        if let Some(metrics) = metrics {
            metrics.abort();
        }
        let closed = store.closed();
        drop((dispatcher, store));
        // Tasks of connections end a moment after them; whoever starts a node on the same folder next shall find it free.
        if tokio::time::timeout(DATABASE_CLOSE_WAIT_MAX, closed).await.is_err() {
            tracing::debug!("the database is still held by another part of this process");
        }
        tracing::info!("stopped");
    }
}

/// Says in the log what a node without keys means.
fn log_access(needs_keys: bool, address: SocketAddr, any_origin: bool) {
    if !needs_keys && any_origin {
        tracing::warn!(
            "no keys are needed and all web pages are allowed: any page opened on this machine may call as any tenant"
        );
    }
    match (needs_keys, address.ip().is_loopback()) {
        (false, true) => tracing::info!("no keys are needed: whoever is on this machine may call and administer"),
        (false, false) => {
            tracing::warn!(%address, "no keys are needed: everybody who reaches this address may call as any tenant")
        }
        (true, _) => {}
    }
}

/// The database of a folder, or one that is forgotten. Makes both if they are not there.
///
/// # Errors
/// [`StartError::BasePath`], [`StartError::Store`].
pub(crate) fn open_store(base_path: Option<&Path>) -> Result<Store, StartError> {
    let Some(folder) = base_path else {
        return Ok(Store::in_memory(StoreConfig::default())?);
    };
    make_private_folder(folder).map_err(|error| StartError::BasePath { path: folder.to_owned(), error })?;
    Ok(Store::open(&folder.join(DATABASE_FILE), StoreConfig::default())?)
}

/// Makes the folder for the node's user alone. The mode of an existing folder may have a reason, so it is only looked at.
fn make_private_folder(folder: &Path) -> std::io::Result<()> {
    DirBuilder::new().recursive(true).mode(BASE_PATH_MODE).create(folder)?;
    if std::fs::metadata(folder)?.mode() & WRITABLE_BY_OTHERS != 0 {
        tracing::warn!(
            folder = %folder.display(),
            "other users of this machine may write to the base path, and so delete or replace the database; set its mode to 0700"
        );
    }
    Ok(())
}

fn internal(error: impl std::fmt::Display) -> StartError {
    StartError::Internal(error.to_string())
}
