//! A call's transaction: an overlay over the tenant's namespace and one over the connection's
//! memory. Nothing is opened before the call's first access, because most calls have none.

use super::{
    Namespace,
    changes::{Changes, ConnectionChanges, HeldLock, Version, Write},
    connection::ConnectionMemory,
    custody::Code,
    overlay::{Base, Overlay, OverlayLimits},
    store::Snapshot,
};
use crate::{
    budget::{
        Lease, NativeBudget,
        overhead::{MAP_ENTRY_BYTES, READ_ENTRY_BYTES, STORED_ENTRY_BYTES},
    },
    error::HostError,
    limits::StorageLimits,
};
use sp_crypto_hashing::blake2_128;
use std::{
    collections::{HashMap, hash_map::Entry},
    sync::Arc,
};

/// What a call has read and written.
pub(crate) struct Transaction {
    limits: StorageLimits,
    durable: Overlay<Watched>,
    connection: Option<Overlay<Arc<ConnectionMemory>>>,
    lock: Option<Arc<HeldLock>>,
    /// `spec_version` of the call's code.
    spec_version: u32,
}

/// BLAKE2b of a key, 128 bits. Where two keys of a tenant had one hash, the tenant alone would see a wrong conflict.
type KeyHash = [u8; 16];

/// The durable base: a snapshot taken at the first access, and the versions of the keys read from it.
struct Watched {
    namespace: Namespace,
    snapshot: Option<Snapshot>,
    /// By the keys' hashes, so that a long key takes no more than a short one.
    versions: HashMap<KeyHash, Version>,
    /// The bytes of `versions`.
    read: Lease,
    keys_max: u64,
    /// The code of the call.
    code: Option<Code>,
    /// The state was found to be kept by other code.
    migrated: bool,
}

impl Transaction {
    /// What the call holds counts in `budget`, the call's.
    pub(crate) fn new(
        namespace: Namespace,
        connection: Option<Arc<ConnectionMemory>>,
        limits: StorageLimits,
        budget: &NativeBudget,
    ) -> Self {
        let written_keys_max =
            if namespace.is_migrating() { limits.migration_keys_max } else { limits.transaction_keys_max };
        let overlay_limits = |total_bytes_max, entry_bytes| OverlayLimits {
            written_bytes_max: limits.transaction_bytes_max,
            written_keys_max,
            total_bytes_max,
            entry_bytes,
            iteration_keys_max: limits.iteration_keys_max,
        };
        let watched = Watched {
            namespace,
            snapshot: None,
            versions: HashMap::new(),
            read: budget.empty_lease(),
            keys_max: limits.iteration_keys_max,
            code: None,
            migrated: false,
        };
        let durable = overlay_limits(limits.tenant_bytes_max, STORED_ENTRY_BYTES);
        let connected = overlay_limits(limits.connection_bytes_max, MAP_ENTRY_BYTES);
        Self {
            durable: Overlay::new(watched, durable, budget.empty_lease()),
            connection: connection.map(|memory| Overlay::new(memory, connected, budget.empty_lease())),
            limits,
            lock: None,
            spec_version: 0,
        }
    }

    /// The same for a call of the blob with this hash and `spec_version`: it ends where a migration rewrote the state
    /// for other code.
    pub(crate) fn of_code(mut self, code: Code, spec_version: u32) -> Self {
        self.durable.base.code = Some(code);
        self.spec_version = spec_version;
        self
    }

    /// Where a scope's values are: those of durable storage in the connection's memory, if that is migrated.
    fn place(&self, scope: Scope) -> Scope {
        if self.durable.base.namespace.migrates_connection() { Scope::Connection } else { scope }
    }

    /// Whether the call was refused the state, because a migration rewrote it for other code.
    pub(crate) fn is_migrated(&self) -> bool {
        self.durable.base.migrated
    }

    pub(crate) fn limits(&self) -> &StorageLimits {
        &self.limits
    }

    pub(crate) fn get(&mut self, scope: Scope, key: &[u8]) -> Result<Option<Vec<u8>>, HostError> {
        match self.place(scope) {
            Scope::Durable => self.durable.get(key),
            Scope::Connection => self.connection()?.get(key),
        }
    }

    /// Sets a key, or clears it with `None`.
    pub(crate) fn write(&mut self, scope: Scope, key: Vec<u8>, value: Option<Vec<u8>>) -> Result<(), HostError> {
        match self.place(scope) {
            Scope::Durable => self.durable.write(key, value),
            Scope::Connection => self.connection()?.write(key, value),
        }
    }

    pub(crate) fn next_key(&mut self, scope: Scope, after: &[u8]) -> Result<Option<Vec<u8>>, HostError> {
        match self.place(scope) {
            Scope::Durable => self.durable.next_key(after),
            Scope::Connection => self.connection()?.next_key(after),
        }
    }

