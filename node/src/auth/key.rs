//! What the node knows of a key: everything but the key.

use super::{
    now_unix_ms,
    secret::{ApiKey, KeyHash},
};
use crate::tenants::TenantId;
use serde_json::{Map, Value, json};
use std::{fmt, time::Duration};
use subtle::ConstantTimeEq;
use tokio_util::sync::CancellationToken;

/// The longest that a timer for a key's end sleeps before it looks again: the clock may have jumped past the end, which no
/// timer hears of. So a connection is closed at most this long after its key has ended.
const SLEEP_MAX: Duration = Duration::from_secs(5);

/// One thing that a key lets its holder do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Role {
    /// Call the runtime's functions.
    Call,
    /// Administer: the tenant of the key, or the node if it has none.
    Admin,
}

impl Role {
    /// Both.
    pub const ALL: [Role; 2] = [Role::Call, Role::Admin];

    /// The role's name on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Role::Call => "call",
            Role::Admin => "admin",
        }
    }

    /// The role of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.name() == name)
    }
}

/// The roles of a key.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Roles {
    /// Has [`Role::Call`].
    pub call: bool,
    /// Has [`Role::Admin`].
    pub admin: bool,
}

impl Roles {
    /// May call, and no more.
    pub const CALL: Roles = Roles { call: true, admin: false };
    /// May do everything.
    pub const ALL: Roles = Roles { call: true, admin: true };

    /// Those of a new key where nothing else is said: a tenant's calls; the node's does everything.
    pub fn of_new(tenant: Option<&TenantId>) -> Self {
        match tenant {
            Some(_) => Self::CALL,
            None => Self::ALL,
        }
    }

    /// Whether this role is among them.
    pub fn has(self, role: Role) -> bool {
        match role {
            Role::Call => self.call,
            Role::Admin => self.admin,
        }
    }

    /// The roles of these names; `None` if one is unknown or there is none.
    pub fn read<'a>(names: impl IntoIterator<Item = &'a str>) -> Option<Self> {
        let mut roles = Self::default();
        for name in names {
            match Role::named(name)? {
                Role::Call => roles.call = true,
                Role::Admin => roles.admin = true,
            }
        }
        (roles != Self::default()).then_some(roles)
    }

    /// Their names.
    pub fn names(self) -> Vec<&'static str> {
        Role::ALL.into_iter().filter(|role| self.has(*role)).map(Role::name).collect()
    }
}

/// A key that was given out.
pub struct Key {
    /// By what it is found; public.
    pub prefix: String,
    /// Whose it is; the node's own without one.
    pub tenant: Option<TenantId>,
    /// What it lets its holder do.
    pub roles: Roles,
    /// When it was made, in milliseconds since 1970.
    pub created_at_unix_ms: u64,
    /// From when on it is worth nothing. Default: never.
    pub expires_at_unix_ms: Option<u64>,
    /// What it is for, in its maker's words.
    pub label: Option<String>,
    pub(super) hash: KeyHash,
    pub(super) revoked: CancellationToken,
}

impl Key {
    /// Whether this is the key with this hash. Takes the same time wherever they differ.
    pub(super) fn matches(&self, hash: &KeyHash) -> bool {
        self.hash.ct_eq(hash).into()
    }

    /// Whether it is still worth something.
    pub fn is_good(&self) -> bool {
        self.is_good_at(now_unix_ms())
    }

    fn is_good_at(&self, unix_ms: u64) -> bool {
        !self.revoked.is_cancelled() && self.expires_at_unix_ms.is_none_or(|end| end > unix_ms)
    }

    /// Whether it ended by itself.
    pub(super) fn has_expired(&self) -> bool {
        self.expires_at_unix_ms.is_some_and(|end| end <= now_unix_ms())
    }

    /// Resolves when the key is revoked or expires.
    ///
    /// # Cancel safety
    /// Cancel safe.
    pub async fn ended(&self) {
        self.ended_by(SLEEP_MAX, now_unix_ms).await;
    }

