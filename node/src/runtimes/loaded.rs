//! From a blob to a runtime that can be called: compile, ask it for its version and its metadata,
//! and see that they agree with what the blob's sections say.

use crate::{
    executor::{CallSetup, CodeError, Executor, RuntimeCode, TenantResources},
    methods::NODE_VERSION,
};
use parity_scale_codec::{Decode, DecodeAll, Encode};
use realm_metadata::{DiscoveryHeader, LoadError, Metadata, discovery};
use realm_primitives::{CallContext, H256, Prices, RuntimeVersion, metadata::OpaqueMetadata};
use realm_work::heavy::{self, HeavyError};
use serde_json::Value;
use std::{
    sync::{Arc, OnceLock},
    time::{Duration, Instant},
};
use tokio::sync::OwnedSemaphorePermit;

/// The metadata version that is asked for.
const METADATA_VERSION: u32 = 15;
/// The time that a runtime gets to describe itself.
const DESCRIBE_TIME_MAX: Duration = Duration::from_secs(10);

/// A runtime with everything that is known of it. Immutable.
#[derive(Debug)]
pub struct LoadedRuntime {
    /// The compiled code, its hash and version.
    pub code: Arc<RuntimeCode>,
    /// Its functions and types.
    pub metadata: Metadata,
    /// The bytes that `metadata` was decoded from, as clients get them.
    pub metadata_bytes: Vec<u8>,
    /// The discovery document: built once, because any client may ask for it at any time.
    pub discovery: Arc<Value>,
    /// The OpenRPC document, once somebody asked for it.
    pub open_rpc: OnceLock<Arc<Value>>,
    /// The blob as hex, made when it is first asked for and shared by all answers that hold it.
    code_hex: OnceLock<Arc<str>>,
}

/// How much a compilation may be in the way of calls.
#[derive(Clone, Debug)]
pub enum CompilePriority {
    /// Nothing is served before it is done.
    AtOnce,
    /// Calls come first.
    Aside {
        /// Held until the compiler has ended, also if nobody waits for it any more.
        permit: Option<Arc<OwnedSemaphorePermit>>,
    },
}

/// Why a blob is no runtime in force.
#[derive(Debug, thiserror::Error)]
pub enum LoadRuntimeError {
    /// It does not compile, or lacks what every blob must have.
    #[error(transparent)]
    Code(#[from] CodeError),
    /// One of the functions that every runtime must have did not answer.
    #[error("{function} did not answer: {why}")]
    NoAnswer {
        /// The export.
        function: &'static str,
        /// The executor's error, or where decoding stopped.
        why: String,
    },
    /// It says it has another version than its section says.
    #[error("Core_version answers {answered:?} and the blob's section says {declared:?}")]
    VersionLie {
        /// What the function answers.
        answered: Box<RuntimeVersion>,
        /// What the sections say.
        declared: Box<RuntimeVersion>,
    },
    /// It has no metadata of the version that is needed.
    #[error("the runtime offers no metadata of version {METADATA_VERSION}")]
    NoMetadata,
    /// Its metadata contradicts itself.
    #[error("the runtime's metadata cannot be used: {0}")]
    Metadata(#[from] LoadError),
    /// The metadata could not be read now.
    #[error(transparent)]
    Busy(#[from] HeavyError),
    /// Compilation panicked.
    #[error("the compiler failed")]
    Compiler,
}

impl LoadedRuntime {
    /// Compiles `blob` as `priority` says and asks it what it is. `inspector` is whom it runs as meanwhile.
    ///
    /// # Errors
    /// [`LoadRuntimeError`], by step.
    pub async fn load(
        executor: &Arc<Executor>,
        inspector: &Arc<TenantResources>,
        blob: Vec<u8>,
        priority: CompilePriority,
    ) -> Result<Arc<Self>, LoadRuntimeError> {
        let compiler = executor.clone();
        let compile = move || match priority {
            CompilePriority::AtOnce => compiler.compile(&blob),
            CompilePriority::Aside { permit: _permit } => compiler.compile_aside(&blob),
        };
        let code = tokio::task::spawn_blocking(compile).await.map_err(|_| LoadRuntimeError::Compiler)??;

        let answered: RuntimeVersion = ask(executor, inspector, &code, "Core_version", &[]).await?;
        if !same_version(&answered, &code.version) {
            let declared = Box::new(code.version.clone());
            return Err(LoadRuntimeError::VersionLie { answered: Box::new(answered), declared });
        }
        let arguments = METADATA_VERSION.encode();
        let metadata: Option<OpaqueMetadata> =
            ask(executor, inspector, &code, "Metadata_metadata_at_version", &arguments).await?;
        let metadata_bytes = metadata.ok_or(LoadRuntimeError::NoMetadata)?.0;
        let version = code.version.clone();
        let read = move || {
            let metadata = Metadata::decode(&metadata_bytes)?;
            let header = DiscoveryHeader {
                version: NODE_VERSION,
                spec_name: &version.spec_name,
                spec_version: version.spec_version,
            };
            let document = Arc::new(discovery(&metadata, &header));
            Ok::<_, LoadError>((metadata, metadata_bytes, document))
        };
        // Metadata is the tenant's own, and may be megabytes.
        let (metadata, metadata_bytes, discovery) = heavy::run(inspector.scope(), None, read).await??;
        Ok(Arc::new(Self {
            code,
            metadata,
            metadata_bytes,
            discovery,
            open_rpc: OnceLock::new(),
            code_hex: OnceLock::new(),
        }))
    }

    /// Its version.
    pub fn version(&self) -> &RuntimeVersion {
        &self.code.version
    }

    /// Returns the blob as `0x` and hex digits. The first call encodes it, later calls share the text.
    pub fn code_hex(&self) -> Arc<str> {
        self.code_hex.get_or_init(|| format!("0x{}", hex::encode(&self.code.code)).into()).clone()
    }
}

/// The order of APIs means nothing.
fn same_version(a: &RuntimeVersion, b: &RuntimeVersion) -> bool {
    let sorted = |version: &RuntimeVersion| {
        let mut version = version.clone();
        version.apis.sort_unstable();
        version
    };
    sorted(a) == sorted(b)
}

/// Calls a function that needs no model, no storage and no arguments from outside.
async fn ask<T: Decode>(
    executor: &Executor,
    inspector: &Arc<TenantResources>,
    code: &Arc<RuntimeCode>,
    function: &'static str,
    arguments: &[u8],
) -> Result<T, LoadRuntimeError> {
    let setup = CallSetup {
        context: CallContext {
            tenant: String::new(),
            call_id: function.to_owned(),
            seed: 0,
            deadline_ms: DESCRIBE_TIME_MAX.as_millis() as u64,
            streaming: false,
            connected: false,
            code_hash: H256::default(),
            prices: Prices::default(),
            max_tokens_limit: 0,
        },
        tenant: inspector.clone(),
        connection: None,
        events: None,
        deadline: Some(Instant::now() + DESCRIBE_TIME_MAX),
        tally: Arc::default(),
    };
    let no_answer = |why| LoadRuntimeError::NoAnswer { function, why };
    let answer =
        executor.call(code, function, arguments, setup).await.result.map_err(|error| no_answer(error.to_string()))?;
    T::decode_all(&mut answer.as_slice()).map_err(|error| no_answer(error.to_string()))
}
