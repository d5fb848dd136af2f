//! A tenant of the genesis: which model answers it, what it pays, how much it may hold.

use crate::{CodeSource, SpecError, reader::Field};
use serde_json::{Map, Value, json};

/// Nano-dollars that a thousand tokens may cost at most: a million dollars.
const PRICE_MAX: u64 = 1_000_000_000_000_000;
/// Shares of the machine one tenant may be given at most.
const WEIGHT_MAX: u32 = 1000;

/// A tenant.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TenantSpec {
    /// Its name.
    pub id: String,
    /// Name of the model that answers it.
    pub model: String,
    /// Name of the model that embeds for it. Default: its `model`.
    pub embedding_model: Option<String>,
    /// Its own runtime. Default: the chain's.
    pub runtime: Option<CodeSource>,
    /// Share of the machine, relative to the other tenants, 1 to 1000. Default 1.
    pub weight: u32,
    /// What it pays.
    pub prices: TenantPrices,
    /// How much it may hold.
    pub limits: TenantLimits,
}

/// Nano-dollars per thousand tokens. Default: free.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct TenantPrices {
    /// For prompt tokens that were computed.
    pub prompt_nano_usd_per_1k: u64,
    /// For prompt tokens that came from the cache.
    pub cached_nano_usd_per_1k: u64,
    /// For generated tokens.
    pub generated_nano_usd_per_1k: u64,
}

/// What one tenant may hold or use at a time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TenantLimits {
    /// Calls that run at once. Default 16.
    pub concurrent_calls_max: u32,
    /// Calls that wait for one of those places. Default 64.
    pub queue_len_max: u32,
    /// Tokens that one call may generate. Default 4096.
    pub max_tokens: u32,
    /// Milliseconds that one call may take, queueing included. Default 600000.
    pub deadline_ms_max: u64,
    /// Bytes of a call's linear memory. Default 64 MiB.
    pub guest_memory_bytes_max: u64,
    /// Bytes of durable storage. Default 64 MiB.
    pub storage_bytes_max: u64,
}

impl Default for TenantLimits {
    fn default() -> Self {
        Self {
            concurrent_calls_max: 16,
            queue_len_max: 64,
            max_tokens: 4096,
            deadline_ms_max: 600_000,
            guest_memory_bytes_max: 64 << 20,
            storage_bytes_max: 64 << 20,
        }
    }
}

impl TenantSpec {
    /// A tenant with the defaults.
    pub fn new(id: &str, model: &str) -> Self {
        Self {
            id: id.to_owned(),
            model: model.to_owned(),
            embedding_model: None,
            runtime: None,
            weight: 1,
            prices: TenantPrices::default(),
            limits: TenantLimits::default(),
        }
    }

    pub(crate) fn read(field: Field<'_>) -> Result<Self, SpecError> {
        let object = field.object(&["id", "model", "embedding_model", "runtime", "weight", "prices", "limits"])?;
        Ok(Self {
            id: object.field("id")?.name()?,
            model: object.field("model")?.name()?,
            embedding_model: object.optional("embedding_model").map(|field| field.name()).transpose()?,
            runtime: object.optional("runtime").map(CodeSource::read).transpose()?,
            weight: object.or("weight", 1, |field| field.integer32(1, WEIGHT_MAX))?,
            prices: object.or("prices", TenantPrices::default(), TenantPrices::read)?,
            limits: object.or("limits", TenantLimits::default(), TenantLimits::read)?,
        })
    }

    pub(crate) fn to_value(&self) -> Value {
        let mut fields = Map::new();
        fields.insert("id".into(), json!(self.id));
        fields.insert("model".into(), json!(self.model));
        if let Some(model) = &self.embedding_model {
            fields.insert("embedding_model".into(), json!(model));
        }
        if let Some(runtime) = &self.runtime {
            fields.insert("runtime".into(), json!(runtime.to_text()));
        }
        fields.insert("weight".into(), json!(self.weight));
        fields.insert("prices".into(), self.prices.to_value());
        fields.insert("limits".into(), self.limits.to_value());
        Value::Object(fields)
    }
}

impl TenantPrices {
    fn read(field: Field<'_>) -> Result<Self, SpecError> {
        let object =
            field.object(&["prompt_nano_usd_per_1k", "cached_nano_usd_per_1k", "generated_nano_usd_per_1k"])?;
        let price = |name| object.or(name, 0, |field| field.integer(0, PRICE_MAX));
        Ok(Self {
            prompt_nano_usd_per_1k: price("prompt_nano_usd_per_1k")?,
            cached_nano_usd_per_1k: price("cached_nano_usd_per_1k")?,
            generated_nano_usd_per_1k: price("generated_nano_usd_per_1k")?,
        })
    }

    fn to_value(self) -> Value {
        json!({
            "prompt_nano_usd_per_1k": self.prompt_nano_usd_per_1k,
            "cached_nano_usd_per_1k": self.cached_nano_usd_per_1k,
            "generated_nano_usd_per_1k": self.generated_nano_usd_per_1k,
        })
    }
}

impl TenantLimits {
    fn read(field: Field<'_>) -> Result<Self, SpecError> {
        let object = field.object(&[
            "concurrent_calls_max",
            "queue_len_max",
            "max_tokens",
            "deadline_ms_max",
            "guest_memory_bytes_max",
            "storage_bytes_max",
        ])?;
        let default = Self::default();
        Ok(Self {
            concurrent_calls_max: object
                .or("concurrent_calls_max", default.concurrent_calls_max, |field| field.integer32(1, 10_000))?,
            queue_len_max: object.or("queue_len_max", default.queue_len_max, |field| field.integer32(0, 100_000))?,
            max_tokens: object.or("max_tokens", default.max_tokens, |field| field.integer32(1, 1 << 24))?,
            deadline_ms_max: object
                .or("deadline_ms_max", default.deadline_ms_max, |field| field.integer(1, 86_400_000))?,
            guest_memory_bytes_max: object.or("guest_memory_bytes_max", default.guest_memory_bytes_max, |field| {
                field.integer(1 << 20, 4 << 30)
            })?,
            storage_bytes_max: object
                .or("storage_bytes_max", default.storage_bytes_max, |field| field.integer(0, 1 << 50))?,
        })
    }

    fn to_value(self) -> Value {
        json!({
            "concurrent_calls_max": self.concurrent_calls_max,
            "queue_len_max": self.queue_len_max,
            "max_tokens": self.max_tokens,
            "deadline_ms_max": self.deadline_ms_max,
            "guest_memory_bytes_max": self.guest_memory_bytes_max,
            "storage_bytes_max": self.storage_bytes_max,
        })
    }
}