    /// [`Self::ended`] by this clock, which is looked at once in `sleep_max` or more often.
    async fn ended_by(&self, sleep_max: Duration, unix_ms: impl Fn() -> u64) {
        let Some(end) = self.expires_at_unix_ms else { return self.revoked.cancelled().await };
        while self.is_good_at(unix_ms()) {
            let left = Duration::from_millis(end.saturating_sub(unix_ms()));
            tokio::select! {
                () = self.revoked.cancelled() => {}
                () = tokio::time::sleep(left.min(sleep_max)) => {}
            }
        }
    }

    /// What may be told of it: `{prefix, tenant_id, roles, created_at_unix_ms, expires_at_unix_ms, label}`.
    pub fn to_json(&self) -> Value {
        json!({
            "prefix": self.prefix,
            "tenant_id": self.tenant.as_ref().map(TenantId::as_str),
            "roles": self.roles.names(),
            "created_at_unix_ms": self.created_at_unix_ms,
            "expires_at_unix_ms": self.expires_at_unix_ms,
            "label": self.label,
        })
    }

    /// The record in the database: what may be told, and the hash.
    pub(super) fn to_record(&self) -> Vec<u8> {
        let mut record = self.to_json();
        if let Some(fields) = record.as_object_mut() {
            fields.insert("hash".to_owned(), json!(hex::encode(self.hash)));
        }
        record.to_string().into_bytes()
    }

    /// Reads a record of the database; `None` if it is none.
    pub(super) fn from_record(record: &[u8]) -> Option<Self> {
        let record: Map<String, Value> = serde_json::from_slice(record).ok()?;
        let text = |name: &str| record.get(name).and_then(Value::as_str);
        let mut hash = KeyHash::default();
        hex::decode_to_slice(text("hash")?, &mut hash).ok()?;
        Some(Self {
            prefix: text("prefix")?.to_owned(),
            tenant: text("tenant_id").map(TenantId::from),
            roles: Roles::read(record.get("roles")?.as_array()?.iter().filter_map(Value::as_str))?,
            created_at_unix_ms: record.get("created_at_unix_ms")?.as_u64()?,
            expires_at_unix_ms: record.get("expires_at_unix_ms").and_then(Value::as_u64),
            label: text("label").map(str::to_owned),
            hash,
            revoked: CancellationToken::new(),
        })
    }
}

/// What is told of a key when it is made, and never again: itself, and what may always be told.
pub fn shown_once(text: &ApiKey, key: &Key) -> Value {
    let mut told = key.to_json();
    if let Some(fields) = told.as_object_mut() {
        fields.insert("key".to_owned(), json!(text.reveal()));
    }
    told
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Without the hash: who has it can test guesses, however vain.
        f.debug_struct("Key")
            .field("prefix", &self.prefix)
            .field("tenant", &self.tenant)
            .field("roles", &self.roles)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    };

    /// The clock jumped past a key's end: its calls were refused at once, but the connection that had shown it stayed open
    /// until a timer ended that knew nothing of the jump.
    #[tokio::test]
    async fn a_clock_that_jumps_past_the_end_ends_the_key() {
        let key = Key {
            prefix: "p".into(),
            tenant: None,
            roles: Roles::CALL,
            created_at_unix_ms: 0,
            expires_at_unix_ms: Some(1_000_000_000),
            label: None,
            hash: KeyHash::default(),
            revoked: CancellationToken::new(),
        };
        let clock = Arc::new(AtomicU64::new(1));
        let ended = tokio::spawn({
            let clock = clock.clone();
            async move { key.ended_by(Duration::from_millis(1), || clock.load(Ordering::Relaxed)).await }
        });
        tokio::time::sleep(Duration::from_millis(5)).await;
        assert!(!ended.is_finished());
        clock.store(1_000_000_000, Ordering::Relaxed);
        // Only a hang takes so long.
        tokio::time::timeout(Duration::from_secs(60), ended).await.expect("it is noticed").expect("no panic");
    }
}
