//! The events of one subscription: what its call emits, in order and without gaps, and then exactly
//! one result or error.
//!
//! ```text
//!  guest ──emit──► bounded channel ──► transcode, number ──► connection's bounded buffer ──► socket
//!                  full: emit waits    │                     full: we wait, so the channel fills,
//!                                      │                     so this generation pauses and no other
//!                                      └─ waited too long: the call is dropped, SLOW_CONSUMER is last
//! ```

mod numbered;
mod stream;

pub use stream::{EventLimits, serve};
