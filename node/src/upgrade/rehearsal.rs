//! Calls of code that is not in force: under limits, and without a trace. What they would have
//! written is given back. What they use is in the books: somebody pays for it.

use super::error::TrialError;
use crate::{
    dispatcher::Dispatcher,
    executor::{CallSetup, CallTally, TenantResources},
    metering::{Ended, Meter},
    millis::whole_ms,
    runtimes::LoadedRuntime,
    tenants::Tenant,
};
use parity_scale_codec::Encode;
use realm_host_functions::storage::Changes;
use realm_metadata::Outcome;
use realm_primitives::{CallContext, H256};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};

/// The function that is tried before code is put in force.
pub(super) const TRIAL: &str = "health_check";
/// The export that brings a tenant's state to what the code expects.
const MIGRATE: &str = "Core_migrate";

/// Who pays for what an upgrade runs.
#[derive(Clone, Debug)]
pub(super) enum Payer {
    /// The tenant whose own runtime it is, like for a call: it must fit the tenant's spending caps.
    Tenant(Arc<Tenant>),
    /// The same, whatever the caps say: a rollback must not fail for want of money.
    TenantUncapped(Arc<Tenant>),
    /// The operator, where the runtime is the one that tenants share.
    Operator,
}

/// Code that is tried out.
pub(super) struct Rehearsal<'a> {
    pub dispatcher: &'a Dispatcher,
    pub payer: &'a Payer,
    pub runtime: &'a LoadedRuntime,
    /// What the trial call may take.
    pub trial_time_max: Duration,
    /// What each migration may take.
    pub migration_time_max: Duration,
}

impl Rehearsal<'_> {
    /// Calls [`TRIAL`] as a tenant.
    pub async fn trial(&self, tenant: &Tenant) -> Result<(), TrialError> {
        let function = self.runtime.metadata.resolve(TRIAL).map_err(|_| TrialError::Missing)?;
        if !function.parameters.is_empty() {
            return Err(TrialError::Missing);
        }
        let export = function.name.full().to_owned();
        self.call(tenant, &export, &[], self.trial_time_max).await.map(drop)
    }

    /// Runs the migration of a tenant's state; what it would write, if anything.
    pub async fn migrate(&self, tenant: &Tenant, from_spec_version: u32) -> Result<Option<Changes>, TrialError> {
        self.call(tenant, MIGRATE, &from_spec_version.encode(), self.migration_time_max).await
    }

    async fn call(
        &self,
        tenant: &Tenant,
        export: &str,
        arguments: &[u8],
        time_max: Duration,
    ) -> Result<Option<Changes>, TrialError> {
        let (mut meter, tally) = self.meter()?;
        let setup = CallSetup {
            context: CallContext {
                tenant: tenant.id.as_str().to_owned(),
                call_id: format!("upgrade-{}", self.runtime.version().spec_version),
                // A migration must not depend on chance.
                seed: 0,
                deadline_ms: whole_ms(time_max),
                streaming: false,
                connected: false,
                code_hash: H256::default(),
                prices: tenant.prices,
                max_tokens_limit: tenant.limits.max_tokens,
            },
            tenant: Arc::new(TenantResources {
                storage: tenant.resources.storage.for_migration(),
                ..TenantResources::clone(&tenant.resources)
            }),
            connection: None,
            events: None,
            deadline: Some(Instant::now() + time_max),
            tally,
        };
        let executor = &self.dispatcher.executor;
        let (outcome, changes) = meter.watch(executor.rehearse(&self.runtime.code, export, arguments, setup)).await;
        let outcome = outcome.result.map_err(TrialError::from).and_then(|answer| self.read(export, &answer));
        let ended = if outcome.is_ok() { Ended::Well } else { Ended::Failed };
        // Where it is not stored the log says so. What the upgrade writes is a commit of its own.
        let _ = meter.settle(ended, None).await;
        outcome.map(|()| changes)
    }

    /// Begins to count what a call uses, for who pays.
    fn meter(&self) -> Result<(Meter, Arc<CallTally>), TrialError> {
        let Dispatcher { admission, metering, .. } = self.dispatcher;
        let id = format!("upgrade-{:016x}", rand::random::<u64>());
        let tally_of = |tenant: &Tenant| Arc::new(CallTally::new(admission.computed_by(tenant)));
        Ok(match self.payer {
            Payer::Tenant(tenant) => {
                let tally = tally_of(tenant);
                (metering.begin(tenant, &id, &tally).map_err(TrialError::Refused)?, tally)
            }
            Payer::TenantUncapped(tenant) => {
                let tally = tally_of(tenant);
                (metering.begin_uncapped(tenant, &id, &tally), tally)
            }
            Payer::Operator => {
                let tally = Arc::default();
                (metering.begin_for_operator(&id, &tally), tally)
            }
        })
    }

    /// Whether the answer is one of success.
    fn read(&self, export: &str, answer: &[u8]) -> Result<(), TrialError> {
        let function = self.runtime.metadata.function(export).ok_or(TrialError::Missing)?;
        match self.runtime.metadata.decode_return(function, answer) {
            Ok(Outcome::Value(_)) => Ok(()),
            Ok(Outcome::Failure(failure)) => Err(TrialError::Failure { code: failure.code, message: failure.message }),
            Err(error) => Err(TrialError::Answer(error.to_string())),
        }
    }
}
