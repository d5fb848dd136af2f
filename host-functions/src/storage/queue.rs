//! The order in which commits are written: fair between those who ask, by the number of entries.
//!
//! ```text
//!  tenant a  ▮▮▮▮▮▮▮▮ ▮▮▮▮▮▮▮▮            one batch at a time: the payer that has been served
//!  tenant b  ▮ ▮ ▮                  ──►   least is next, until the batch has as many commits,
//!  the node  ▮                            entries or bytes as it may
//! ```
//!
//! Each payer has a virtual time, which advances by the entries written for it. Commits of one payer stay in
//! order. A commit that is larger than a batch forms one alone: it is never split.

use super::writer::Request;
use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
};

/// Payers without waiting commits that are remembered because they are ahead of the others.
const IDLE_PAYERS_MAX: usize = 1024;

/// Bounds of a batch.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct BatchLimits {
    /// Commits.
    pub commits_max: usize,
    /// Keys written or cleared.
    pub entries_max: u64,
    /// Bytes of keys and values.
    pub bytes_max: u64,
}

/// Commits that wait for the writer, by payer: the namespace of a tenant, or nothing for the node itself.
#[derive(Debug)]
pub(super) struct CommitQueue {
    limits: BatchLimits,
    payers: HashMap<Option<Arc<str>>, Payer>,
    /// Virtual time of the payer that was served last. A payer that comes begins here, so that it cannot save up turns.
    now: u64,
    len: usize,
}

#[derive(Debug, Default)]
struct Payer {
    /// Entries that were written for it, as if it had always been here.
    served: u64,
    requests: VecDeque<Request>,
}

impl CommitQueue {
    pub(super) fn new(limits: BatchLimits) -> Self {
        Self { limits, payers: HashMap::new(), now: 0, len: 0 }
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn push(&mut self, request: Request) {
        let payer = self.payers.entry(request.changes.payer.clone()).or_default();
        payer.served = payer.served.max(self.now);
        payer.requests.push_back(request);
        self.len += 1;
    }

    /// Takes the next batch out; at least one commit, if any waits. A commit that hands namespaces over is alone,
    /// because what comes after it is checked against it.
    pub(super) fn next_batch(&mut self) -> Vec<Request> {
        let (mut batch, mut entries, mut bytes) = (Vec::new(), 0u64, 0u64);
        while batch.len() < self.limits.commits_max.max(1) {
            let with_requests = self.payers.values_mut().filter(|payer| !payer.requests.is_empty());
            let Some(payer) = with_requests.min_by_key(|payer| payer.served) else { break };
            let Some(first) = payer.requests.front() else { break };
            let (changes, alone) = (&first.changes, first.changes.hands_over());
            let (more, more_bytes) = (changes.entries(), changes.bytes());
            let fits = entries.saturating_add(more) <= self.limits.entries_max
                && bytes.saturating_add(more_bytes) <= self.limits.bytes_max;
            if !batch.is_empty() && (alone || !fits) {
                break;
            }
            self.now = payer.served;
            payer.served = payer.served.saturating_add(more.max(1));
            batch.extend(payer.requests.pop_front());
            self.len -= 1;
            (entries, bytes) = (entries + more, bytes + more_bytes);
            if alone {
                break;
            }
        }
        let now = self.now;
        let too_many = self.payers.len() > IDLE_PAYERS_MAX;
        self.payers.retain(|_, payer| !payer.requests.is_empty() || (payer.served > now && !too_many));
        batch
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::{Changes, Namespace, Store, StoreConfig, changes::Write};

    fn request(namespace: &Namespace, keys: u64) -> Request {
        let name = namespace.name_arc();
        let writes = (0..keys).map(|key| Write {
            namespace: name.clone(),
            key: key.to_be_bytes().to_vec(),
            value: Some(Vec::new()),
            expected: None,
            quota_bytes: u64::MAX,
        });
        let changes = Changes { writes: writes.collect(), payer: Some(name.clone()), ..Changes::new() };
        Request { changes, reply: tokio::sync::oneshot::channel().0 }
    }

    /// Names and entries of each commit of each batch.
    fn batches(queue: &mut CommitQueue) -> Vec<Vec<(String, u64)>> {
        let shown = |request: &Request| {
            (request.changes.payer.as_deref().unwrap_or_default().to_owned(), request.changes.entries())
        };
        let batches = std::iter::from_fn(|| Some(queue.next_batch()).filter(|batch| !batch.is_empty()));
        batches.map(|batch| batch.iter().map(shown).collect()).collect()
    }

    /// One tenant's commits of half a million keys stood before everybody's: batches were bounded by number, not by
    /// size, and written in the order in which they came.
    #[test]
    fn a_small_commit_waits_for_one_bounded_batch_of_another_tenant() {
        let store = Store::in_memory(StoreConfig::default()).unwrap();
        let (big, small) = (store.namespace("tenant/big"), store.namespace("tenant/small"));
        let mut queue = CommitQueue::new(BatchLimits { commits_max: 256, entries_max: 1000, bytes_max: 1 << 20 });
        (0..50).for_each(|_| queue.push(request(&big, 400)));
        (0..3).for_each(|_| queue.push(request(&small, 1)));
        let batches = batches(&mut queue);
        let first_small = batches.iter().position(|batch| batch.iter().any(|(name, _)| name == "tenant/small"));
        assert!(first_small <= Some(1), "{batches:?}");
        let first_two: usize = batches.iter().take(2).flatten().filter(|(name, _)| name == "tenant/small").count();
        assert_eq!(first_two, 3, "small commits pay little and are served first: {batches:?}");
        assert!(batches.iter().all(|batch| batch.iter().map(|(_, entries)| entries).sum::<u64>() <= 1000));
        assert_eq!((batches.iter().flatten().count(), queue.len()), (53, 0));
    }

    #[test]
    fn a_commit_larger_than_a_batch_is_alone_and_whole_and_order_stays_within_a_payer() {
        let store = Store::in_memory(StoreConfig::default()).unwrap();
        let namespace = store.namespace("tenant/a");
        let mut queue = CommitQueue::new(BatchLimits { commits_max: 3, entries_max: 10, bytes_max: 1 << 20 });
        [1, 2, 50, 3, 4, 1, 1].into_iter().for_each(|keys| queue.push(request(&namespace, keys)));
        let sizes: Vec<Vec<u64>> = batches(&mut queue)
            .into_iter()
            .map(|batch| batch.into_iter().map(|(_, entries)| entries).collect())
            .collect();
        assert_eq!(sizes, [vec![1, 2], vec![50], vec![3, 4, 1], vec![1]]);
    }

    #[test]
    fn bytes_bound_a_batch_too() {
        let store = Store::in_memory(StoreConfig::default()).unwrap();
        let namespace = store.namespace("tenant/a");
        // Each key has 8 bytes.
        let mut queue = CommitQueue::new(BatchLimits { commits_max: 256, entries_max: 1000, bytes_max: 20 });
        (0..5).for_each(|_| queue.push(request(&namespace, 1)));
        assert_eq!(batches(&mut queue).iter().map(Vec::len).collect::<Vec<_>>(), [2, 2, 1]);
    }
}
