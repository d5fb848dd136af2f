//! What is told about a runtime: the discovery document that people read, the OpenRPC document that
//! tools read, and the difference between two runtimes that an operator reads before an upgrade.

mod diff;
mod discovery;
mod openrpc;
mod schema;

pub use diff::{Change, Changes, MetadataDiff};
pub use discovery::{DiscoveryHeader, discovery};
pub use openrpc::{ApiInfo, openrpc};
