//! The events of one subscription: what its call emits, in order and without gaps, and then exactly
//! one result or error.
//!
//! ```text
//!  guest ──emit──► bounded channel ──► transcode, number ──► connection's bounded buffer ──► socket
//!                  full: emit waits    │                     full: we wait, so the channel fills,
//!                                      │                     so this generation pauses and no other
//!                                      └─ waited too long: the call is dropped, SLOW_CONSUMER is last
//! ```
//!
//! A call whose caller asked for it (`options.resumable`) outlives its connection. Its events go into a replay of
//! bounded length instead, and any number of subscriptions of its tenant follow that, each at its own place:
//!
//! ```text
//!  guest ──emit──► channel ──► transcode, number ──► replay ──► realm_subscribe's reader
//!                                                 drops what all have read ├──► realm_resume's reader, ..
//!                                                                          └──► nobody for a while: all is dropped
//! ```

mod numbered;
mod outbox;
mod registry;
mod replay;
mod resumable;
mod stream;

pub use outbox::Outbox;
pub use registry::{ReplayLimits, Streams};
pub use resumable::{follow, start};
pub(crate) use stream::slow_consumer;
pub use stream::{EventLimits, serve};
