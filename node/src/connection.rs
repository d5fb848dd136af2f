//! What the node knows of one connection.

use crate::{
    auth::{Auth, Identity, Proof},
    executor::ConnectionMemory,
    server::Slot,
    tenants::TenantId,
};
use realm_host_functions::NativeBudget;
use realm_rpc::{ErrorCode, RpcError};
use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::sync::watch;

/// One connection: a WebSocket, or a single HTTP request.
#[derive(Debug)]
pub struct Connection {
    remote: SocketAddr,
    /// Whether it is nobody until it shows a key.
    needs_key: bool,
    /// What it has shown. Whoever waits for the connection's end is told of changes.
    proof: watch::Sender<Option<Proof>>,
    memories: Option<Memories>,
    /// Whether it comes from this machine, from a program or from the node's own page, and through no proxy.
    is_local: bool,
    slot: Arc<Slot>,
}

/// What a connection remembers, for each tenant by itself: a connection that may call as several
/// must not carry anything from one to another. There are no more entries than tenants.
type Memories = Mutex<BTreeMap<TenantId, Arc<ConnectionMemory>>>;

impl Connection {
    /// A WebSocket, which remembers until it closes. `is_local` says whether it may administer a chain without keys.
    pub fn web_socket(remote: SocketAddr, auth: &Auth, slot: Arc<Slot>, is_local: bool) -> Arc<Self> {
        Self::new(remote, auth, Some(Memories::default()), slot, is_local)
    }

    /// A request without a connection to remember by.
    pub fn http(remote: SocketAddr, auth: &Auth, slot: Arc<Slot>, is_local: bool) -> Arc<Self> {
        Self::new(remote, auth, None, slot, is_local)
    }

    fn new(remote: SocketAddr, auth: &Auth, memories: Option<Memories>, slot: Arc<Slot>, is_local: bool) -> Arc<Self> {
        let proof = watch::Sender::new(None);
        Arc::new(Self { remote, needs_key: auth.needs_keys, proof, memories, is_local, slot })
    }

    /// Who it is now. Ask for each call anew, because keys end.
    pub fn identity(&self) -> Identity {
        match &*self.proof.borrow() {
            Some(Proof { key, tenant }) if key.is_good() => {
                Identity::Holder { key: key.clone(), tenant: tenant.clone() }
            }
            // Who showed a key is not trusted more when the key has ended.
            Some(_) => Identity::Stranger,
            None if self.needs_key => Identity::Stranger,
            None => Identity::Trusted { admin: self.is_local },
        }
    }

    /// It has shown a key. Another key may replace it only for the same tenant: what the connection
    /// was given as one tenant must not go on under the name of another.
    ///
    /// # Errors
    /// `FORBIDDEN`
    pub fn authenticate(&self, proof: Proof) -> Result<(), RpcError> {
        let mut refused = false;
        self.proof.send_if_modified(|held| {
            refused = held.as_ref().is_some_and(|held| held.tenant() != proof.tenant());
            if !refused {
                *held = Some(proof);
            }
            !refused
        });
        match refused {
            true => Err(RpcError::new(
                ErrorCode::Forbidden,
                "this connection has shown a key of another tenant before; open another connection for this one",
            )),
            false => {
                self.slot.authenticated();
                Ok(())
            }
        }
    }

    /// The connection's slot, which counts what it sends and receives.
    pub fn slot(&self) -> &Arc<Slot> {
        &self.slot
    }

    /// What resolves when the connection has to be closed: it does not say who it is for `wait_max`,
    /// or its key ends. Does not keep the connection, and resolves too once that is gone.
    pub fn overdue(&self, wait_max: Duration) -> impl Future<Output = ()> + Send + 'static {
        let (needs_key, mut proofs) = (self.needs_key, self.proof.subscribe());
        async move {
            loop {
                let proof = proofs.borrow_and_update().clone();
                let over = async {
                    match &proof {
                        Some(proof) => proof.key.ended().await,
                        None if needs_key => tokio::time::sleep(wait_max).await,
                        None => std::future::pending().await,
                    }
                };
                tokio::select! {
                    () = over => return,
                    changed = proofs.changed() => if changed.is_err() {
                        // The connection is gone by itself.
                        return;
                    },
                }
            }
        }
    }

    /// Where it comes from.
    pub fn remote(&self) -> SocketAddr {
        self.remote
    }

    /// Whether what a call leaves here is there for the next.
    pub fn remembers(&self) -> bool {
        self.memories.is_some()
    }

    /// What it remembers for a tenant, whose native memory that counts in. A tenant that was removed and added again
    /// begins with an empty memory.
    pub fn memory_of(&self, tenant: &TenantId, budget: &NativeBudget) -> Option<Arc<ConnectionMemory>> {
        // The map is whole at any moment, so a panic elsewhere harms nothing.
        let mut memories = self.memories.as_ref()?.lock().unwrap_or_else(PoisonError::into_inner);
        let memory = memories.entry(tenant.clone()).or_insert_with(|| Arc::new(ConnectionMemory::new(budget)));
        if !memory.is_of(budget) {
            *memory = Arc::new(ConnectionMemory::new(budget));
        }
        Some(memory.clone())
    }
}
