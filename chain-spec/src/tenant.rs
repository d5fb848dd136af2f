//! A tenant of the genesis: which model answers it, what it pays, how much it may hold.

use crate::{CodeSource, SpecError, TenantLimits, reader::Field};
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

    /// Reads what a chain specification says of one tenant.
    ///
    /// # Errors
    /// [`SpecError::Field`], with the path from the tenant on.
    pub fn from_value(value: &Value) -> Result<Self, SpecError> {
        Self::read(Field::root(value))
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

    /// What a chain specification would say of it, with every default written out.
    pub fn to_value(&self) -> Value {
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
