//! Storage queries: what one query may ask for, and where its answer is built.
//!
//! ```text
//!  keys ─► no duplicates ─► sizes ─► sum within values_bytes_max ─► room on the connection ─► values
//!          └──────────────── a permit of the pool, off the async workers ───────────────────────────┘
//! ```
//!
//! The only large value is the runtime's code. Its hex is made once per runtime in force and shared.

use super::{
    keys::{self, Found},
    view::{View, bad_param, hex_of, internal},
};
use crate::{
    chain::{Block, CodeHash},
    connection::Connection,
    runtimes::LoadedRuntime,
    tenants::Tenant,
};
use realm_rpc::{ErrorCode, RpcError, SharedText};
use std::{collections::BTreeSet, sync::Arc};
use tokio::sync::Semaphore;

/// Characters of JSON around one value, beside its key.
const ENTRY_BYTES: u64 = 32;
/// Characters of a hash in hex.
const HASH_HEX_BYTES: u64 = 66;

/// Bounds of storage queries.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct QueryLimits {
    /// Keys of one query. Default 256.
    pub keys_max: usize,
    /// Bytes of JSON that the values of one query may come to. The bound is checked before a value is built.
    /// Default 32 MiB.
    pub values_bytes_max: u64,
    /// Queries that read the code at once, of callers with a key. Default 2.
    pub code_queries_max: usize,
    /// The same, of anonymous clients, who can only ask for its size. Default 1.
    pub anonymous_code_queries_max: usize,
}

impl Default for QueryLimits {
    fn default() -> Self {
        Self { keys_max: 256, values_bytes_max: 32 << 20, code_queries_max: 2, anonymous_code_queries_max: 1 }
    }
}

/// Where storage queries are answered. One per node.
#[derive(Debug)]
pub struct Queries {
    limits: QueryLimits,
    keyed: Arc<Semaphore>,
    anonymous: Arc<Semaphore>,
}

/// What is asked of one key.
#[derive(Clone, Debug)]
pub(super) struct Ask {
    /// The key as the client wrote it.
    pub key: String,
    /// The key.
    pub bytes: Vec<u8>,
    /// What of the value.
    pub want: Want,
}

/// What of a value.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Want {
    /// The value, hex.
    Value,
    /// Its blake2-256, hex.
    Hash,
    /// Nothing that exists here: descendants, the trie.
    Nothing,
}

/// Who asks, and at which block.
#[derive(Clone)]
pub(super) struct At {
    pub view: View,
    pub connection: Arc<Connection>,
    pub tenant: Arc<Tenant>,
    pub block: Arc<Block>,
}

/// A query whose size is known.
pub(super) struct Sized {
    at: At,
    asks: Vec<Ask>,
    /// The most bytes of JSON that its answer can have.
    pub bytes: u64,
    reads_code: bool,
}

impl Queries {
    /// No query runs.
    pub fn new(limits: QueryLimits) -> Self {
        let permits = |count: usize| Arc::new(Semaphore::new(count.max(1)));
        Self { limits, keyed: permits(limits.code_queries_max), anonymous: permits(limits.anonymous_code_queries_max) }
    }

    /// Sizes a query.
    ///
    /// # Errors
    /// `INVALID_PARAMS`: too many keys, one key twice, or values that are too large together; `UNAUTHENTICATED`: an
    /// anonymous client asks for the code.
    pub(super) async fn sized(&self, at: At, asks: Vec<Ask>) -> Result<Sized, RpcError> {
        if asks.len() > self.limits.keys_max {
            let message =
                format!("{} keys were asked for; ask for at most {} at once", asks.len(), self.limits.keys_max);
            return Err(bad_param("keys", &message));
        }
        let mut seen = BTreeSet::new();
        for ask in &asks {
            if ask.want != Want::Nothing && !seen.insert((&ask.bytes, ask.want)) {
                return Err(bad_param("keys", &format!("{} is asked for twice; ask once", shortened(&ask.key))));
            }
        }
        let reads_code = asks.iter().any(|ask| ask.want == Want::Value && ask.bytes == keys::CODE);
        if reads_code && at.connection.identity().is_stranger() {
            return Err(code_needs_key());
        }
        let code_bytes = if reads_code { self.code_len(&at).await? } else { 0 };
        let of = |ask: &Ask| {
            let value = match ask.want {
                Want::Value if ask.bytes == keys::CODE => code_bytes.saturating_mul(2),
                Want::Value | Want::Hash => HASH_HEX_BYTES,
                Want::Nothing => 0,
            };
            value + ask.key.len() as u64 + ENTRY_BYTES
        };
        let bytes = asks.iter().map(of).fold(0, u64::saturating_add);
        if bytes > self.limits.values_bytes_max {
            let limit = self.limits.values_bytes_max;
            let message = format!(
                "the values come to {bytes} bytes and one answer has at most {limit}; ask for fewer keys, or for hashes"
            );
            return Err(bad_param("keys", &message).with("limit_bytes", limit));
        }
        Ok(Sized { at, asks, bytes, reads_code })
    }

