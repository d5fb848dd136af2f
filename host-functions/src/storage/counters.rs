//! Counters: rows of numbers that the writer adds up while it commits. Commits that count in the same row never
//! conflict, and none is lost, in whatever order they come. Beside them, keys that can be taken once: a commit that
//! takes one which is gone is refused, so that what it counts is never counted twice.

use super::{
    Changes, Namespace,
    changes::Write,
    error::{CommitError, StoreError},
    store::record,
    writer::Values,
};
use std::{collections::BTreeMap, sync::Arc};

/// Bytes of a number in a row.
const NUMBER_BYTES: usize = 8;

/// Numbers to be added to a row.
#[derive(Debug)]
pub(super) struct Addition {
    namespace: Arc<str>,
    key: Vec<u8>,
    amounts: Vec<u64>,
}

/// A key that must be there, and goes.
#[derive(Debug)]
pub(super) struct Taking {
    namespace: Arc<str>,
    key: Vec<u8>,
}

impl Addition {
    /// Bytes of key and row.
    pub(super) fn bytes(&self) -> u64 {
        (self.key.len() + self.amounts.len() * NUMBER_BYTES) as u64
    }
}

impl Namespace {
    /// Adds `amounts` to the row under this key, place by place; a row that is not there counts from 0. Sums stop at
    /// the greatest number. For the node's own use: no quota, and no other write of the same key in one commit.
    pub fn add(&self, changes: &mut Changes, key: &[u8], amounts: &[u64]) {
        let (namespace, key, amounts) = (self.name_arc(), key.to_vec(), amounts.to_vec());
        changes.additions.push(Addition { namespace, key, amounts });
    }

    /// Clears a key that must be there: the commit is refused as a conflict if it is gone.
    pub fn take(&self, changes: &mut Changes, key: &[u8]) {
        changes.takings.push(Taking { namespace: self.name_arc(), key: key.to_vec() });
    }
}

/// The numbers of a row.
///
/// # Errors
/// [`StoreError`]: it is no row.
pub fn counters_of(value: &[u8]) -> Result<Vec<u64>, StoreError> {
    let (numbers, rest) = value.as_chunks::<NUMBER_BYTES>();
    if !rest.is_empty() {
        return Err(redb::Error::Corrupted(format!("a row of counters has {} bytes", value.len())).into());
    }
    Ok(numbers.iter().map(|number| u64::from_le_bytes(*number)).collect())
}

/// What counting and taking come to as writes, over what is stored now.
pub(super) fn resolve(values: &Values<'_>, changes: &Changes) -> Result<Result<Vec<Write>, CommitError>, StoreError> {
    let mut writes = Vec::with_capacity(changes.takings.len() + changes.additions.len());
    for Taking { namespace, key } in &changes.takings {
        if redb::ReadableTable::get(values, (&**namespace, &key[..])).map_err(redb::Error::from)?.is_none() {
            return Ok(Err(CommitError::Conflict { key: key.clone() }));
        }
        writes.push(write(namespace, key, None));
    }
    let mut sums: BTreeMap<(&Arc<str>, &[u8]), Vec<u64>> = BTreeMap::new();
    for Addition { namespace, key, amounts } in &changes.additions {
        let row = match sums.entry((namespace, key)) {
            std::collections::btree_map::Entry::Occupied(row) => row.into_mut(),
            std::collections::btree_map::Entry::Vacant(empty) => {
                let stored = redb::ReadableTable::get(values, (&**namespace, &key[..])).map_err(redb::Error::from)?;
                let row = stored.map(|stored| counters_of(record(stored.value())?.1)).transpose()?;
                empty.insert(row.unwrap_or_default())
            }
        };
        row.resize(row.len().max(amounts.len()), 0);
        row.iter_mut().zip(amounts).for_each(|(sum, amount)| *sum = sum.saturating_add(*amount));
    }
    for ((namespace, key), row) in sums {
        writes.push(write(namespace, key, Some(row.iter().flat_map(|number| number.to_le_bytes()).collect())));
    }
    Ok(Ok(writes))
}

fn write(namespace: &Arc<str>, key: &[u8], value: Option<Vec<u8>>) -> Write {
    Write { namespace: namespace.clone(), key: key.to_vec(), value, expected: None, quota_bytes: u64::MAX }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        budget::overhead::STORED_ENTRY_BYTES,
        storage::{Store, StoreConfig},
    };

    #[tokio::test]
    async fn rows_are_added_up_and_a_key_is_taken_once() {
        let store = Store::in_memory(StoreConfig::default()).unwrap();
        let (rows, open) = (store.namespace("node/rows"), store.namespace("node/open"));
        let mut opened = Changes::new();
        (0..40u8).for_each(|id| open.write(&mut opened, &[id], Some(vec![1])));
        store.commit(opened).await.unwrap();
        // Each tries twice, all at once: one of the two counts, twice in the same row.
        let attempts = (0..80u8).map(|attempt| {
            let mut changes = Changes::new();
            open.take(&mut changes, &[attempt % 40]);
            rows.add(&mut changes, b"row", &[1, 2]);
            rows.add(&mut changes, b"row", &[0, 0, 3]);
            store.commit(changes)
        });
        let outcomes = futures::future::join_all(attempts).await;
        assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 40);
        assert!(outcomes.iter().all(|outcome| matches!(outcome, Ok(()) | Err(CommitError::Conflict { .. }))));
        assert_eq!(counters_of(&rows.get(b"row").unwrap().unwrap()).unwrap(), [40, 80, 120]);
        assert_eq!((rows.bytes().unwrap(), open.bytes().unwrap()), (STORED_ENTRY_BYTES + 3 + 24, 0));
    }

    #[tokio::test]
    async fn what_is_refused_counts_nothing_and_sums_stop_at_the_greatest() {
        let store = Store::in_memory(StoreConfig::default()).unwrap();
        let rows = store.namespace("node/rows");
        let mut changes = Changes::new();
        rows.add(&mut changes, b"row", &[u64::MAX - 1]);
        rows.add(&mut changes, b"row", &[5]);
        store.commit(changes).await.unwrap();
        let mut refused = Changes::new();
        rows.add(&mut refused, b"other", &[1]);
        rows.take(&mut refused, b"absent");
        assert!(store.commit(refused).await.is_err());
        assert_eq!(counters_of(&rows.get(b"row").unwrap().unwrap()).unwrap(), [u64::MAX]);
        assert_eq!(rows.get(b"other").unwrap(), None);
        assert!(counters_of(&[0; 9]).is_err());
    }
}
