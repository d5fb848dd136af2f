//! The keys of a node: in memory to be found at once, in the database as hashes.

use super::{Key, Roles, now_unix_ms, secret::ApiKey};
use crate::tenants::TenantId;
use realm_host_functions::storage::{Changes, CommitError, Namespace, Store, StoreError};
use std::{
    collections::BTreeMap,
    sync::{Arc, PoisonError, RwLock},
};
use tokio_util::sync::CancellationToken;

/// The node's part of the database that holds keys. No tenant's namespace begins so.
const NAMESPACE: &str = "node/keys";
/// Most bytes of a label.
pub const LABEL_BYTES_MAX: usize = 128;

/// Why a key is not made, kept or taken back.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The database fails.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The database does not take the change.
    #[error("the key is not written: {0}")]
    Commit(#[from] CommitError),
    /// A record is none.
    #[error("the database's record of the key {prefix} is damaged")]
    Damaged {
        /// The prefix under which it stands.
        prefix: String,
    },
    /// The system has no randomness.
    #[error("no key can be drawn: {0}")]
    Random(getrandom::Error),
    /// The node has as many keys as it may.
    #[error("the node has its {limit} keys (keys_max, for tenants' keys less keys_reserved); revoke some first")]
    TooMany {
        /// The limit.
        limit: usize,
    },
    /// The tenant has as many keys as it may.
    #[error(
        "the tenant has {limit} keys that have not expired, which is the limit (keys_per_tenant_max); revoke some first"
    )]
    TooManyOfTenant {
        /// The limit.
        limit: usize,
    },
    /// The label is too long.
    #[error("a label has at most {LABEL_BYTES_MAX} bytes")]
    Label,
}

/// How many keys there may be. Keys that have expired do not count: they are removed when room is needed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct KeyLimits {
    /// Keys of the node and of all tenants. Default 65536.
    pub keys_max: usize,
    /// Keys of one tenant. Default 256.
    pub keys_per_tenant_max: usize,
    /// Keys of [`Self::keys_max`] that only the operator's own can be, so that tenants cannot keep the operator from
    /// making one. Default 256.
    pub keys_reserved: usize,
}

impl Default for KeyLimits {
    fn default() -> Self {
        Self { keys_max: 65_536, keys_per_tenant_max: 256, keys_reserved: 256 }
    }
}

/// A key to be made.
#[derive(Clone, Debug)]
pub struct NewKey {
    /// Whose it shall be; the node's own without one.
    pub tenant: Option<TenantId>,
    /// What it shall let its holder do.
    pub roles: Roles,
    /// When it ends. Default: never.
    pub expires_at_unix_ms: Option<u64>,
    /// What it is for.
    pub label: Option<String>,
}

/// All keys. One per node.
#[derive(Debug)]
pub struct Keyring {
    stored: Namespace,
    limits: KeyLimits,
    /// By prefix. Held only to look up or to change the map, never across anything that waits.
    by_prefix: RwLock<BTreeMap<String, Arc<Key>>>,
    /// One change at a time, so that the limit holds and database and memory agree.
    turn: tokio::sync::Mutex<()>,
}

impl Keyring {
    /// The keys of this database.
    ///
    /// # Errors
    /// [`KeyError::Store`], [`KeyError::Damaged`].
    pub fn open(store: &Store, limits: KeyLimits) -> Result<Self, KeyError> {
        let stored = store.namespace(NAMESPACE);
        let mut by_prefix = BTreeMap::new();
        for (prefix, record) in stored.entries()? {
            let prefix = String::from_utf8_lossy(&prefix).into_owned();
            let key = Key::from_record(&record).filter(|key| key.prefix == prefix);
            let key = key.ok_or_else(|| KeyError::Damaged { prefix: prefix.clone() })?;
            by_prefix.insert(prefix, Arc::new(key));
        }
        Ok(Self { stored, limits, by_prefix: RwLock::new(by_prefix), turn: tokio::sync::Mutex::new(()) })
    }

    /// The key that a text is, if it is one and still good.
    pub fn find(&self, text: &str) -> Option<Arc<Key>> {
        let shown = ApiKey::parse(text)?;
        // Hashed whether or not the prefix is known.
        let hash = shown.hash();
        let key = self.read(|keys| keys.get(shown.prefix()).cloned())?;
        (key.matches(&hash) && key.is_good()).then_some(key)
    }

