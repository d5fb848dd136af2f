//! Linear memory: what one call leaves there, no other may find.

use core::{arch::wasm32, ptr};

const PAGE_BYTES: usize = 1 << 16;
/// The pattern comes masked, so that it is nowhere in the memory of who looks for it.
const MASK: u64 = 0x5bd1_e995_9e37_79b9;

/// Takes all memory that there is and writes the pattern over all that was free before; words written.
pub(crate) fn fill(masked: u64) -> u32 {
    let (begin, end) = grown();
    let pattern = masked ^ MASK;
    for at in (begin..end).step_by(8) {
        // SAFETY: this memory was grown just now; nothing else knows of it, and no allocation follows.
        unsafe { ptr::write_volatile(at as *mut u64, pattern) };
    }
    ((end - begin) / 8) as u32
}

/// How many words of all memory are the pattern.
pub(crate) fn count(masked: u64) -> u32 {
    let (_, end) = grown();
    let pattern = masked ^ MASK;
    let words = (8..end).step_by(8);
    // SAFETY: all of memory may be read; what changes meanwhile is this function's own stack.
    words.filter(|at| unsafe { ptr::read_volatile(*at as *const u64) } == pattern).count() as u32
}

/// Grows memory as far as it goes: where it was and is at its end.
fn grown() -> (usize, usize) {
    let begin = wasm32::memory_size::<0>() * PAGE_BYTES;
    let mut step = 256;
    while step > 0 {
        if wasm32::memory_grow::<0>(step) == usize::MAX {
            step /= 2;
        }
    }
    (begin, wasm32::memory_size::<0>() * PAGE_BYTES)
}