    /// Waits for the lock of a key, and holds it until the call has ended and its writes are safe.
    ///
    /// # Errors
    /// The call holds another lock, has looked at durable storage already, or too many wait.
    ///
    /// # Cancel safety
    /// Dropping the future leaves the queue.
    pub(crate) async fn lock(&mut self, scope: Scope, key: Vec<u8>) -> Result<(), HostError> {
        let scope = self.place(scope);
        match &self.lock {
            Some(held) if held.scope == scope && held.lock.is_of(&key) => return Ok(()),
            Some(_) => return Err(HostError::invalid("the call holds a lock already; a call has one at most")),
            None => {}
        }
        if scope == Scope::Durable && self.durable.base.snapshot.is_some() {
            return Err(HostError::invalid("a lock must be taken before the call's first look at durable storage"));
        }
        let (locks, namespace) = match scope {
            Scope::Durable => (self.durable.base.namespace.locks().clone(), self.durable.base.namespace.name_arc()),
            Scope::Connection => (self.connection()?.base.locks.clone(), Arc::from("")),
        };
        let lock = locks.acquire(namespace, key, self.limits.lock_waiting_max).await?;
        self.lock = Some(Arc::new(HeldLock { scope, lock }));
        Ok(())
    }

    fn connection(&mut self) -> Result<&mut Overlay<Arc<ConnectionMemory>>, HostError> {
        let Watched { namespace, code, migrated, .. } = &mut self.durable.base;
        let Some(memory) = self.connection.as_mut() else {
            return Err(HostError::invalid("the call came over no connection that can remember"));
        };
        if !namespace.is_migrating() && code.as_ref().is_some_and(|code| !memory.base.allows(code)) {
            *migrated = true;
            return Err(HostError::Internal("the connection's memory was migrated to another runtime".into()));
        }
        Ok(memory)
    }

    /// Takes the writes out for the commit. `None` if there are none.
    pub(crate) fn take_changes(&mut self) -> Option<Changes> {
        let namespace = self.durable.base.namespace.name_arc();
        let versions = std::mem::take(&mut self.durable.base.versions);
        let (writes, written) = self.durable.take();
        let mut held = vec![written];
        let writes = writes
            .into_iter()
            .map(|(key, value)| Write {
                namespace: namespace.clone(),
                expected: versions.get(&blake2_128(&key)).copied(),
                quota_bytes: self.limits.tenant_bytes_max,
                key,
                value,
            })
            .collect();
        drop(versions);
        self.durable.base.read.clear();
        let author = self.durable.base.code.filter(|_| !self.durable.base.namespace.is_migrating());
        let spec_version = self.spec_version;
        let connection = self.connection.as_mut().and_then(|overlay| {
            let growth_bytes = overlay.growth_bytes();
            let (writes, written) = overlay.take();
            held.push(written);
            let writes: Vec<_> = writes.into_iter().collect();
            let memory = overlay.base.clone();
            let limit_bytes = self.limits.connection_bytes_max;
            let author = author.map(|code| (code, spec_version));
            (!writes.is_empty()).then_some(ConnectionChanges { memory, writes, author, growth_bytes, limit_bytes })
        });
        let Watched { namespace, snapshot, .. } = &self.durable.base;
        let seen = snapshot.as_ref().map(|snapshot| snapshot.commit);
        let payer = Some(namespace.name_arc());
        let lock = self.lock.take();
        let changes = Changes { writes, connection, author, payer, seen, lock, held, ..Changes::new() };
        // What a migration saw matters also if it wrote nothing.
        (!changes.is_empty() || (namespace.is_migrating() && seen.is_some())).then_some(changes)
    }
}

pub(crate) use realm_primitives::StorageScope as Scope;

impl Watched {
    fn snapshot(&mut self) -> Result<&Snapshot, HostError> {
        match &mut self.snapshot {
            Some(snapshot) => Ok(snapshot),
            empty => {
                let snapshot = self.namespace.snapshot().map_err(internal)?;
                if self.code.as_ref().is_some_and(|code| !self.namespace.allows(code, &snapshot)) {
                    self.migrated = true;
                    return Err(HostError::Internal("the state was migrated to another runtime".into()));
                }
                Ok(empty.insert(snapshot))
            }
        }
    }
}

impl Base for Watched {
    fn get(&mut self, key: &[u8]) -> Result<Option<Vec<u8>>, HostError> {
        let found = self.snapshot()?.get(key).map_err(internal)?;
        let (version, value) = match found {
            Some((version, value)) => (version, Some(value)),
            None => (None, None),
        };
        if let Entry::Vacant(unread) = self.versions.entry(blake2_128(key)) {
            HostError::check_limit("keys read by a call", self.read.bytes() / READ_ENTRY_BYTES + 1, self.keys_max)?;
            self.read.grow("keys read from storage", READ_ENTRY_BYTES)?;
            unread.insert(version);
        }
        Ok(value)
    }

    fn size(&mut self, key: &[u8]) -> Result<Option<u64>, HostError> {
        self.snapshot()?.size(key).map_err(internal)
    }

    fn next_key(&mut self, after: &[u8]) -> Result<Option<Vec<u8>>, HostError> {
        self.snapshot()?.next_key(after).map_err(internal)
    }

    fn bytes(&mut self) -> Result<u64, HostError> {
        Ok(self.snapshot()?.bytes)
    }
}

fn internal(error: super::StoreError) -> HostError {
    HostError::Internal(format!("storage: {error}"))
}
