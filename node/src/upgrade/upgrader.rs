//! The steps of an upgrade and of a rollback, in order.

use super::{
    error::UpgradeError,
    rehearsal::{Payer, Rehearsal, TRIAL},
    report::{MigrationReport, UpgradeReport},
    turns::{Requester, Turn, TurnLimits, Turns},
};
use crate::{
    chain::{Anchor, AppendError, Chain, ChainError, Change, CodeFacts, CodeHash, CodeRef, Entry, Scope},
    dispatcher::Dispatcher,
    excerpt::{LOGGED_BYTES_MAX, excerpt},
    executor::TenantResources,
    millis::{now_unix_ms, whole_ms},
    runtimes::{CompilePriority, LoadRuntimeError, LoadedRuntime, RuntimeSlot},
    tenants::Tenant,
};
use realm_host_functions::storage::{Changes, CommitError};
use realm_metadata::MetadataDiff;
use realm_primitives::RuntimeVersion;
use std::{sync::Arc, time::Duration};
use tokio::sync::RwLock;

/// Target of the log's lines about the steps of upgrades.
const STEPS: &str = "realm::upgrade";

/// The time in which a tenant's upgrades are counted.
const DAY: Duration = Duration::from_secs(86_400);

/// Bounds of upgrades.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct UpgradeConfig {
    /// What the trial call may take. Default 10 s.
    pub trial_time_max: Duration,
    /// What the migration of each tenant's state may take. Default 30 s.
    pub migration_time_max: Duration,
    /// The number of times that a migration is tried, because calls change what it has read; at the last time calls of
    /// the same tenants wait with what they write. Default 8.
    pub migration_attempts_max: u32,
    /// Upgrades of tenants' administrators, dry runs included, that run at once. The operator's do not count. Default 4.
    pub tenant_trials_max: usize,
    /// Upgrades of tenants' administrators that wait for one of those to end. Default 16.
    pub tenant_trials_waiting_max: usize,
    /// Upgrades, dry runs and rollbacks that the administrator of one tenant may try in a minute. Default 6.
    pub tenant_attempts_per_minute_max: usize,
    /// Upgrades and rollbacks that the administrator of one tenant may have put in force in a day. Default 24.
    pub tenant_upgrades_per_day_max: usize,
    /// What an upgrade of a tenant's administrator may take in all, up to its commit. Default 60 s.
    pub tenant_upgrade_time_max: Duration,
}

impl Default for UpgradeConfig {
    fn default() -> Self {
        Self {
            trial_time_max: Duration::from_secs(10),
            migration_time_max: Duration::from_secs(30),
            migration_attempts_max: 8,
            tenant_trials_max: 4,
            tenant_trials_waiting_max: 16,
            tenant_attempts_per_minute_max: 6,
            tenant_upgrades_per_day_max: 24,
            tenant_upgrade_time_max: Duration::from_secs(60),
        }
    }
}

/// Changes which runtime is in force. One per node.
#[derive(Debug)]
pub struct Upgrader {
    config: UpgradeConfig,
    dispatcher: Arc<Dispatcher>,
    chain: Chain,
    /// The runtime of tenants without their own.
    slot: Arc<RuntimeSlot>,
    /// Whom unknown code describes itself as.
    inspector: Arc<TenantResources>,
    turns: Turns,
    /// Tenants' commits pass beside each other; while the chain's runtime is migrated and committed they wait, because
    /// they change whose state that concerns.
    commits: RwLock<()>,
}

/// Code that passed every check and may be put in force.
struct Candidate {
    scope: Scope,
    from: Option<CodeRef>,
    to: Option<CodeRef>,
    current: Arc<LoadedRuntime>,
    runtime: Arc<LoadedRuntime>,
    affected: Vec<Arc<Tenant>>,
    payer: Payer,
}

