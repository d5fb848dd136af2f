//! The genesis file of a chain: its name, its first runtime, the models, and the tenants with their
//! prices and limits. JSON in and out, with the presets `dev` and `local`.
//!
//! Every mistake in a file is named with its JSON path, for example `tenants[1].limits.max_tokens`,
//! and a field that nothing reads is refused rather than ignored.
//!
//! ```
//! let spec = realm_chain_spec::ChainSpec::from_json(&realm_chain_spec::ChainSpec::dev().to_json()).unwrap();
//! assert_eq!(spec, realm_chain_spec::ChainSpec::dev());
//! ```
#![forbid(unsafe_code)]

mod error;
mod limits;
mod presets;
mod reader;
mod source;
mod spec;
mod tenant;

pub use error::{SpecError, SpecProblem};
pub use limits::TenantLimits;
pub use source::{CodeSource, ModelSource};
pub use spec::{Authentication, ChainSpec, ModelSpec};
pub use tenant::{TenantPrices, TenantSpec};
