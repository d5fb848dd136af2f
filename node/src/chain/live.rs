//! The chain as the node lives with it. Anyone may look at it; one task appends to it, so that
//! blocks come one after the other and nobody waits on a lock while the disk writes.
//!
//! ```text
//!   upgrade ──append──► queue ─┐
//!                              ├─► keeper: commit ─► put in force ─► show ─► announce
//!   every heartbeat_interval ──┘
//! ```
//!
//! The commit comes first: what is announced is durable. What it brings is put in force before the
//! block can be seen, so that whoever saw the block gets what it says.

use super::{
    block::{Block, CodeRef, Entry, Scope},
    error::{AppendError, ChainError},
    header::{BlockHash, BlockNumber},
    log::UpgradeLog,
    storage::{ChainStorage, CodeFacts},
};
use crate::millis::now_unix_ms;
use realm_host_functions::storage::{Changes, CommitError};
use std::{
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};
use tokio::{
    sync::{broadcast, mpsc, oneshot},
    time::{Instant, MissedTickBehavior},
};

/// Target of the log's lines about the steps of upgrades.
const STEPS: &str = "realm::upgrade";

/// Changes that wait for the keeper. They come from administrators; more wait for room.
const APPENDS_WAITING_MAX: usize = 8;

/// How the chain is kept.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ChainConfig {
    /// Time between heartbeats. Stock clients give up on a chain that stands still for 30 to 40 s.
    /// Default 6 s.
    pub heartbeat_interval: Duration,
    /// Heartbeats that are kept; older ones are pruned. Default 1024.
    pub heartbeats_max: usize,
    /// Announced blocks that a slow listener may be behind. Default 64.
    pub announcements_max: usize,
    /// Tenants with code of their own. Default 1024.
    pub tenants_with_code_max: usize,
}

impl Default for ChainConfig {
    fn default() -> Self {
        Self {
            heartbeat_interval: Duration::from_secs(6),
            heartbeats_max: 1024,
            announcements_max: 64,
            tenants_with_code_max: 1024,
        }
    }
}

/// The chain. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Chain {
    shared: Arc<Shared>,
    appends: mpsc::Sender<Append>,
}

#[derive(Debug)]
struct Shared {
    config: ChainConfig,
    storage: ChainStorage,
    /// Held only to read or to replace what is in memory, never across anything that waits.
    log: RwLock<UpgradeLog>,
    announcements: broadcast::Sender<Arc<Block>>,
}

/// A change that waits for the keeper.
struct Append {
    entry: Entry,
    changes: Changes,
    put_in_force: Box<dyn FnOnce(&Block) + Send>,
    reply: oneshot::Sender<Result<Arc<Block>, AppendError>>,
}

impl Chain {
    /// Begins a chain: its genesis block and first code become durable.
    ///
    /// # Errors
    /// [`ChainError::Genesis`].
    pub async fn begin(
        storage: &ChainStorage,
        chain_id: &str,
        code: &[u8],
        facts: &CodeFacts,
    ) -> Result<UpgradeLog, ChainError> {
        let hash = super::CodeHash::of(code);
        let genesis = Block::genesis(chain_id, CodeRef { hash, spec_version: facts.version.spec_version });
        let mut changes = Changes::new();
        storage.write_code(&mut changes, code, facts);
        storage.write_block(&mut changes, &genesis, &[]);
        storage.commit(changes).await.map_err(ChainError::Genesis)?;
        Ok(UpgradeLog::begin(genesis))
    }

    /// Starts the keeper on a chain that was begun or loaded. It ends when all clones are gone.
    /// Needs a tokio runtime.
    pub fn start(log: UpgradeLog, storage: ChainStorage, config: ChainConfig) -> Self {
        let (announcements, _) = broadcast::channel(config.announcements_max.max(1));
        let (appends, inbox) = mpsc::channel(APPENDS_WAITING_MAX);
        let shared = Arc::new(Shared { config, storage, log: RwLock::new(log), announcements });
        tokio::spawn(keep(shared.clone(), inbox));
        Self { shared, appends }
    }

    /// Appends a change of code, with `changes` in the same commit. `put_in_force` runs once all is
    /// durable, before anyone can see the block; it must not block.
    ///
    /// # Errors
    /// [`AppendError`]: nothing was written.
    ///
    /// # Cancel safety
    /// Once queued the change is carried out, also if nobody waits for it any more.
    pub async fn append(
        &self,
        entry: Entry,
        changes: Changes,
        put_in_force: impl FnOnce(&Block) + Send + 'static,
    ) -> Result<Arc<Block>, AppendError> {
        let (reply, answer) = oneshot::channel();
        let append = Append { entry, changes, put_in_force: Box::new(put_in_force), reply };
        self.appends.send(append).await.map_err(|_| AppendError::Closed)?;
        answer.await.map_err(|_| AppendError::Closed)?
    }

    /// The newest block.
    pub fn head(&self) -> Arc<Block> {
        self.with(|log| log.head().clone())
    }

    /// The first block.
    pub fn genesis(&self) -> Arc<Block> {
        self.with(|log| log.genesis().clone())
    }

    /// The kept block with this hash.
    pub fn block(&self, hash: BlockHash) -> Option<Arc<Block>> {
        self.with(|log| log.block(hash).cloned())
    }