    /// Makes a key. Its text is not kept: whoever gets it here is the last to see it.
    ///
    /// # Errors
    /// [`KeyError`]
    ///
    /// # Cancel safety
    /// Dropping the future may leave a key that nobody saw.
    pub async fn generate(&self, new: NewKey) -> Result<(ApiKey, Arc<Key>), KeyError> {
        if new.label.as_ref().is_some_and(|label| label.len() > LABEL_BYTES_MAX) {
            return Err(KeyError::Label);
        }
        let _turn = self.turn.lock().await;
        let replaced = self.room_for(new.tenant.as_ref())?;
        let text = loop {
            let drawn = ApiKey::generate().map_err(KeyError::Random)?;
            if self.read(|keys| !keys.contains_key(drawn.prefix())) {
                break drawn;
            }
        };
        let key = Arc::new(Key {
            prefix: text.prefix().to_owned(),
            tenant: new.tenant,
            roles: new.roles,
            created_at_unix_ms: now_unix_ms(),
            expires_at_unix_ms: new.expires_at_unix_ms,
            label: new.label,
            hash: text.hash(),
            revoked: CancellationToken::new(),
        });
        let mut changes = Changes::new();
        self.stored.write(&mut changes, key.prefix.as_bytes(), Some(key.to_record()));
        for expired in &replaced {
            self.stored.write(&mut changes, expired.prefix.as_bytes(), None);
        }
        self.stored.commit(changes).await?;
        self.change(|keys| keys.insert(key.prefix.clone(), key.clone()));
        for expired in &replaced {
            self.change(|keys| keys.remove(&expired.prefix));
            tracing::info!(prefix = expired.prefix, "expired key removed");
        }
        tracing::info!(prefix = key.prefix, tenant = key.tenant.as_ref().map(TenantId::as_str), "key made");
        Ok((text, key))
    }

    /// The expired keys that must be removed so that one more of this tenant, or without one of the node, fits.
    fn room_for(&self, tenant: Option<&TenantId>) -> Result<Vec<Arc<Key>>, KeyError> {
        let KeyLimits { keys_max, keys_per_tenant_max, keys_reserved } = self.limits;
        let all = self.all();
        let mut replaced = Vec::new();
        if tenant.is_some() {
            let of_tenant: Vec<_> = all.iter().filter(|key| key.tenant.as_ref() == tenant).collect();
            let count = of_tenant.len();
            if count >= keys_per_tenant_max {
                replaced = of_tenant.into_iter().filter(|key| key.has_expired()).cloned().collect();
                if count - replaced.len() >= keys_per_tenant_max {
                    return Err(KeyError::TooManyOfTenant { limit: keys_per_tenant_max });
                }
            }
        }
        let limit = if tenant.is_some() { keys_max.saturating_sub(keys_reserved) } else { keys_max };
        if all.len() - replaced.len() >= limit {
            let count = all.len();
            replaced = all.into_iter().filter(|key| key.has_expired()).collect();
            if count - replaced.len() >= limit {
                return Err(KeyError::TooMany { limit });
            }
        }
        Ok(replaced)
    }

    /// Takes back the keys that `chosen` picks. Their connections are cut when this returns.
    ///
    /// # Errors
    /// [`KeyError`]; then none is taken back.
    pub async fn revoke(&self, chosen: impl Fn(&Key) -> bool) -> Result<Vec<Arc<Key>>, KeyError> {
        let _turn = self.turn.lock().await;
        let revoked: Vec<_> = self.all().into_iter().filter(|key| chosen(key)).collect();
        if revoked.is_empty() {
            return Ok(revoked);
        }
        let mut changes = Changes::new();
        for key in &revoked {
            self.stored.write(&mut changes, key.prefix.as_bytes(), None);
        }
        self.stored.commit(changes).await?;
        for key in &revoked {
            self.change(|keys| keys.remove(&key.prefix));
            key.revoked.cancel();
            tracing::info!(prefix = key.prefix, tenant = key.tenant.as_ref().map(TenantId::as_str), "key revoked");
        }
        Ok(revoked)
    }

    /// All keys, in the order of their prefixes; also those that have expired.
    pub fn all(&self) -> Vec<Arc<Key>> {
        self.read(|keys| keys.values().cloned().collect())
    }

    /// Whether one is good.
    pub fn any_good(&self) -> bool {
        self.read(|keys| keys.values().any(|key| key.is_good()))
    }

