//! The presets: chains that need no file.

use crate::{Authentication, ChainSpec, CodeSource, ModelSource, ModelSpec, TenantPrices, TenantSpec};
use serde_json::{Map, json};

/// The name of the presets' only model.
const MODEL: &str = "default";
/// SHA-256 of `models/realm-demo.gguf`, the model that comes with the node.
#[rustfmt::skip] // sixteen bytes a line
const DEMO_MODEL_SHA256: [u8; 32] = [
    0x98, 0x90, 0xa0, 0x95, 0xd2, 0x72, 0x17, 0x50, 0x6a, 0xb5, 0xa0, 0xe0, 0x18, 0xe7, 0xba, 0x61,
    0x18, 0xf1, 0x29, 0xdf, 0x5b, 0xb5, 0x5c, 0xd2, 0x86, 0x53, 0x51, 0x90, 0xa3, 0x08, 0x4b, 0x62,
];

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

    /// One tenant, `dev`, that pays nothing, and no keys: for trying things out on one's own machine.
    pub fn dev() -> Self {
        Self::with("Realm Development", "dev", vec![TenantSpec::new("dev", MODEL)], Authentication::None)
    }

    /// Three tenants with different prices, weights and limits, and keys: for seeing how they share a node.
    pub fn local() -> Self {
        let mut acme = TenantSpec::new("acme_corp", MODEL);
        acme.weight = 2;
        acme.prices = TenantPrices {
            prompt_nano_usd_per_1k: 500_000,
            cached_nano_usd_per_1k: 50_000,
            generated_nano_usd_per_1k: 1_500_000,
        };
        (acme.limits.requests_per_minute, acme.limits.requests_burst) = (6_000, 6_000);
        (acme.limits.tokens_per_minute, acme.limits.tokens_burst) = (2_000_000, 2_000_000);
        let mut startup = TenantSpec::new("startup_inc", MODEL);
        startup.prices = TenantPrices {
            prompt_nano_usd_per_1k: 800_000,
            cached_nano_usd_per_1k: 80_000,
            generated_nano_usd_per_1k: 2_400_000,
        };
        startup.limits.concurrent_calls_max = 4;
        startup.limits.queue_len_max = 16;
        startup.limits.max_tokens = 1024;
        (startup.limits.requests_per_minute, startup.limits.requests_burst) = (600, 600);
        (startup.limits.tokens_per_minute, startup.limits.tokens_burst) = (200_000, 200_000);
        let mut enterprise = TenantSpec::new("enterprise_co", MODEL);
        enterprise.weight = 4;
        enterprise.limits.concurrent_calls_max = 64;
        enterprise.limits.queue_len_max = 256;
        (enterprise.limits.requests_per_minute, enterprise.limits.requests_burst) = (60_000, 60_000);
        (enterprise.limits.tokens_per_minute, enterprise.limits.tokens_burst) = (20_000_000, 20_000_000);
        enterprise.prices = TenantPrices {
            prompt_nano_usd_per_1k: 300_000,
            cached_nano_usd_per_1k: 30_000,
            generated_nano_usd_per_1k: 900_000,
        };
        Self::with("Realm Local", "local", vec![acme, startup, enterprise], Authentication::Keys)
    }

    fn with(name: &str, id: &str, tenants: Vec<TenantSpec>, authentication: Authentication) -> Self {
        let mut properties = Map::new();
        // Stock clients format amounts by these.
        properties.insert("tokenSymbol".into(), json!("USD"));
        properties.insert("tokenDecimals".into(), json!(9));
        Self {
            name: name.to_owned(),
            id: id.to_owned(),
            runtime: CodeSource::Embedded,
            models: vec![ModelSpec {
                name: MODEL.to_owned(),
                path: ModelSource::Embedded,
                sha256: Some(DEMO_MODEL_SHA256),
            }],
            tenants,
            authentication,
            properties,
        }
    }
}
