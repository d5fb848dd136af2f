//! What a connection remembers, taken over by the code that is about to run.
//!
//! `Core_migrate` sees durable storage when the runtime is upgraded; connections' memories, of which there are many and
//! which may never be used again, are migrated when a call next comes over each. The same function does it: what it does
//! to durable storage it does here to the connection's memory. A memory that it cannot take over is emptied, and the call
//! answered with RUNTIME_CHANGED once.

use super::{Dispatcher, PreparedCall, errors};
use crate::{
    excerpt::{LOGGED_BYTES_MAX, excerpt},
    executor::{CallError, CallSetup, CallTally, ConnectionMemory, TenantResources},
    millis::whole_ms,
};
use parity_scale_codec::Encode;
use realm_host_functions::storage::{Changes, StaleMemory};
use realm_metadata::Outcome;
use realm_primitives::{CallContext, H256};
use realm_rpc::{ErrorCode, RpcError};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};

/// The export that brings state to what the code expects.
const MIGRATE: &str = "Core_migrate";
/// The number of times that it is tried, because other calls of the connection change the memory.
const ATTEMPTS_MAX: u32 = 16;
/// Time between two tries.
const RETRY_AFTER: Duration = Duration::from_millis(20);

impl Dispatcher {
    /// Has the call's code take over what its connection remembers, if other code keeps that.
    ///
    /// # Errors
    /// `RUNTIME_CHANGED`: the code could not, and the memory is empty now. `CONFLICT`, `DEADLINE_EXCEEDED`, `OVERLOADED`:
    /// the memory is as it was.
    ///
    /// # Cancel safety
    /// Dropping the future leaves the memory as it was.
    pub(super) async fn take_over(
        &self,
        call: &PreparedCall,
        id: &str,
        memory: &Arc<ConnectionMemory>,
        deadline: Instant,
        tally: &Arc<CallTally>,
    ) -> Result<(), RpcError> {
        let code = &call.runtime.code;
        for _ in 0..ATTEMPTS_MAX {
            let Some(stale) = memory.stale(code.hash.0) else { return Ok(()) };
            // A call of code that was replaced since it was prepared: it is refused if it looks at the memory.
            if !Arc::ptr_eq(&call.runtime, &call.tenant.runtime.current()) {
                return Ok(());
            }
            match self.migrated(call, memory, stale, deadline, tally).await {
                Ok(changes) => {
                    let handed_over = memory.hand_over(stale, changes, code.hash.0, code.version.spec_version);
                    if handed_over.map_err(|exceeded| errors::from_budget(&exceeded))? {
                        return Ok(());
                    }
                }
                Err(Refusal::Call(error @ (CallError::Overloaded { .. } | CallError::DeadlineExceeded(_)))) => {
                    return Err(errors::from_call(error, call, id));
                }
                Err(refusal) => {
                    let why = excerpt(&refusal.to_string(), LOGGED_BYTES_MAX);
                    tracing::warn!(call = id, tenant = %call.tenant.id, why, "a connection's memory was not migrated");
                    memory.forget();
                    return Err(emptied());
                }
            }
            tokio::time::sleep(RETRY_AFTER).await;
        }
        let message =
            "other calls kept changing what the connection remembers while the new runtime took it over; call again";
        Err(RpcError::new(ErrorCode::Conflict, message))
    }

    async fn migrated(
        &self,
        call: &PreparedCall,
        memory: &Arc<ConnectionMemory>,
        stale: StaleMemory,
        deadline: Instant,
        tally: &Arc<CallTally>,
    ) -> Result<Option<Changes>, Refusal> {
        let tenant = &call.tenant;
        let setup = CallSetup {
            context: CallContext {
                tenant: tenant.id.as_str().to_owned(),
                call_id: format!("connection-{}", call.runtime.version().spec_version),
                // A migration must not depend on chance.
                seed: 0,
                deadline_ms: whole_ms(deadline.saturating_duration_since(Instant::now())),
                streaming: false,
                connected: true,
                code_hash: H256::default(),
                prices: tenant.prices,
                max_tokens_limit: tenant.limits.max_tokens,
            },
            tenant: Arc::new(TenantResources {
                storage: tenant.resources.storage.for_connection_migration(),
                ..TenantResources::clone(&tenant.resources)
            }),
            connection: Some(memory.clone()),
            events: None,
            deadline: Some(deadline),
            tally: tally.clone(),
        };
        let arguments = stale.from_spec_version.encode();
        let (outcome, changes) = self.executor.rehearse(&call.runtime.code, MIGRATE, &arguments, setup).await;
        let answer = outcome.result?;
        let metadata = &call.runtime.metadata;
        let function = metadata.function(MIGRATE).ok_or_else(|| Refusal::Answer("it is not described".into()))?;
        match metadata.decode_return(function, &answer) {
            Ok(Outcome::Value(_)) => Ok(changes),
            Ok(Outcome::Failure(failure)) => Err(Refusal::Answer(format!("{}: {}", failure.code, failure.message))),
            Err(error) => Err(Refusal::Answer(error.to_string())),
        }
    }
}

/// Why a migration did not take the memory over.
#[derive(Debug, thiserror::Error)]
enum Refusal {
    #[error(transparent)]
    Call(#[from] CallError),
    #[error("Core_migrate refused: {0}")]
    Answer(String),
}

fn emptied() -> RpcError {
    RpcError::new(
        ErrorCode::RuntimeChanged,
        "the runtime was replaced, and the new one cannot take over what this connection remembered: the connection remembers nothing now; call again",
    )
}
