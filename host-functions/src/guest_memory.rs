//! The guest's linear memory, and the only file that touches it. Everything goes in and out as a
//! copy of a checked slice; no reference into the guest's memory outlives a host function.

use crate::{CallState, error::HostError};
use wasmtime::{AsContext, AsContextMut, Memory};

/// The exported memory of one instance.
#[derive(Clone, Copy, Debug)]
pub struct GuestMemory(Memory);

impl GuestMemory {
    /// Wraps an instance's memory.
    pub fn new(memory: Memory) -> Self {
        Self(memory)
    }

    /// Copies `len` bytes at `ptr` out.
    ///
    /// # Errors
    /// [`HostError::OutOfBounds`]; [`HostError::Limit`] if `len` is more than `len_max`.
    pub fn read(
        self,
        store: impl AsContext,
        ptr: u32,
        len: u32,
        len_max: u32,
        what: &'static str,
    ) -> Result<Vec<u8>, HostError> {
        HostError::check_limit(what, len.into(), len_max.into())?;
        checked(self.0.data(&store), ptr, len.into()).map(<[u8]>::to_vec)
    }

    /// Lets `look` see `len` bytes at `ptr` without a copy.
    ///
    /// # Errors
    /// [`HostError::OutOfBounds`].
    pub(crate) fn with<R>(
        self,
        store: impl AsContext,
        ptr: u32,
        len: u32,
        look: impl FnOnce(&[u8]) -> R,
    ) -> Result<R, HostError> {
        checked(self.0.data(&store), ptr, len.into()).map(look)
    }

    /// Copies `count` little-endian u32 at `ptr` out. No alignment is asked for.
    ///
    /// # Errors
    /// [`HostError::OutOfBounds`]; [`HostError::Limit`] if `count` is more than `count_max`.
    pub(crate) fn read_words(
        self,
        store: impl AsContext,
        ptr: u32,
        count: u32,
        count_max: u32,
        what: &'static str,
    ) -> Result<Vec<u32>, HostError> {
        HostError::check_limit(what, count.into(), count_max.into())?;
        let bytes = checked(self.0.data(&store), ptr, u64::from(count) * 4)?;
        Ok(bytes.as_chunks::<4>().0.iter().map(|word| u32::from_le_bytes(*word)).collect())
    }

    /// Copies `len` bytes of little-endian f32 at `ptr` out; `len` must be a multiple of four.
    ///
    /// # Errors
    /// [`HostError::OutOfBounds`], [`HostError::Invalid`].
    pub(crate) fn read_floats(self, store: impl AsContext, ptr: u32, len: u32) -> Result<Vec<f32>, HostError> {
        if !len.is_multiple_of(4) {
            return Err(HostError::invalid(format!("{len} bytes are not a whole number of f32")));
        }
        let bytes = checked(self.0.data(&store), ptr, len.into())?;
        Ok(bytes.as_chunks::<4>().0.iter().map(|word| f32::from_le_bytes(*word)).collect())
    }

    /// Copies `bytes` to `ptr`.
    ///
    /// # Errors
    /// [`HostError::OutOfBounds`].
    pub fn write(self, mut store: impl AsContextMut, ptr: u32, bytes: &[u8]) -> Result<(), HostError> {
        let memory = self.0.data_mut(&mut store);
        let memory_len = memory.len() as u64;
        let len = bytes.len() as u64;
        let room = checked_mut(memory, ptr, len).ok_or(HostError::OutOfBounds { ptr, len, memory_len })?;
        room.copy_from_slice(bytes);
        Ok(())
    }

    /// Copies `values` as little-endian f32 to `ptr`.
    ///
    /// # Errors
    /// [`HostError::OutOfBounds`].
    pub(crate) fn write_floats(self, mut store: impl AsContextMut, ptr: u32, values: &[f32]) -> Result<(), HostError> {
        let memory = self.0.data_mut(&mut store);
        let memory_len = memory.len() as u64;
        let len = values.len() as u64 * 4;
        let room = checked_mut(memory, ptr, len).ok_or(HostError::OutOfBounds { ptr, len, memory_len })?;
        for (place, value) in room.as_chunks_mut::<4>().0.iter_mut().zip(values) {
            *place = value.to_le_bytes();
        }
        Ok(())
    }

    /// Moves bytes that `source` gives out of the call's state to `ptr`, without a copy between.
    ///
    /// # Errors
    /// [`HostError::OutOfBounds`], or what `source` refuses; then nothing is written.
    pub(crate) fn write_from_state<'s>(
        self,
        store: impl Into<wasmtime::StoreContextMut<'s, CallState>>,
        ptr: u32,
        source: impl FnOnce(&mut CallState) -> Result<&[u8], HostError>,
    ) -> Result<(), HostError> {
        let (memory, state) = self.0.data_and_store_mut(store);
        let memory_len = memory.len() as u64;
        let bytes = source(state)?;
        let len = bytes.len() as u64;
        let room = checked_mut(memory, ptr, len).ok_or(HostError::OutOfBounds { ptr, len, memory_len })?;
        room.copy_from_slice(bytes);
        Ok(())
    }
}

fn range(memory_len: usize, ptr: u32, len: u64) -> Option<std::ops::Range<usize>> {
    let end = u64::from(ptr).checked_add(len)?;
    (end <= memory_len as u64).then_some(ptr as usize..end as usize)
}

fn checked(memory: &[u8], ptr: u32, len: u64) -> Result<&[u8], HostError> {
    range(memory.len(), ptr, len).and_then(|range| memory.get(range)).ok_or(HostError::OutOfBounds {
        ptr,
        len,
        memory_len: memory.len() as u64,
    })
}

fn checked_mut(memory: &mut [u8], ptr: u32, len: u64) -> Option<&mut [u8]> {
    range(memory.len(), ptr, len).and_then(|range| memory.get_mut(range))
}
