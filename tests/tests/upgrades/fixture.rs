//! A node that runs one of the WAT runtimes, or the default one, and its administrator.

use super::blob::Blob;
use realm_chain_spec::{CodeSource, TenantSpec};
use realm_host_functions::storage::Changes;
use realm_node::{NodeConfig, tenants::Tenant};
use realm_tests::{Socket, TinyNode};
use serde_json::{Value, json};
use std::{sync::Arc, time::Duration};

/// A node and a connection to administer it.
pub struct Fixture {
    pub node: TinyNode,
    pub admin: Socket,
}

impl Fixture {
    /// A node whose first runtime is this one.
    pub async fn of(blob: &Blob) -> Self {
        Self::with(blob, |_| {}).await
    }

    pub async fn with(blob: &Blob, change: impl FnOnce(&mut NodeConfig)) -> Self {
        let code = blob.wasm();
        Self::start(|config| {
            config.chain.runtime = CodeSource::Code(code);
            change(config);
        })
        .await
    }

    /// A node with the default runtime.
    pub async fn default_runtime() -> Self {
        Self::start(|_| {}).await
    }

    pub async fn start(change: impl FnOnce(&mut NodeConfig)) -> Self {
        let node = TinyNode::with(|config| {
            // What a guest may take without being noticed as one that loops or eats.
            (config.upgrade.trial_time_max, config.upgrade.migration_time_max) =
                (Duration::from_secs(5), Duration::from_secs(5));
            change(config);
        })
        .await;
        let admin = Socket::connect(node.node.address()).await;
        Self { node, admin }
    }

    pub async fn upgrade(&mut self, code: &[u8]) -> Value {
        self.admin.result("realm_upgradeRuntime", json!([hex(code)])).await
    }

    pub async fn upgrade_tenant(&mut self, code: &[u8], tenant: &str) -> Value {
        self.admin.result("realm_upgradeRuntime", json!([hex(code), tenant])).await
    }

    pub async fn roll_back(&mut self, tenant: Option<&str>) -> Value {
        self.admin.result("realm_rollbackRuntime", json!([tenant])).await
    }

    /// The step that refuses an upgrade.
    pub async fn refusal(&mut self, code: &[u8]) -> Value {
        let error = self.admin.error("realm_upgradeRuntime", json!([hex(code)])).await;
        assert_eq!(error["data"]["code"], "UPGRADE_REFUSED", "{error}");
        error
    }

    /// What `health_check` answers a tenant.
    pub async fn health(&mut self, tenant: &str) -> Value {
        self.admin.result("realm_call", json!(["health_check", {}, {"tenant_id": tenant}])).await
    }

    pub fn tenant(&self, id: &str) -> Arc<Tenant> {
        self.node.node.dispatcher().tenants.get(&id.into()).expect("the tenant is there")
    }

    pub fn stored(&self, tenant: &str, key: &[u8]) -> Option<Vec<u8>> {
        self.tenant(tenant).resources.storage.get(key).expect("the store can be read")
    }

    pub async fn store(&self, tenant: &str, key: &[u8], value: &[u8]) {
        let storage = &self.tenant(tenant).resources.storage;
        let mut changes = Changes::new();
        storage.write(&mut changes, key, Some(value.to_vec()));
        storage.commit(changes).await.expect("the store can be written");
    }
}

/// Two more tenants beside `dev`, who sort after it.
pub fn three_tenants(config: &mut NodeConfig) {
    for id in ["eve", "fay"] {
        config.chain.tenants.push(TenantSpec::new(id, "default"));
    }
}

pub fn hex(bytes: &[u8]) -> String {
    format!("0x{}", hex::encode(bytes))
}
