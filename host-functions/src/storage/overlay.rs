//! A call's own writes over what was there before. Reads see the writes; iteration merges both in
//! byte order; nothing below changes until the commit.

use crate::{
    budget::{Lease, overhead::WRITE_ENTRY_BYTES},
    error::HostError,
};
use std::{collections::BTreeMap, ops::Bound};

/// What lies below the writes.
pub(super) trait Base {
    /// The value of a key.
    fn get(&mut self, key: &[u8]) -> Result<Option<Vec<u8>>, HostError>;
    /// Bytes of a key's value, without watching the key.
    fn size(&mut self, key: &[u8]) -> Result<Option<u64>, HostError>;
    /// The first key after `after` in byte order.
    fn next_key(&mut self, after: &[u8]) -> Result<Option<Vec<u8>>, HostError>;
    /// Bytes of all keys and values.
    fn bytes(&mut self) -> Result<u64, HostError>;
}

/// Limits of an overlay, with the words for errors.
#[derive(Clone, Copy, Debug)]
pub(super) struct OverlayLimits {
    /// Keys and values of the writes, in bytes, with [`WRITE_ENTRY_BYTES`] for each key.
    pub written_bytes_max: u64,
    /// Keys written or cleared.
    pub written_keys_max: u64,
    /// Keys and values of base and writes together, in bytes, with `entry_bytes` for each key.
    pub total_bytes_max: u64,
    /// Bytes of a key of the base beside its own and its value's.
    pub entry_bytes: u64,
    /// Keys looked at by iteration.
    pub iteration_keys_max: u64,
}

/// Writes over a base.
#[derive(Debug)]
pub(super) struct Overlay<B> {
    pub base: B,
    writes: BTreeMap<Vec<u8>, Option<Vec<u8>>>,
    limits: OverlayLimits,
    /// The bytes of the writes, with the overhead of each.
    written: Lease,
    /// How much base and writes together are bigger than the base alone.
    growth_bytes: i64,
    iterated_keys: u64,
}

impl<B: Base> Overlay<B> {
    pub(super) fn new(base: B, limits: OverlayLimits, written: Lease) -> Self {
        Self { base, writes: BTreeMap::new(), limits, written, growth_bytes: 0, iterated_keys: 0 }
    }

    pub(super) fn get(&mut self, key: &[u8]) -> Result<Option<Vec<u8>>, HostError> {
        match self.writes.get(key) {
            Some(written) => Ok(written.clone()),
            None => self.base.get(key),
        }
    }

    /// Sets or clears a key. Growing past a limit is refused; shrinking never is.
    pub(super) fn write(&mut self, key: Vec<u8>, value: Option<Vec<u8>>) -> Result<(), HostError> {
        let key_len = key.len() as u64;
        let entry_bytes = self.limits.entry_bytes;
        let size = |value_len: Option<u64>| value_len.map_or(0, |len| entry_bytes + key_len + len);
        let before = match self.writes.get(&key) {
            Some(written) => size(written.as_ref().map(|value| value.len() as u64)),
            None => size(self.base.size(&key)?),
        };
        let after = size(value.as_ref().map(|value| value.len() as u64));
        let growth_bytes = self.growth_bytes + after as i64 - before as i64;
        if after > before {
            let asked = self.base.bytes()?.saturating_add_signed(growth_bytes);
            HostError::check_limit("bytes of storage", asked, self.limits.total_bytes_max)?;
        }
        // A key written before leaves the sum first; a cleared key counts with its length.
        let written = |value: &Option<Vec<u8>>| WRITE_ENTRY_BYTES + key_len + value.as_ref().map_or(0, Vec::len) as u64;
        let replaced = self.writes.get(&key).map_or(0, written);
        let written_bytes = self.written.bytes() - replaced + written(&value);
        if written_bytes > self.written.bytes() {
            HostError::check_limit("bytes written by a call", written_bytes, self.limits.written_bytes_max)?;
        }
        if !self.writes.contains_key(&key) {
            HostError::check_limit(
                "keys written by a call",
                self.writes.len() as u64 + 1,
                self.limits.written_keys_max,
            )?;
        }
        self.written.resize("writes to storage", written_bytes)?;
        self.growth_bytes = growth_bytes;
        self.writes.insert(key, value);
        Ok(())
    }

    /// The first key after `after` in byte order, writes and clearings included.
    pub(super) fn next_key(&mut self, after: &[u8]) -> Result<Option<Vec<u8>>, HostError> {
        let written = self
            .writes
            .range::<[u8], _>((Bound::Excluded(after), Bound::Unbounded))
            .find(|(_, value)| value.is_some())
            .map(|(key, _)| key.clone());
        let mut below = after.to_vec();
        loop {
            self.iterated_keys += 1;
            HostError::check_limit("keys iterated over by a call", self.iterated_keys, self.limits.iteration_keys_max)?;
            let Some(key) = self.base.next_key(&below)? else { return Ok(written) };
            if written.as_ref().is_some_and(|written| *written <= key) {
                return Ok(written);
            }
            match self.writes.get(&key) {
                // Cleared by this call: look further.
                Some(None) => below = key,
                _ => return Ok(Some(key)),
            }
        }
    }

    /// How many bytes the writes would add.
    pub(super) fn growth_bytes(&self) -> i64 {
        self.growth_bytes
    }

    /// Takes the writes out, with the lease of their bytes.
    pub(super) fn take(&mut self) -> (BTreeMap<Vec<u8>, Option<Vec<u8>>>, Lease) {
        self.growth_bytes = 0;
        (std::mem::take(&mut self.writes), self.written.take())
    }
}
