//! The node's port: WebSocket and HTTP on one listener.
//!
//! ```text
//!  accept ─► handshake pool ─► HTTP/1 ─► host, origin, keys ─► slot ─┬─ /health, /metadata, /call/, /v1/ ─► routes
//!                                                                    ├─ POST / ──► middleware ──► jsonrpsee, one request
//!                                                                    └─ upgrade ─► middleware ──► jsonrpsee, WebSocket
//! ```
//!
//! The accept loop is our own and not jsonrpsee's, so that every request carries its [`Connection`]
//! and other routes fit beside JSON-RPC.
//!
//! [`Connection`]: crate::connection::Connection

mod accept;
mod allow_list;
mod cors;
mod cpu_share;
mod credentials;
mod host;
mod limits;
mod middleware;
mod origin;
mod request;
mod routes;
mod slots;
mod socket;
mod traffic;

pub use accept::{BindError, Server};
pub use allow_list::{CLOSED_METHODS, OPEN_METHODS};
pub use cpu_share::CpuShareConfig;
pub use host::AllowedHosts;
pub use limits::{AnonymousLimits, ServerLimits};
pub use origin::AllowedOrigins;
pub use slots::{Full, Slot};
pub use traffic::{Room, Traffic};

/// Who may use the node over the web.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Access {
    /// Web pages that may.
    pub origins: AllowedOrigins,
    /// Names that a chain without keys may be reached by.
    pub hosts: AllowedHosts,
}