    fn read<T>(&self, look: impl FnOnce(&BTreeMap<String, Arc<Key>>) -> T) -> T {
        // Every change of the map is one call, so a poisoned lock still guards a whole one.
        look(&self.by_prefix.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn change<T>(&self, change: impl FnOnce(&mut BTreeMap<String, Arc<Key>>) -> T) {
        let replaced = change(&mut self.by_prefix.write().unwrap_or_else(PoisonError::into_inner));
        drop(replaced);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use realm_host_functions::storage::StoreConfig;

    fn new_key(expires_at_unix_ms: Option<u64>) -> NewKey {
        NewKey { tenant: Some("acme".into()), roles: Roles::CALL, expires_at_unix_ms, label: Some("ci".into()) }
    }

    #[tokio::test]
    async fn keys_survive_and_the_database_never_holds_them() {
        let store = Store::in_memory(StoreConfig::default()).unwrap();
        let keyring = Keyring::open(&store, KeyLimits::default()).unwrap();
        let (text, key) = keyring.generate(new_key(Some(now_unix_ms() + 60_000))).await.unwrap();
        let records = store.namespace(NAMESPACE).entries().unwrap();
        let secret = &text.reveal()[text.reveal().len() - 64..];
        assert!(records.iter().all(|(_, record)| !String::from_utf8_lossy(record).contains(secret)));
        assert!(!format!("{keyring:?} {key:?}").contains(secret));

        let again = Keyring::open(&store, KeyLimits::default()).unwrap();
        let found = again.find(text.reveal()).expect("the key is found");
        assert_eq!(found.to_json(), key.to_json());
        again.revoke(|key| key.prefix == text.prefix()).await.unwrap();
        assert!(found.revoked.is_cancelled() && again.find(text.reveal()).is_none());
        assert!(!Keyring::open(&store, KeyLimits::default()).unwrap().any_good());
    }

    #[tokio::test]
    async fn wrong_and_expired_keys_are_not_found() {
        let store = Store::in_memory(StoreConfig::default()).unwrap();
        let keyring = Keyring::open(&store, KeyLimits::default()).unwrap();
        let (text, _) = keyring.generate(new_key(None)).await.unwrap();
        let mut other = text.reveal().to_owned();
        let last = if other.pop() == Some('0') { '1' } else { '0' };
        other.push(last);
        assert!(keyring.find(&other).is_none(), "the prefix alone is no proof");
        let (expired, _) = keyring.generate(new_key(Some(now_unix_ms()))).await.unwrap();
        assert!(keyring.find(expired.reveal()).is_none());
    }

    fn limits(keys_max: usize, keys_per_tenant_max: usize, keys_reserved: usize) -> KeyLimits {
        KeyLimits { keys_max, keys_per_tenant_max, keys_reserved }
    }

    async fn make(keyring: &Keyring, tenant: Option<&str>, expired: bool) -> Result<Arc<Key>, KeyError> {
        let expires_at_unix_ms = expired.then(now_unix_ms);
        let new = NewKey { tenant: tenant.map(TenantId::from), ..new_key(expires_at_unix_ms) };
        keyring.generate(new).await.map(|(_, key)| key)
    }

    /// One tenant's administrator made all the keys that the node could have; then the operator could make none.
    #[tokio::test]
    async fn a_tenant_has_its_own_limit_and_the_operator_a_reserve() {
        let store = Store::in_memory(StoreConfig::default()).unwrap();
        let keyring = Keyring::open(&store, limits(5, 2, 2)).unwrap();
        for _ in 0..2 {
            make(&keyring, Some("acme"), false).await.unwrap();
        }
        let refused = make(&keyring, Some("acme"), false).await;
        assert!(matches!(refused, Err(KeyError::TooManyOfTenant { limit: 2 })), "{refused:?}");
        make(&keyring, Some("other"), false).await.unwrap();
        let refused = make(&keyring, Some("other"), false).await;
        assert!(matches!(refused, Err(KeyError::TooMany { limit: 3 })), "{refused:?}");
        for _ in 0..2 {
            make(&keyring, None, false).await.expect("the operator's reserve");
        }
        assert!(matches!(make(&keyring, None, false).await, Err(KeyError::TooMany { limit: 5 })));
    }

    /// Expired keys counted for ever.
    #[tokio::test]
    async fn expired_keys_make_room_and_are_kept_until_it_is_needed() {
        let store = Store::in_memory(StoreConfig::default()).unwrap();
        let keyring = Keyring::open(&store, limits(10, 2, 2)).unwrap();
        let foreign = make(&keyring, Some("other"), true).await.unwrap();
        for _ in 0..6 {
            make(&keyring, Some("acme"), true).await.unwrap();
            assert!(keyring.all().iter().filter(|key| key.tenant == Some("acme".into())).count() <= 2);
        }
        let good = make(&keyring, Some("acme"), false).await.unwrap();
        make(&keyring, Some("acme"), false).await.unwrap();
        assert!(make(&keyring, Some("acme"), true).await.is_err(), "two are good");
        let again = Keyring::open(&store, limits(10, 2, 2)).unwrap();
        let prefixes: Vec<_> = again.all().iter().map(|key| key.prefix.clone()).collect();
        assert!(prefixes.contains(&good.prefix) && prefixes.contains(&foreign.prefix), "{prefixes:?}");
        assert_eq!(prefixes.len(), 3);
    }
}
