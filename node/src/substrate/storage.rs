//! `state_getStorage*`, and the subscription to the runtime's version.

use super::{
    heads,
    keys::{self, Found},
    queries::{Ask, At, Want},
    shapes,
    view::{View, bad_param, bytes_of, hex_of},
};
use crate::{chain::CodeHash, methods::connection};
use jsonrpsee::{
    Extensions, PendingSubscriptionSink,
    core::{RpcResult, SubscriptionResult, async_trait},
};
use realm_rpc::{RpcError, SharedText, StorageChangesShape, api::StorageServer};
use serde_json::Value;

/// Keys in one page of a listing, as on Substrate nodes.
const PAGE_KEYS_MAX: u32 = 1000;

pub(super) struct Storage {
    pub view: View,
}

impl Storage {
    fn at(&self, extensions: &Extensions, at: Option<&Value>) -> Result<At, RpcError> {
        let connection = connection(extensions)?.clone();
        let (tenant, block) = (self.view.tenant(&connection), self.view.block(at)?);
        Ok(At { view: self.view.clone(), connection, tenant, block })
    }

    /// What is wanted of each key, in their order.
    async fn query(
        &self,
        at: At,
        keys: Vec<String>,
        want: Want,
    ) -> Result<Vec<(String, Option<SharedText>)>, RpcError> {
        let asks: Result<Vec<Ask>, RpcError> =
            keys.into_iter().map(|key| Ok(Ask { bytes: storage_key(&key)?, key, want })).collect();
        let query = self.view.queries.sized(at, asks?).await?;
        let pairs = |values: Vec<(String, Want, Option<SharedText>)>| {
            Ok(values.into_iter().map(|(key, _, value)| (key, value)).collect())
        };
        self.view.queries.build(query, pairs).await
    }

    async fn one(&self, at: At, key: String, want: Want) -> Result<Option<SharedText>, RpcError> {
        Ok(self.query(at, vec![key], want).await?.pop().and_then(|(_, value)| value))
    }
}

fn storage_key(key: &str) -> Result<Vec<u8>, RpcError> {
    bytes_of(key).ok_or_else(|| bad_param("key", "expected hex digits, two per byte"))
}

#[async_trait]
impl StorageServer for Storage {
    async fn storage(&self, extensions: &Extensions, key: String, at: Option<Value>) -> RpcResult<Option<SharedText>> {
        Ok(self.one(self.at(extensions, at.as_ref())?, key, Want::Value).await?)
    }

    async fn storage_hash(&self, extensions: &Extensions, key: String, at: Option<Value>) -> RpcResult<Option<String>> {
        let hash = self.one(self.at(extensions, at.as_ref())?, key, Want::Hash).await?;
        Ok(hash.map(|hash| hash.0.as_ref().to_owned()))
    }

    async fn storage_size(&self, extensions: &Extensions, key: String, at: Option<Value>) -> RpcResult<Option<u64>> {
        let at = self.at(extensions, at.as_ref())?;
        Ok(match keys::lookup(&self.view, &at.block, &storage_key(&key)?) {
            None => None,
            Some(Found::Value(value)) => Some(value.len() as u64),
            Some(Found::Code) => Some(self.view.queries.code_len(&at).await?),
        })
    }

    async fn query_storage(
        &self,
        extensions: &Extensions,
        keys: Vec<String>,
        at: Option<Value>,
    ) -> RpcResult<Vec<StorageChangesShape>> {
        let at = self.at(extensions, at.as_ref())?;
        let block = at.block.hash.to_string();
        let changes = self.query(at, keys, Want::Value).await?;
        Ok(vec![StorageChangesShape { block, changes }])
    }

    async fn keys_paged(
        &self,
        extensions: &Extensions,
        prefix: Option<String>,
        count: u32,
        start: Option<String>,
        at: Option<Value>,
    ) -> RpcResult<Vec<String>> {
        if count > PAGE_KEYS_MAX {
            return Err(
                bad_param("count", &format!("{count} is more than {PAGE_KEYS_MAX}, the most of one page")).into()
            );
        }
        let block = self.at(extensions, at.as_ref())?.block;
        let prefix = storage_key(prefix.as_deref().unwrap_or_default())?;
        let start = start.as_deref().map(storage_key).transpose()?;
        let keys = keys::all(&self.view, &block).into_iter();
        let keys = keys.filter(|key| key.starts_with(&prefix) && start.as_ref().is_none_or(|start| key > start));
        Ok(keys.take(count as usize).map(|key| hex_of(&key)).collect())
    }

    async fn subscribe_runtime_version(
        &self,
        pending: PendingSubscriptionSink,
        extensions: &Extensions,
    ) -> SubscriptionResult {
        let tenant = self.view.tenant(connection(extensions)?);
        let mut told: Option<CodeHash> = None;
        heads::serve(&self.view.chain, pending, |block| {
            let code = block.in_force.of_tenant(tenant.id.as_str()).hash;
            if told.replace(code) == Some(code) {
                return Ok(None);
            }
            Ok(Some(shapes::version(self.view.runtime_at(&tenant, block)?.version())))
        })
        .await
    }
}
