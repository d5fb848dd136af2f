//! Why a node does not start. Each message is one line that says what was wrong and what to do.

use crate::{
    auth::KeyError,
    chain::{AppendError, ChainError},
    executor::ExecutorError,
    runtimes::{BlobError, LoadRuntimeError},
    server::BindError,
    tenants::StoredError,
};
use realm_chain_spec::SpecError;
use realm_host_functions::storage::StoreError;
use std::{
    io,
    net::SocketAddr,
    path::{Path, PathBuf},
};

/// Why a node does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The chain specification is wrong.
    #[error(transparent)]
    Spec(#[from] SpecError),
    /// Neither a preset nor a file.
    #[error("there is no chain `{name}`: give a file, or one of the presets {}", presets.join(", "))]
    NoSuchChain {
        /// What was asked for.
        name: String,
        /// What there is.
        presets: Vec<&'static str>,
    },
    /// Strangers could call.
    #[error(
        "{address} can be reached from other machines and this chain needs no keys, so that everybody could call: listen on 127.0.0.1, or take a chain whose `authentication` is \"keys\", or say --allow-unauthenticated twice"
    )]
    Exposed {
        /// The address.
        address: SocketAddr,
    },
    /// The base path cannot be made.
    #[error("cannot make the folder {}: {error}; give another with --base-path", path.display())]
    BasePath {
        /// The folder.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
    /// The database does not open.
    #[error("{0}; {advice}", advice = store_advice(.0))]
    Store(#[from] StoreError),
    /// The database's keys cannot be used.
    #[error("the keys cannot be read: {0}; give another folder with --base-path")]
    Keys(#[from] KeyError),
    /// The database's tenants cannot be used.
    #[error("the tenants cannot be read: {0}")]
    Tenants(#[from] StoredError),
    /// Nobody could call.
    #[error("{}", no_keys(base_path.as_deref()))]
    NoKeys {
        /// Where they are looked for.
        base_path: Option<PathBuf>,
    },
    /// All web pages are let in although the chain needs no keys.
    #[error(
        "this chain needs no keys, so --origin '*' lets every web page that is opened on this machine call as any tenant; give --origin '*' twice if that is meant, or name the origins"
    )]
    AnyOrigin,
    /// The sandboxes' memory cannot be reserved.
    #[error("{0}; try fewer with --instances")]
    Executor(#[from] ExecutorError),
    /// A blob cannot be read.
    #[error(transparent)]
    Blob(#[from] BlobError),
    /// A blob is no runtime.
    #[error("the runtime is refused: {0}")]
    Runtime(#[from] LoadRuntimeError),
    /// The stored chain cannot be gone on with.
    #[error("{0}; give another folder with --base-path")]
    StoredChain(#[from] ChainError),
    /// The chain's first blocks are not written.
    #[error("the chain cannot begin: {0}")]
    Chain(AppendError),
    /// A model does not load.
    #[error("the model {name} does not load: {error}")]
    Model {
        /// Its name in the chain specification.
        name: String,
        /// Why.
        error: ModelError,
    },
    /// The port cannot be had.
    #[error("{0}; is another node running? Choose another port with --port")]
    Bind(#[from] BindError),
    /// The metrics' port cannot be had.
    #[error("cannot serve metrics on {address}: {error}; choose another port with --metrics-port, or --no-metrics")]
    Metrics {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        error: io::Error,
    },
    /// The node contradicts itself.
    #[error("the node is built wrong: {0}")]
    Internal(String),
}

fn store_advice(error: &StoreError) -> &'static str {
    match error.is_in_use() {
        true => "another node has it open: stop that node, or give another folder with --base-path",
        false => {
            "`realm db check` says more about a damaged file: restore a backup, or give another folder with --base-path"
        }
    }
}

fn no_keys(base_path: Option<&Path>) -> String {
    let folder = base_path.map_or("DIR".into(), Path::to_string_lossy);
    let again = match base_path {
        Some(_) => "start again",
        None => "start again with --base-path DIR, where keys are kept",
    };
    format!(
        "this chain needs keys and there is none: make the first with `realm key generate --base-path {folder}`, then {again}"
    )
}

/// A file that is wrong is not the matter where a device is.
fn what_to_give(error: &realm_engine::LoadError) -> &'static str {
    match error {
        realm_engine::LoadError::Device(_) => "",
        _ => "; give a GGUF file or a Hugging Face folder of a supported model",
    }
}

/// Why a model does not load.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    /// The engine refused it.
    #[error("{}: {error}{}", path.display(), what_to_give(error))]
    Engine {
        /// The file.
        path: PathBuf,
        /// Why.
        error: Box<realm_engine::LoadError>,
    },
    /// The hub that it is on did not give it.
    #[error(transparent)]
    Hub(#[from] realm_engine::hub::HubError),
    /// The file is another than the specification means.
    #[error("{}: its SHA-256 is 0x{found} and the chain specification wants 0x{expected}", path.display())]
    Hash {
        /// The file.
        path: PathBuf,
        /// The file's hash, hex.
        found: String,
        /// The specification's, hex.
        expected: String,
    },
    /// Loading panicked.
    #[error("{}: the loader failed", path.display())]
    Loader {
        /// The file.
        path: PathBuf,
    },
}
