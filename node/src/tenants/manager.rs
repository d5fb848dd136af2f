//! Adding, changing and removing tenants while the node runs. Each change is durable before it is in
//! force, and in force when it is answered.

use super::{Source, StoredTenants, Tenant, TenantId, TenantModels, stored::Known};
use crate::{
    auth::{KeyError, Keyring},
    dispatcher::Dispatcher,
    executor::HostModel,
    runtimes::TenantRuntime,
};
use realm_chain_spec::{SpecError, TenantSpec};
use realm_host_functions::{
    NativeBudget,
    storage::{Changes, CommitError, Store, StoreError},
};
use serde_json::{Map, Value, json};
use std::{collections::BTreeMap, sync::Arc, time::Duration};

/// Why tenants stay as they are.
#[derive(Debug, thiserror::Error)]
pub enum ManageError {
    /// There is none of this name.
    #[error("tenant_id: there is no tenant {id}")]
    Absent {
        /// The name.
        id: String,
    },
    /// There is one of this name.
    #[error("tenant.id: there is a tenant {id} already; change it with realm_tenantUpdate")]
    Present {
        /// The name.
        id: String,
    },
    /// A field is wrong.
    #[error("{path}: {problem}")]
    Field {
        /// Its path.
        path: String,
        /// What is wrong with it.
        problem: String,
    },
    /// There are as many as may be.
    #[error("there are {limit} tenants, as many as may be")]
    TooMany {
        /// The limit.
        limit: usize,
    },
    /// The database does not take the change.
    #[error("the change is not written: {0}")]
    Commit(#[from] CommitError),
    /// The database cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Its keys are not revoked.
    #[error("its keys are not revoked: {0}")]
    Keys(#[from] KeyError),
}

/// What tenants are made of.
#[derive(Debug)]
pub struct Parts {
    /// Where they keep things.
    pub store: Store,
    /// All models that the chain names, in its order; with those whose weights could be had.
    pub models: Vec<(String, Option<Arc<HostModel>>)>,
    /// The runtimes of the chain's tenants; what has none of its own gets the chain's.
    pub runtimes: Runtimes,
    /// Most tenants.
    pub tenants_max: usize,
    /// The node's native memory.
    pub native: NativeBudget,
}

/// Finds the runtime of a tenant by its name.
pub struct Runtimes(pub Box<dyn Fn(&str) -> Arc<TenantRuntime> + Send + Sync>);

impl std::fmt::Debug for Runtimes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Runtimes")
    }
}

/// Manages a node's tenants. One per node.
#[derive(Debug)]
pub struct TenantManager {
    dispatcher: Arc<Dispatcher>,
    stored: StoredTenants,
    parts: Parts,
    /// One change at a time, so that database and memory agree.
    known: tokio::sync::Mutex<BTreeMap<String, Known>>,
    /// The runtimes of tenants that were removed, for when they come back.
    retired: std::sync::Mutex<BTreeMap<String, Arc<TenantRuntime>>>,
}

impl TenantManager {
    /// Manages these tenants, which the dispatcher serves already.
    pub fn new(
        dispatcher: Arc<Dispatcher>,
        stored: StoredTenants,
        known: BTreeMap<String, Known>,
        parts: Parts,
    ) -> Self {
        Self { dispatcher, stored, parts, known: tokio::sync::Mutex::new(known), retired: std::sync::Mutex::default() }
    }

    /// Adds a tenant.
    ///
    /// # Errors
    /// [`ManageError`]; then there is none.
    pub async fn add(&self, mut tenant: Value) -> Result<Value, ManageError> {
        if let (Some(fields), Some((first, _))) = (tenant.as_object_mut(), self.parts.models.first()) {
            fields.entry("model").or_insert_with(|| json!(first));
        }
        let spec = self.read(&tenant)?;
        if spec.runtime.is_some() {
            return Err(own_runtime());
        }
        let mut known = self.known.lock().await;
        if known.contains_key(&spec.id) {
            return Err(ManageError::Present { id: spec.id });
        }
        if known.len() >= self.parts.tenants_max {
            return Err(ManageError::TooMany { limit: self.parts.tenants_max });
        }
        let entry = Known { spec, disabled: false, source: Source::RunTime };
        self.stored.keep(&entry).await?;
        let id = entry.spec.id.clone();
        let retired = self.retired().remove(&id);
        let runtime = retired.unwrap_or_else(|| self.parts.runtimes.0(&id));
        let models = models_of(&entry.spec, &self.parts.models);
        let (store, native) = (&self.parts.store, &self.parts.native);
        let tenant = Tenant::new(&entry.spec, models, store, runtime, self.dispatcher.executor.config(), native);
        self.dispatcher.tenants.put(tenant, false);
        tracing::info!(tenant = id, "tenant added");
        Ok(self.told(known.entry(id).or_insert(entry)))
    }

