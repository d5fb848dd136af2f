//! The followers of all connections: who follows, what each holds and has under way. An id given to
//! one connection means nothing on another.

use super::heads::Notice;
use crate::chain::{BlockHash, Follow, FollowLimits, OperationId, UnpinError};
use jsonrpsee::ConnectionId;
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

/// Events of operations that wait to be sent to one follower.
const EVENTS_WAITING_MAX: usize = 16;

/// One follower, shared by its subscription and its operations.
pub(super) struct Follower {
    /// Held for single statements, never across anything that waits.
    state: Mutex<Follow<CancellationToken>>,
    events: mpsc::Sender<Notice>,
    /// Ends all of its operations.
    ended: CancellationToken,
}

impl Follower {
    fn state(&self) -> MutexGuard<'_, Follow<CancellationToken>> {
        // Every change of the state is one call that cannot panic halfway.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets `change` see and change what the follower holds.
    pub fn with<T>(&self, change: impl FnOnce(&mut Follow<CancellationToken>) -> T) -> T {
        change(&mut self.state())
    }

    pub fn holds(&self, block: BlockHash) -> bool {
        self.state().holds(block)
    }

    pub fn unpin(&self, blocks: &[BlockHash]) -> Result<(), UnpinError> {
        self.state().unpin(blocks)
    }

    /// A place for one more operation, with what ends it early.
    pub fn begin_operation(&self) -> Option<(OperationId, CancellationToken)> {
        let token = self.ended.child_token();
        let id = self.state().begin_operation(|_| token.clone())?;
        Some((id, token))
    }

    /// Ends an operation early, if it is under way.
    pub fn stop_operation(&self, id: OperationId) {
        if let Some(token) = self.state().end_operation(id) {
            token.cancel();
        }
    }

    /// The operation is over: its events are told, unless it was stopped.
    pub async fn finish_operation(&self, id: OperationId, events: Vec<Notice>) {
        if self.state().end_operation(id).is_none() {
            return;
        }
        for event in events {
            // A follower that left needs no events.
            let _ = self.events.send(event).await;
        }
    }
}

type Key = (ConnectionId, String);

/// All followers. Cheap to clone.
#[derive(Clone)]
pub(super) struct Followers {
    limits: FollowLimits,
    /// None stands for a place that was taken and whose subscription has no id yet.
    followers: Arc<Mutex<HashMap<Key, Option<Arc<Follower>>>>>,
}

/// A place among a connection's followers, until dropped; its operations end with it.
pub(super) struct Place {
    followers: Followers,
    key: Key,
    follower: Option<Arc<Follower>>,
}

impl Followers {
    pub fn new(limits: FollowLimits) -> Self {
        Self { limits, followers: Arc::default() }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Key, Option<Arc<Follower>>>> {
        self.followers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A place for a subscription that is about to be accepted; none if the connection has too many.
    pub fn reserve(&self, connection: ConnectionId, subscription: String) -> Option<Place> {
        let mut followers = self.lock();
        let held = followers.keys().filter(|(holder, _)| *holder == connection).count();
        if held >= self.limits.followers_per_connection_max {
            return None;
        }
        let key = (connection, subscription);
        followers.insert(key.clone(), None);
        Some(Place { followers: self.clone(), key, follower: None })
    }

    /// A connection's follower.
    pub fn find(&self, connection: ConnectionId, subscription: &str) -> Option<Arc<Follower>> {
        self.lock().get(&(connection, subscription.to_owned())).cloned().flatten()
    }
}

impl Place {
    /// The follower begins, told of `newest` first. Its operations' events come through the channel.
    pub fn begin(&mut self, newest: BlockHash) -> (Arc<Follower>, mpsc::Receiver<Notice>) {
        let (events, inbox) = mpsc::channel(EVENTS_WAITING_MAX);
        let (state, _) = Follow::begin(newest, self.followers.limits);
        let follower = Arc::new(Follower { state: Mutex::new(state), events, ended: CancellationToken::new() });
        self.follower = Some(follower.clone());
        self.followers.lock().insert(self.key.clone(), Some(follower.clone()));
        (follower, inbox)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.followers.lock().remove(&self.key);
        if let Some(follower) = &self.follower {
            follower.ended.cancel();
        }
    }
}
