//! Connection slots: who may hold how many connections.
//!
//! ```text
//!  accept ─► handshake (no request yet) ─┬─ a valid key, or a chain without keys ─► keyed ◄─┐
//!            at most handshakes_max:     │                                                  │ realm_authenticate
//!            the oldest gives way        └─ no key ─► anonymous, at most a share, ──────────┘
//!                                                     and so many per network
//! ```
//!
//! A key is known only after the head of the first request, so a connection without a request is in a pool of its own
//! beside `connections_max`. When that pool is full, the oldest connection of the network that has the most in it is
//! closed: a client that sends its head at once gets in, however many silent connections there are. Anonymous
//! connections cannot take the slots that are reserved for callers with a key.

use super::{cpu_share::CpuShare, traffic::Traffic};
use crate::{auth::network_of, metrics::Metrics};
use std::{
    collections::{BTreeMap, HashMap},
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use tokio_util::sync::CancellationToken;

/// Bounds of connections.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SlotLimits {
    /// Connections that have sent a request.
    pub connections_max: usize,
    /// Those of them that are anonymous.
    pub anonymous_max: usize,
    /// Anonymous connections of one address, of IPv6 one /64.
    pub anonymous_per_network_max: usize,
    /// Connections that have not sent a request yet.
    pub handshakes_max: usize,
}

/// Why a connection gets no slot.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Full {
    /// All slots are taken.
    #[error("all {0} connections of the node are taken; try again later")]
    Connections(usize),
    /// All slots of anonymous clients are taken.
    #[error(
        "all {0} connections for clients without a key are taken; send `Authorization: Bearer KEY`, or try again later"
    )]
    Anonymous(usize),
    /// The network holds as many anonymous connections as one may.
    #[error(
        "this address has {0} connections without a key, as many as one may have; close some, or send `Authorization: Bearer KEY`"
    )]
    Network(usize),
    /// The connection was closed to make room for a newer one.
    #[error("the connection was closed because it sent no request in time")]
    Evicted,
}

/// All slots. One per node.
#[derive(Debug)]
pub struct Slots {
    limits: SlotLimits,
    share: CpuShare,
    metrics: Metrics,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    connections: usize,
    anonymous: usize,
    networks: HashMap<IpAddr, usize>,
    /// By age: the network, and what closes the connection.
    handshakes: BTreeMap<u64, (IpAddr, CancellationToken)>,
    next_id: u64,
}

/// Which slot a connection holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Side {
    Handshake,
    Anonymous,
    Keyed,
}

/// The slot of one connection; free again when dropped. Held by the connection's task, and by the WebSocket that may
/// come of it and outlives that task.
#[derive(Debug)]
pub struct Slot {
    slots: Arc<Slots>,
    network: IpAddr,
    id: u64,
    side: Mutex<Side>,
    /// What the connection has read and has not yet written.
    pub traffic: Arc<Traffic>,
}

impl Slots {
    /// All slots are free.
    pub fn new(limits: SlotLimits, share: CpuShare, metrics: &Metrics) -> Arc<Self> {
        Arc::new(Self { limits, share, metrics: metrics.clone(), state: Mutex::default() })
    }

    /// A connection was accepted; `close` closes it. May close an older one that has sent no request.
    pub fn open(self: &Arc<Self>, remote: IpAddr, close: &CancellationToken, traffic: Arc<Traffic>) -> Slot {
        let network = network_of(remote);
        let mut state = self.state();
        if state.handshakes.len() >= self.limits.handshakes_max.max(1) {
            state.evict();
        }
        let id = state.next_id;
        state.next_id += 1;
        state.handshakes.insert(id, (network, close.clone()));
        drop(state);
        self.metrics.connections.inc();
        Slot { slots: self.clone(), network, id, side: Mutex::new(Side::Handshake), traffic }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // The state is whole at any moment, so a panic elsewhere harms nothing.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Closes the oldest connection of the network that has the most in the pool.
    fn evict(&mut self) {
        let mut counts: HashMap<IpAddr, usize> = HashMap::new();
        for (network, _) in self.handshakes.values() {
            *counts.entry(*network).or_default() += 1;
        }
        let most = counts.values().copied().max().unwrap_or_default();
        let oldest = self.handshakes.iter().find(|(_, (network, _))| counts.get(network) == Some(&most));
        if let Some(id) = oldest.map(|(id, _)| *id)
            && let Some((_, close)) = self.handshakes.remove(&id)
        {
            close.cancel();
        }
    }

    fn leave_network(&mut self, network: IpAddr) {
        self.anonymous = self.anonymous.saturating_sub(1);
        if let Some(held) = self.networks.get_mut(&network) {
            *held = held.saturating_sub(1);
            if *held == 0 {
                self.networks.remove(&network);
            }
        }
    }
}

impl Slot {
    fn side(&self) -> MutexGuard<'_, Side> {
        self.side.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The connection sent a request with a valid key, or the chain needs none.
    ///
    /// # Errors
    /// [`Full`]: it stays what it was.
    pub fn admit_keyed(&self) -> Result<(), Full> {
        let mut side = self.side();
        let mut state = self.slots.state();
        match *side {
            Side::Keyed => return Ok(()),
            Side::Anonymous => state.leave_network(self.network),
            Side::Handshake => self.begin(&mut state)?,
        }
        *side = Side::Keyed;
        self.traffic.set_anonymous(false);
        Ok(())
    }

    /// The connection has shown a valid key: an anonymous one moves to the keyed side.
    pub fn authenticated(&self) {
        let mut side = self.side();
        if *side == Side::Anonymous {
            self.slots.state().leave_network(self.network);
            *side = Side::Keyed;
            self.traffic.set_anonymous(false);
        }
    }

