//! The executor itself: wasmtime's engine with its pool, the linker with all host functions, the
//! permits that keep calls within the pool, and the epoch ticker.

use super::{
    call::{self, CallOutcome},
    code::{self, RuntimeCode},
    compiled,
    compiler::Compiler,
    config::ExecutorConfig,
    epoch::EpochTicker,
    error::CodeError,
    stats::ExecutorStats,
};
use realm_host_functions::{CallSetup, CallState, storage::Changes};
use realm_primitives::RuntimeVersion;
use realm_work::guests::Guests;
use std::{num::NonZeroUsize, sync::Arc};
use tokio::sync::Semaphore;
use wasmtime::{Config, Enabled, Engine, InstanceAllocationStrategy, Linker, Module, PoolingAllocationConfig};

/// Frames of a trap's backtrace that are kept.
const BACKTRACE_FRAMES_MAX: NonZeroUsize = NonZeroUsize::new(8).unwrap();

/// Bytes of a module's own data in its instance: globals, table and function descriptors.
const INSTANCE_BYTES_MAX: usize = 1 << 20;

/// Why there is no executor.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExecutorError {
    /// The pool could not be reserved, or the configuration does not fit this machine.
    #[error("the sandbox pool cannot be made: {0}")]
    Pool(String),
    /// The compiler's threads could not be started.
    #[error("the compiler's threads cannot be started: {0}")]
    Compiler(#[from] rayon::ThreadPoolBuildError),
    /// The threads of guests could not be started.
    #[error("the guest threads cannot be started: {0}")]
    Guests(std::io::Error),
    /// The ticker's thread could not be started.
    #[error("the epoch ticker cannot be started: {0}")]
    Ticker(#[from] std::io::Error),
}

/// Compiles blobs and calls their functions. One per node; share it in an `Arc`.
pub struct Executor {
    pub(super) config: ExecutorConfig,
    pub(super) engine: Engine,
    pub(super) permits: Arc<Semaphore>,
    pub(super) stats: Arc<ExecutorStats>,
    /// Before the ticker, because a guest that loops ends its slice only while that ticks.
    pub(super) guests: Guests,
    linker: Linker<CallState>,
    compiler: Compiler,
    _ticker: EpochTicker,
}

impl Executor {
    /// Reserves the pool and starts the ticker.
    ///
    /// # Errors
    /// [`ExecutorError`]
    pub fn new(config: ExecutorConfig) -> Result<Self, ExecutorError> {
        let pool_error = |error: wasmtime::Error| ExecutorError::Pool(format!("{error:#}"));
        let engine = Engine::new(&engine_config(&config)).map_err(pool_error)?;
        let mut linker = Linker::new(&engine);
        realm_host_functions::link(&mut linker).map_err(pool_error)?;
        Ok(Self {
            permits: Arc::new(Semaphore::new(config.instances_max as usize)),
            stats: Arc::default(),
            guests: Guests::start(config.guests).map_err(ExecutorError::Guests)?,
            compiler: Compiler::start(&config)?,
            _ticker: EpochTicker::start(engine.weak(), config.epoch_interval)?,
            config,
            engine,
            linker,
        })
    }

    /// Checks and compiles a blob (uncompressed) as fast as possible, or takes its machine code from
    /// [`ExecutorConfig::compiled_dir`]. Bounded like [`Self::compile_aside`]. Heavy: call it where blocking is allowed.
    ///
    /// # Errors
    /// [`CodeError`], by the step that refused the blob.
    pub fn compile(&self, code: &[u8]) -> Result<Arc<RuntimeCode>, CodeError> {
        let compile = || self.compiler.module(&self.engine, code, true);
        let folder = self.config.compiled_dir.as_deref();
        self.compile_with(code, || compiled::module(&self.engine, folder, code, compile))
    }

    /// Compiles like [`Self::compile`], and keeps nothing, where that is not in the way of the calls of a node that serves:
    /// in a process of its own, if [`ExecutorConfig::compile_program`] names one.
    ///
    /// # Errors
    /// As [`Self::compile`], and [`CodeError::Compiler`].
    pub fn compile_aside(&self, code: &[u8]) -> Result<Arc<RuntimeCode>, CodeError> {
        self.compiler.run(|| self.compile_with(code, || self.compiler.module(&self.engine, code, false)))
    }

    fn compile_with(
        &self,
        code: &[u8],
        module: impl FnOnce() -> Result<Module, CodeError>,
    ) -> Result<Arc<RuntimeCode>, CodeError> {
        RuntimeCode::compile(&self.engine, &self.linker, &self.config, code, module).map(Arc::new)
    }

    /// The version that a blob says it has, after the checks that cost little: size, format, imports, sections.
    ///
    /// # Errors
    /// [`CodeError`], by the step that refused the blob.
    pub fn inspect(&self, code: &[u8]) -> Result<RuntimeVersion, CodeError> {
        code::inspect(&self.config, code)
    }

    /// Calls the function `export` of a runtime with SCALE-encoded arguments, in an instance of its own.
    /// Waits for an instance if all are in use.
    ///
    /// # Cancel safety
    /// Dropping the future ends the call: its instance, session and handles are freed on a guest thread at the call's next
    /// turn, and its writes are dropped, unless their commit had begun.
    pub async fn call(&self, code: &Arc<RuntimeCode>, export: &str, arguments: &[u8], setup: CallSetup) -> CallOutcome {
        call::run(self, code, export, arguments, setup).await
    }

    /// Calls like [`Self::call`], and gives back what the call would have written instead of writing it.
    pub async fn rehearse(
        &self,
        code: &Arc<RuntimeCode>,
        export: &str,
        arguments: &[u8],
        setup: CallSetup,
    ) -> (CallOutcome, Option<Changes>) {
        call::rehearse(self, code, export, arguments, setup).await
    }

    /// What the executor has counted.
    pub fn stats(&self) -> &ExecutorStats {
        &self.stats
    }

    /// The limits it was made with.
    pub fn config(&self) -> &ExecutorConfig {
        &self.config
    }
}

impl std::fmt::Debug for Executor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Executor").field("config", &self.config).field("stats", &self.stats).finish_non_exhaustive()
    }
}

