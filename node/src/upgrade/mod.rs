//! New code for a running node. Every step may refuse, and until the commit nothing has happened.
//!
//! ```text
//!   bytes ─► unpack ─► inspect ─► name, version ─► compile aside ─► describe ─► trial call ─► migrate
//!            size,     format,    same, higher     cranelift        Core_version health_check  on a copy
//!            zstd      imports                                      metadata                      │
//!                                                                                                 ▼
//!   announce ◄─ block shown ◄─ put in force: one pointer ◄─ one durable commit: code, block, migrated state
//! ```
//!
//! The commit and what follows it belong to the chain's keeper, so that a client that goes away, or a
//! node that dies, leaves the old runtime or the new one and nothing between. Calls in flight keep
//! the runtime they began with.
//!
//! - [`Upgrader`]: the steps, in order.
//! - [`Requester`]: for whom; the operator's wait for no tenant's.
//! - [`UpgradeError`]: which step refused, and why.
//! - [`UpgradeReport`]: what an upgrade did, or a dry run would do.

mod error;
mod rehearsal;
mod report;
mod turns;
mod upgrader;

pub use error::{MigrationError, TrialError, UpgradeError};
pub use report::{MigrationReport, UpgradeReport};
pub use turns::Requester;
pub use upgrader::{UpgradeConfig, Upgrader};
