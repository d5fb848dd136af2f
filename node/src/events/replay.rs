//! The replay of one stream: its last events, who reads them, and how far each is. Pure bookkeeping behind a lock
//! that is never held across anything that waits; whoever waits does so for [`Replay::watch`].

use super::registry::ReplayLimits;
use realm_host_functions::{Lease, NativeBudget, QuotaExceeded};
use serde_json::value::RawValue;
use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};
use tokio::sync::watch;

/// Names one reader of a stream.
pub type ReaderId = u64;

/// The events of one stream that are kept.
#[derive(Debug)]
pub struct Replay {
    state: Mutex<State>,
    changed: watch::Sender<()>,
    limits: ReplayLimits,
    /// The native memory of the tenant's kept streams.
    budget: NativeBudget,
    /// How long it is kept while nobody reads.
    keep: Duration,
}

#[derive(Debug)]
struct State {
    /// Each with the lease of its bytes.
    events: VecDeque<(Arc<RawValue>, Lease)>,
    bytes: usize,
    /// Number of the first event that is kept.
    first_seq: u64,
    /// Whether the last event is there.
    ended: bool,
    /// Whether nobody wants it any more.
    dropped: bool,
    /// The next event of each reader.
    readers: BTreeMap<ReaderId, u64>,
    next_reader: ReaderId,
    /// Since when nobody reads.
    unread_since: Instant,
}

/// What there is for a reader.
#[derive(Debug)]
pub enum Next {
    /// An event, and whether it is the last.
    Event(Arc<RawValue>, bool),
    /// Nothing yet.
    Nothing,
    /// Its next event was dropped, because it read too slowly.
    Lost,
}

/// Why a stream cannot be read from an event on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CannotRead {
    /// Nobody wants it any more.
    Dropped,
    /// The events before this one are kept no more.
    Lost(u64),
    /// There is no such event yet, or never; this is the next, or one after the last.
    Ahead(u64),
}

/// Whether a stream goes on without its readers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Standing {
    /// Somebody reads.
    Read,
    /// Nobody reads; it is kept until then.
    KeptUntil(Instant),
    /// Nobody wants it any more.
    Dropped,
}

impl State {
    fn next_seq(&self) -> u64 {
        self.first_seq + self.events.len() as u64
    }

    fn is_full_for(&self, bytes: usize, limits: &ReplayLimits) -> bool {
        let full = self.events.len() >= limits.events_max || self.bytes + bytes > limits.bytes_max;
        full && !self.events.is_empty()
    }

    /// Whether some reader still has to get the first event.
    fn first_is_needed(&self) -> bool {
        self.readers.values().any(|next| *next <= self.first_seq)
    }

    fn drop_first(&mut self) {
        if let Some((event, _)) = self.events.pop_front() {
            self.bytes -= event.get().len();
            self.first_seq += 1;
        }
    }
}

impl Replay {
    /// An empty one. Nobody reads it yet.
    pub fn new(limits: ReplayLimits, budget: NativeBudget, keep: Duration) -> Self {
        let state = State {
            events: VecDeque::new(),
            bytes: 0,
            first_seq: 0,
            ended: false,
            dropped: false,
            readers: BTreeMap::new(),
            next_reader: 0,
            unread_since: Instant::now(),
        };
        Self { state: Mutex::new(state), changed: watch::Sender::new(()), limits, budget, keep }
    }

    /// Tells of every change from here on.
    pub fn watch(&self) -> watch::Receiver<()> {
        self.changed.subscribe()
    }

    /// Appends an event, dropping the first ones for room. If a reader still needs those, gives the event back
    /// instead, unless it is the stream's last: that is always taken. `room` is the lease of its bytes.
    pub fn push(&self, event: Arc<RawValue>, room: Lease, last: bool) -> Result<(), (Arc<RawValue>, Lease)> {
        let mut state = self.lock();
        let bytes = event.get().len();
        while state.is_full_for(bytes, &self.limits) {
            match state.first_is_needed() {
                true if last => break,
                true => return Err((event, room)),
                false => state.drop_first(),
            }
        }
        state.bytes += bytes;
        state.events.push_back((event, room));
        state.ended = last;
        if last {
            state.unread_since = Instant::now();
        }
        drop(state);
        self.changed.send_replace(());
        Ok(())
    }

