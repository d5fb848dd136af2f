//! Every host function with numbers that it must refuse.

use crate::{
    apis::{Attack, Reached},
    functions::{ALL, Function, Kind},
    hold::Handles,
};
use alloc::{string::String, vec, vec::Vec};
use realm_primitives::{RuntimeError, host::raw};

/// Bytes of the room that right pointers name.
const ROOM_BYTES: usize = 256;
/// Right lengths: one entry, and one number.
const LEN: u32 = 4;
const PAGE_BYTES: u32 = 1 << 16;

/// Tries all functions: `forged` are numbers of handles that others hold.
pub(crate) fn attack(forged: &[u32]) -> Result<Attack, RuntimeError> {
    let own = Handles::open()?;
    let mut tries = Tries { own, room: vec![0; ROOM_BYTES], attack: Attack::default() };
    for function in ALL {
        tries.attack.functions.push(function.name.into());
        tries.handles(function, forged);
        tries.pointers(function);
        tries.numbers(function);
        if function.kinds.is_empty() {
            tries.ask(function);
        }
    }
    Ok(tries.attack)
}

struct Tries {
    own: Handles,
    room: Vec<u8>,
    attack: Attack,
}

impl Tries {
    /// Right arguments.
    fn right(&self, function: &Function) -> Vec<u32> {
        let word = |kind: &Kind| match kind {
            Kind::Pointer => self.room.as_ptr() as u32,
            Kind::Length => LEN,
            Kind::Number | Kind::Plain => 0,
            handle => self.own.of(*handle),
        };
        function.kinds.iter().map(word).collect()
    }

    /// Each handle that is not the call's own, or of another kind, in each place.
    fn handles(&mut self, function: &Function, forged: &[u32]) {
        let places = function.kinds.iter().enumerate().filter(|(_, kind)| kind.is_handle());
        for (place, kind) in places {
            let others = self.own.but(*kind);
            for handle in forged.iter().chain(&others) {
                if *handle == self.own.of(*kind) {
                    // The same number means this call's own.
                    continue;
                }
                let mut words = self.right(function);
                words[place] = *handle;
                self.try_one(function, words);
            }
        }
    }

    /// Places outside of memory, or partly, for each pointer.
    fn pointers(&mut self, function: &Function) {
        let places = function.kinds.iter().enumerate().filter(|(_, kind)| **kind == Kind::Pointer);
        for (place, _) in places {
            let wild: [fn(u32) -> u32; 6] =
                [|end| end, |end| end - 1, |end| end + PAGE_BYTES, |_| u32::MAX, |_| u32::MAX - LEN, |_| 1 << 31];
            for pointer in wild {
                let mut words = self.right(function);
                // A rank of one, where the pointer is a shape's.
                if function.name == "tensor_new" {
                    words[1] = 1;
                }
                // Asked after all that could make memory grow.
                words[place] = pointer(core::arch::wasm32::memory_size::<0>() as u32 * PAGE_BYTES);
                self.try_one(function, words);
            }
            if function.kinds.get(place + 1) == Some(&Kind::Length) {
                let mut words = self.right(function);
                words[place + 1] = u32::MAX;
                self.try_one(function, words);
            }
        }
    }

    /// Wild numbers, one at a time.
    fn numbers(&mut self, function: &Function) {
        let places = function.kinds.iter().enumerate().filter(|(_, kind)| **kind == Kind::Number);
        for (place, _) in places {
            for number in [u32::MAX, 1 << 31, i32::MAX as u32] {
                let mut words = self.right(function);
                words[place] = number;
                self.try_one(function, words);
            }
        }
    }

    /// What takes no arguments may answer, of the call itself; the test looks at what it says.
    fn ask(&mut self, function: &Function) {
        let answer = (function.call)(&[]);
        if function.name == "detokenizer_open" {
            return;
        }
        let mut bytes = vec![0; usize::try_from(answer).unwrap_or(0)];
        // SAFETY: the pointer and length are those of a live, exclusively borrowed buffer.
        if unsafe { raw::take(bytes.as_mut_ptr() as u32, bytes.len() as u32) } >= 0 {
            self.attack.told.push(bytes);
        }
    }

    fn try_one(&mut self, function: &Function, words: Vec<u32>) {
        let answer = (function.call)(&words);
        if answer < 0 {
            self.attack.refused += 1;
        } else {
            self.attack.reached.push(Reached { function: String::from(function.name), words, answer: answer as u64 });
        }
    }
}
