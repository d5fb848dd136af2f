//! Runs runtimes: compiles and checks blobs, and calls their functions, each in a sandbox of its own.
//!
//! ```text
//!  blob ──compile──► RuntimeCode (pre-linked, copy-on-write image)
//!                        │ call
//!       permit ─► fresh instance from the pool ─► realm_alloc ─► export ─► answer ─► commit ─► gone
//! ```
//!
//! Every call gets a fresh instance, so nothing of one call is seen by the next. A call that waits
//! in a host function suspends its fiber and holds no thread. An epoch ticker makes a running guest
//! yield every tick, which is where processor time and deadlines are checked. Dropping the future
//! of a call frees its instance, session and handles at once.

mod call;
mod code;
mod compiled;
mod compiler;
mod config;
mod cpu_clock;
mod epoch;
mod error;
mod sandbox;
mod stats;

pub use call::CallOutcome;
pub use code::RuntimeCode;
pub use compiler::{WorkerError, compile_stdin};
pub use config::ExecutorConfig;
pub use error::{CallError, CodeError};
pub use realm_host_functions::{
    CallSetup, CallTally, CallUsage, ConnectionMemory, EventReceiver, EventSender, HostModel, TenantResources,
    event_queue,
};
pub use sandbox::{Executor, ExecutorError};
pub use stats::ExecutorStats;
