//! The line of texts that wait to be embedded: tenants take turns, a text each.
//!
//! ```text
//! tenant a: t1 t2 t3 ┐
//! tenant b: t4       ├─► t1 t4 t5 t2 t6 t3
//! tenant c: t5 t6    ┘
//! ```
//! So a tenant with many texts delays another's by one text per turn, however long its own line is.

use std::collections::{HashMap, VecDeque};

use crate::TenantKey;

/// Items in line, each somebody's. As many as `len_max`.
pub struct Line<T> {
    of: HashMap<TenantKey, VecDeque<T>>,
    /// Whose turn comes next; everybody who has items, once.
    turns: VecDeque<TenantKey>,
    len: usize,
    len_max: usize,
}

impl<T> Line<T> {
    pub fn new(len_max: usize) -> Self {
        Self { of: HashMap::new(), turns: VecDeque::new(), len: 0, len_max }
    }

    pub fn len(&self) -> usize {
        self.len
    }

    /// Puts an item behind its owner's others; gives it back if the line is full.
    pub fn push(&mut self, owner: TenantKey, item: T) -> Result<(), T> {
        if self.len >= self.len_max {
            return Err(item);
        }
        let own = self.of.entry(owner).or_default();
        if own.is_empty() {
            self.turns.push_back(owner);
        }
        own.push_back(item);
        self.len += 1;
        Ok(())
    }

    /// Takes the item whose turn it is, if `fits` says so; otherwise it keeps its turn.
    pub fn pop_if(&mut self, fits: impl FnOnce(&T) -> bool) -> Option<T> {
        let owner = *self.turns.front()?;
        let own = self.of.get_mut(&owner)?;
        let item = if fits(own.front()?) { own.pop_front()? } else { return None };
        self.turns.pop_front();
        self.len -= 1;
        if own.is_empty() {
            self.of.remove(&owner);
        } else {
            self.turns.push_back(owner);
        }
        Some(item)
    }

    /// Drops the items that `keep` refuses.
    pub fn retain(&mut self, mut keep: impl FnMut(&T) -> bool) {
        self.of.retain(|_, own| {
            own.retain(&mut keep);
            !own.is_empty()
        });
        let of = &self.of;
        self.turns.retain(|owner| of.contains_key(owner));
        self.len = self.of.values().map(VecDeque::len).sum();
    }

    pub fn clear(&mut self) {
        self.retain(|_| false);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(name: u8) -> TenantKey {
        TenantKey::new([name; 32])
    }

    fn drain(line: &mut Line<u32>) -> Vec<u32> {
        std::iter::from_fn(|| line.pop_if(|_| true)).collect()
    }

    #[test]
    fn tenants_take_turns_and_keep_their_order() {
        let mut line = Line::new(7);
        for (owner, item) in [(1, 11), (1, 12), (1, 13), (2, 21), (3, 31), (3, 32)] {
            line.push(key(owner), item).unwrap();
        }
        assert_eq!(drain(&mut line), [11, 21, 31, 12, 32, 13]);
        assert_eq!(line.len(), 0);
    }

    #[test]
    fn a_full_line_gives_items_back_and_what_does_not_fit_keeps_its_turn() {
        let mut line = Line::new(2);
        line.push(key(1), 5).unwrap();
        line.push(key(2), 1).unwrap();
        assert_eq!(line.push(key(3), 9), Err(9));
        assert_eq!(line.pop_if(|item| *item < 5), None, "a later, smaller one does not overtake");
        line.retain(|item| *item != 5);
        assert_eq!((line.len(), line.pop_if(|item| *item < 5)), (1, Some(1)));
        line.push(key(1), 2).unwrap();
        line.clear();
        assert_eq!((line.len(), drain(&mut line)), (0, vec![]));
    }
}