impl Upgrader {
    /// An upgrader of these tenants' runtimes.
    pub fn new(
        config: UpgradeConfig,
        dispatcher: Arc<Dispatcher>,
        chain: Chain,
        slot: Arc<RuntimeSlot>,
        inspector: Arc<TenantResources>,
    ) -> Self {
        let turns = Turns::new(TurnLimits {
            trials_max: config.tenant_trials_max,
            waiting_max: config.tenant_trials_waiting_max,
            attempts_per_minute_max: config.tenant_attempts_per_minute_max,
            time_max: config.tenant_upgrade_time_max,
        });
        Self { config, dispatcher, chain, slot, inspector, turns, commits: RwLock::default() }
    }

    /// Checks uploaded code, tries it out, and puts it in force.
    ///
    /// # Errors
    /// [`UpgradeError`], by step; the runtime in force stays and nothing was written.
    ///
    /// # Cancel safety
    /// Dropping the future stops an upgrade that is not being committed yet; a commit is carried out
    /// and put in force.
    pub async fn upgrade(&self, scope: Scope, upload: Vec<u8>, by: Requester) -> Result<UpgradeReport, UpgradeError> {
        let upgraded = async {
            let turn = self.turns.begin(&scope, by).await?;
            self.check_day(&scope, by)?;
            let candidate = turn.run(self.accept(&turn, scope.clone(), upload)).await??;
            self.put_in_force(&turn, candidate, Entry::Upgrade).await
        }
        .await;
        self.count("upgrade", &upgraded);
        logged("upgrade", &scope, upgraded)
    }

    /// Does what [`Self::upgrade`] does, except the commit, and reports what it would change.
    ///
    /// # Errors
    /// [`UpgradeError`], by step.
    pub async fn dry_run(&self, scope: Scope, upload: Vec<u8>, by: Requester) -> Result<UpgradeReport, UpgradeError> {
        let tried = async {
            let turn = self.turns.begin(&scope, by).await?;
            turn.run(self.rehearsed(&turn, scope, upload)).await?
        }
        .await;
        self.count("dry_run", &tried);
        tried
    }

    /// Puts the code in force that was in force before the last upgrade of this scope. Its own
    /// `Core_migrate` is asked to take the newer state, and may refuse.
    ///
    /// # Errors
    /// [`UpgradeError`], by step; the runtime in force stays and nothing was written.
    ///
    /// # Cancel safety
    /// As [`Self::upgrade`].
    pub async fn rollback(&self, scope: Scope, by: Requester) -> Result<UpgradeReport, UpgradeError> {
        let rolled_back = async {
            let turn = self.turns.begin(&scope, by).await?;
            self.check_day(&scope, by)?;
            let candidate = turn.run(self.earlier(&turn, scope.clone())).await??;
            self.put_in_force(&turn, candidate, Entry::Rollback).await
        }
        .await;
        self.count("rollback", &rolled_back);
        logged("rollback", &scope, rolled_back)
    }

    async fn rehearsed(&self, turn: &Turn, scope: Scope, upload: Vec<u8>) -> Result<UpgradeReport, UpgradeError> {
        let candidate = self.accept(turn, scope, upload).await?;
        let (_, migrations) = self.migrate(&candidate).await?;
        Ok(report(&candidate, None, migrations))
    }

    /// Each change that is put in force takes room on disk for its code and its block. Read from the chain, so that a
    /// restart forgets none.
    fn check_day(&self, scope: &Scope, by: Requester) -> Result<(), UpgradeError> {
        if by == Requester::Operator {
            return Ok(());
        }
        let (now, day) = (now_unix_ms(), whole_ms(DAY));
        let limit = self.config.tenant_upgrades_per_day_max.max(1);
        // Newest first: one more is possible when the last of these is a day old.
        let times = self.chain.change_times(scope, now.saturating_sub(day), limit);
        match times.last() {
            Some(time) if times.len() >= limit => {
                let retry_after = Duration::from_millis(time.saturating_add(day).saturating_sub(now));
                Err(UpgradeError::TooOften { what: "upgrades and rollbacks a day", limit, retry_after })
            }
            _ => Ok(()),
        }
    }

    fn count(&self, kind: &str, outcome: &Result<UpgradeReport, UpgradeError>) {
        self.dispatcher.metrics.upgrade(kind, outcome.as_ref().err().map(UpgradeError::step));
    }