pub(super) fn engine_config(limits: &ExecutorConfig) -> Config {
    let mut pool = PoolingAllocationConfig::new();
    pool.total_core_instances(limits.instances_max)
        .total_memories(limits.instances_max)
        .total_tables(limits.instances_max.saturating_mul(limits.tables_max))
        .total_stacks(limits.instances_max)
        .max_memories_per_module(1)
        .max_tables_per_module(limits.tables_max)
        .max_core_instance_size(INSTANCE_BYTES_MAX)
        .max_memory_size(limits.memory_bytes_max)
        .table_elements(limits.table_elements_max)
        .linear_memory_keep_resident(limits.keep_resident_bytes)
        .table_keep_resident(limits.keep_resident_bytes)
        .async_stack_keep_resident(limits.keep_resident_bytes.min(64 << 10))
        .pagemap_scan(Enabled::Auto);
    let mut config = Config::new();
    config
        .allocation_strategy(InstanceAllocationStrategy::Pooling(pool))
        .memory_init_cow(true)
        .epoch_interruption(true)
        .max_wasm_stack(limits.guest_stack_bytes_max)
        .async_stack_size(limits.guest_stack_bytes_max + limits.host_stack_bytes)
        .wasm_backtrace_max_frames(Some(BACKTRACE_FRAMES_MAX))
        // The same blob gives the same bits on every machine.
        .cranelift_nan_canonicalization(true)
        .wasm_relaxed_simd(false)
        .wasm_memory64(false)
        .wasm_multi_memory(false);
    config
}
