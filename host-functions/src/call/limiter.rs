//! Holds the guest to its memory and tables. A refused growth is the guest's to handle (wasm's
//! `memory.grow` answers -1); the limiter remembers it, so that the trap that usually follows can
//! be told from others.

use wasmtime::ResourceLimiter;

/// The limits of one instance, and whether it ran into them.
#[derive(Debug)]
pub(crate) struct GuestLimiter {
    memory_bytes_max: usize,
    table_elements_max: usize,
    memory_refused_bytes: Option<usize>,
    memory_bytes: usize,
}

impl GuestLimiter {
    pub(crate) fn new(memory_bytes_max: usize, table_elements_max: usize) -> Self {
        Self { memory_bytes_max, table_elements_max, memory_refused_bytes: None, memory_bytes: 0 }
    }

    /// The size in bytes that was refused, if one was.
    pub(crate) fn memory_refused_bytes(&self) -> Option<usize> {
        self.memory_refused_bytes
    }

    /// Linear memory of the guest, in bytes. It never shrinks.
    pub(crate) fn memory_bytes(&self) -> usize {
        self.memory_bytes
    }

    pub(crate) fn memory_bytes_max(&self) -> usize {
        self.memory_bytes_max
    }
}

impl ResourceLimiter for GuestLimiter {
    fn memory_growing(&mut self, _current: usize, desired: usize, maximum: Option<usize>) -> wasmtime::Result<bool> {
        if desired > self.memory_bytes_max {
            self.memory_refused_bytes = Some(desired);
            return Ok(false);
        }
        if maximum.is_some_and(|maximum| desired > maximum) {
            return Ok(false);
        }
        self.memory_bytes = desired;
        Ok(true)
    }

    fn table_growing(&mut self, _current: usize, desired: usize, maximum: Option<usize>) -> wasmtime::Result<bool> {
        Ok(desired <= self.table_elements_max && maximum.is_none_or(|maximum| desired <= maximum))
    }
}
