//! Running a prepared call: admission, sandbox, answer.

use super::{Dispatcher, PreparedCall, errors};
use crate::{
    drain::cut_short,
    executor::{CallOutcome, CallSetup, EventSender},
    metering::Ended,
    metrics::CallMeter,
    millis::whole_ms,
};
use futures::FutureExt;
use realm_primitives::{CallContext, H256};
use realm_rpc::{ErrorCode, RpcError};
use serde_json::Value;
use std::panic::AssertUnwindSafe;
use tracing::Instrument;

/// Bits of a seed that the node draws: as many as a number holds exactly in every JSON client.
const DRAWN_SEED_BITS: u32 = 53;

impl Dispatcher {
    /// Waits for a place, runs the call, and reads its answer. Items go to `events`, if somebody reads them.
    ///
    /// # Errors
    /// Why there is no answer.
    ///
    /// # Cancel safety
    /// Dropping the future ends the call: its place, instance and session are free at once.
    pub async fn run(&self, call: PreparedCall, events: Option<EventSender>) -> Result<Value, RpcError> {
        let mut meter = self.metrics.begin(call.transcoder.export(), &call.tenant.id);
        let context = call_context(&call, events.is_some());
        let id = context.call_id.clone();
        // For who follows calls closely. What others must see of a call names it itself: a span costs as much as a sandbox.
        let span = tracing::debug_span!(
            "call",
            id,
            tenant = %call.tenant.id,
            function = call.transcoder.export(),
            request = call.request_id.as_deref(),
        );
        // A panic ends this call and nothing else.
        let work = AssertUnwindSafe(self.admitted(&call, &id, context, events, &mut meter)).catch_unwind();
        let result = tokio::select! {
            result = work.instrument(span) => {
                result.unwrap_or_else(|_| Err(errors::internal(&"a call panicked", &call, &id)))
            }
            () = self.drain.cut() => Err(cut_short()),
            () = call.tenant.calls.cut() => Err(errors::tenant_removed()),
        };
        meter.end(result.as_ref().err().map(RpcError::code));
        result
    }

    async fn admitted(
        &self,
        call: &PreparedCall,
        id: &str,
        context: CallContext,
        events: Option<EventSender>,
        meter: &mut CallMeter,
    ) -> Result<Value, RpcError> {
        let deadline = call.arrived + call.time_max;
        let waiting = self.metrics.waiting();
        let places = tokio::time::timeout_at(deadline.into(), self.admission.enter(&call.tenant));
        let _places = places.await.map_err(|_| errors::deadline_exceeded(call.time_max))??;
        drop(waiting);
        let tally = call.transcoder.tally().clone();
        let connection = call.connection.memory_of(&call.tenant.id, &call.tenant.resources.budget);
        let mut charge = self.metering.begin(&call.tenant, id, &tally)?;
        if let Some(memory) = &connection {
            let taken_over = charge.watch(self.take_over(call, id, memory, deadline, &tally)).await;
            if let Err(error) = taken_over {
                // What the migration used is charged; where that is not stored the log says so.
                let _ = charge.settle(Ended::Failed, None).await;
                return Err(error);
            }
        }
        let setup = CallSetup {
            context,
            tenant: call.tenant.resources.clone(),
            connection,
            events,
            deadline: Some(deadline),
            tally,
        };
        let work = self.executor.rehearse(&call.runtime.code, call.transcoder.export(), &call.arguments, setup);
        let (CallOutcome { result, usage, held: _held }, changes) = charge.watch(work).await;
        meter.used(&usage);
        tracing::debug!(
            cpu_ms = usage.cpu_time.as_millis() as u64,
            wall_ms = usage.wall_time.as_millis() as u64,
            host_calls = usage.host_calls_total(),
            sampled_tokens = usage.sampled_tokens,
            "call ended"
        );
        let told = result.as_ref().is_ok_and(|answer| call.transcoder.tells_failure(answer));
        let answer = result.map_err(|error| errors::from_call(error, call, id));
        let answer = match answer {
            Ok(answer) => call.transcoder.result(answer).await.map_err(|error| explain(call, error)),
            Err(error) => Err(error),
        };
        let ended = if answer.is_ok() && !told { Ended::Well } else { Ended::Failed };
        let stands = answer.is_ok() || changes.is_some();
        match charge.settle(ended, changes).await {
            Err(error) if stands => Err(errors::from_call(error.into(), call, id)),
            _ => answer,
        }
    }
}

/// What the guest is told about the call.
fn call_context(call: &PreparedCall, streaming: bool) -> CallContext {
    let [id, seed]: [u64; 2] = rand::random();
    CallContext {
        tenant: call.tenant.id.as_str().to_owned(),
        call_id: hex::encode(id.to_be_bytes()),
        seed: seed >> (u64::BITS - DRAWN_SEED_BITS),
        deadline_ms: whole_ms(call.time_max),
        streaming,
        connected: call.connection.remembers(),
        // The executor puts the running blob's.
        code_hash: H256::default(),
        prices: call.tenant.prices,
        max_tokens_limit: call.tenant.limits.max_tokens,
    }
}

/// A tenant without a model is told what its operator can do.
fn explain(call: &PreparedCall, error: RpcError) -> RpcError {
    let modelless = call.tenant.resources.model.is_none();
    if !modelless || error.code() != ErrorCode::ModelUnavailable.name() {
        return error;
    }
    RpcError::new(
        ErrorCode::ModelUnavailable,
        "the node has no model for this tenant; start it with --model FILE.gguf, or name one in its chain specification",
    )
}
