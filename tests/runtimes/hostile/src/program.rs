//! Any sequence of host calls, out of bytes: what the fuzz target `host_functions` runs in a live instance.
//!
//! ```text
//!   program:  op  operands..  op  operands..
//!   op        < FILL_OP   a host function (its place in `functions::ALL`), then one operand for each argument
//!             else        offset, length, bytes: written into the room that pointers name
//! ```
//! The call keeps a list of the handles it was given. A call with any other handle, or with a pointer behind the end
//! of memory, must be refused, and every refusal must be one of the documented codes.

use crate::{
    apis::{Ran, Reached},
    functions::{ALL, Function, Kind},
};
use alloc::{string::String, vec, vec::Vec};
use realm_primitives::abi::HostErrorCode;

/// Bytes of the room that pointers in range name.
const ROOM_BYTES: usize = 4096;
/// Room offsets are multiples of this, so that one operand reaches all of it.
const ROOM_STEP: u32 = 16;
/// Bytes of the hash that `crypto_hash` writes.
const HASH_BYTES: u32 = 32;
/// Host calls of one program.
const CALLS_MAX: u32 = 256;
/// Ops from here on fill the room.
const FILL_OP: u8 = 224;
const PAGE_BYTES: u32 = 1 << 16;
/// Numbers at the edges of what arguments can be.
const EDGES: [u32; 8] = [u32::MAX, i32::MAX as u32, 1 << 31, 1 << 16, 0x3f80_0000, 0x7fc0_0000, 0xff80_0000, 255];

/// Runs a program.
pub(crate) fn run(program: &[u8]) -> Ran {
    let mut room = vec![0; ROOM_BYTES];
    // Token ids and shapes: small numbers, so that pointers in range point at what can be used.
    for (at, word) in room.chunks_exact_mut(4).enumerate() {
        word.copy_from_slice(&(1 + at as u32 % 7).to_le_bytes());
    }
    let mut machine = Machine { program, room, own: Vec::new(), last: 0, ran: Ran::default() };
    while !machine.program.is_empty() && machine.ran.calls < CALLS_MAX {
        match machine.byte() {
            op if op < FILL_OP => machine.call(&ALL[op as usize % ALL.len()]),
            _ => machine.fill(),
        }
    }
    machine.ran
}

struct Machine<'a> {
    program: &'a [u8],
    room: Vec<u8>,
    /// The handles that the call holds.
    own: Vec<(Kind, u32)>,
    /// The last answer that was no refusal.
    last: u32,
    ran: Ran,
}

