//! Processor time of a thread, without what it spends on steps: those belong to everybody whose tokens are in them, and
//! to nobody who happens to be polled on that thread.

use std::cell::Cell;
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

thread_local! {
    static STEPS: Cell<Duration> = const { Cell::new(Duration::ZERO) };
}

/// Processor time that the calling thread has used, without that of the steps it computed for the engine.
pub fn own_thread_time() -> Duration {
    thread_time().saturating_sub(STEPS.get())
}

/// Does `work` in the engine's time.
pub(crate) fn in_step<T>(work: impl FnOnce() -> T) -> T {
    let before = own_thread_time();
    let done = work();
    STEPS.set(thread_time().saturating_sub(before));
    done
}

fn thread_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec.max(0) as u64, time.tv_nsec.clamp(0, 999_999_999) as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Keeps the processor busy until the thread's time has moved by this much.
    fn spend(time: Duration) {
        let until = thread_time() + time;
        while thread_time() < until {
            std::hint::spin_loop();
        }
    }

    #[test]
    fn steps_are_left_out() {
        let millis = Duration::from_millis;
        let began = own_thread_time();
        in_step(|| spend(millis(40)));
        let after_step = own_thread_time() - began;
        spend(millis(10));
        let after_own = own_thread_time() - began;
        assert!(after_step < millis(20), "{after_step:?}");
        assert!(after_own >= millis(10) && after_own < millis(30), "{after_own:?}");
    }
}