    /// All checks of an upload, up to the trial call.
    async fn accept(&self, turn: &Turn, scope: Scope, upload: Vec<u8>) -> Result<Candidate, UpgradeError> {
        let (current, affected) = self.concerned(&scope)?;
        let payer = self.payer(&scope, &affected)?;
        let executor = self.dispatcher.executor.clone();
        let in_force = self.version_in_force(&scope, &current)?;
        let blob = tokio::task::spawn_blocking(move || {
            let blob = unpack(upload, executor.config().code_bytes_max)?;
            let version = executor.inspect(&blob).map_err(UpgradeError::Code)?;
            if version.spec_name != in_force.spec_name {
                return Err(UpgradeError::SpecName { found: version.spec_name, expected: in_force.spec_name });
            }
            if version.spec_version <= in_force.spec_version {
                let (found, in_force) = (version.spec_version, in_force.spec_version);
                return Err(UpgradeError::SpecVersion { found, in_force });
            }
            Ok(blob)
        })
        .await
        .map_err(|_| UpgradeError::Load(LoadRuntimeError::Compiler))??;
        step("inspected");
        let runtime = self.load(turn, blob).await?;
        step("described");
        self.candidate(scope, current, Some(runtime), affected, payer).await
    }

    /// The code that a rollback returns to, tried out again.
    async fn earlier(&self, turn: &Turn, scope: Scope) -> Result<Candidate, UpgradeError> {
        let (current, affected) = self.concerned(&scope)?;
        let target = self.chain.rollback_target(&scope).ok_or(UpgradeError::NothingToRollBack)?;
        let runtime = match target {
            Some(code) => Some(self.load(turn, self.chain.storage().code(code.hash)?).await?),
            None => None,
        };
        let payer = match (&scope, affected.first()) {
            (Scope::Tenant(_), Some(tenant)) => Payer::TenantUncapped(tenant.clone()),
            _ => Payer::Operator,
        };
        self.candidate(scope, current, runtime, affected, payer).await
    }

    /// Who pays for an upload. One for a tenant's own runtime counts against the tenant's rates like a call.
    fn payer(&self, scope: &Scope, affected: &[Arc<Tenant>]) -> Result<Payer, UpgradeError> {
        let (Scope::Tenant(_), Some(tenant)) = (scope, affected.first()) else { return Ok(Payer::Operator) };
        self.dispatcher.admission.begin(tenant).map_err(UpgradeError::Limited)?;
        Ok(Payer::Tenant(tenant.clone()))
    }

    /// The version in force for a scope, also where it did not load when the node started.
    fn version_in_force(&self, scope: &Scope, current: &LoadedRuntime) -> Result<RuntimeVersion, UpgradeError> {
        match self.chain.head().in_force.of_scope(scope) {
            Some(code) if code.hash != CodeHash(current.code.hash) => {
                let facts = self.chain.storage().facts(code.hash)?;
                Ok(facts.ok_or(ChainError::CodeMissing(code.hash))?.version)
            }
            _ => Ok(current.version().clone()),
        }
    }

    /// The runtime in force for a scope, and the tenants that run it.
    fn concerned(&self, scope: &Scope) -> Result<(Arc<LoadedRuntime>, Vec<Arc<Tenant>>), UpgradeError> {
        let tenants = self.dispatcher.tenants.all();
        match scope {
            Scope::Chain => {
                let affected = tenants.into_iter().filter(|tenant| !tenant.runtime.is_own()).collect();
                Ok((self.slot.current(), affected))
            }
            Scope::Tenant(id) => {
                let named = tenants.into_iter().find(|tenant| tenant.id.as_str() == id);
                let tenant = named.ok_or_else(|| UpgradeError::UnknownTenant(id.clone()))?;
                Ok((tenant.runtime.current(), vec![tenant]))
            }
        }
    }

    async fn load(&self, turn: &Turn, blob: Vec<u8>) -> Result<Arc<LoadedRuntime>, UpgradeError> {
        let aside = CompilePriority::Aside { permit: turn.permit() };
        LoadedRuntime::load(&self.dispatcher.executor, &self.inspector, blob, aside).await.map_err(UpgradeError::Load)
    }

