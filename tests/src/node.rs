//! A node with a tiny model.

use realm_chain_spec::{Authentication, TenantSpec};
use realm_node::{
    Node, NodeConfig,
    auth::{NewKey, Roles},
    tenants::TenantId,
};
use realm_test_models::{TinyLlama, write_tiny_llama};
use std::{
    path::{Path, PathBuf},
    time::Duration,
};

/// Long enough for anything on a busy machine; only a hang takes so long.
pub const HANG: Duration = Duration::from_secs(120);

/// Tokens of the tiny model's context: room for a generation that does not end by itself during a test.
const CONTEXT_TOKENS: usize = 4096;

/// A running node and the folder its model lies in.
pub struct TinyNode {
    /// The node.
    pub node: Node,
    folder: tempfile::TempDir,
}

impl TinyNode {
    /// Starts the `dev` chain on any port.
    pub async fn start() -> Self {
        Self::with(|_| {}).await
    }

    /// Starts it with a changed configuration.
    pub async fn with(change: impl FnOnce(&mut NodeConfig)) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let mut config = tiny_config(&write_model(folder.path()));
        change(&mut config);
        let node = Node::start(config).await.expect("the node starts");
        Self { node, folder }
    }

    /// Starts a chain that needs keys, with the tenants `acme` and `beta`, and a changed configuration.
    pub async fn keyed(change: impl FnOnce(&mut NodeConfig)) -> Self {
        Self::with(|config| {
            config.chain.authentication = Authentication::Keys;
            config.auth.start_without_keys = true;
            config.chain.tenants = ["acme", "beta"].map(|id| TenantSpec::new(id, "default")).into();
            change(config);
        })
        .await
    }

    /// Makes a key of a tenant, or of the node, that does not expire.
    pub async fn key(&self, tenant: Option<&str>, roles: Roles) -> String {
        let new = NewKey { tenant: tenant.map(TenantId::from), roles, expires_at_unix_ms: None, label: None };
        let (key, _) = self.node.dispatcher().auth.keys.generate(new).await.expect("the key is made");
        key.reveal().to_owned()
    }

    /// A folder that is removed with the node.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Waits until no call is in a sandbox or holds a permit of admission. The permit is freed a moment after the sandbox.
    pub async fn idle(&self) {
        let dispatcher = self.node.dispatcher();
        let idle = async {
            while dispatcher.executor.stats().instances_alive() > 0 || dispatcher.admission.running() > 0 {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        tokio::time::timeout(HANG, idle).await.expect("all calls end");
    }
}

/// Makes the model's file.
pub fn write_model(folder: &Path) -> PathBuf {
    let path = folder.join("tiny.gguf");
    let model = TinyLlama { context_length: CONTEXT_TOKENS, ..TinyLlama::default() };
    write_tiny_llama(&path, &model).expect("the model is written");
    path
}

/// The `dev` chain with this model, on any port, with a small pool.
pub fn tiny_config(model: &Path) -> NodeConfig {
    let mut chain = realm_chain_spec::ChainSpec::dev();
    for spec in &mut chain.models {
        spec.path = realm_chain_spec::ModelSource::File(model.to_owned());
        spec.sha256 = None;
    }
    let mut config = NodeConfig::new(chain);
    config.listen.set_port(0);
    config.metrics = None;
    config.executor.instances_max = 64;
    config.engine.threads = 1;
    config.engine.kv_bytes_max = 64 << 20;
    config
}
