//! What the documentation says is so: its transcripts are replayed, its tables compared, and every
//! metric that its dashboard and alerts name is one of a real node.

mod errors;
mod limits;
mod methods;
mod metrics;
mod protocol;
