//! Answers and items of one call, from SCALE to what its client reads. Long ones are read on the threads for heavy work,
//! in the tenant's share of them, and their processor time is the call's.

use realm_host_functions::event_queue::QueuedEvent;
use super::errors;
use crate::{executor::CallTally, runtimes::LoadedRuntime};
use realm_metadata::{Function, Outcome};
use realm_rpc::{ErrorCode, RpcError};
use realm_work::{
    Scope,
    heavy::{self, HEAVY_BYTES_MIN},
};
use serde_json::Value;
use std::sync::Arc;

/// How the client wrote its parameters, and so how it reads answers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Form {
    /// JSON by the runtime's types.
    Json,
    /// SCALE as `0x` and hex digits.
    Scale,
}

/// Reads answers of one function by the metadata of the runtime that gives them.
#[derive(Clone, Debug)]
pub struct Transcoder {
    runtime: Arc<LoadedRuntime>,
    /// Full name, the export's.
    export: Arc<str>,
    form: Form,
    scope: Scope,
    tally: Arc<CallTally>,
}

impl Transcoder {
    /// A transcoder whose work is the tenant's of this scope, and the call's of this tally.
    pub(super) fn new(
        runtime: Arc<LoadedRuntime>,
        export: &str,
        form: Form,
        scope: Scope,
        tally: Arc<CallTally>,
    ) -> Self {
        Self { runtime, export: export.into(), form, scope, tally }
    }

    /// Where what the call is charged for is counted.
    pub(super) fn tally(&self) -> &Arc<CallTally> {
        &self.tally
    }

    /// Does work on this many bytes.
    async fn on_bytes<T: Send + 'static>(
        &self,
        bytes: usize,
        work: impl FnOnce(&Self) -> Result<T, RpcError> + Send + 'static,
    ) -> Result<T, RpcError> {
        if bytes < HEAVY_BYTES_MIN {
            return work(self);
        }
        let this = self.clone();
        heavy::run(self.scope, Some(self.tally.working()), move || work(&this)).await.map_err(errors::from_heavy)?
    }

    /// The name of the export.
    pub fn export(&self) -> &str {
        &self.export
    }

    /// The runtime that answers.
    pub fn runtime(&self) -> &LoadedRuntime {
        &self.runtime
    }

    /// What the function returned.
    ///
    /// # Errors
    /// The runtime's own error; `RUNTIME_TRAP` if the bytes are none of what it declares; `OVERLOADED`.
    pub async fn result(&self, answer: Vec<u8>) -> Result<Value, RpcError> {
        self.on_bytes(answer.len(), move |this| this.read_result(&answer)).await
    }

    fn read_result(&self, answer: &[u8]) -> Result<Value, RpcError> {
        let Some(function) = self.typed() else { return Ok(hex_value(answer)) };
        match self.runtime.metadata.decode_return(function, answer) {
            Ok(Outcome::Value(value)) => Ok(value),
            Ok(Outcome::Failure(failure)) => Err(errors::from_runtime(failure)),
            Err(error) => Err(undeclared(&self.export, "an answer", error)),
        }
    }

    /// Whether an answer that its client gets as a result is the function's own error, as in SCALE it is.
    pub fn tells_failure(&self, answer: &[u8]) -> bool {
        let metadata = &self.runtime.metadata;
        let fails =
            || metadata.function(&self.export).is_some_and(|function| metadata.returns_failure(function, answer));
        self.form == Form::Scale && fails()
    }

    /// One item that the function emitted.
    ///
    /// # Errors
    /// `RUNTIME_TRAP` if it declares no items, or others; `OVERLOADED`.
    pub async fn item(&self, item: QueuedEvent) -> Result<Value, RpcError> {
        self.on_bytes(item.len(), move |this| this.read_item(&item)).await
    }

    fn read_item(&self, item: &[u8]) -> Result<Value, RpcError> {
        let Some(function) = self.typed() else { return Ok(hex_value(item)) };
        match self.runtime.metadata.decode_item(function, item) {
            Ok(Some(value)) => Ok(value),
            Ok(None) => Err(undeclared(&self.export, "an item", "it declares none")),
            Err(error) => Err(undeclared(&self.export, "an item", error)),
        }
    }

    /// The function, where the client reads JSON.
    fn typed(&self) -> Option<&Function> {
        match self.form {
            Form::Json => self.runtime.metadata.function(&self.export),
            Form::Scale => None,
        }
    }
}

/// Bytes as `0x` and hex digits.
pub fn hex_value(bytes: &[u8]) -> Value {
    Value::String(format!("0x{}", hex::encode(bytes)))
}

fn undeclared(export: &str, what: &str, why: impl std::fmt::Display) -> RpcError {
    RpcError::new(ErrorCode::RuntimeTrap, format!("{export} gave {what} of another type than it declares: {why}"))
}
