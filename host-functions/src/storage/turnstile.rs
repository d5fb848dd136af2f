//! Where calls' commits wait while a migration of the same namespace finishes. Each namespace has a turnstile of its
//! own, so that the migration of one tenant's state holds up nobody else.

use std::{
    collections::{BTreeSet, HashMap},
    sync::{Arc, Mutex, PoisonError},
};
use tokio::sync::{OwnedRwLockReadGuard, OwnedRwLockWriteGuard, RwLock};

/// Turnstiles without anybody in them that are kept.
const IDLE_MAX: usize = 1024;

/// All namespaces' turnstiles.
#[derive(Debug, Default)]
pub(super) struct Turnstiles {
    /// Held only to look up or to change the map, never across anything that waits.
    by_namespace: Mutex<HashMap<Arc<str>, Arc<RwLock<()>>>>,
}

/// Calls of some namespaces, whose commits wait until this is dropped.
#[derive(Debug)]
#[must_use = "calls wait only while this is held"]
pub struct PausedCalls(#[expect(dead_code, reason = "held for its Drop")] Vec<OwnedRwLockWriteGuard<()>>);

impl Turnstiles {
    /// Passes one namespace's turnstile, beside other commits of it.
    ///
    /// # Cancel safety
    /// Cancel safe.
    pub(super) async fn pass(&self, namespace: &Arc<str>) -> OwnedRwLockReadGuard<()> {
        self.of(namespace).read_owned().await
    }

    /// Stops the turnstiles of namespaces, once those who are in them have left.
    ///
    /// # Cancel safety
    /// Dropping the future stops none.
    pub(super) async fn stop(&self, namespaces: BTreeSet<Arc<str>>) -> PausedCalls {
        let mut stopped = Vec::new();
        // In one order, so that two migrations never wait for each other.
        for namespace in namespaces {
            stopped.push(self.of(&namespace).write_owned().await);
        }
        PausedCalls(stopped)
    }

    fn of(&self, namespace: &Arc<str>) -> Arc<RwLock<()>> {
        // Every change of the map is one call, so a poisoned lock still guards a whole one.
        let mut turnstiles = self.by_namespace.lock().unwrap_or_else(PoisonError::into_inner);
        if turnstiles.len() > IDLE_MAX && !turnstiles.contains_key(namespace) {
            // A guard holds its turnstile, so one that only the map has is empty.
            turnstiles.retain(|_, turnstile| Arc::strong_count(turnstile) > 1);
        }
        turnstiles.entry(namespace.clone()).or_default().clone()
    }
}
