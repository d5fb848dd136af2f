//! Handles: the numbers by which a guest names what the host holds for it.
//!
//! ```text
//!  31    28 27          16 15                0
//! ┌────────┬──────────────┬───────────────────┐
//! │  kind  │  generation  │       slot        │
//! └────────┴──────────────┴───────────────────┘
//! ```
//!
//! A table belongs to one call and holds one kind, so no number reaches another call's things. A
//! slot's generation grows each time it is freed, so a stale number stays wrong until the slot is
//! retired, which happens when its generations are used up.
//!
//! Each thing lies beside the lease of its bytes, which is given back when the thing is taken out or the
//! table is dropped.

use crate::{budget::Lease, error::HostError};

const GENERATION_BITS: u32 = 12;
const GENERATION_MAX: u32 = (1 << GENERATION_BITS) - 1;
const SLOT_BITS: u32 = 16;
const SLOTS_MAX: usize = 1 << SLOT_BITS;

/// What a table holds: the tag in its handles and the words for errors.
#[derive(Clone, Copy, Debug)]
pub(crate) struct HandleKind {
    pub tag: u32,
    /// "a tensor", say.
    pub name: &'static str,
}

/// The things of one kind that a call holds.
#[derive(Debug)]
pub(crate) struct HandleTable<T> {
    kind: HandleKind,
    held_max: usize,
    held: usize,
    slots: Vec<Slot<T>>,
    /// Slots that may be used again, the last freed on top.
    free: Vec<u16>,
}

#[derive(Debug)]
struct Slot<T> {
    generation: u32,
    value: Option<(T, Lease)>,
}

impl<T> HandleTable<T> {
    pub(crate) fn new(kind: HandleKind, held_max: usize) -> Self {
        Self { kind, held_max: held_max.min(SLOTS_MAX), held: 0, slots: Vec::new(), free: Vec::new() }
    }

    /// Whether one more fits; asked before work whose outcome would need a handle.
    pub(crate) fn check_room(&self) -> Result<(), HostError> {
        let (asked, limit) = (self.held as u64 + 1, self.held_max as u64);
        if asked > limit || (self.free.is_empty() && self.slots.len() == SLOTS_MAX) {
            return Err(HostError::Limit { what: "handles of one kind held by a call", asked, limit });
        }
        Ok(())
    }

    /// Takes `value` in, with the lease of its bytes, and names it.
    pub(crate) fn insert(&mut self, value: T, lease: Lease) -> Result<u32, HostError> {
        self.check_room()?;
        let slot = match self.free.pop() {
            Some(slot) => slot,
            None => {
                self.slots.push(Slot { generation: 0, value: None });
                (self.slots.len() - 1) as u16
            }
        };
        let entry = &mut self.slots[usize::from(slot)];
        entry.value = Some((value, lease));
        self.held += 1;
        Ok((self.kind.tag << (GENERATION_BITS + SLOT_BITS)) | (entry.generation << SLOT_BITS) | u32::from(slot))
    }

    /// What `handle` names.
    pub(crate) fn get(&self, handle: u32) -> Result<&T, HostError> {
        self.slot_of(handle)
            .and_then(|slot| self.slots[slot].value.as_ref())
            .map(|(value, _)| value)
            .ok_or(HostError::BadHandle { handle, kind: self.kind.name })
    }

    /// What `handle` names, to change it.
    pub(crate) fn get_mut(&mut self, handle: u32) -> Result<&mut T, HostError> {
        self.get_leased(handle).map(|(value, _)| value)
    }

    /// What `handle` names, to change it, and the lease of its bytes.
    pub(crate) fn get_leased(&mut self, handle: u32) -> Result<(&mut T, &Lease), HostError> {
        match self.slot_of(handle) {
            Some(slot) => self.slots[slot].value.as_mut(),
            None => None,
        }
        .map(|(value, lease)| (value, &*lease))
        .ok_or(HostError::BadHandle { handle, kind: self.kind.name })
    }

    /// Takes what `handle` names out; the number is wrong from now on.
    pub(crate) fn remove(&mut self, handle: u32) -> Result<T, HostError> {
        let bad = HostError::BadHandle { handle, kind: self.kind.name };
        let Some(slot) = self.slot_of(handle) else { return Err(bad) };
        let entry = &mut self.slots[slot];
        let (value, _) = entry.value.take().ok_or(bad)?;
        self.held -= 1;
        if entry.generation < GENERATION_MAX {
            entry.generation += 1;
            self.free.push(slot as u16);
        }
        Ok(value)
    }

    /// The slot of a handle whose kind and generation are right.
    fn slot_of(&self, handle: u32) -> Option<usize> {
        let slot = (handle & (SLOTS_MAX as u32 - 1)) as usize;
        let generation = (handle >> SLOT_BITS) & GENERATION_MAX;
        let tag = handle >> (GENERATION_BITS + SLOT_BITS);
        let entry = self.slots.get(slot)?;
        (tag == self.kind.tag && generation == entry.generation).then_some(slot)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::NativeBudget;

    /// Bytes of each number.
    const BYTES: u64 = 8;

    fn table(held_max: usize) -> HandleTable<u64> {
        HandleTable::new(HandleKind { tag: 3, name: "a number" }, held_max)
    }

    fn lease() -> Lease {
        NativeBudget::unlimited().empty_lease()
    }

    #[test]
    fn a_stale_or_forged_handle_is_refused() {
        let mut numbers = table(2);
        let first = numbers.insert(1, lease()).unwrap();
        assert_eq!(numbers.remove(first).unwrap(), 1);
        let second = numbers.insert(2, lease()).unwrap();
        assert_ne!(first, second, "the slot is used again, the number is not");
        for handle in [first, 0, u32::MAX, second ^ (1 << 28), second ^ (1 << 16), second + 1] {
            assert!(matches!(numbers.get(handle), Err(HostError::BadHandle { .. })), "{handle:#x}");
            assert!(numbers.remove(handle).is_err(), "{handle:#x}");
        }
        assert_eq!(*numbers.get(second).unwrap(), 2);
    }

    #[test]
    fn no_number_comes_twice_though_slots_do() {
        let mut numbers = table(1);
        let mut seen = std::collections::HashSet::new();
        for value in 0..3 * u64::from(GENERATION_MAX) {
            let handle = numbers.insert(value, lease()).unwrap();
            assert!(seen.insert(handle));
            numbers.remove(handle).unwrap();
        }
    }

    #[test]
    fn the_count_is_bounded() {
        let mut numbers = table(2);
        let first = numbers.insert(1, lease()).unwrap();
        numbers.insert(2, lease()).unwrap();
        assert!(matches!(numbers.insert(3, lease()), Err(HostError::Limit { asked: 3, limit: 2, .. })));
        numbers.remove(first).unwrap();
        numbers.insert(3, lease()).unwrap();
    }

    #[test]
    fn bytes_are_held_as_long_as_what_they_are_of() {
        let budget = NativeBudget::unlimited();
        let mut numbers = table(2);
        let first = numbers.insert(1, budget.try_take("numbers", BYTES).unwrap()).unwrap();
        numbers.insert(2, budget.try_take("numbers", BYTES).unwrap()).unwrap();
        // A thing that there is no handle for gives its bytes back.
        assert!(numbers.insert(3, budget.try_take("numbers", BYTES).unwrap()).is_err());
        assert_eq!(budget.used(), 2 * BYTES);
        numbers.remove(first).unwrap();
        assert_eq!(budget.used(), BYTES);
        drop(numbers);
        assert_eq!(budget.used(), 0);
    }
}
