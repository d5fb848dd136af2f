//! All resumable streams, each its tenant's alone, and which subscriptions ended on purpose.

use super::replay::{CannotRead, ReaderId, Replay};
use crate::tenants::{Tenant, TenantId};
use jsonrpsee::{ConnectionId, types::SubscriptionId};
use realm_host_functions::{Lease, NativeBudget, QuotaExceeded};
use realm_rpc::{ErrorCode, RpcError};
use std::{
    collections::{BTreeMap, HashMap},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

/// How much is kept of streams that outlive their connections.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ReplayLimits {
    /// Events kept of one stream. Default 4096.
    pub events_max: usize,
    /// Bytes of events kept of one stream, if that is less. Default 1 MiB.
    pub bytes_max: usize,
    /// Bytes of events kept of all streams of one tenant, last events included. Where there are more, streams that are
    /// over and not read go first, then events that no reader needs. They are a part of the tenant's native memory.
    /// Default 64 MiB.
    pub tenant_bytes_max: usize,
    /// Streams of one tenant, running or kept. Where there are more, those that are over and not read go first.
    /// Default 256.
    pub streams_per_tenant_max: usize,
    /// How long a stream is kept while nobody reads, unless its caller wants less. Default 60 s.
    pub keep_max: Duration,
}

impl Default for ReplayLimits {
    fn default() -> Self {
        Self {
            events_max: 4096,
            bytes_max: 1 << 20,
            tenant_bytes_max: 64 << 20,
            streams_per_tenant_max: 256,
            keep_max: Duration::from_secs(60),
        }
    }
}

/// The streams of one tenant.
#[derive(Debug)]
struct OfTenant {
    by_id: BTreeMap<String, Arc<Replay>>,
    /// The native memory of their events.
    budget: NativeBudget,
}

impl OfTenant {
    /// Gives up the stream that is over and has not been read for longest.
    fn evict_idle(&mut self) -> bool {
        let idle = |(id, replay): (&String, &Arc<Replay>)| Some((replay.idle_since()?, id.clone()));
        let oldest = self.by_id.iter().filter_map(idle).min();
        let evicted = oldest.and_then(|(_, id)| self.by_id.remove(&id));
        evicted.as_ref().map(|replay| replay.give_up()).is_some()
    }
}

/// The resumable streams. One per node.
#[derive(Debug)]
pub struct Streams {
    limits: ReplayLimits,
    /// Held only to look up or to change the map.
    by_tenant: Mutex<HashMap<TenantId, OfTenant>>,
    /// Set when the client asked for the subscription's end.
    unsubscribed: Mutex<HashMap<SubscriptionKey, Arc<AtomicBool>>>,
}

type SubscriptionKey = (ConnectionId, SubscriptionId<'static>);

/// A place in a stream; given back when dropped.
#[derive(Debug)]
#[must_use = "the stream counts as read only while this is held"]
pub struct Reader {
    pub(super) replay: Arc<Replay>,
    pub(super) id: ReaderId,
    /// Whether it leaves on purpose.
    pub(super) unwanted: bool,
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.replay.detach(self.id, self.unwanted);
    }
}

/// Knows whether a subscription's client asked for its end. Forgotten when dropped.
pub(super) struct Ending {
    streams: Arc<Streams>,
    key: SubscriptionKey,
    asked: Arc<AtomicBool>,
}

impl Ending {
    /// Whether the client asked for it.
    pub fn was_asked_for(&self) -> bool {
        self.asked.load(Ordering::Acquire)
    }
}

impl Drop for Ending {
    fn drop(&mut self) {
        self.streams.unsubscribed.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.key);
    }
}

impl Streams {
    /// None yet.
    pub fn new(limits: ReplayLimits) -> Self {
        Self { limits, by_tenant: Mutex::default(), unsubscribed: Mutex::default() }
    }