    /// The connection sent a request without a key. One that showed a key before keeps its slot.
    ///
    /// # Errors
    /// [`Full`]: it stays what it was.
    pub fn admit_anonymous(&self) -> Result<(), Full> {
        let mut side = self.side();
        if *side != Side::Handshake {
            return Ok(());
        }
        let limits = self.slots.limits;
        let mut state = self.slots.state();
        if state.anonymous >= limits.anonymous_max.max(1) {
            return Err(Full::Anonymous(limits.anonymous_max));
        }
        if state.networks.get(&self.network).copied().unwrap_or_default() >= limits.anonymous_per_network_max.max(1) {
            return Err(Full::Network(limits.anonymous_per_network_max));
        }
        self.begin(&mut state)?;
        state.anonymous += 1;
        *state.networks.entry(self.network).or_default() += 1;
        *side = Side::Anonymous;
        self.traffic.set_anonymous(true);
        Ok(())
    }

    /// The processor time of all anonymous clients.
    pub fn share(&self) -> &CpuShare {
        &self.slots.share
    }

    /// Whether the connection has shown a valid key, or the chain needs none.
    pub fn is_keyed(&self) -> bool {
        *self.side() == Side::Keyed
    }

    /// Whether the connection has sent a request without a key, and no key since.
    pub fn is_anonymous(&self) -> bool {
        *self.side() == Side::Anonymous
    }

    /// Leaves the handshake pool for one of the slots.
    fn begin(&self, state: &mut State) -> Result<(), Full> {
        if state.connections >= self.slots.limits.connections_max.max(1) {
            return Err(Full::Connections(self.slots.limits.connections_max));
        }
        if state.handshakes.remove(&self.id).is_none() {
            return Err(Full::Evicted);
        }
        state.connections += 1;
        Ok(())
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let side = *self.side();
        let mut state = self.slots.state();
        match side {
            Side::Handshake => {
                state.handshakes.remove(&self.id);
            }
            Side::Anonymous => {
                state.connections = state.connections.saturating_sub(1);
                state.leave_network(self.network);
            }
            Side::Keyed => state.connections = state.connections.saturating_sub(1),
        }
        drop(state);
        self.slots.metrics.connections.dec();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::{cpu_share::CpuShareConfig, traffic::TrafficLimits};
    use substrate_prometheus_endpoint::Registry;

    const LIMITS: SlotLimits =
        SlotLimits { connections_max: 4, anonymous_max: 2, anonymous_per_network_max: 1, handshakes_max: 2 };

    struct Node(Arc<Slots>);

    impl Node {
        fn new() -> Self {
            Self(Slots::new(
                LIMITS,
                CpuShare::new(CpuShareConfig::default()),
                &Metrics::register(&Registry::new()).unwrap(),
            ))
        }

        fn open(&self, address: &str) -> (Slot, CancellationToken) {
            let close = CancellationToken::new();
            let traffic = Traffic::new(TrafficLimits::default(), Arc::default());
            (self.0.open(address.parse().unwrap(), &close, traffic), close)
        }
    }

    #[test]
    fn anonymous_connections_leave_room_for_keyed_ones() {
        let node = Node::new();
        let anonymous = [node.open("10.0.0.1").0, node.open("10.0.0.2").0];
        for slot in &anonymous {
            assert_eq!(slot.admit_anonymous(), Ok(()));
        }
        let (third, _) = node.open("10.0.0.3");
        assert_eq!(third.admit_anonymous(), Err(Full::Anonymous(2)));
        assert_eq!(third.admit_keyed(), Ok(()));
        let (fourth, _) = node.open("10.0.0.1");
        assert_eq!(fourth.admit_keyed(), Ok(()));
        assert_eq!(node.open("10.0.0.4").0.admit_keyed(), Err(Full::Connections(4)));
        // Authentication moves a connection to the other side and frees its anonymous slot.
        assert_eq!(anonymous[0].admit_keyed(), Ok(()));
        drop(fourth);
        let (next, _) = node.open("10.0.0.1");
        assert_eq!(next.admit_anonymous(), Ok(()));
        drop((anonymous, third, next));
        let state = node.0.state();
        assert_eq!((state.connections, state.anonymous, state.networks.len(), state.handshakes.len()), (0, 0, 0, 0));
    }

    #[test]
    fn a_network_has_one_share() {
        let node = Node::new();
        let (first, _) = node.open("2001:db8::1");
        assert_eq!(first.admit_anonymous(), Ok(()));
        let (second, _) = node.open("2001:db8::2");
        assert_eq!(second.admit_anonymous(), Err(Full::Network(1)));
        assert_eq!(second.admit_keyed(), Ok(()));
    }

    #[test]
    fn silent_connections_of_the_busiest_network_give_way() {
        let node = Node::new();
        let (other, other_close) = node.open("10.0.0.2");
        let (oldest, oldest_close) = node.open("10.0.0.1");
        let (newer, newer_close) = node.open("10.0.0.1");
        // Both networks had one connection each, so the oldest of all gave way.
        assert!(other_close.is_cancelled() && !oldest_close.is_cancelled());
        assert_eq!(other.admit_keyed(), Err(Full::Evicted));
        let (third, _) = node.open("10.0.0.2");
        assert!(oldest_close.is_cancelled() && !newer_close.is_cancelled());
        assert_eq!((newer.admit_keyed(), third.admit_keyed()), (Ok(()), Ok(())));
        drop(oldest);
    }
}
