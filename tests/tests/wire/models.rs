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
        let tenant = node.node.dispatcher().tenants.get(&tenant.into()).expect("the tenant is there");
        tenant.resources.model.clone().expect("it has a model")
    };
    assert!(Arc::ptr_eq(loaded("dev").model(), loaded("linked").model()), "two names of one file are two models");
    assert!(!Arc::ptr_eq(loaded("dev").model(), loaded("qwen").model()));
    node.node.stop().await;
}

/// A folder of a model that embeds.
const BERT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../host-functions/engine/tests/fixtures/architectures/bert");

#[tokio::test(flavor = "multi_thread")]
async fn a_model_that_embeds_serves_embed_and_refuses_to_generate() {
    let node = TinyNode::with(|config| {
        config.chain.models.push(model("bert", Path::new(BERT)));
        let both = TenantSpec { embedding_model: Some("bert".to_owned()), ..TenantSpec::new("both", "tiny") };
        let both = TenantSpec { model: config.chain.models[0].name.clone(), ..both };
        config.chain.tenants.extend([both, TenantSpec::new("bert_only", "bert")]);
    })
    .await;
    let mut socket = Socket::connect(node.node.address()).await;
    let text = std::fs::read_to_string(Path::new(BERT).join("expected.json")).expect("the fixture is there");
    let expected: serde_json::Value = serde_json::from_str(&text).expect("it is JSON");

    for tenant in ["both", "bert_only"] {
        let options = json!({"tenant_id": tenant});
        let info = socket.result("realm_call", json!(["get_model_info", {}, options])).await;
        assert_eq!(info["embedding_source"], "embedding_model", "{tenant}: {info}");
        assert_eq!(info["embedding_length"], 32, "{tenant}: {info}");
        for (text, vector) in expected["texts"].as_array().unwrap().iter().zip(expected["vectors"].as_array().unwrap())
        {
            let embedded = socket.result("realm_call", json!(["embed", {"text": text}, options])).await;
            for (value, expected) in embedded.as_array().expect("a vector").iter().zip(vector.as_array().unwrap()) {
                assert!(
                    (value.as_f64().unwrap() - expected.as_f64().unwrap()).abs() < 1e-4,
                    "{tenant}, {text}: {embedded}"
                );
            }
        }
    }
    let info = socket.result("realm_call", json!(["get_model_info", {}])).await;
    assert_eq!(info["embedding_source"], "pooled_hidden_states", "{info}");

    let options = json!({"tenant_id": "bert_only"});
    for (function, params) in [
        ("generate", json!({"prompt": "the cat", "max_tokens": 2})),
        ("chat", json!({"message": "the cat", "max_tokens": 2})),
    ] {
        let error = socket.error("realm_call", json!([function, params, options])).await;
        assert_eq!(error["data"]["code"], "MODEL_UNAVAILABLE", "{function}: {error}");
        assert!(error.to_string().contains("embeds texts (bert); it cannot generate"), "{function}: {error}");
    }
    node.node.stop().await;
}
