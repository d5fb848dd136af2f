//! Keeps long native work from holding up the async executor: its thread's other tasks move to
//! another thread meanwhile. The guest's fiber stays where it is.

use tokio::runtime::{Handle, RuntimeFlavor};

/// Runs `work`; if it is `long`, where blocking is allowed.
pub(crate) fn run<T>(long: bool, work: impl FnOnce() -> T) -> T {
    // A runtime of one thread has no other thread to move to.
    let can_move = || Handle::try_current().is_ok_and(|handle| handle.runtime_flavor() == RuntimeFlavor::MultiThread);
    if long && can_move() { tokio::task::block_in_place(work) } else { work() }
}
