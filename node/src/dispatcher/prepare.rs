//! Everything about a call that can be settled, or refused, before it takes a place in a queue.

use super::{Dispatcher, RequestOptions, Transcoder, errors, transcoder::Form};
use crate::{
    auth::forbidden_tenant, connection::Connection, drain::RunningCall, executor::CallTally, runtimes::LoadedRuntime,
    tenants::Tenant,
};
use realm_host_functions::Lease;
use realm_rpc::{ErrorCode, RpcError};
use realm_work::heavy::{self, HEAVY_BYTES_MIN};
use serde_json::Value;
use std::{
    sync::Arc,
    time::{Duration, Instant},
};

/// What a client asks for.
#[derive(Clone, Debug)]
pub struct Request {
    /// Name of the function, bare or full.
    pub function: String,
    /// JSON object or array, `"0x.."` SCALE, or nothing.
    pub params: Option<Value>,
    /// [`realm_rpc::CallOptions`] as JSON.
    pub options: Option<Value>,
}

/// A call that is known to be possible. Counts as running from here on.
#[derive(Debug)]
pub struct PreparedCall {
    pub(super) tenant: Arc<Tenant>,
    pub(super) runtime: Arc<LoadedRuntime>,
    pub(super) arguments: Vec<u8>,
    pub(super) transcoder: Transcoder,
    pub(super) connection: Arc<Connection>,
    pub(super) request_id: Option<String>,
    /// Whether its subscription outlives its connection, and how long, if its caller said that.
    resumable: bool,
    keep: Option<Duration>,
    /// From its arrival, queueing included.
    pub(super) time_max: Duration,
    pub(super) arrived: Instant,
    running: RunningCall,
    /// The native memory of the arguments.
    _held: Lease,
    /// Held as long as the call may touch what is its tenant's.
    _of_tenant: RunningCall,
}

impl PreparedCall {
    /// The connection that it came over.
    pub fn connection(&self) -> &Arc<Connection> {
        &self.connection
    }

    /// Reads the call's answers and items.
    pub fn transcoder(&self) -> &Transcoder {
        &self.transcoder
    }

    /// Keeps the call counted as running also after it ran, until its last event is sent.
    pub fn running(&self) -> RunningCall {
        self.running.clone()
    }

    /// The client's own id of the request.
    pub fn request_id(&self) -> Option<&str> {
        self.request_id.as_deref()
    }

    /// Who calls.
    pub fn tenant(&self) -> &Arc<Tenant> {
        &self.tenant
    }

    /// The same call, where whoever asked waits for it.
    ///
    /// # Errors
    /// `INVALID_PARAMS` if it shall be resumable, which only a subscription is.
    pub fn attended(self) -> Result<Self, RpcError> {
        match self.resumable {
            false => Ok(self),
            true => {
                let message = "options.resumable: only realm_subscribe can be resumed";
                Err(RpcError::new(ErrorCode::InvalidParams, message).with("field", "options.resumable"))
            }
        }
    }

    /// Whether its subscription outlives its connection.
    pub fn is_resumable(&self) -> bool {
        self.resumable
    }

    /// How long its events are kept while nobody follows, if its caller said that.
    pub fn keep(&self) -> Option<Duration> {
        self.keep
    }
}

impl Dispatcher {
    /// Settles who calls what with which arguments.
    ///
    /// # Errors
    /// `UNAUTHENTICATED`, `INVALID_PARAMS`, `FORBIDDEN`, `RUNTIME_CHANGED`, `UNKNOWN_FUNCTION`, `RATE_LIMIT`, `OVERLOADED`,
    /// `SHUTTING_DOWN`.
    ///
    /// # Cancel safety
    /// Dropping the future gives up the call; it stays counted against the tenant's requests.
    pub async fn prepare(&self, connection: &Arc<Connection>, request: Request) -> Result<PreparedCall, RpcError> {
        let arrived = Instant::now();
        let running = self.drain.enter()?;
        let options = RequestOptions::read(request.options)?;
        let tenant = self.tenants.select(connection, options.tenant_id.as_deref())?;
        let of_tenant = enter(&tenant)?;
        let time_max = options.time_max(&tenant)?;
        let runtime = tenant.runtime.available().map_err(errors::unavailable)?;
        check_pin(&options, &runtime)?;

        let function = runtime.metadata.resolve(&request.function).map_err(errors::from_resolve)?;
        let export = function.name.full().to_owned();
        check_callable(&export)?;
        // Before its parameters are read, so that wrong ones count, too.
        self.admission.begin(&tenant)?;
        let scope = tenant.resources.scope();
        let tally = Arc::new(CallTally::new(self.admission.computed_by(&tenant)));
        let params = request.params.unwrap_or(Value::Null);
        let read = {
            let (runtime, export, is_long) = (runtime.clone(), export.clone(), is_long(&params));
            heavy::run_if(is_long, scope, Some(tally.working()), move || read_params(&runtime, &export, &params))
        };
        let (arguments, form) = read.await.map_err(errors::from_heavy)??;
        let held = hold_arguments(&tenant, &arguments)?;
        let transcoder = Transcoder::new(runtime.clone(), &export, form, scope, tally);
        Ok(PreparedCall {
            tenant,
            runtime,
            arguments,
            transcoder,
            connection: connection.clone(),
            request_id: options.id,
            resumable: options.resumable,
            keep: options.keep,
            time_max,
            arrived,
            running,
            _held: held,
            _of_tenant: of_tenant,
        })
    }

    /// As whom a request is made that is no call but names a tenant in its options.
    ///
    /// # Errors
    /// `UNAUTHENTICATED`, `INVALID_PARAMS`, `FORBIDDEN`.
    pub fn tenant_of(&self, connection: &Arc<Connection>, options: Option<Value>) -> Result<Arc<Tenant>, RpcError> {
        self.tenants.select(connection, RequestOptions::read(options)?.tenant_id.as_deref())
    }