    /// The kept block at this height.
    pub fn at(&self, number: BlockNumber) -> Option<Arc<Block>> {
        self.with(|log| log.at(number).cloned())
    }

    /// The newest `limit` kept blocks, newest first; only those in which something changed if `changes_only`.
    pub fn newest(&self, limit: usize, changes_only: bool) -> Vec<Arc<Block>> {
        let wanted = |block: &&Arc<Block>| !changes_only || block.record.entry.is_anchor();
        self.with(|log| log.newest_first().filter(wanted).take(limit).cloned().collect())
    }

    /// When this scope's newest `limit` changes since `since_unix_ms` were, newest first, in milliseconds since 1970.
    pub fn change_times(&self, scope: &Scope, since_unix_ms: u64, limit: usize) -> Vec<u64> {
        let of_scope = |block: &&Arc<Block>| block.record.entry.change().is_some_and(|change| change.scope == *scope);
        let time = |block: &Arc<Block>| block.record.time_unix_ms;
        self.with(|log| {
            let times = log.newest_first().filter(of_scope).map(time);
            times.filter(|time| *time >= since_unix_ms).take(limit).collect()
        })
    }

    /// What a rollback of this scope returns to; see [`UpgradeLog::rollback_target`].
    pub fn rollback_target(&self, scope: &Scope) -> Option<Option<CodeRef>> {
        self.with(|log| log.rollback_target(scope))
    }

    /// The newest block, and every later one as it is appended: none is missed between the two, and
    /// the first of the later ones may be the newest again.
    pub fn listen(&self) -> (Arc<Block>, broadcast::Receiver<Arc<Block>>) {
        let blocks = self.shared.announcements.subscribe();
        (self.head(), blocks)
    }

    /// The chain's part of the database.
    pub fn storage(&self) -> &ChainStorage {
        &self.shared.storage
    }

    fn with<T>(&self, look: impl FnOnce(&UpgradeLog) -> T) -> T {
        self.shared.with(look)
    }
}

impl Shared {
    fn with<T>(&self, look: impl FnOnce(&UpgradeLog) -> T) -> T {
        // A log is whole before and after every change of it, and nothing in between can panic.
        look(&self.log.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Commits a block, puts in force what it brings, shows and announces it.
    async fn append(
        &self,
        entry: Entry,
        mut changes: Changes,
        put_in_force: impl FnOnce(&Block),
    ) -> Result<Arc<Block>, AppendError> {
        let (block, pruned) = self.with(|log| {
            self.check(log, &entry)?;
            let block = Arc::new(log.next(entry, now_unix_ms()));
            let pruned = log.prunable(self.config.heartbeats_max);
            if block.record.entry.change().is_some() {
                let mut after = log.clone();
                after.push(block.clone());
                self.storage.drop_unneeded_code(&mut changes, log, &after)?;
            }
            Ok::<_, AppendError>((block, pruned))
        })?;
        self.storage.write_block(&mut changes, &block, &pruned);
        self.storage.commit(changes).await?;
        let told = block.record.entry.change().is_some();
        if told {
            tracing::debug!(target: STEPS, done = "committed", "upgrade");
        }
        put_in_force(&block);
        if told {
            tracing::debug!(target: STEPS, done = "in_force", "upgrade");
        }
        {
            let mut log = self.log.write().unwrap_or_else(PoisonError::into_inner);
            log.push(block.clone());
            log.prune(&pruned);
        }
        // Nobody may be listening.
        let _ = self.announcements.send(block.clone());
        Ok(block)
    }

    fn check(&self, log: &UpgradeLog, entry: &Entry) -> Result<(), AppendError> {
        let Some(change) = entry.change() else { return Ok(()) };
        let in_force = &log.head().in_force;
        if in_force.of_scope(&change.scope) != change.from {
            return Err(AppendError::Overtaken);
        }
        let limit = self.config.tenants_with_code_max;
        if matches!(change.scope, Scope::Tenant(_)) && change.from.is_none() && in_force.tenants.len() >= limit {
            return Err(AppendError::TooManyTenants { limit });
        }
        Ok(())
    }
}

/// The one task that appends. A change is followed by a heartbeat at once, because some clients
/// look at a block's parent to learn which runtime it has.
async fn keep(shared: Arc<Shared>, mut inbox: mpsc::Receiver<Append>) {
    let period = shared.config.heartbeat_interval.max(Duration::from_millis(1));
    let mut heartbeat = tokio::time::interval_at(Instant::now() + period, period);
    heartbeat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            append = inbox.recv() => {
                let Some(Append { entry, changes, put_in_force, reply }) = append else { return };
                let appended = shared.append(entry, changes, put_in_force).await;
                let changed = appended.is_ok();
                // Whoever asked may be gone; the change stands.
                let _ = reply.send(appended);
                if changed {
                    beat(&shared).await;
                    heartbeat.reset();
                }
            }
            _ = heartbeat.tick() => beat(&shared).await,
        }
    }
}

/// A heartbeat that cannot be written is left out; the next one is tried in time.
async fn beat(shared: &Shared) {
    match shared.append(Entry::Heartbeat, Changes::new(), |_| {}).await {
        Ok(_) => {}
        Err(AppendError::Commit(CommitError::Closed)) => tracing::debug!("the store is closed and the chain stands"),
        Err(error) => tracing::warn!(%error, "the heartbeat block was not written"),
    }
}
