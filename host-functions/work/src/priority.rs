//! The priority of a thread.

/// How long a thread of lower priority may go on when another one wakes, where the system has this setting (Linux 6.12):
/// otherwise the thread would end its turn of a few milliseconds first, whatever its niceness.
#[cfg(target_os = "linux")]
const TURN_NS: u64 = 100_000;

/// Lowers the priority of the calling thread to `niceness` (0 to 19, as in `nice`). Where that is not possible, the
/// thread keeps its priority. `SCHED_IDLE` would be lower still, and the thread would never end on a busy machine.
#[cfg(target_os = "linux")]
pub fn lower(niceness: u8) {
    let attributes = libc::sched_attr {
        size: size_of::<libc::sched_attr>() as u32,
        sched_policy: libc::SCHED_OTHER as u32,
        sched_flags: 0,
        sched_nice: niceness.into(),
        sched_priority: 0,
        sched_runtime: TURN_NS,
        sched_deadline: 0,
        sched_period: 0,
    };
    // SAFETY: the system reads `size` bytes of a structure that outlives the call. Process 0 means the calling thread.
    let refused = unsafe { libc::syscall(libc::SYS_sched_setattr, 0, &raw const attributes, 0) } != 0;
    if refused {
        tracing::debug!(niceness, "the thread keeps its priority");
    }
}

/// Lowers the priority of the calling thread: not on this system.
#[cfg(not(target_os = "linux"))]
pub fn lower(_niceness: u8) {}