    /// The trial call, as the first of the tenants that would get the code.
    async fn candidate(
        &self,
        scope: Scope,
        current: Arc<LoadedRuntime>,
        own: Option<Arc<LoadedRuntime>>,
        affected: Vec<Arc<Tenant>>,
        payer: Payer,
    ) -> Result<Candidate, UpgradeError> {
        let from = self.chain.head().in_force.of_scope(&scope);
        let to = own.as_ref().map(|runtime| code_ref(runtime));
        let runtime = own.unwrap_or_else(|| self.slot.current());
        if let Some(tenant) = affected.first() {
            let tried = self.rehearsal(&runtime, &payer).trial(tenant).await;
            tried.map_err(|why| UpgradeError::limited_or(why, |why| UpgradeError::Trial { function: TRIAL, why }))?;
        }
        step("tried");
        Ok(Candidate { scope, from, to, current, runtime, affected, payer })
    }

    fn rehearsal<'a>(&'a self, runtime: &'a LoadedRuntime, payer: &'a Payer) -> Rehearsal<'a> {
        Rehearsal {
            dispatcher: &self.dispatcher,
            payer,
            runtime,
            trial_time_max: self.config.trial_time_max,
            migration_time_max: self.config.migration_time_max,
        }
    }

    /// What the migration of every affected tenant would write, together.
    async fn migrate(&self, candidate: &Candidate) -> Result<(Changes, Vec<MigrationReport>), UpgradeError> {
        let rehearsal = self.rehearsal(&candidate.runtime, &candidate.payer);
        let from = candidate.from.map_or(candidate.current.version().spec_version, |code| code.spec_version);
        let mut all = Changes::new();
        let mut reports = Vec::with_capacity(candidate.affected.len());
        for tenant in &candidate.affected {
            let id = tenant.id.as_str().to_owned();
            let migrated = rehearsal.migrate(tenant, from).await;
            let migrated = migrated.map_err(|why| {
                UpgradeError::limited_or(why, |why| UpgradeError::Migration { tenant: id.clone(), why })
            })?;
            let mut changes = migrated.unwrap_or_default();
            reports.push(MigrationReport { tenant: id, changed: !changes.is_empty() });
            // Calls in flight on the old code must neither read nor write what the migration leaves.
            changes.hand_over(&tenant.resources.storage, candidate.runtime.code.hash.0);
            all.merge(changes);
        }
        Ok((all, reports))
    }

    /// Migrates, commits and swaps. Calls go on; if one of them wrote to what a migration had looked at, the commit is
    /// refused completely and the migration begins again; at the last attempt calls of the same tenants wait with what
    /// they write. Only the commit itself cannot be aborted.
    async fn put_in_force(
        &self,
        turn: &Turn,
        mut candidate: Candidate,
        entry: impl Fn(Change) -> Entry,
    ) -> Result<UpgradeReport, UpgradeError> {
        let _tenants_wait = match &candidate.scope {
            Scope::Chain => {
                let guard = self.commits.write().await;
                // Tenants may have got their own runtime, or gone back to the chain's, since the upload.
                (_, candidate.affected) = self.concerned(&Scope::Chain)?;
                Some(guard)
            }
            Scope::Tenant(_) => None,
        };
        let Candidate { scope, from, to, current, runtime, affected, .. } = &candidate;
        let namespaces: Vec<_> = affected.iter().map(|tenant| tenant.resources.storage.clone()).collect();
        let attempts = self.config.migration_attempts_max.max(1);
        for attempt in 1..=attempts {
            let (_calls_wait, (mut changes, migrations)) = turn
                .run(async {
                    let calls_wait = match attempt == attempts {
                        true => Some(self.chain.storage().store().pause_calls(&namespaces).await),
                        false => None,
                    };
                    self.migrate(&candidate).await.map(|migrated| (calls_wait, migrated))
                })
                .await??;
            step("migrated");
            let facts = CodeFacts { version: runtime.version().clone(), metadata: runtime.metadata_bytes.clone() };
            if to.is_some() {
                self.chain.storage().write_code(&mut changes, &runtime.code.code, &facts);
            }
            let _beside_other_tenants = match scope {
                Scope::Chain => None,
                Scope::Tenant(_) => Some(turn.run(self.commits.read()).await?),
            };
            // A tenant without a runtime of its own may have got another one with the chain.
            // A tenant that goes back to the chain's runtime may find another one there.
            let stale = to.is_none() && !Arc::ptr_eq(&self.slot.current(), runtime);
            if stale || !Arc::ptr_eq(&self.concerned(scope)?.0, current) {
                return Err(UpgradeError::Commit(AppendError::Overtaken));
            }
            let change = Change { scope: scope.clone(), from: *from, to: *to };
            let swap = self.swap(scope, to.is_some(), runtime.clone(), affected);
            match self.chain.append(entry(change), changes, move |_| swap()).await {
                Ok(block) => {
                    let block = Anchor { number: block.number(), hash: block.hash };
                    return Ok(report(&candidate, Some(block), migrations));
                }
                Err(AppendError::Commit(CommitError::Conflict { .. })) => {}
                Err(error) => return Err(UpgradeError::Commit(error)),
            }
        }
        Err(UpgradeError::Contended { attempts })
    }

    /// What puts the runtime in force once it is committed: a pointer.
    fn swap(
        &self,
        scope: &Scope,
        own: bool,
        runtime: Arc<LoadedRuntime>,
        affected: &[Arc<Tenant>],
    ) -> impl FnOnce() + Send + 'static {
        let slot = self.slot.clone();
        let tenant = match scope {
            Scope::Chain => None,
            Scope::Tenant(_) => affected.first().cloned(),
        };
        move || match tenant {
            Some(tenant) => tenant.runtime.put(own.then_some(runtime)),
            // What it replaces is freed when its last call ends.
            None => drop(slot.swap(runtime)),
        }
    }
}