    /// Room for an event of this many bytes in the native memory of the tenant's kept streams.
    ///
    /// # Errors
    /// [`QuotaExceeded`]
    pub fn reserve(&self, bytes: u64) -> Result<Lease, QuotaExceeded> {
        self.budget.try_take("events of a resumable stream", bytes)
    }

    /// A lease of nothing, for an event that says that there is no room.
    pub fn no_room(&self) -> Lease {
        self.budget.empty_lease()
    }

    /// Drops the first event, if there is one that no reader needs.
    pub fn drop_unneeded(&self) -> bool {
        let mut state = self.lock();
        let droppable = !state.events.is_empty() && !state.first_is_needed();
        if droppable {
            state.drop_first();
        }
        droppable
    }

    /// Number of the event that comes next.
    pub fn next_seq(&self) -> u64 {
        self.lock().next_seq()
    }

    /// A reader of the events from this one on.
    ///
    /// # Errors
    /// They cannot be read.
    pub fn attach(&self, from_seq: u64) -> Result<ReaderId, CannotRead> {
        let mut state = self.lock();
        if state.dropped {
            return Err(CannotRead::Dropped);
        }
        if from_seq < state.first_seq {
            return Err(CannotRead::Lost(state.first_seq));
        }
        let next = state.next_seq();
        if from_seq > next || (from_seq == next && state.ended) {
            return Err(CannotRead::Ahead(next));
        }
        let reader = state.next_reader;
        state.next_reader += 1;
        state.readers.insert(reader, from_seq);
        drop(state);
        self.changed.send_replace(());
        Ok(reader)
    }

    /// A reader is gone. `unwanted` says that it left on purpose: then the stream goes with its last reader.
    pub fn detach(&self, reader: ReaderId, unwanted: bool) {
        let mut state = self.lock();
        state.readers.remove(&reader);
        if state.readers.is_empty() {
            state.unread_since = Instant::now();
            state.dropped |= unwanted;
        }
        drop(state);
        self.changed.send_replace(());
    }

    /// What a reader has to get next; it counts as got.
    pub fn take(&self, reader: ReaderId) -> Next {
        let mut state = self.lock();
        let Some(seq) = state.readers.get(&reader).copied() else { return Next::Lost };
        let Some(place) = seq.checked_sub(state.first_seq) else { return Next::Lost };
        let event =
            usize::try_from(place).ok().and_then(|place| state.events.get(place)).map(|(event, _)| event.clone());
        let Some(event) = event else { return Next::Nothing };
        state.readers.insert(reader, seq + 1);
        let last = state.ended && seq + 1 == state.next_seq();
        drop(state);
        // A full replay may have room now.
        self.changed.send_replace(());
        Next::Event(event, last)
    }

    /// Nobody wants it any more; its bytes are free at once.
    pub fn give_up(&self) {
        let mut state = self.lock();
        state.dropped = true;
        while !state.events.is_empty() {
            state.drop_first();
        }
        drop(state);
        self.changed.send_replace(());
    }

    /// Since when it is over and nobody reads, if so.
    pub fn idle_since(&self) -> Option<Instant> {
        let state = self.lock();
        (state.ended && state.readers.is_empty()).then_some(state.unread_since)
    }

    /// Resolves when nobody wants it: its last reader left on purpose, or it was not read for as long as it is kept.
    pub async fn abandoned(&self) {
        let mut changed = self.watch();
        loop {
            changed.mark_unchanged();
            match self.standing() {
                Standing::Dropped => return,
                Standing::KeptUntil(end) if end <= Instant::now() => return self.give_up(),
                Standing::KeptUntil(end) => tokio::select! {
                    () = tokio::time::sleep_until(end.into()) => {}
                    _ = changed.changed() => {}
                },
                // The sender lives as long as this.
                Standing::Read => drop(changed.changed().await),
            }
        }
    }

    fn standing(&self) -> Standing {
        let state = self.lock();
        match (state.dropped, state.readers.is_empty()) {
            (true, _) => Standing::Dropped,
            (false, true) => Standing::KeptUntil(state.unread_since + self.keep),
            (false, false) => Standing::Read,
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // It is whole between any two statements that could panic.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