    /// Builds something from a sized query. What reads the code does so off the async workers.
    ///
    /// # Errors
    /// `INTERNAL`: the database fails.
    pub(super) async fn build<T, F>(&self, query: Sized, build: F) -> Result<T, RpcError>
    where
        T: Send + 'static,
        F: FnOnce(Vec<(String, Want, Option<SharedText>)>) -> Result<T, RpcError> + Send + 'static,
    {
        let Sized { at, asks, reads_code, .. } = query;
        let work = move |at: &At| build(values(at, asks)?);
        match reads_code {
            true => self.off_workers(at, work).await,
            false => work(&at),
        }
    }

    /// Returns the bytes of the code at the block.
    ///
    /// # Errors
    /// `INTERNAL`: the database fails.
    pub(super) async fn code_len(&self, at: &At) -> Result<u64, RpcError> {
        match code_at(at) {
            CodeAt::InForce(runtime) => Ok(runtime.code.code.len() as u64),
            CodeAt::Past(hash) => {
                let read = move |at: &At| at.view.chain.storage().code(hash).map_err(|error| internal(&error));
                Ok(self.off_workers(at.clone(), read).await?.len() as u64)
            }
        }
    }

    async fn off_workers<T, F>(&self, at: At, work: F) -> Result<T, RpcError>
    where
        T: Send + 'static,
        F: FnOnce(&At) -> Result<T, RpcError> + Send + 'static,
    {
        let pool = if at.connection.identity().is_stranger() { &self.anonymous } else { &self.keyed };
        // The semaphore is never closed.
        let permit = pool.clone().acquire_owned().await.map_err(|error| internal(&error))?;
        let done = tokio::task::spawn_blocking(move || {
            let _permit = permit;
            match at.connection.identity().is_stranger() {
                true => at.connection.slot().share().charged(|| work(&at)),
                false => work(&at),
            }
        });
        done.await.map_err(|error| internal(&error))?
    }
}

/// The code of a block.
enum CodeAt {
    InForce(Arc<LoadedRuntime>),
    Past(CodeHash),
}

fn code_at(at: &At) -> CodeAt {
    let hash = at.block.in_force.of_tenant(at.tenant.id.as_str()).hash;
    let current = at.tenant.runtime.current();
    match hash == CodeHash(current.code.hash) {
        true => CodeAt::InForce(current),
        false => CodeAt::Past(hash),
    }
}

/// Looks all keys up. The order is that of the query.
fn values(at: &At, asks: Vec<Ask>) -> Result<Vec<(String, Want, Option<SharedText>)>, RpcError> {
    let look_up = |ask: Ask| {
        let found = match ask.want {
            Want::Nothing => None,
            _ => keys::lookup(&at.view, &at.block, &ask.bytes),
        };
        let value = match (found, ask.want) {
            (None, _) | (_, Want::Nothing) => None,
            (Some(Found::Value(value)), Want::Value) => Some(hex_of(&value).into()),
            (Some(Found::Value(value)), Want::Hash) => Some(hex_of(&sp_crypto_hashing::blake2_256(&value)).into()),
            (Some(Found::Code), Want::Hash) => {
                Some(hex_of(&at.block.in_force.of_tenant(at.tenant.id.as_str()).hash.0.0).into())
            }
            (Some(Found::Code), Want::Value) => Some(match code_at(at) {
                CodeAt::InForce(runtime) => SharedText(runtime.code_hex()),
                CodeAt::Past(hash) => {
                    hex_of(&at.view.chain.storage().code(hash).map_err(|error| internal(&error))?).into()
                }
            }),
        };
        Ok((ask.key, ask.want, value))
    };
    asks.into_iter().map(look_up).collect()
}

fn code_needs_key() -> RpcError {
    RpcError::new(
        ErrorCode::Unauthenticated,
        "the value of :code needs a key: send `Authorization: Bearer KEY`; without a key, ask for its hash or its size",
    )
}

/// The beginning of a key, for an error text.
fn shortened(key: &str) -> &str {
    const SHOWN: usize = 80;
    key.char_indices().nth(SHOWN).map_or(key, |(end, _)| &key[..end])
}