    /// A new stream of a tenant, with its first reader.
    ///
    /// # Errors
    /// `INVALID_PARAMS` if the tenant has a stream of this id or `keep` is too much, `QUOTA_EXCEEDED` if it has too many.
    pub(super) fn add(&self, tenant: &Tenant, id: &str, keep: Option<Duration>) -> Result<Reader, RpcError> {
        let keep_max = self.limits.keep_max;
        let keep = keep.unwrap_or(keep_max);
        if keep.is_zero() || keep > keep_max {
            let message = format!("options.keep_ms: must be from 1 to {}", keep_max.as_millis());
            return Err(RpcError::new(ErrorCode::InvalidParams, message).with("field", "options.keep_ms"));
        }
        let mut by_tenant = self.by_tenant.lock().unwrap_or_else(PoisonError::into_inner);
        let of_tenant = by_tenant.entry(tenant.id.clone()).or_insert_with(|| OfTenant {
            by_id: BTreeMap::new(),
            budget: tenant.resources.budget.kept_streams(self.limits.tenant_bytes_max as u64),
        });
        if of_tenant.by_id.contains_key(id) {
            let message = "options.id: a resumable stream of this id runs or is kept";
            return Err(RpcError::new(ErrorCode::InvalidParams, message).with("field", "options.id"));
        }
        if of_tenant.by_id.len() >= self.limits.streams_per_tenant_max && !of_tenant.evict_idle() {
            let max = self.limits.streams_per_tenant_max;
            let message = format!("{max} resumable streams run already");
            return Err(RpcError::new(ErrorCode::QuotaExceeded, message).with("streams_max", max));
        }
        let replay = Arc::new(Replay::new(self.limits, of_tenant.budget.clone(), keep));
        // A new stream can be read from its beginning.
        let reader = replay.attach(0).map_err(|_| RpcError::new(ErrorCode::Internal, "a new stream cannot be read"))?;
        of_tenant.by_id.insert(id.to_owned(), replay.clone());
        Ok(Reader { replay, id: reader, unwanted: false })
    }

    /// Room for an event of a tenant's stream. Gives up streams that are over and not read, and then the stream's own
    /// events that no reader needs, as long as there is none.
    ///
    /// # Errors
    /// [`QuotaExceeded`]: what is left is read, or runs.
    pub(super) fn reserve(&self, tenant: &TenantId, replay: &Replay, bytes: u64) -> Result<Lease, QuotaExceeded> {
        loop {
            let exceeded = match replay.reserve(bytes) {
                Ok(room) => return Ok(room),
                Err(exceeded) => exceeded,
            };
            let mut by_tenant = self.by_tenant.lock().unwrap_or_else(PoisonError::into_inner);
            let evicted = by_tenant.get_mut(tenant).is_some_and(OfTenant::evict_idle);
            drop(by_tenant);
            if !evicted && !replay.drop_unneeded() {
                return Err(exceeded);
            }
        }
    }

    /// Another reader of a tenant's stream.
    ///
    /// # Errors
    /// `UNKNOWN_STREAM`, also for what is another tenant's; `EVENTS_LOST`; `INVALID_PARAMS` for an event that is not
    /// there yet.
    pub fn attach(&self, tenant: &TenantId, id: &str, from_seq: u64) -> Result<Reader, RpcError> {
        let unknown =
            || RpcError::new(ErrorCode::UnknownStream, "there is no resumable stream of this id, or not any more");
        let by_tenant = self.by_tenant.lock().unwrap_or_else(PoisonError::into_inner);
        let replay =
            by_tenant.get(tenant).and_then(|of_tenant| of_tenant.by_id.get(id)).cloned().ok_or_else(unknown)?;
        drop(by_tenant);
        match replay.attach(from_seq) {
            Ok(id) => Ok(Reader { replay, id, unwanted: false }),
            Err(CannotRead::Dropped) => Err(unknown()),
            Err(CannotRead::Lost(first)) => {
                let message = format!("the events before {first} are kept no more");
                Err(RpcError::new(ErrorCode::EventsLost, message).with("resume_from", first))
            }
            Err(CannotRead::Ahead(next)) => {
                let message = format!("from_seq: there are {next} events, from 0 on");
                Err(RpcError::new(ErrorCode::InvalidParams, message).with("field", "from_seq").with("next_seq", next))
            }
        }
    }

    /// Forgets a stream, if it is still the one of this id.
    pub(super) fn remove(&self, tenant: &TenantId, id: &str, replay: &Arc<Replay>) {
        let mut by_tenant = self.by_tenant.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(of_tenant) = by_tenant.get_mut(tenant) else { return };
        if of_tenant.by_id.get(id).is_some_and(|known| Arc::ptr_eq(known, replay)) {
            of_tenant.by_id.remove(id);
        }
        if of_tenant.by_id.is_empty() {
            by_tenant.remove(tenant);
        }
    }

    /// Finds out, while the answer is held, whether the client asks for the end of this subscription.
    pub(super) fn ending(self: &Arc<Self>, key: SubscriptionKey) -> Ending {
        let asked = Arc::<AtomicBool>::default();
        self.unsubscribed.lock().unwrap_or_else(PoisonError::into_inner).insert(key.clone(), asked.clone());
        Ending { streams: self.clone(), key, asked }
    }

    /// A client asks for a subscription's end.
    pub fn unsubscribe(&self, connection: ConnectionId, subscription: SubscriptionId<'static>) {
        let unsubscribed = self.unsubscribed.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(asked) = unsubscribed.get(&(connection, subscription)) {
            asked.store(true, Ordering::Release);
        }
    }
}
