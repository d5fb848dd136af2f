//! What the node knows of one connection.

use crate::{executor::ConnectionMemory, metrics::Metrics, tenants::TenantId};
use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
};
use tokio::sync::OwnedSemaphorePermit;

/// One connection: a WebSocket, or a single HTTP request.
#[derive(Debug)]
pub struct Connection {
    remote: SocketAddr,
    memories: Option<Memories>,
    /// Its place among the node's connections.
    _place: Arc<Place>,
}

/// A place among the node's connections, counted while it is held: by the connection's task, and
/// by the WebSocket that may come of it and outlives that task.
#[derive(Debug)]
pub struct Place {
    _permit: OwnedSemaphorePermit,
    metrics: Metrics,
}

impl Place {
    /// Counts a connection as open.
    pub fn new(permit: OwnedSemaphorePermit, metrics: &Metrics) -> Arc<Self> {
        metrics.connections.inc();
        Arc::new(Self { _permit: permit, metrics: metrics.clone() })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.metrics.connections.dec();
    }
}

/// What a connection remembers, for each tenant by itself: a connection that may call as several
/// must not carry anything from one to another. There are no more entries than tenants.
type Memories = Mutex<BTreeMap<TenantId, Arc<ConnectionMemory>>>;

impl Connection {
    /// A WebSocket, which remembers until it closes.
    pub fn web_socket(remote: SocketAddr, place: Arc<Place>) -> Arc<Self> {
        Arc::new(Self { remote, memories: Some(Memories::default()), _place: place })
    }

    /// A request without a connection to remember by.
    pub fn http(remote: SocketAddr, place: Arc<Place>) -> Arc<Self> {
        Arc::new(Self { remote, memories: None, _place: place })
    }

    /// Where it comes from.
    pub fn remote(&self) -> SocketAddr {
        self.remote
    }

    /// Whether what a call leaves here is there for the next.
    pub fn remembers(&self) -> bool {
        self.memories.is_some()
    }

    /// What it remembers for a tenant.
    pub fn memory_of(&self, tenant: &TenantId) -> Option<Arc<ConnectionMemory>> {
        // The map is whole at any moment, so a panic elsewhere harms nothing.
        let mut memories = self.memories.as_ref()?.lock().unwrap_or_else(PoisonError::into_inner);
        Some(memories.entry(tenant.clone()).or_default().clone())
    }
}
