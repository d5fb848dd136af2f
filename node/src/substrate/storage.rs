//! `state_getStorage*`, and the subscription to the runtime's version.

use super::{
    heads, keys, shapes,
    view::{View, bad_param, bytes_of, hex_of},
};
use crate::{
    chain::{Block, CodeHash},
    methods::connection,
    tenants::Tenant,
};
use jsonrpsee::{
    Extensions, PendingSubscriptionSink,
    core::{RpcResult, SubscriptionResult, async_trait},
};
use realm_rpc::{RpcError, StorageChangesShape, api::StorageServer};
use serde_json::Value;
use std::sync::Arc;

/// Keys that may be asked for at once.
const KEYS_MAX: usize = 256;
/// Keys in one page of a listing, as on Substrate nodes.
const PAGE_KEYS_MAX: u32 = 1000;

pub(super) struct Storage {
    pub view: View,
}

impl Storage {
    fn at(&self, extensions: &Extensions, at: Option<&Value>) -> Result<(Arc<Tenant>, Arc<Block>), RpcError> {
        Ok((self.view.tenant(connection(extensions)?), self.view.block(at)?))
    }

    fn value(&self, extensions: &Extensions, key: &str, at: Option<&Value>) -> Result<Option<Vec<u8>>, RpcError> {
        let (tenant, block) = self.at(extensions, at)?;
        keys::value(&self.view, &tenant, &block, &storage_key(key)?)
    }
}

fn storage_key(key: &str) -> Result<Vec<u8>, RpcError> {
    bytes_of(key).ok_or_else(|| bad_param("key", "expected hex digits, two per byte"))
}

#[async_trait]
impl StorageServer for Storage {
    async fn storage(&self, extensions: &Extensions, key: String, at: Option<Value>) -> RpcResult<Option<String>> {
        Ok(self.value(extensions, &key, at.as_ref())?.map(|value| hex_of(&value)))
    }

    async fn storage_hash(&self, extensions: &Extensions, key: String, at: Option<Value>) -> RpcResult<Option<String>> {
        let (tenant, block) = self.at(extensions, at.as_ref())?;
        Ok(keys::hash(&self.view, &tenant, &block, &storage_key(&key)?).map(|hash| hex_of(&hash)))
    }

    async fn storage_size(&self, extensions: &Extensions, key: String, at: Option<Value>) -> RpcResult<Option<u64>> {
        Ok(self.value(extensions, &key, at.as_ref())?.map(|value| value.len() as u64))
    }

    async fn query_storage(
        &self,
        extensions: &Extensions,
        keys: Vec<String>,
        at: Option<Value>,
    ) -> RpcResult<Vec<StorageChangesShape>> {
        if keys.len() > KEYS_MAX {
            return Err(bad_param("keys", &format!("at most {KEYS_MAX} at once")).into());
        }
        let (tenant, block) = self.at(extensions, at.as_ref())?;
        let mut changes = Vec::with_capacity(keys.len());
        for key in keys {
            let value = keys::value(&self.view, &tenant, &block, &storage_key(&key)?)?;
            changes.push((key, value.map(|value| hex_of(&value))));
        }
        Ok(vec![StorageChangesShape { block: block.hash.to_string(), changes }])
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
        let (_, block) = self.at(extensions, at.as_ref())?;
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
