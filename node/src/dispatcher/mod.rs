//! From a name and JSON to a call in a sandbox, and back. No function name is written here: what can
//! be called, and with what, is what the metadata of the tenant's runtime says.
//!
//! ```text
//!  (function, params, options) ──prepare──► PreparedCall ──run──► result
//!    options, tenant, runtime pin             │ admission, executor
//!    name ─► function, JSON ─► SCALE          └► items, transcoded by Transcoder
//! ```
//!
//! Preparing costs no place in any queue and refuses whatever can be refused without running code.

mod errors;
mod options;
mod prepare;
mod run;
mod takeover;
mod transcoder;

pub(crate) use errors::from_budget;
pub use options::RequestOptions;
pub use prepare::{PreparedCall, Request};
pub use transcoder::Transcoder;

use crate::{
    admission::Admission, auth::Auth, drain::Drain, executor::Executor, metering::Metering, metrics::Metrics,
    tenants::Tenants,
};
use std::sync::Arc;

/// Calls functions for connections. One per node.
#[derive(Debug)]
pub struct Dispatcher {
    /// Runs the calls.
    pub executor: Arc<Executor>,
    /// Who asks for them.
    pub auth: Auth,
    /// Whom they may be made as.
    pub tenants: Tenants,
    /// All tenants' calls pass here.
    pub admission: Admission,
    /// Counts them, and refuses them when the node stops.
    pub drain: Drain,
    /// Told of each.
    pub metrics: Metrics,
    /// Charges each.
    pub metering: Metering,
}
