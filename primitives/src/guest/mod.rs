//! What every blob needs to be a program: an allocator, `realm_alloc`, a panic handler. A runtime
//! gets them by [`runtime_entry!`](crate::runtime_entry) once, in its root.

use crate::host::context::{LogLevel, log};
use alloc::{format, vec::Vec};
use core::panic::PanicInfo;

mod allocator;

#[doc(hidden)]
pub use allocator::Heap;

/// Room for the node to write arguments into; the call that follows takes it back.
#[doc(hidden)]
pub fn allocate(len: u32) -> u32 {
    let mut room = Vec::<u8>::with_capacity(len as usize);
    let ptr = room.as_mut_ptr();
    core::mem::forget(room);
    ptr as u32
}

/// The arguments that the node wrote into memory from [`allocate`].
///
/// # Safety
/// `ptr` must come from `allocate(len)`, written to the full length, and be passed here once.
#[doc(hidden)]
pub unsafe fn arguments(ptr: u32, len: u32) -> Vec<u8> {
    // SAFETY: by this function's contract; the capacity is the one that was allocated.
    unsafe { Vec::from_raw_parts(ptr as *mut u8, len as usize, len as usize) }
}

/// Leaves an answer in memory and tells where. The instance ends with the call, so nobody frees it.
#[doc(hidden)]
pub fn answer(bytes: Vec<u8>) -> u64 {
    let packed = crate::abi::pack(bytes.as_ptr() as u32, bytes.len() as u32);
    core::mem::forget(bytes);
    packed
}

/// Logs the panic and traps.
#[doc(hidden)]
pub fn panicked(info: &PanicInfo<'_>) -> ! {
    log(LogLevel::Error, &format!("{info}"));
    core::arch::wasm32::unreachable()
}

/// Declares the allocator, the `realm_alloc` export and the panic handler of a blob. Once per blob.
#[macro_export]
macro_rules! runtime_entry {
    () => {
        #[global_allocator]
        static ALLOCATOR: $crate::guest::Heap = $crate::guest::Heap::new();

        #[unsafe(no_mangle)]
        extern "C" fn realm_alloc(len: u32) -> u32 {
            $crate::guest::allocate(len)
        }

        #[panic_handler]
        fn panic(info: &::core::panic::PanicInfo<'_>) -> ! {
            $crate::guest::panicked(info)
        }
    };
}
