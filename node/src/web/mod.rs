//! What HTTP routes share: bodies read within bounds, calls whose events are awaited, statuses, and
//! server-sent events. The routes themselves are in [`crate::server`] and [`crate::openai`].
//!
//! ```text
//!  request ─► body ─► dispatcher.prepare ─► FollowedCall ─► JSON, or server-sent events
//!                                               └─ its reader goes: the call is dropped
//! ```

mod answer;
mod body;
mod followed;
pub mod sse;
mod status;

pub use answer::json;
pub use body::{BodyError, BodyLimits, read, read_json};
pub use followed::{FollowedCall, Happening};
pub use status::{add_retry_after, retry_after_ms, status};

use crate::{connection::Connection, dispatcher::Dispatcher, events::EventLimits, tenants::Tenant};
use realm_rpc::RpcError;
use std::{
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

/// What routes answer from. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Web {
    /// Calls functions.
    pub dispatcher: Arc<Dispatcher>,
    /// Bounds of streams, the same as over a WebSocket.
    pub events: EventLimits,
    /// Bounds of requests.
    pub body: BodyLimits,
    /// How long a stream of events may be silent, and how long a stream's status waits for its first event.
    pub silence_max: Duration,
    /// When the node started, in seconds since 1970.
    pub started: u64,
}

impl Web {
    /// The tenant that a connection calls as.
    ///
    /// # Errors
    /// `UNAUTHENTICATED`, `FORBIDDEN`.
    pub fn tenant(&self, connection: &Connection) -> Result<Arc<Tenant>, RpcError> {
        self.dispatcher.tenants.select(connection, None)
    }
}

/// Seconds since 1970.
pub fn unix_time() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}
