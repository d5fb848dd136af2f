//! All resumable streams, each its tenant's alone, and which subscriptions ended on purpose.

use super::replay::{CannotRead, ReaderId, Replay};
use crate::tenants::TenantId;
use jsonrpsee::{ConnectionId, types::SubscriptionId};
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
    /// Streams of one tenant, running or kept. Where there are more, those that are over and not read go first.
    /// Default 256.
    pub streams_per_tenant_max: usize,
    /// How long a stream is kept while nobody reads, unless its caller wants less. Default 60 s.
    pub keep_max: Duration,
}

impl Default for ReplayLimits {
    fn default() -> Self {
        Self { events_max: 4096, bytes_max: 1 << 20, streams_per_tenant_max: 256, keep_max: Duration::from_secs(60) }
    }
}

type OfTenant = BTreeMap<String, Arc<Replay>>;

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
    pub(super) fn add(&self, tenant: &TenantId, id: &str, keep: Option<Duration>) -> Result<Reader, RpcError> {
        let keep_max = self.limits.keep_max;
        let keep = keep.unwrap_or(keep_max);
        if keep.is_zero() || keep > keep_max {
            let message = format!("options.keep_ms: must be from 1 to {}", keep_max.as_millis());
            return Err(RpcError::new(ErrorCode::InvalidParams, message).with("field", "options.keep_ms"));
        }
        let mut by_tenant = self.by_tenant.lock().unwrap_or_else(PoisonError::into_inner);
        let streams = by_tenant.entry(tenant.clone()).or_default();
        if streams.contains_key(id) {
            let message = "options.id: a resumable stream of this id runs or is kept";
            return Err(RpcError::new(ErrorCode::InvalidParams, message).with("field", "options.id"));
        }
        if streams.len() >= self.limits.streams_per_tenant_max {
            let idle = |(id, replay): (&String, &Arc<Replay>)| Some((replay.idle_since()?, id.clone()));
            let Some((_, oldest)) = streams.iter().filter_map(idle).min() else {
                let max = self.limits.streams_per_tenant_max;
                let message = format!("{max} resumable streams run already");
                return Err(RpcError::new(ErrorCode::QuotaExceeded, message).with("streams_max", max));
            };
            if let Some(replay) = streams.remove(&oldest) {
                replay.give_up();
            }
        }
        let replay = Arc::new(Replay::new(self.limits, keep));
        // A new stream can be read from its beginning.
        let reader = replay.attach(0).map_err(|_| RpcError::new(ErrorCode::Internal, "a new stream cannot be read"))?;
        streams.insert(id.to_owned(), replay.clone());
        Ok(Reader { replay, id: reader, unwanted: false })
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
        let replay = by_tenant.get(tenant).and_then(|streams| streams.get(id)).cloned().ok_or_else(unknown)?;
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
        let Some(streams) = by_tenant.get_mut(tenant) else { return };
        if streams.get(id).is_some_and(|known| Arc::ptr_eq(known, replay)) {
            streams.remove(id);
        }
        if streams.is_empty() {
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
