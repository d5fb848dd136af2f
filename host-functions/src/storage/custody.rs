//! Which code a namespace's state is kept by. A migration rewrites the state for other code, while calls of
//! the code before it may still run. Those would misread what is there now, and what they wrote would be
//! misread by their successors; so from the commit of a migration on they get nothing and leave nothing.
//!
//! ```text
//!   upgrade: migrate over a snapshot ─► commit: state + handover (refused if the state changed meanwhile)
//!   call of the old code, commits later ─► CommitError::Migrated
//! ```
//!
//! Kept in memory only: no call outlives the process.

use super::Namespace;
use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
};

/// Hash of a blob.
pub(super) type Code = [u8; 32];

/// Codes in a row that take over a state as it is. Calls of older ones are refused too soon, never too late.
const KEEPERS_MAX: usize = 64;

/// Which codes may touch which namespace; all may, where none is named.
#[derive(Debug, Default)]
pub(super) struct Custody {
    keepers: HashMap<Arc<str>, Keepers>,
}

#[derive(Clone, Debug)]
struct Keepers {
    codes: VecDeque<Code>,
    /// The commit that rewrote the state.
    since: u64,
}

/// A namespace's keepers before a handover.
pub(super) struct Before(Arc<str>, Option<Keepers>);

/// The last commit that wrote to each namespace since the process began. The writer's own.
#[derive(Debug, Default)]
pub(super) struct LastWrites(HashMap<Arc<str>, u64>);

impl LastWrites {
    pub(super) fn wrote(&mut self, namespace: &Arc<str>, commit: u64) {
        match self.0.get_mut(namespace) {
            Some(last) => *last = commit,
            None => drop(self.0.insert(namespace.clone(), commit)),
        }
    }

    /// Whether the migration saw the state as it is.
    pub(super) fn seen_by(&self, handover: &Handover) -> bool {
        let last = self.0.get(&handover.namespace).copied().unwrap_or(0);
        handover.seen.is_none_or(|seen| last <= seen)
    }
}

/// A namespace's state is kept by other code from a commit on.
#[derive(Debug)]
pub(super) struct Handover {
    namespace: Arc<str>,
    to: Code,
    /// The last commit that the migration saw; nothing, if it did not look at the state.
    seen: Option<u64>,
    rewritten: bool,
}

impl Handover {
    /// `seen`: the last commit that the migration saw, if it looked at the state at all.
    pub(super) fn new(namespace: &Namespace, to: Code, seen: Option<u64>, rewritten: bool) -> Self {
        Self { namespace: namespace.name_arc(), to, seen, rewritten }
    }
}

impl Custody {
    /// Whether calls of this code may see the namespace as it is since `commit`, or write to it.
    pub(super) fn allows(&self, namespace: &str, code: &Code, commit: u64) -> bool {
        self.keepers.get(namespace).is_none_or(|keepers| commit < keepers.since || keepers.codes.contains(code))
    }

    /// A commit hands the namespace over. How it was before, for a commit that fails after all.
    pub(super) fn hand_over(&mut self, handover: &Handover, commit: u64) -> Before {
        let Handover { namespace, to, rewritten, .. } = handover;
        let before = Before(namespace.clone(), self.keepers.get(namespace).cloned());
        if *rewritten {
            self.keepers.insert(namespace.clone(), Keepers { codes: VecDeque::from([*to]), since: commit });
        } else if let Some(keepers) = self.keepers.get_mut(namespace)
            && !keepers.codes.contains(to)
        {
            if keepers.codes.len() == KEEPERS_MAX {
                keepers.codes.pop_front();
            }
            keepers.codes.push_back(*to);
        }
        before
    }

    /// Takes a handover back.
    pub(super) fn restore(&mut self, Before(namespace, keepers): Before) {
        match keepers {
            Some(keepers) => drop(self.keepers.insert(namespace, keepers)),
            None => drop(self.keepers.remove(&namespace)),
        }
    }

    /// The namespace begins anew, as a tenant's does that is added again.
    pub(super) fn forget(&mut self, namespace: &str) {
        self.keepers.remove(namespace);
    }
}
