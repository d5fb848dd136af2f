//! The books in the database, beside the tenants' state, so that a call's charge and what the call wrote become durable
//! in one commit.
//!
//! ```text
//!   node/usage       tenant 0x00 hour ─► figures, added up by the writer
//!   node/open-calls  call's id        ─► tenant, hour; there while a call runs that takes longer than a moment
//!   node/clock       "believed"       ─► the newest hour that was believed; nothing is removed by a clock far ahead of it
//! ```
//!
//! Settling a call takes its entry away and adds its figures in the same commit, so it is counted once or not at all,
//! whenever the node dies and however often settling is tried.

use super::{
    error::MeteringError,
    period::{Hour, Period},
    usage::Usage,
};
use crate::tenants::TenantId;
use parity_scale_codec::{Decode, DecodeAll, Encode};
use realm_host_functions::storage::{Changes, CommitError, Namespace, Store, StoreError, counters_of};
use std::collections::HashMap;

/// Namespace of what was used.
const USAGE: &str = "node/usage";
/// Namespace of the calls that run.
const OPEN_CALLS: &str = "node/open-calls";
/// Namespace of what is known of the time.
const CLOCK: &str = "node/clock";
/// Key of the newest hour that was believed.
const BELIEVED: &[u8] = b"believed";
/// Between a tenant's name, which has none of these, and the hour.
const SEPARATOR: u8 = 0;
/// Rows that one commit removes.
const PRUNED_MAX: usize = 4096;

/// A call that runs.
#[derive(Encode, Decode)]
struct OpenCall {
    tenant: String,
    /// When it began.
    hour: u32,
}

/// The books.
#[derive(Clone, Debug)]
pub(super) struct Ledger {
    usage: Namespace,
    open_calls: Namespace,
    clock: Namespace,
}

impl Ledger {
    pub(super) fn new(store: &Store) -> Self {
        Self { usage: store.namespace(USAGE), open_calls: store.namespace(OPEN_CALLS), clock: store.namespace(CLOCK) }
    }

    /// Notes that a call begins.
    pub(super) async fn open(&self, call_id: &str, tenant: &TenantId, hour: Hour) -> Result<(), CommitError> {
        let mut changes = Changes::new();
        let call = OpenCall { tenant: tenant.as_str().to_owned(), hour: hour.0 };
        self.open_calls.write(&mut changes, call_id.as_bytes(), Some(call.encode()));
        self.open_calls.commit(changes).await
    }

    /// Counts a call that is over, with `changes` in the same commit. One that was `opened` is counted once: a second
    /// time is a conflict.
    pub(super) async fn close(
        &self,
        opened: Option<&str>,
        tenant: &TenantId,
        hour: Hour,
        usage: &Usage,
        mut changes: Changes,
    ) -> Result<(), CommitError> {
        if let Some(call_id) = opened {
            self.open_calls.take(&mut changes, call_id.as_bytes());
        }
        self.usage.add(&mut changes, &key(tenant.as_str(), hour), &usage.to_row());
        self.usage.commit(changes).await
    }

    /// Makes changes durable that count nothing.
    pub(super) async fn commit(&self, changes: Changes) -> Result<(), CommitError> {
        self.usage.commit(changes).await
    }

    /// Counts calls that cost nothing.
    pub(super) async fn add(&self, rows: &HashMap<(TenantId, Hour), Usage>) -> Result<(), CommitError> {
        if rows.is_empty() {
            return Ok(());
        }
        let mut changes = Changes::new();
        for ((tenant, hour), usage) in rows {
            self.usage.add(&mut changes, &key(tenant.as_str(), *hour), &usage.to_row());
        }
        self.usage.commit(changes).await
    }

