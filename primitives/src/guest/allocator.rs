//! The allocator of every blob: dlmalloc, which begins with the heap that the blob's memory is linked with and
//! grows the memory only when that is full. Growing has the node's system change the protection of pages, and
//! change it back for the next call, on all processors: more than a small call costs otherwise.

use core::{
    alloc::{GlobalAlloc, Layout},
    arch::wasm32,
    cell::{Cell, UnsafeCell},
    ptr,
};
use dlmalloc::Dlmalloc;

/// Bytes of a page of wasm memory.
const PAGE_BYTES: usize = 64 * 1024;

unsafe extern "C" {
    /// Where the linker ends the blob's data: only its address means something.
    static __heap_base: u8;
}

/// The global allocator of a blob.
pub struct Heap(UnsafeCell<Dlmalloc<LinearMemory>>);

// SAFETY: blobs have one thread; they are compiled without shared memory, which the node refuses.
unsafe impl Sync for Heap {}

impl Heap {
    /// An empty heap.
    #[allow(clippy::new_without_default)] // it is for a static
    pub const fn new() -> Self {
        Self(UnsafeCell::new(Dlmalloc::new_with_allocator(LinearMemory { linked_part_used: Cell::new(false) })))
    }
}

// SAFETY: dlmalloc keeps the contract; with one thread, none of its methods runs while another does.
unsafe impl GlobalAlloc for Heap {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as above; the layout is the caller's.
        unsafe { (*self.0.get()).malloc(layout.size(), layout.align()) }
    }

    unsafe fn dealloc(&self, ptr: *mut u8, layout: Layout) {
        // SAFETY: as above; the caller got the pointer from this heap with this layout.
        unsafe { (*self.0.get()).free(ptr, layout.size(), layout.align()) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as in `alloc`.
        unsafe { (*self.0.get()).calloc(layout.size(), layout.align()) }
    }

    unsafe fn realloc(&self, ptr: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        // SAFETY: as in `dealloc`.
        unsafe { (*self.0.get()).realloc(ptr, layout.size(), layout.align(), new_size) }
    }
}

/// Where dlmalloc gets its memory from: first what lies behind the blob's data, then new pages.
struct LinearMemory {
    linked_part_used: Cell<bool>,
}

// SAFETY: regions are handed out once, are in bounds, zero, and never taken back.
unsafe impl dlmalloc::Allocator for LinearMemory {
    fn alloc(&self, size: usize) -> (*mut u8, usize, u32) {
        if !self.linked_part_used.replace(true) {
            let start = (&raw const __heap_base).addr();
            let len = (wasm32::memory_size(0) * PAGE_BYTES).saturating_sub(start);
            if len >= size {
                return (ptr::with_exposed_provenance_mut(start), len, 0);
            }
        }
        let pages = size.div_ceil(PAGE_BYTES);
        match wasm32::memory_grow(0, pages) {
            usize::MAX => (ptr::null_mut(), 0, 0),
            before => {
                let start = before * PAGE_BYTES;
                // An end at 2^32 would be one at 0.
                let len = (pages * PAGE_BYTES).min((usize::MAX - start) & !15);
                (ptr::with_exposed_provenance_mut(start), len, 0)
            }
        }
    }

    fn remap(&self, _ptr: *mut u8, _old_size: usize, _new_size: usize, _can_move: bool) -> *mut u8 {
        ptr::null_mut()
    }

    fn free_part(&self, _ptr: *mut u8, _old_size: usize, _new_size: usize) -> bool {
        false
    }

    fn free(&self, _ptr: *mut u8, _size: usize) -> bool {
        false
    }

    fn can_release_part(&self, _flags: u32) -> bool {
        false
    }

    fn allocates_zeros(&self) -> bool {
        true
    }

    fn page_size(&self) -> usize {
        PAGE_BYTES
    }
}
