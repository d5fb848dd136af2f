//! Large aligned memory: packed weights, key-value arenas.
//!
//! The bytes begin at a cache line. Large memory comes straight from the operating system: zero
//! pages that exist once they are written, on 2 MiB boundaries, with huge pages asked for (worth a
//! quarter of the read bandwidth). The bytes can be viewed as slices of plain blocks.

use std::alloc::{Layout, alloc_zeroed, dealloc};
use std::ptr::NonNull;

pub(crate) const CACHE_LINE: usize = 64;
const HUGE_PAGE: usize = 2 << 20;

/// Owned, zero-initialised, aligned bytes.
pub struct Memory {
    start: NonNull<u8>,
    len: usize,
    source: Source,
}

/// Where the bytes came from, and so where they go.
enum Source {
    Heap(Layout),
    #[cfg(unix)]
    Mapping {
        start: NonNull<u8>,
        len: usize,
    },
}

// SAFETY: `Memory` owns its bytes exclusively, as a `Vec<u8>` does.
unsafe impl Send for Memory {}
// SAFETY: shared access only reads, as with a `Vec<u8>`.
unsafe impl Sync for Memory {}

impl Memory {
    /// `len` zero bytes; `None` if the system has no memory for them.
    pub fn zeroed(len: usize) -> Option<Memory> {
        #[cfg(unix)]
        if len >= HUGE_PAGE {
            return Self::mapped(len);
        }
        let layout = Layout::from_size_align(len.max(1), CACHE_LINE).ok()?;
        // SAFETY: the layout's size is not zero.
        let start = NonNull::new(unsafe { alloc_zeroed(layout) })?;
        Some(Memory { start, len, source: Source::Heap(layout) })
    }

    /// A mapping of its own, large enough to begin at a huge page.
    #[cfg(unix)]
    fn mapped(len: usize) -> Option<Memory> {
        let mapped = len.checked_add(HUGE_PAGE)?;
        let (access, flags) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS);
        // SAFETY: a new anonymous mapping at an address of the system's choice touches nothing else.
        let mapping = unsafe { libc::mmap(std::ptr::null_mut(), mapped, access, flags, -1, 0) };
        if mapping == libc::MAP_FAILED {
            return None;
        }
        let mapping = NonNull::new(mapping.cast::<u8>())?;
        let skip = mapping.addr().get().next_multiple_of(HUGE_PAGE) - mapping.addr().get();
        // SAFETY: `skip` is less than a huge page, by which the mapping is larger than `len`.
        let start = unsafe { mapping.add(skip) };
        #[cfg(target_os = "linux")]
        // SAFETY: the range lies in the mapping and begins on a page; the call is advice and changes
        // no contents. Its failure costs speed only.
        unsafe {
            libc::madvise(start.as_ptr().cast(), len, libc::MADV_HUGEPAGE)
        };
        Some(Memory { start, len, source: Source::Mapping { start: mapping, len: mapped } })
    }

    /// The bytes as blocks of `T`: as many whole ones as fit.
    pub(crate) fn blocks<T: Plain>(&self) -> &[T] {
        const { assert!(align_of::<T>() <= CACHE_LINE && size_of::<T>() > 0) };
        // SAFETY: the allocation is aligned for T, lives as long as `self`, is initialised, and any
        // bytes are a valid T, for T is `Plain`.
        unsafe { std::slice::from_raw_parts(self.start.as_ptr().cast(), self.len / size_of::<T>()) }
    }

    /// As [`Memory::blocks`], to write.
    pub(crate) fn blocks_mut<T: Plain>(&mut self) -> &mut [T] {
        const { assert!(align_of::<T>() <= CACHE_LINE && size_of::<T>() > 0) };
        // SAFETY: as in `blocks`, and `self` is borrowed exclusively.
        unsafe { std::slice::from_raw_parts_mut(self.start.as_ptr().cast(), self.len / size_of::<T>()) }
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
        match self.source {
            // SAFETY: allocated in `zeroed` with this layout, and freed once.
            Source::Heap(layout) => unsafe { dealloc(self.start.as_ptr(), layout) },
            #[cfg(unix)]
            Source::Mapping { start, len } => {
                // SAFETY: mapped in `mapped` with this length, unmapped once, and borrowed by nobody.
                unsafe { libc::munmap(start.as_ptr().cast(), len) };
            }
        }
    }
}

impl std::fmt::Debug for Memory {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Memory").field("bytes", &self.len).finish()
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
unsafe impl Plain for i8 {}
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

/// Asks for the cache line at an address, which need not exist, into the first- or second-level cache.
#[inline(always)]
pub(crate) fn prefetch<const LEVEL: usize>(at: *const u8) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: every x86-64 has the instruction, which does nothing at an address that does not exist.
    unsafe {
        use std::arch::x86_64::{_MM_HINT_T0, _MM_HINT_T1, _mm_prefetch};
        if LEVEL == 1 { _mm_prefetch::<_MM_HINT_T0>(at.cast()) } else { _mm_prefetch::<_MM_HINT_T1>(at.cast()) }
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = at;
}
