//! The node's port: WebSocket and HTTP on one listener.
//!
//! ```text
//!  accept ─► a place among connections_max ─► HTTP/1 ─► keys ─┬─ /health, /metadata, /call/, /v1/ ─► routes
//!                                                             ├─ POST / ──► doorkeeper ──► jsonrpsee, one request
//!                                                             └─ upgrade ─► doorkeeper ──► jsonrpsee, WebSocket
//! ```
//!
//! The accept loop is our own and not jsonrpsee's, so that every request carries its [`Connection`]
//! and other routes fit beside JSON-RPC.
//!
//! [`Connection`]: crate::connection::Connection

mod accept;
mod cors;
mod credentials;
mod cut;
mod doorkeeper;
mod limits;
mod origin;
mod routes;

pub use accept::{BindError, Server};
pub use limits::ServerLimits;
pub use origin::AllowedOrigins;