    /// Settles a call of an export with raw SCALE arguments, hex with or without `0x`.
    ///
    /// # Errors
    /// `UNAUTHENTICATED`, `FORBIDDEN`, `INVALID_PARAMS`, `UNKNOWN_FUNCTION`, `RATE_LIMIT`, `SHUTTING_DOWN`.
    pub async fn prepare_raw(
        &self,
        connection: &Arc<Connection>,
        export: &str,
        arguments: String,
    ) -> Result<PreparedCall, RpcError> {
        let arrived = Instant::now();
        let running = self.drain.enter()?;
        let tenant = self.tenants.select(connection, None)?;
        let of_tenant = enter(&tenant)?;
        let runtime = tenant.runtime.available().map_err(errors::unavailable)?;
        check_callable(export)?;
        if !runtime.code.exports.iter().any(|name| name == export) {
            // The metadata knows the nearest name; where it knows this very name, the blob lied.
            let message = match runtime.metadata.resolve(export) {
                Err(error) => return Err(errors::from_resolve(error)),
                Ok(function) => format!("the runtime does not export {}", function.name.full()),
            };
            return Err(RpcError::new(ErrorCode::UnknownFunction, message));
        }
        self.admission.begin(&tenant)?;
        let scope = tenant.resources.scope();
        let tally = Arc::new(CallTally::new(self.admission.computed_by(&tenant)));
        let is_long = arguments.len() >= HEAVY_BYTES_MIN;
        let read = heavy::run_if(is_long, scope, Some(tally.working()), move || {
            hex::decode(arguments.strip_prefix("0x").unwrap_or(&arguments))
        });
        let arguments = read.await.map_err(errors::from_heavy)?.map_err(|_| errors::bad_hex("data"))?;
        let held = hold_arguments(&tenant, &arguments)?;
        Ok(PreparedCall {
            transcoder: Transcoder::new(runtime.clone(), export, Form::Scale, scope, tally),
            time_max: tenant.deadline_max(),
            tenant,
            runtime,
            arguments,
            connection: connection.clone(),
            request_id: None,
            resumable: false,
            keep: None,
            arrived,
            running,
            _held: held,
            _of_tenant: of_tenant,
        })
    }
}

/// Parameters as the SCALE arguments of a function, and how they were written.
fn read_params(runtime: &LoadedRuntime, export: &str, params: &Value) -> Result<(Vec<u8>, Form), RpcError> {
    let metadata = &runtime.metadata;
    let function = metadata.resolve(export).map_err(errors::from_resolve)?;
    match scale_params(params) {
        Some(digits) => {
            let bytes = hex::decode(digits).map_err(|_| errors::bad_hex("params"))?;
            metadata.decode_arguments(function, &bytes).map_err(errors::from_scale)?;
            Ok((bytes, Form::Scale))
        }
        None => Ok((metadata.encode_arguments(function, params).map_err(errors::from_encode)?, Form::Json)),
    }
}

/// Whether JSON is so long that working on it is heavy. Stops counting as soon as it is.
fn is_long(json: &Value) -> bool {
    /// Bytes that any value stands for.
    const VALUE_BYTES: usize = 8;
    fn count(json: &Value, left: &mut usize) -> bool {
        let own = match json {
            Value::String(text) => text.len(),
            Value::Object(fields) => fields.keys().take(*left).map(String::len).sum(),
            _ => 0,
        };
        *left = left.saturating_sub(own.saturating_add(VALUE_BYTES));
        *left == 0
            || match json {
                Value::Array(items) => items.iter().any(|item| count(item, left)),
                Value::Object(fields) => fields.values().any(|field| count(field, left)),
                _ => false,
            }
    }
    count(json, &mut HEAVY_BYTES_MIN.clone())
}

/// Counts the arguments in the tenant's native memory while the call waits and runs, twice: the request's text, which
/// is about as long, is held as long as its answer is waited for.
fn hold_arguments(tenant: &Tenant, arguments: &[u8]) -> Result<Lease, RpcError> {
    let held = tenant.resources.budget.try_take("arguments of a call", arguments.len() as u64 * 2);
    held.map_err(|exceeded| errors::from_budget(&exceeded))
}

/// Counts a call of the tenant, unless that is being removed.
fn enter(tenant: &Tenant) -> Result<RunningCall, RpcError> {
    tenant.calls.enter().map_err(|_| forbidden_tenant())
}

/// Functions that only the node may call: a migration belongs to an upgrade.
const RESERVED: [&str; 1] = ["Core_migrate"];

fn check_callable(export: &str) -> Result<(), RpcError> {
    match RESERVED.contains(&export) {
        true => Err(RpcError::new(ErrorCode::Forbidden, format!("{export} is called by the node alone"))),
        false => Ok(()),
    }
}

/// The hex digits, if the parameters are SCALE.
fn scale_params(params: &Value) -> Option<&str> {
    params.as_str()?.strip_prefix("0x")
}

/// A call pinned to metadata that is not in force is not executed.
fn check_pin(options: &RequestOptions, runtime: &LoadedRuntime) -> Result<(), RpcError> {
    let in_force = runtime.metadata.hash();
    match options.runtime {
        Some(pinned) if pinned != in_force => {
            let version = runtime.version();
            Err(RpcError::new(
                ErrorCode::RuntimeChanged,
                format!("the runtime in force is {} version {}", version.spec_name, version.spec_version),
            )
            .with("metadata_hash", in_force.to_string())
            .with("spec_name", version.spec_name.as_str())
            .with("spec_version", version.spec_version))
        }
        _ => Ok(()),
    }
}
