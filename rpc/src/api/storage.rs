//! Substrate's view of storage, as far as clients look: the code, and a System pallet. Tenants'
//! storage is theirs and is not here.

use crate::StorageChangesShape;
use jsonrpsee::{
    core::{RpcResult, SubscriptionResult},
    proc_macros::rpc,
};
use serde_json::Value;

/// Storage and the version that goes with it. A hash that is left out, null or empty means now.
#[rpc(server)]
pub trait Storage {
    /// A value as hex, or null.
    #[method(name = "state_getStorage", aliases = ["state_getStorageAt"], with_extensions)]
    async fn storage(&self, key: String, at: Option<Value>) -> RpcResult<Option<String>>;

    /// blake2-256 of a value, or null.
    #[method(name = "state_getStorageHash", aliases = ["state_getStorageHashAt"], with_extensions)]
    async fn storage_hash(&self, key: String, at: Option<Value>) -> RpcResult<Option<String>>;

    /// Bytes of a value, or null.
    #[method(name = "state_getStorageSize", aliases = ["state_getStorageSizeAt"], with_extensions)]
    async fn storage_size(&self, key: String, at: Option<Value>) -> RpcResult<Option<u64>>;

    /// Several values at one block.
    #[method(name = "state_queryStorageAt", with_extensions)]
    async fn query_storage(&self, keys: Vec<String>, at: Option<Value>) -> RpcResult<Vec<StorageChangesShape>>;

    /// At most `count` keys that begin with `prefix`, in ascending order, from the first one after `start` on. `count` is at
    /// most 1000.
    #[method(name = "state_getKeysPaged", aliases = ["state_getKeysPagedAt"], with_extensions)]
    async fn keys_paged(
        &self,
        prefix: Option<String>,
        count: u32,
        start: Option<String>,
        at: Option<Value>,
    ) -> RpcResult<Vec<String>>;

    /// The version in force, and the new one at every change.
    #[subscription(name = "state_subscribeRuntimeVersion" => "state_runtimeVersion", unsubscribe = "state_unsubscribeRuntimeVersion",
        aliases = ["chain_subscribeRuntimeVersion"], unsubscribe_aliases = ["chain_unsubscribeRuntimeVersion"],
        item = crate::VersionShape, with_extensions)]
    async fn subscribe_runtime_version(&self) -> SubscriptionResult;
}
