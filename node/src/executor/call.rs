//! One call: permit, instance, arguments in, export, answer out, commit.

use super::{Executor, code::RuntimeCode, cpu_clock::CpuClock, error::CallError, stats::ExecutorStats};
use realm_host_functions::{
    CallSetup, CallState, CallUsage, GuestMemory, Lease, Working,
    storage::{Changes, CommitError},
};
use realm_primitives::abi;
use std::{
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::sync::OwnedSemaphorePermit;
use tracing::Instrument;
use wasmtime::{Instance, Store, Trap, UpdateDeadline};

/// How a call ended and what it used.
#[derive(Debug)]
pub struct CallOutcome {
    /// The SCALE-encoded answer, or why there is none.
    pub result: Result<Vec<u8>, CallError>,
    /// What the call used, also when it failed.
    pub usage: CallUsage,
    /// The native memory of the answer; to be held as long as the answer is.
    pub held: Option<Lease>,
}

/// Why the epoch callback ended a guest. Travels through wasmtime's error.
#[derive(Debug, thiserror::Error)]
enum Stopped {
    #[error("the deadline passed")]
    Deadline,
    #[error("the processor time is used up")]
    CpuTime,
}

pub(super) async fn run(
    executor: &Executor,
    code: &Arc<RuntimeCode>,
    export: &str,
    arguments: &[u8],
    setup: CallSetup,
) -> CallOutcome {
    let began = Instant::now();
    let tenant = setup.tenant.clone();
    let (CallOutcome { result, mut usage, held }, changes) = rehearse(executor, code, export, arguments, setup).await;
    let result = match (result, changes) {
        (Ok(answer), Some(changes)) => match tenant.storage.commit(changes).await {
            Ok(()) => Ok(answer),
            Err(error) => Err(error.into()),
        },
        (result, _) => result,
    };
    usage.wall_time = began.elapsed();
    CallOutcome { result, usage, held }
}

/// The call without its commit; what it would have written comes beside the outcome.
pub(super) async fn rehearse(
    executor: &Executor,
    code: &Arc<RuntimeCode>,
    export: &str,
    arguments: &[u8],
    setup: CallSetup,
) -> (CallOutcome, Option<Changes>) {
    let began = Instant::now();
    executor.stats.call_began();
    let deadline = setup.deadline;
    let waited = match deadline {
        Some(deadline) => {
            let given = deadline.saturating_duration_since(began);
            tokio::time::timeout(given, permit(executor)).await.unwrap_or(Err(CallError::DeadlineExceeded(given)))
        }
        None => permit(executor).await,
    };
    let permit = match waited {
        Ok(permit) => permit,
        Err(error) => {
            let mut usage = CallUsage::default();
            usage.wall_time = began.elapsed();
            return (CallOutcome { result: Err(error), usage, held: None }, None);
        }
    };
    let (scope, tally) = (setup.tenant.scope(), setup.tally.clone());
    let clock = CpuClock::new(setup.tally.clone());
    let store = new_store(executor, code, setup, &clock);
    let begun = Begun {
        code: code.clone(),
        export: export.to_owned(),
        arguments: arguments.to_owned(),
        store,
        clock,
        began,
        stats: executor.stats.clone(),
        permit,
        _working: tally.working(),
    };
    executor.guests.spawn(scope, tally, begun.run().in_current_span()).await
}

/// A call that has its place in the pool. It owns all it needs, because it runs on guest threads.
struct Begun {
    code: Arc<RuntimeCode>,
    export: String,
    arguments: Vec<u8>,
    store: Store<CallState>,
    clock: CpuClock,
    began: Instant,
    stats: Arc<ExecutorStats>,
    permit: OwnedSemaphorePermit,
    /// Until this is dropped, the call may still be charged for something.
    _working: Arc<Working>,
}

impl Begun {
    async fn run(self) -> (CallOutcome, Option<Changes>) {
        let Self { code, export, arguments, mut store, clock, began, stats, permit, _working } = self;
        let deadline = store.data().deadline();
        let result = {
            let _alive = stats.instance();
            let work = clock.timed(in_sandbox(&code, &export, &arguments, &mut store));
            match deadline {
                Some(deadline) => match tokio::time::timeout_at(deadline.into(), work).await {
                    Ok(result) => result,
                    Err(_) => Err(Stopped::Deadline.into()),
                },
                None => work.await,
            }
        };
        // Whatever the guest made of that: it began on code that the state is no longer kept by.
        let result = match store.data().state_was_migrated() {
            true => Err(CallError::from(CommitError::Migrated).into()),
            false => result,
        };
        let result = result.map_err(|error| {
            let given = deadline.map(|deadline| deadline.saturating_duration_since(began)).unwrap_or_default();
            let error = call_error(error, store.data(), given);
            if !matches!(error, CallError::NoSuchFunction { .. } | CallError::StorageCommit(_) | CallError::Internal(_))
            {
                stats.trapped();
            }
            error
        });
        let changes = if result.is_ok() { store.data_mut().take_changes() } else { None };
        let mut usage = store.data().usage();
        usage.wall_time = began.elapsed();
        // The instance goes back to the pool before the commit, which may wait for the disk.
        drop(store);
        drop(permit);
        let (result, held) = match result {
            Ok((answer, held)) => (Ok(answer), Some(held)),
            Err(error) => (Err(error), None),
        };
        (CallOutcome { result, usage, held }, changes)
    }
}

/// A place in the pool. The queue for it is bounded in length and in time.
async fn permit(executor: &Executor) -> Result<OwnedSemaphorePermit, CallError> {
    if let Ok(permit) = executor.permits.clone().try_acquire_owned() {
        return Ok(permit);
    }
    let (position, _waiting) = executor.stats.waiter();
    let position = usize::try_from(position).unwrap_or(usize::MAX);
    let refused = || {
        executor.stats.call_refused();
        CallError::Overloaded { position, instances_max: executor.config.instances_max as usize }
    };
    if position > executor.config.queue_len_max {
        return Err(refused());
    }
    match tokio::time::timeout(executor.config.queue_wait_max, executor.permits.clone().acquire_owned()).await {
        Ok(Ok(permit)) => Ok(permit),
        // The semaphore is never closed, so both are the same to the caller: no place came free.
        Ok(Err(_)) | Err(_) => Err(refused()),
    }
}

fn new_store(executor: &Executor, code: &RuntimeCode, setup: CallSetup, clock: &CpuClock) -> Store<CallState> {
    let config = &executor.config;
    let state = CallState::new(
        setup,
        (code.hash.0, code.version.spec_version),
        config.memory_bytes_max,
        config.table_elements_max,
    );
    let mut store = Store::new(&executor.engine, state);
    store.limiter(CallState::limiter);
    store.set_epoch_deadline(1);
    let clock = clock.clone();
    store.epoch_deadline_callback(move |context| {
        let state = context.data();
        if state.deadline().is_some_and(|deadline| deadline <= Instant::now()) {
            return Err(Stopped::Deadline.into());
        }
        if clock.used_in_poll() > state.tenant().limits.cpu_time_max {
            return Err(Stopped::CpuTime.into());
        }
        Ok(UpdateDeadline::Yield(1))
    });
    store
}

/// Everything that runs guest code. The error is wasmtime's, so that traps keep their cause.
async fn in_sandbox(
    code: &RuntimeCode,
    export: &str,
    arguments: &[u8],
    store: &mut Store<CallState>,
) -> wasmtime::Result<(Vec<u8>, Lease)> {
    let function = code.functions.get(export).ok_or_else(|| CallError::NoSuchFunction { name: export.to_owned() })?;
    let instance = code.instance_pre.instantiate_async(&mut *store).await?;
    let memory = instance
        .get_module_export(&mut *store, &code.memory)
        .and_then(|export| export.into_memory())
        .ok_or_else(|| broken("memory"))?;
    let memory = GuestMemory::new(memory);
    store.data_mut().set_memory(memory);
    let alloc = typed::<u32, u32>(&instance, store, &code.alloc)?;
    let function = typed::<(u32, u32), u64>(&instance, store, function)?;

    let arguments_len = u32::try_from(arguments.len())
        .map_err(|_| CallError::Internal(format!("{} bytes of arguments", arguments.len())))?;
    let ptr = alloc.call_async(&mut *store, arguments_len).await?;
    memory.write(&mut *store, ptr, arguments).map_err(|error| CallError::BadPointer(error.to_string()))?;
    let (ptr, len) = abi::unpack(function.call_async(&mut *store, (ptr, arguments_len)).await?);

    let limit = store.data().tenant().limits.answer_bytes_max;
    if len > limit {
        return Err(CallError::AnswerTooLarge { len, limit }.into());
    }
    let held = store.data().reserve_answer(len).map_err(CallError::from)?;
    match memory.read(&*store, ptr, len, limit, "bytes of the answer") {
        Ok(answer) => Ok((answer, held)),
        Err(error) => Err(CallError::BadPointer(error.to_string()).into()),
    }
}

/// An exported function by its index. Its type was checked when the blob was compiled.
fn typed<P: wasmtime::WasmParams, R: wasmtime::WasmResults>(
    instance: &Instance,
    store: &mut Store<CallState>,
    export: &wasmtime::ModuleExport,
) -> wasmtime::Result<wasmtime::TypedFunc<P, R>> {
    instance
        .get_module_export(&mut *store, export)
        .and_then(|export| export.into_func())
        .ok_or_else(|| broken("function"))?
        .typed(&*store)
}

fn broken(what: &str) -> wasmtime::Error {
    CallError::Internal(format!("an export that was a {what} when the blob was compiled is none now")).into()
}

/// Tells apart what wasmtime has as one error.
fn call_error(error: wasmtime::Error, state: &CallState, given: Duration) -> CallError {
    let error = match error.downcast::<CallError>() {
        Ok(error) => return error,
        Err(error) => error,
    };
    match error.downcast_ref::<Stopped>() {
        Some(Stopped::Deadline) => return CallError::DeadlineExceeded(given),
        Some(Stopped::CpuTime) => return CallError::GuestCpuExceeded(state.tenant().limits.cpu_time_max),
        None => {}
    }
    let trap = error.downcast_ref::<Trap>().copied();
    match (trap, state.memory_refused()) {
        (Some(Trap::StackOverflow), _) => CallError::StackOverflow,
        // A guest whose allocator got no memory gives up; one whose memory cannot even begin has no trap.
        (Some(Trap::UnreachableCodeReached) | None, Some((asked, limit))) => CallError::MemoryLimit { asked, limit },
        (Some(trap), _) => CallError::Trap { message: trap_message(&error, trap, state) },
        (None, None) => CallError::Internal(format!("{error:#}")),
    }
}

/// The guest's own last words first: a panic logs its text and then hits `unreachable`.
fn trap_message(error: &wasmtime::Error, trap: Trap, state: &CallState) -> String {
    let place = error
        .downcast_ref::<wasmtime::WasmBacktrace>()
        .and_then(|backtrace| backtrace.frames().iter().find_map(|frame| frame.func_name()))
        .map(|name| format!(" in {name}"))
        .unwrap_or_default();
    match state.last_error_line() {
        Some(words) => format!("{words} ({trap}{place})"),
        None => format!("{trap}{place}"),
    }
}