    /// All tenants.
    pub async fn list(&self) -> Vec<Value> {
        self.known.lock().await.values().map(|known| self.told(known)).collect()
    }

    /// Changes what `changes` names.
    ///
    /// # Errors
    /// [`ManageError`]; then nothing is changed.
    pub async fn update(&self, id: &str, changes: &Value) -> Result<Value, ManageError> {
        let mut known = self.known.lock().await;
        let entry = known.get_mut(id).ok_or_else(|| absent(id))?;
        let changes = changes.as_object().ok_or_else(|| wrong("changes", "expected an object"))?;
        if changes.contains_key("runtime") {
            return Err(own_runtime());
        }
        if changes.get("id").is_some_and(|new| new != id) {
            return Err(wrong("changes.id", "a tenant keeps its name: what it stored and its keys hang on it"));
        }
        let mut tenant = entry.spec.to_value();
        merge(&mut tenant, changes);
        let spec = self.read(&tenant)?;
        let changed = Known { spec, disabled: entry.disabled, source: Source::RunTime };
        self.stored.keep(&changed).await?;
        *entry = changed;
        if let Some(old) = self.dispatcher.tenants.get(&id.into()) {
            let models = models_of(&entry.spec, &self.parts.models);
            self.dispatcher
                .tenants
                .put(old.changed(&entry.spec, models, self.dispatcher.executor.config()), entry.disabled);
        }
        tracing::info!(tenant = id, "tenant changed");
        Ok(self.told(entry))
    }

    /// Refuses new calls of a tenant, or takes them again.
    ///
    /// # Errors
    /// [`ManageError`]
    pub async fn set_disabled(&self, id: &str, disabled: bool) -> Result<Value, ManageError> {
        let mut known = self.known.lock().await;
        let entry = known.get_mut(id).ok_or_else(|| absent(id))?;
        if entry.disabled != disabled {
            let changed = Known { disabled, source: Source::RunTime, ..entry.clone() };
            self.stored.keep(&changed).await?;
            *entry = changed;
            if let Some(tenant) = self.dispatcher.tenants.get(&id.into()) {
                self.dispatcher.tenants.put(tenant, disabled);
            }
            tracing::info!(tenant = id, disabled, "tenant disabled or enabled");
        }
        Ok(self.told(entry))
    }

    /// Removes a tenant: takes its keys back, cancels its calls, and with `purge` deletes what it stored.
    /// Of one that was removed before, does what is left to do, and answers null.
    ///
    /// # Errors
    /// [`ManageError`]. After [`ManageError::Keys`] and [`ManageError::Store`] the tenant is removed;
    /// to remove it again does the rest. A node that dies in between takes the keys back when it starts.
    pub async fn remove(&self, id: &str, purge: bool) -> Result<Value, ManageError> {
        let mut known = self.known.lock().await;
        let told = match known.get(id) {
            Some(entry) => self.told(entry),
            None if self.stored.was_removed(id)? => Value::Null,
            None => return Err(absent(id)),
        };
        self.stored.keep_removed(id).await?;
        known.remove(id);
        if let Some(tenant) = self.dispatcher.tenants.take(&id.into()) {
            self.retired().insert(id.to_owned(), tenant.runtime.clone());
            // Not a moment for those that run: to let them end, it is disabled first.
            tenant.calls.drain(Duration::ZERO).await;
            self.dispatcher.admission.forget(&tenant.id);
            for model in self.parts.models.iter().filter_map(|(_, model)| model.as_ref()) {
                model.model().forget_share(tenant.resources.key);
            }
            tracing::info!(tenant = id, "tenant removed");
        }
        revoke_keys(&self.dispatcher.auth.keys, id).await?;
        if purge {
            self.purge(id).await?;
        }
        Ok(told)
    }

