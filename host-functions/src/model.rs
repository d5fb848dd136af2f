//! A loaded model as host functions use it: the engine's model, its name in the chain spec, and the
//! weights that tensor functions have unpacked so far. All tenants of a model share one.

use crate::tensor::WeightCache;
use realm_engine::Model;
use std::sync::Arc;

/// Bytes of unpacked weights that a model keeps for tensor functions, if nothing else is said: 1 GiB.
pub const WEIGHT_CACHE_BYTES_MAX: u64 = 1 << 30;

/// A model and what tensor functions keep of it.
pub struct HostModel {
    name: String,
    model: Arc<Model>,
    weights: WeightCache,
}

impl HostModel {
    /// `name` is the model's in the chain spec. `weight_cache_bytes_max` bounds what tensor functions
    /// keep unpacked; [`WEIGHT_CACHE_BYTES_MAX`] is a good value.
    pub fn new(name: impl Into<String>, model: Arc<Model>, weight_cache_bytes_max: u64) -> Arc<Self> {
        Arc::new(Self { name: name.into(), model, weights: WeightCache::new(weight_cache_bytes_max) })
    }

    /// The name in the chain spec.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The engine's model.
    pub fn model(&self) -> &Arc<Model> {
        &self.model
    }

    pub(crate) fn weights(&self) -> &WeightCache {
        &self.weights
    }
}

impl std::fmt::Debug for HostModel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HostModel").field("name", &self.name).finish_non_exhaustive()
    }
}
