//! Several models in one node, chosen per tenant.

use realm_chain_spec::{ModelSource, ModelSpec, TenantSpec};
use realm_tests::{Socket, TinyNode};
use serde_json::json;
use std::{path::Path, sync::Arc};

/// A folder as Hugging Face lays it out, of another architecture than the tiny model.
const QWEN2: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../host-functions/engine/tests/fixtures/architectures/qwen2");

fn model(name: &str, path: &Path) -> ModelSpec {
    ModelSpec { name: name.to_owned(), path: ModelSource::File(path.to_owned()), sha256: None }
}

#[tokio::test(flavor = "multi_thread")]
async fn tenants_have_models_of_their_own_and_one_file_is_loaded_once() {
    let links = tempfile::tempdir().expect("a temporary folder");
    let link = links.path().join("link.gguf");
    let node = TinyNode::with(|config| {
        let ModelSource::File(first) = config.chain.models[0].path.clone() else { panic!("the tiny model is a file") };
        std::os::unix::fs::symlink(first, &link).expect("a link is made");
        config.chain.models.extend([model("linked", &link), model("qwen", Path::new(QWEN2))]);
        config.chain.tenants.extend([TenantSpec::new("linked", "linked"), TenantSpec::new("qwen", "qwen")]);
    })
    .await;

    let mut socket = Socket::connect(node.node.address()).await;
    for (tenant, architecture) in [("dev", "llama"), ("linked", "llama"), ("qwen", "qwen2")] {
        let info = socket.result("realm_call", json!(["get_model_info", {}, {"tenant_id": tenant}])).await;
        assert_eq!(info["architecture"], architecture, "{tenant}: {info}");
    }

    let loaded = |tenant: &str| {
        let tenant = node.node.dispatcher().tenants.select(Some(tenant)).expect("the tenant is there");
        tenant.resources.model.clone().expect("it has a model")
    };
    assert!(Arc::ptr_eq(loaded("dev").model(), loaded("linked").model()), "two names of one file are two models");
    assert!(!Arc::ptr_eq(loaded("dev").model(), loaded("qwen").model()));
    node.node.stop().await;
}
