//! Which runtime is in force.

use super::LoadedRuntime;
use realm_primitives::H256;
use std::sync::{Arc, PoisonError, RwLock};

/// The chain's runtime.
#[derive(Debug)]
pub struct RuntimeSlot {
    /// Held only to clone or to replace the pointer, never across anything that waits.
    current: RwLock<Arc<LoadedRuntime>>,
}

impl RuntimeSlot {
    /// A slot with its first runtime.
    pub fn new(runtime: Arc<LoadedRuntime>) -> Arc<Self> {
        Arc::new(Self { current: RwLock::new(runtime) })
    }

    /// The runtime in force. Whoever holds it keeps it alive.
    pub fn current(&self) -> Arc<LoadedRuntime> {
        // A pointer is whole at any moment, so a poisoned lock still guards a good one.
        self.current.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Puts another runtime in force and gives back the old one. Calls in flight keep the old one.
    pub fn swap(&self, runtime: Arc<LoadedRuntime>) -> Arc<LoadedRuntime> {
        std::mem::replace(&mut *self.current.write().unwrap_or_else(PoisonError::into_inner), runtime)
    }
}

/// One tenant's runtime: its own, or else the chain's, whichever that is at the time.
#[derive(Debug)]
pub struct TenantRuntime {
    /// Held as in [`RuntimeSlot`].
    own: RwLock<Own>,
    chain: Arc<RuntimeSlot>,
}

/// A tenant's own runtime.
#[derive(Clone, Debug)]
enum Own {
    /// The chain's is in force.
    None,
    Loaded(Arc<LoadedRuntime>),
    Unavailable(Unavailable),
}

/// A runtime that is in force and cannot run.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the tenant's own runtime {code_hash} {why}")]
pub struct Unavailable {
    /// Hash of its blob.
    pub code_hash: H256,
    /// What is the matter, as the rest of a sentence.
    pub why: Arc<str>,
}

impl TenantRuntime {
    /// Its own runtime, if it has one, before the chain's.
    pub fn new(own: Option<Arc<LoadedRuntime>>, chain: Arc<RuntimeSlot>) -> Self {
        Self { own: RwLock::new(own.map_or(Own::None, Own::Loaded)), chain }
    }

    /// A tenant whose own runtime is not there.
    pub fn unavailable(why: Unavailable, chain: Arc<RuntimeSlot>) -> Self {
        Self { own: RwLock::new(Own::Unavailable(why)), chain }
    }

    /// The runtime in force. Whoever holds it keeps it alive. While its own is not available this is the chain's, which
    /// must not run for the tenant: see [`Self::available`].
    pub fn current(&self) -> Arc<LoadedRuntime> {
        match self.own() {
            Own::Loaded(own) => own,
            Own::None | Own::Unavailable(_) => self.chain.current(),
        }
    }

    /// The runtime in force, to be run.
    ///
    /// # Errors
    /// [`Unavailable`]
    pub fn available(&self) -> Result<Arc<LoadedRuntime>, Unavailable> {
        match self.own() {
            Own::Loaded(own) => Ok(own),
            Own::None => Ok(self.chain.current()),
            Own::Unavailable(unavailable) => Err(unavailable),
        }
    }

    /// Whether it is its own and not the chain's.
    pub fn is_own(&self) -> bool {
        !matches!(self.own(), Own::None)
    }

    /// Gives it its own runtime, or takes that away. Calls in flight keep what they began with.
    pub fn put(&self, own: Option<Arc<LoadedRuntime>>) {
        self.replace(own.map_or(Own::None, Own::Loaded), |_| true);
    }

    /// Settles what became of its own runtime, if the one with this hash is still the one that is waited for.
    pub fn settle(&self, code_hash: H256, loaded: Result<Arc<LoadedRuntime>, Arc<str>>) {
        let settled = match loaded {
            Ok(loaded) => Own::Loaded(loaded),
            Err(why) => Own::Unavailable(Unavailable { code_hash, why }),
        };
        self.replace(settled, |own| matches!(own, Own::Unavailable(waited) if waited.code_hash == code_hash));
    }

    fn own(&self) -> Own {
        self.own.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn replace(&self, new: Own, only_if: impl FnOnce(&Own) -> bool) {
        let replaced = {
            let mut own = self.own.write().unwrap_or_else(PoisonError::into_inner);
            if only_if(&own) { std::mem::replace(&mut *own, new) } else { new }
        };
        // It may be the last of its kind: it is freed outside of the lock.
        drop(replaced);
    }
}
