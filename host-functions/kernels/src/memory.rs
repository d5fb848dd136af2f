//! Large aligned memory: packed weights, key-value arenas.
//!
//! The allocation is zeroed lazily by the operating system, begins on a cache line and, when it is
//! large, on a 2 MiB boundary with huge pages asked for. Its bytes can be viewed as slices of plain
//! blocks.

use std::alloc::{Layout, alloc_zeroed, dealloc};
use std::ptr::NonNull;

const CACHE_LINE: usize = 64;
const HUGE_PAGE: usize = 2 << 20;

/// Owned, zero-initialised, aligned bytes.
pub struct Memory {
    start: NonNull<u8>,
    layout: Layout,
}

// SAFETY: `Memory` owns its bytes exclusively, as a `Vec<u8>` does.
unsafe impl Send for Memory {}
// SAFETY: shared access only reads, as with a `Vec<u8>`.
unsafe impl Sync for Memory {}

impl Memory {
    /// `bytes` zero bytes; `None` if the system has no memory for them. At least one byte is reserved.
    pub fn zeroed(bytes: usize) -> Option<Memory> {
        let align = if bytes >= HUGE_PAGE { HUGE_PAGE } else { CACHE_LINE };
        let layout = Layout::from_size_align(bytes.max(1), align).ok()?;
        // SAFETY: the layout's size is not zero.
        let start = NonNull::new(unsafe { alloc_zeroed(layout) })?;
        #[cfg(target_os = "linux")]
        if bytes >= HUGE_PAGE {
            // SAFETY: the range is this allocation, begun on a page; the call is advice and changes
            // no contents. Its failure costs speed only.
            unsafe { libc::madvise(start.as_ptr().cast(), bytes / HUGE_PAGE * HUGE_PAGE, libc::MADV_HUGEPAGE) };
        }
        Some(Memory { start, layout })
    }

    /// The bytes as blocks of `T`: as many whole ones as fit.
    pub(crate) fn blocks<T: Plain>(&self) -> &[T] {
        const { assert!(align_of::<T>() <= CACHE_LINE && size_of::<T>() > 0) };
        // SAFETY: the allocation is aligned for T, lives as long as `self`, is initialised, and any
        // bytes are a valid T, for T is `Plain`.
        unsafe { std::slice::from_raw_parts(self.start.as_ptr().cast(), self.layout.size() / size_of::<T>()) }
    }

    /// As [`Memory::blocks`], to write.
    pub(crate) fn blocks_mut<T: Plain>(&mut self) -> &mut [T] {
        const { assert!(align_of::<T>() <= CACHE_LINE && size_of::<T>() > 0) };
        // SAFETY: as in `blocks`, and `self` is borrowed exclusively.
        unsafe { std::slice::from_raw_parts_mut(self.start.as_ptr().cast(), self.layout.size() / size_of::<T>()) }
    }
}

impl std::ops::Deref for Memory {
    type Target = [u8];
    fn deref(&self) -> &[u8] {
        self.blocks()
    }
}

impl std::ops::DerefMut for Memory {
    fn deref_mut(&mut self) -> &mut [u8] {
        self.blocks_mut()
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        // SAFETY: allocated in `zeroed` with this layout, and freed once.
        unsafe { dealloc(self.start.as_ptr(), self.layout) };
    }
}

impl std::fmt::Debug for Memory {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Memory").field("bytes", &self.layout.size()).finish()
    }
}

/// Types of which every bit pattern is a value, without padding.
///
/// # Safety
/// Implement only for integers, floats, and arrays or `repr(C)` structs of them that have no padding.
pub(crate) unsafe trait Plain: Copy + Send + Sync + 'static {}

// SAFETY: integers and floats have no invalid bit patterns.
unsafe impl Plain for u8 {}
// SAFETY: as above.
unsafe impl Plain for u16 {}
// SAFETY: as above.
unsafe impl Plain for f32 {}
// SAFETY: arrays of plain values have neither padding nor invalid patterns.
unsafe impl<T: Plain, const N: usize> Plain for [T; N] {}

/// The whole `T`s that bytes of a file begin with: no alignment is needed.
pub(crate) fn stored<T: Plain>(bytes: &[u8]) -> &[T] {
    const { assert!(align_of::<T>() == 1 && size_of::<T>() > 0) };
    // SAFETY: in bounds, no alignment needed, same lifetime, and any bytes are a valid T.
    unsafe { std::slice::from_raw_parts(bytes.as_ptr().cast(), bytes.len() / size_of::<T>()) }
}

/// Bytes as blocks of `T`, or `None` if they are not aligned for it or not a whole number of them.
#[inline(always)]
pub(crate) fn cast<T: Plain>(bytes: &[u8]) -> Option<&[T]> {
    let whole = bytes.len().is_multiple_of(size_of::<T>()) && (bytes.as_ptr() as usize).is_multiple_of(align_of::<T>());
    // SAFETY: aligned and sized for T as just checked, same lifetime, and any bytes are a valid T.
    whole.then(|| unsafe { std::slice::from_raw_parts(bytes.as_ptr().cast(), bytes.len() / size_of::<T>()) })
}

/// As [`cast`], to write.
pub(crate) fn cast_mut<T: Plain>(bytes: &mut [u8]) -> Option<&mut [T]> {
    let whole = bytes.len().is_multiple_of(size_of::<T>()) && (bytes.as_ptr() as usize).is_multiple_of(align_of::<T>());
    // SAFETY: as in `cast`, and the bytes are borrowed exclusively.
    whole.then(|| unsafe { std::slice::from_raw_parts_mut(bytes.as_mut_ptr().cast(), bytes.len() / size_of::<T>()) })
}
