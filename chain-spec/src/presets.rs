//! The presets: chains that need no file.

use crate::{ChainSpec, CodeSource, ModelSource, ModelSpec, TenantPrices, TenantSpec};
use serde_json::{Map, json};

/// The name of the presets' only model.
const MODEL: &str = "default";

impl ChainSpec {
    /// The presets' names.
    pub const PRESETS: [&str; 2] = ["dev", "local"];

    /// The preset of this name.
    pub fn preset(name: &str) -> Option<Self> {
        match name {
            "dev" => Some(Self::dev()),
            "local" => Some(Self::local()),
            _ => None,
        }
    }

    /// One tenant, `dev`, that pays nothing: for trying things out.
    pub fn dev() -> Self {
        Self::with("Realm Development", "dev", vec![TenantSpec::new("dev", MODEL)])
    }

    /// Three tenants with different prices, weights and limits: for seeing how they share a node.
    pub fn local() -> Self {
        let mut acme = TenantSpec::new("acme_corp", MODEL);
        acme.weight = 2;
        acme.prices = TenantPrices {
            prompt_nano_usd_per_1k: 500_000,
            cached_nano_usd_per_1k: 50_000,
            generated_nano_usd_per_1k: 1_500_000,
        };
        let mut startup = TenantSpec::new("startup_inc", MODEL);
        startup.prices = TenantPrices {
            prompt_nano_usd_per_1k: 800_000,
            cached_nano_usd_per_1k: 80_000,
            generated_nano_usd_per_1k: 2_400_000,
        };
        startup.limits.concurrent_calls_max = 4;
        startup.limits.queue_len_max = 16;
        startup.limits.max_tokens = 1024;
        let mut enterprise = TenantSpec::new("enterprise_co", MODEL);
        enterprise.weight = 4;
        enterprise.limits.concurrent_calls_max = 64;
        enterprise.limits.queue_len_max = 256;
        enterprise.prices = TenantPrices {
            prompt_nano_usd_per_1k: 300_000,
            cached_nano_usd_per_1k: 30_000,
            generated_nano_usd_per_1k: 900_000,
        };
        Self::with("Realm Local", "local", vec![acme, startup, enterprise])
    }

    fn with(name: &str, id: &str, tenants: Vec<TenantSpec>) -> Self {
        let mut properties = Map::new();
        // Stock clients format amounts by these.
        properties.insert("tokenSymbol".into(), json!("USD"));
        properties.insert("tokenDecimals".into(), json!(9));
        Self {
            name: name.to_owned(),
            id: id.to_owned(),
            runtime: CodeSource::Embedded,
            models: vec![ModelSpec { name: MODEL.to_owned(), path: ModelSource::Embedded, sha256: None }],
            tenants,
            properties,
        }
    }
}
