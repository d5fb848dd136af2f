//! From a configuration to a running node, and back to nothing.
//!
//! ```text
//!  spec ─► store ─► executor ─► runtimes ─► models ─► tenants ─► dispatcher ─► metrics, server
//! ```
//!
//! Everything that can fail fails here, before the port is open.

mod chain;
mod config;
mod demo_model;
mod error;
mod models;
mod node;

pub use config::{METRICS_PORT, NodeConfig, RPC_PORT};
pub use demo_model::demo_model_path;
pub use error::{ModelError, StartError};
pub(crate) use models::{Download, fetched, hub_config};
pub use node::Node;
pub(crate) use node::{DATABASE_FILE, open_store};
