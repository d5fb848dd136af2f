//! From a shown key to an identity.

use super::{Key, KeyError, KeyLimits, Keyring, Roles, WrongKeys, WrongKeysConfig, forbidden_tenant};
use crate::{log_limit::LogLimit, millis::ms_rounded_up, tenants::TenantId};
use realm_host_functions::storage::Store;
use realm_rpc::{ErrorCode, RpcError};
use std::{net::IpAddr, sync::Arc, time::Duration};

/// Bounds of authentication.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct AuthConfig {
    /// How long a WebSocket may stay open without saying who it is, where keys are needed. Default 30 s.
    pub unauthenticated_wait_max: Duration,
    /// May start although there is no good key, so that nobody can call until somebody inside the
    /// process makes one. Default no.
    pub start_without_keys: bool,
    /// Keys that there may be.
    pub keys: KeyLimits,
    /// Wrong keys that an address may show.
    pub wrong_keys: WrongKeysConfig,
}

impl Default for AuthConfig {
    fn default() -> Self {
        Self {
            unauthenticated_wait_max: Duration::from_secs(30),
            start_without_keys: false,
            keys: KeyLimits::default(),
            wrong_keys: WrongKeysConfig::default(),
        }
    }
}

/// What a connection proved.
#[derive(Clone, Debug)]
pub struct Proof {
    /// The key that it showed.
    pub key: Arc<Key>,
    /// Whom it wants to call as where it names nobody.
    pub tenant: Option<TenantId>,
}

/// Who is who. One per node.
#[derive(Debug)]
pub struct Auth {
    /// The keys.
    pub keys: Keyring,
    /// Whether the chain needs them.
    pub needs_keys: bool,
    /// How long a WebSocket may stay open without saying who it is.
    pub unauthenticated_wait_max: Duration,
    wrong: WrongKeys,
    wrong_lines: LogLimit,
}

impl Auth {
    /// The keys of this database.
    ///
    /// # Errors
    /// [`KeyError`]
    pub fn open(store: &Store, needs_keys: bool, config: AuthConfig) -> Result<Self, KeyError> {
        Ok(Self {
            keys: Keyring::open(store, config.keys)?,
            needs_keys,
            unauthenticated_wait_max: config.unauthenticated_wait_max,
            wrong: WrongKeys::new(config.wrong_keys),
            wrong_lines: LogLimit::default(),
        })
    }

    /// What a key proves that somebody at this address shows, wanting to call as `tenant`.
    ///
    /// # Errors
    /// `UNAUTHENTICATED`, in the same words for every wrong key; `RATE_LIMIT` after too many of them;
    /// `FORBIDDEN` if the key is another tenant's.
    pub fn prove(&self, shown: &str, tenant: Option<&str>, from: IpAddr) -> Result<Proof, RpcError> {
        let Some(key) = self.keys.find(shown) else {
            return Err(match self.wrong.count(from) {
                Ok(()) => {
                    self.wrong_lines.line(|left_out| tracing::warn!(%from, left_out, "an invalid key was shown"));
                    wrong_key()
                }
                Err(too_many) => rate_limited(too_many.retry_after),
            });
        };
        match (&key.tenant, tenant) {
            (Some(own), Some(named)) if own.as_str() != named => Err(forbidden_tenant()),
            _ => Ok(Proof { tenant: tenant.map(TenantId::from), key }),
        }
    }
}

impl Proof {
    /// The tenant that it is for, if it is for one.
    pub fn tenant(&self) -> Option<&TenantId> {
        self.key.tenant.as_ref().or(self.tenant.as_ref())
    }

    /// What the key lets its holder do.
    pub fn roles(&self) -> Roles {
        self.key.roles
    }
}

/// Never says what is wrong with it, nor how nearly it was right.
fn wrong_key() -> RpcError {
    RpcError::new(
        ErrorCode::Unauthenticated,
        "this key is not valid: it is unknown, revoked or expired; ask the node's operator for one",
    )
}

fn rate_limited(retry_after: Duration) -> RpcError {
    let ms = ms_rounded_up(retry_after);
    RpcError::new(ErrorCode::RateLimit, format!("too many wrong keys from this address; try again in {ms} ms"))
        .with("retry_after_ms", ms)
}