    async fn purge(&self, id: &str) -> Result<(), ManageError> {
        let storage = Tenant::storage(&self.parts.store, id);
        let mut changes = Changes::new();
        for (key, _) in storage.entries()? {
            storage.write(&mut changes, &key, None);
        }
        storage.commit(changes).await?;
        tracing::info!(tenant = id, "what the tenant stored is deleted");
        Ok(())
    }

    fn retired(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, Arc<TenantRuntime>>> {
        // Each change is one call, so the map is whole at any moment.
        self.retired.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// The tenant that a value says, of the models that there are.
    fn read(&self, tenant: &Value) -> Result<TenantSpec, ManageError> {
        let spec = TenantSpec::from_value(tenant).map_err(|error| match error {
            SpecError::Field { path, problem } => {
                let path = if path == "$" { "tenant".to_owned() } else { format!("tenant.{path}") };
                wrong(&path, &problem.to_string())
            }
            error => wrong("tenant", &error.to_string()),
        })?;
        let named = [("tenant.model", Some(&spec.model)), ("tenant.embedding_model", spec.embedding_model.as_ref())];
        for (path, name) in named {
            let Some(name) = name else { continue };
            if self.parts.models.iter().all(|(known, _)| known != name) {
                let known: Vec<_> = self.parts.models.iter().map(|(name, _)| name.as_str()).collect();
                return Err(wrong(path, &format!("the chain has no model {name}; it has {}", known.join(", "))));
            }
        }
        Ok(spec)
    }

    fn told(&self, known: &Known) -> Value {
        let served = self.dispatcher.tenants.get(&known.spec.id.as_str().into());
        let source = match known.source {
            Source::ChainSpec => "chain_spec",
            Source::RunTime => "run_time",
        };
        json!({
            "tenant": known.spec.to_value(),
            "disabled": known.disabled,
            "source": source,
            "own_runtime": served.as_ref().is_some_and(|tenant| tenant.runtime.is_own()),
            "calls": served.as_ref().map_or(0, |tenant| tenant.calls.running()),
        })
    }
}

/// The models that a specification names, as far as their weights could be had.
pub fn models_of(spec: &TenantSpec, models: &[(String, Option<Arc<HostModel>>)]) -> TenantModels {
    let find = |name: &str| models.iter().find(|(known, _)| known == name).and_then(|(_, model)| model.clone());
    TenantModels { model: find(&spec.model), embedding_model: spec.embedding_model.as_deref().and_then(find) }
}

/// Takes back all keys of a tenant.
///
/// # Errors
/// [`KeyError`]; then none is taken back.
pub async fn revoke_keys(keys: &Keyring, id: &str) -> Result<(), KeyError> {
    keys.revoke(|key| key.tenant.as_ref().map(TenantId::as_str) == Some(id)).await.map(drop)
}

/// Puts `changes` into an object, and into the objects in it; null takes a field away.
fn merge(into: &mut Value, changes: &Map<String, Value>) {
    let Some(fields) = into.as_object_mut() else { return };
    for (name, change) in changes {
        if change.is_null() {
            fields.remove(name);
            continue;
        }
        match (fields.get_mut(name), change.as_object()) {
            (Some(inner), Some(change)) if inner.is_object() => merge(inner, change),
            _ => drop(fields.insert(name.clone(), change.clone())),
        }
    }
}

fn absent(id: &str) -> ManageError {
    ManageError::Absent { id: id.chars().take(64).collect() }
}

fn wrong(path: &str, problem: &str) -> ManageError {
    ManageError::Field { path: path.to_owned(), problem: problem.to_owned() }
}

fn own_runtime() -> ManageError {
    wrong("runtime", "a tenant gets its own runtime by realm_upgradeRuntime(code, tenant_id)")
}
