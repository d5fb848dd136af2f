//! Which runtime is in force.

use super::LoadedRuntime;
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
    own: RwLock<Option<Arc<LoadedRuntime>>>,
    chain: Arc<RuntimeSlot>,
}

impl TenantRuntime {
    /// Its own runtime, if it has one, before the chain's.
    pub fn new(own: Option<Arc<LoadedRuntime>>, chain: Arc<RuntimeSlot>) -> Self {
        Self { own: RwLock::new(own), chain }
    }

    /// The runtime in force. Whoever holds it keeps it alive.
    pub fn current(&self) -> Arc<LoadedRuntime> {
        let own = self.own.read().unwrap_or_else(PoisonError::into_inner).clone();
        own.unwrap_or_else(|| self.chain.current())
    }

    /// Whether it is its own and not the chain's.
    pub fn is_own(&self) -> bool {
        self.own.read().unwrap_or_else(PoisonError::into_inner).is_some()
    }

    /// Gives it its own runtime, or takes that away. Calls in flight keep what they began with.
    pub fn put(&self, own: Option<Arc<LoadedRuntime>>) {
        // The replaced runtime may be the last of its kind: it is freed outside of the lock.
        let replaced = std::mem::replace(&mut *self.own.write().unwrap_or_else(PoisonError::into_inner), own);
        drop(replaced);
    }
}