/// Tells the log how far an upgrade has come.
fn step(done: &'static str) {
    tracing::debug!(target: STEPS, done, "upgrade");
}

fn code_ref(runtime: &LoadedRuntime) -> CodeRef {
    CodeRef { hash: CodeHash(runtime.code.hash), spec_version: runtime.version().spec_version }
}

/// The bytes to compile, unpacked if they were packed.
fn unpack(upload: Vec<u8>, limit: usize) -> Result<Vec<u8>, UpgradeError> {
    if upload.len() > limit {
        return Err(UpgradeError::TooLarge { len: upload.len(), limit });
    }
    sp_maybe_compressed_blob::decompress(&upload, limit)
        .map(std::borrow::Cow::into_owned)
        .map_err(|why| UpgradeError::Packed { limit, why })
}

fn report(candidate: &Candidate, block: Option<Anchor>, migrations: Vec<MigrationReport>) -> UpgradeReport {
    let Candidate { scope, from, to, current, runtime, .. } = candidate;
    UpgradeReport {
        scope: scope.clone(),
        from: *from,
        to: *to,
        block,
        metadata_hash: runtime.metadata.hash().to_string(),
        diff: MetadataDiff::between(&current.metadata, &runtime.metadata),
        migrations,
    }
}

/// A refused upgrade leaves a line in the log, and nothing else.
fn logged(
    what: &'static str,
    scope: &Scope,
    outcome: Result<UpgradeReport, UpgradeError>,
) -> Result<UpgradeReport, UpgradeError> {
    match &outcome {
        Ok(report) => {
            let spec_version = report.to.map(|code| code.spec_version);
            let block = report.block.map(|block| block.number.0);
            tracing::info!(%scope, what, spec_version, block, metadata_hash = report.metadata_hash, "runtime put in force");
        }
        Err(error) => {
            // It may quote what the blob says of itself.
            let quoted = excerpt(&error.to_string(), LOGGED_BYTES_MAX);
            tracing::warn!(%scope, what, step = error.step(), error = quoted, "runtime refused");
        }
    }
    outcome
}