    /// Settles the calls that a node left open when it died: nobody got their answers, so they are counted in the hour
    /// they began in and nothing is charged. How many there were.
    pub(super) async fn close_interrupted(&self) -> Result<usize, MeteringError> {
        let left = self.open_calls.entries()?;
        if left.is_empty() {
            return Ok(0);
        }
        let mut changes = Changes::new();
        for (id, call) in &left {
            let call = OpenCall::decode_all(&mut &call[..]).map_err(|_| MeteringError::Corrupt("an open call"))?;
            let usage = Usage { calls: 1, interrupted: 1, ..Usage::default() };
            self.open_calls.take(&mut changes, id);
            self.usage.add(&mut changes, &key(&call.tenant, Hour(call.hour)), &usage.to_row());
        }
        self.usage.commit(changes).await?;
        Ok(left.len())
    }

    /// The newest hour that was believed; before there was a note of it, the newest that has usage.
    pub(super) fn believed_hour(&self) -> Result<Option<Hour>, MeteringError> {
        if let Some(hour) = self.clock.get(BELIEVED)? {
            let hour = u32::decode_all(&mut &hour[..]).map_err(|_| MeteringError::Corrupt("the newest hour"))?;
            return Ok(Some(Hour(hour)));
        }
        let mut newest = None;
        for tenant in self.tenants()? {
            let rows = self.usage.between(&key(&tenant, Hour(0)), &key(&tenant, Hour(u32::MAX)))?;
            if let Some((key, _)) = rows.last() {
                newest = newest.max(Some(parts(key)?.1));
            }
        }
        Ok(newest)
    }

    /// Removes what was used before an hour, and notes the newest hour that is believed.
    pub(super) async fn prune(&self, before: Hour, believed: Hour) -> Result<(), MeteringError> {
        let mut changes = Changes::new();
        self.clock.write(&mut changes, BELIEVED, Some(believed.0.encode()));
        self.clock.commit(changes).await?;
        for tenant in self.tenants()? {
            let rows = self.usage.between(&key(&tenant, Hour(0)), &key(&tenant, before))?;
            for rows in rows.chunks(PRUNED_MAX) {
                let mut changes = Changes::new();
                rows.iter().for_each(|(key, _)| self.usage.write(&mut changes, key, None));
                self.usage.commit(changes).await?;
            }
        }
        Ok(())
    }

    /// The tenants that have used something, by name; also those that are no more.
    pub(super) fn tenants(&self) -> Result<Vec<String>, MeteringError> {
        let mut tenants = Vec::new();
        let mut after = Vec::new();
        while let Some(key) = self.usage.next_key(&after)? {
            let (tenant, _) = parts(&key)?;
            after = tenant.as_bytes().to_vec();
            after.push(SEPARATOR + 1);
            tenants.push(tenant.to_owned());
        }
        Ok(tenants)
    }

    /// What a tenant used in the periods that begin from `from` to before `to`, oldest first; hours outside are left out.
    pub(super) fn read(
        &self,
        tenant: &str,
        from: Hour,
        to: Hour,
        period: Period,
    ) -> Result<Vec<(Hour, Usage)>, MeteringError> {
        if from >= to {
            return Ok(Vec::new());
        }
        let mut sums: Vec<(Hour, Usage)> = Vec::new();
        for (key, row) in self.usage.between(&key(tenant, from), &key(tenant, to))? {
            let begin = parts(&key)?.1.begin_of(period);
            let usage = Usage::from_row(&counters_of(&row)?);
            match sums.last_mut() {
                Some((last, sum)) if *last == begin => sum.add(&usage),
                _ => sums.push((begin, usage)),
            }
        }
        Ok(sums)
    }
}

fn key(tenant: &str, hour: Hour) -> Vec<u8> {
    [tenant.as_bytes(), &[SEPARATOR], &hour.0.to_be_bytes()].concat()
}

fn parts(key: &[u8]) -> Result<(&str, Hour), StoreError> {
    let parts = || {
        let (rest, hour) = key.split_last_chunk::<4>()?;
        let (separator, tenant) = rest.split_last()?;
        let tenant = std::str::from_utf8(tenant).ok()?;
        (*separator == SEPARATOR).then_some((tenant, Hour(u32::from_be_bytes(*hour))))
    };
    parts().ok_or_else(|| StoreError::corrupt("a key of the usage"))
}