impl Machine<'_> {
    fn byte(&mut self) -> u8 {
        let Some((&byte, rest)) = self.program.split_first() else { return 0 };
        self.program = rest;
        byte
    }

    fn word(&mut self) -> u32 {
        u32::from_le_bytes([self.byte(), self.byte(), self.byte(), self.byte()])
    }

    fn fill(&mut self) {
        let (at, len) = (self.byte() as usize * ROOM_STEP as usize, self.byte() as usize);
        let len = len.min(self.program.len()).min(self.room.len() - at);
        let (bytes, rest) = self.program.split_at(len);
        self.room[at..at + len].copy_from_slice(bytes);
        self.program = rest;
    }

    fn call(&mut self, function: &Function) {
        let mut words: Vec<u32> = function.kinds.iter().map(|kind| self.operand(*kind)).collect();
        self.keep_writes_in_the_room(function, &mut words);
        let wild = self.is_wild(function, &words);
        let answer = (function.call)(&words);
        self.ran.calls += 1;
        if answer < 0 {
            let code = u32::try_from(-answer).ok().and_then(HostErrorCode::from_code);
            self.ran.refused += 1;
            if code.is_none() {
                self.reached(function, words, answer);
            }
            return;
        }
        self.last = answer as u32;
        if wild {
            self.reached(function, words, answer);
            return;
        }
        match effect(function.name) {
            Effect::Opens(kind) => self.own.push((kind, answer as u32)),
            Effect::Frees(kind) => self.own.retain(|held| *held != (kind, words[0])),
            Effect::None => {}
        }
    }

    fn operand(&mut self, kind: Kind) -> u32 {
        let mode = self.byte();
        match kind {
            Kind::Pointer => match mode {
                0..224 => self.room.as_ptr() as u32 + (u32::from(mode) * ROOM_STEP) % ROOM_BYTES as u32,
                224..232 => memory_end(),
                232..240 => memory_end() - u32::from(mode & 7),
                240..248 => memory_end() + PAGE_BYTES,
                _ => self.word(),
            },
            Kind::Length => match mode {
                0..192 => u32::from(mode),
                192..240 => self.last,
                _ => self.word(),
            },
            Kind::Number | Kind::Plain => match mode {
                0..192 => u32::from(mode) & 31,
                192..224 => EDGES[mode as usize % EDGES.len()],
                _ => self.word(),
            },
            handle => {
                let alike: Vec<u32> =
                    self.own.iter().filter(|(kind, _)| *kind == handle || mode >= 192).map(|held| held.1).collect();
                match alike.get(mode as usize % alike.len().max(1)) {
                    Some(own) if mode < 224 => *own,
                    _ if mode < 240 => u32::from(mode & 15),
                    _ => self.word(),
                }
            }
        }
    }

    /// Where the host may write inside of memory, it must be the room: this runtime's own state lies in the same memory.
    fn keep_writes_in_the_room(&self, function: &Function, words: &mut [u32]) {
        let (at, len) = match function.name {
            "take" => (0, words[1]),
            "tensor_read" => (1, words[2]),
            "logits_read" => (2, words[3]),
            "crypto_hash" => (3, HASH_BYTES),
            _ => return,
        };
        let room = self.room.as_ptr() as u64;
        let end = u64::from(words[at]) + u64::from(len);
        let in_room = u64::from(words[at]) >= room && end <= room + ROOM_BYTES as u64;
        if !in_room && end <= u64::from(memory_end()) {
            words[at] = self.room.as_ptr() as u32;
            if at + 1 < words.len() {
                words[at + 1] = len.min(ROOM_BYTES as u32);
            }
        }
    }

    /// Whether the call must be refused: a handle that is not the call's own, or a pointer behind the end of memory.
    fn is_wild(&self, function: &Function, words: &[u32]) -> bool {
        let arguments = function.kinds.iter().zip(words).enumerate();
        arguments.into_iter().any(|(at, (kind, word))| match kind {
            // Nothing is read of no bytes.
            Kind::Pointer => *word > memory_end() && words.get(at + 1).is_none_or(|len| *len > 0),
            Kind::Length | Kind::Number | Kind::Plain => false,
            handle => !self.own.contains(&(*handle, *word)),
        })
    }

    fn reached(&mut self, function: &Function, words: Vec<u32>, answer: i64) {
        self.ran.reached.push(Reached { function: String::from(function.name), words, answer: answer as u64 });
    }
}

/// What a call does to the handles that are held.
enum Effect {
    Opens(Kind),
    Frees(Kind),
    None,
}

fn effect(name: &str) -> Effect {
    match name {
        "get_tensor" | "tensor_new" | "candle_matmul" | "add" | "mul" | "scale" | "silu" | "softmax" | "rms_norm"
        | "rope" | "embedding_lookup" | "reshape" | "transpose" | "narrow" | "concat" | "repeat" => {
            Effect::Opens(Kind::Tensor)
        }
        "session_open" | "session_fork" => Effect::Opens(Kind::Session),
        "session_forward" => Effect::Opens(Kind::Logits),
        "sampler_open" => Effect::Opens(Kind::Sampler),
        "detokenizer_open" => Effect::Opens(Kind::Detokenizer),
        "tensor_drop" => Effect::Frees(Kind::Tensor),
        "session_drop" => Effect::Frees(Kind::Session),
        "logits_drop" => Effect::Frees(Kind::Logits),
        "sampler_drop" => Effect::Frees(Kind::Sampler),
        "detokenizer_finish" => Effect::Frees(Kind::Detokenizer),
        _ => Effect::None,
    }
}

fn memory_end() -> u32 {
    core::arch::wasm32::memory_size::<0>() as u32 * PAGE_BYTES
}
