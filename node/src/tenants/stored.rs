//! What was changed of the tenants since the chain specification was written, in the node's database.
//!
//! The database wins: a tenant that was changed or removed while the node ran stays so when it starts
//! again, whatever the specification says of it. Tenants that only the specification names are as they
//! stand there.

use realm_chain_spec::{ChainSpec, TenantSpec};
use realm_host_functions::storage::{Changes, CommitError, Namespace, Store, StoreError};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// The node's part of the database that holds tenants. No tenant's namespace begins so.
const NAMESPACE: &str = "node/tenants";

/// Where what is in force of a tenant was said.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Source {
    /// In the chain specification.
    ChainSpec,
    /// By an administrator while the node ran.
    RunTime,
}

/// A tenant that there is.
#[derive(Clone, PartialEq, Debug)]
pub struct Known {
    /// What it is given.
    pub spec: TenantSpec,
    /// Whether its new calls are refused.
    pub disabled: bool,
    /// Who said so.
    pub source: Source,
}

/// Why the tenants cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum StoredError {
    /// The database fails.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A record is none.
    #[error("the database's record of the tenant {id} is damaged")]
    Damaged {
        /// Under which name it stands.
        id: String,
    },
    /// It names a model that the chain has not.
    #[error(
        "the tenant {id} was given the model {model} while the node ran, which the chain specification does not name any more; name it there again"
    )]
    NoModel {
        /// The tenant.
        id: String,
        /// The model.
        model: String,
    },
}

/// The records. A removed tenant leaves one too, or the specification would bring it back.
#[derive(Debug)]
pub struct StoredTenants(Namespace);

impl StoredTenants {
    /// Those of this database.
    pub fn new(store: &Store) -> Self {
        Self(store.namespace(NAMESPACE))
    }

    /// The tenants that there are now, by name.
    ///
    /// # Errors
    /// [`StoredError`]
    pub fn merged(&self, chain: &ChainSpec) -> Result<BTreeMap<String, Known>, StoredError> {
        let of_spec = |spec: &TenantSpec| Known { spec: spec.clone(), disabled: false, source: Source::ChainSpec };
        let mut known: BTreeMap<_, _> = chain.tenants.iter().map(|spec| (spec.id.clone(), of_spec(spec))).collect();
        for (id, record) in self.0.entries()? {
            let id = String::from_utf8_lossy(&id).into_owned();
            match read(&record).ok_or_else(|| StoredError::Damaged { id: id.clone() })? {
                Some((spec, disabled)) => {
                    let named = std::iter::once(&spec.model).chain(&spec.embedding_model);
                    if let Some(model) =
                        named.into_iter().find(|name| chain.models.iter().all(|model| model.name != **name))
                    {
                        return Err(StoredError::NoModel { id, model: model.clone() });
                    }
                    if known.get(&id).is_some_and(|known| known.spec != spec) {
                        tracing::info!(
                            tenant = id,
                            "as it was changed while the node ran, not as in the chain specification"
                        );
                    }
                    known.insert(id, Known { spec, disabled, source: Source::RunTime });
                }
                None => {
                    if known.remove(&id).is_some() {
                        tracing::info!(
                            tenant = id,
                            "was removed while the node ran and stays so; `realm tenant add` brings it back"
                        );
                    }
                }
            }
        }
        Ok(known)
    }

    /// The tenants that were removed while the node ran, and not added again.
    ///
    /// # Errors
    /// [`StoreError`]
    pub fn removed(&self) -> Result<Vec<String>, StoreError> {
        let records = self.0.entries()?.into_iter().filter(|(_, record)| is_removal(record));
        Ok(records.map(|(id, _)| String::from_utf8_lossy(&id).into_owned()).collect())
    }

    /// Whether this tenant is one of [`Self::removed`].
    ///
    /// # Errors
    /// [`StoreError`]
    pub fn was_removed(&self, id: &str) -> Result<bool, StoreError> {
        Ok(self.0.get(id.as_bytes())?.is_some_and(|record| is_removal(&record)))
    }

    /// Keeps what a tenant is from now on.
    ///
    /// # Errors
    /// [`CommitError`]; then nothing is changed.
    pub async fn keep(&self, known: &Known) -> Result<(), CommitError> {
        let record = json!({"tenant": known.spec.to_value(), "disabled": known.disabled});
        self.write(&known.spec.id, record).await
    }

    /// Keeps that a tenant is no more.
    ///
    /// # Errors
    /// As [`Self::keep`].
    pub async fn keep_removed(&self, id: &str) -> Result<(), CommitError> {
        self.write(id, json!({"tenant": null})).await
    }

    async fn write(&self, id: &str, record: Value) -> Result<(), CommitError> {
        let mut changes = Changes::new();
        self.0.write(&mut changes, id.as_bytes(), Some(record.to_string().into_bytes()));
        self.0.commit(changes).await
    }
}

fn is_removal(record: &[u8]) -> bool {
    matches!(read(record), Some(None))
}

/// A record: nothing if it is none; inside, nothing for a removed tenant.
fn read(record: &[u8]) -> Option<Option<(TenantSpec, bool)>> {
    let record: Value = serde_json::from_slice(record).ok()?;
    match record.get("tenant")? {
        Value::Null => Some(None),
        tenant => Some(Some((TenantSpec::from_value(tenant).ok()?, record.get("disabled")?.as_bool()?))),
    }
}
