//! The runtime's functions.

use crate::{attack, hoard, hold, memory, program};
use alloc::{string::String, vec::Vec};
use parity_scale_codec::{Decode, Encode};
use realm_primitives::{RuntimeError, RuntimeVersion, api::Core, host::context};
use scale_info::TypeInfo;

struct Runtime;

realm_primitives::runtime_version! {
    Runtime {
        spec_name: "hostile",
        impl_name: "realm-hostile-runtime",
        authoring_version: 1,
        spec_version: 1,
        impl_version: 1,
        transaction_version: 1,
        state_version: 1,
    }
}

/// A call of a host function that should have been refused.
#[derive(Clone, Encode, Decode, TypeInfo)]
pub struct Reached {
    /// The host function.
    pub function: String,
    /// Its arguments.
    pub words: Vec<u32>,
    /// What it answered.
    pub answer: u64,
}

/// What came of an attack.
#[derive(Clone, Default, Encode, Decode, TypeInfo)]
pub struct Attack {
    /// Host functions that were tried.
    pub functions: Vec<String>,
    /// Calls that were refused.
    pub refused: u32,
    /// What functions without arguments told.
    pub told: Vec<Vec<u8>>,
    /// Calls that should have been refused.
    pub reached: Vec<Reached>,
}

/// What came of a program of host calls.
#[derive(Clone, Default, Encode, Decode, TypeInfo)]
pub struct Ran {
    /// Host calls.
    pub calls: u32,
    /// Calls that were refused.
    pub refused: u32,
    /// Calls that should have been refused, or were refused with an unknown code.
    pub reached: Vec<Reached>,
}

/// What a call holds.
#[derive(Clone, Encode, Decode, TypeInfo)]
pub struct Holding {
    /// Handles of a tensor, a session, logits, a sampler and a detokenizer.
    pub handles: Vec<u32>,
    /// The tensor's value.
    pub value: u32,
    /// The session's tokens.
    pub tokens: u32,
    /// Zeros.
    pub padding: Vec<u8>,
}

/// What storage shows.
#[derive(Clone, Default, Encode, Decode, TypeInfo)]
pub struct Spied {
    /// Values of guessed keys and of all keys.
    pub values: Vec<Vec<u8>>,
    /// All keys.
    pub keys: Vec<Vec<u8>>,
}

realm_primitives::decl_runtime_apis! {
    /// Attempts at what is not the caller's own.
    pub trait HostileApi {
        /// Every host function with `forged` handles, pointers outside of memory, and wild numbers.
        fn attack(forged: Vec<u32>) -> Result<Attack, RuntimeError>;
        /// Any sequence of host calls.
        fn run(program: Vec<u8>) -> Result<Ran, RuntimeError>;
        /// Stores a secret, durably and with the connection.
        fn keep(secret: Vec<u8>) -> Result<(), RuntimeError>;
        /// Holds a lock and handles until so many items are read.
        #[stream(Holding)]
        fn hold(value: u32, tokens: u32, items: u32) -> Result<u32, RuntimeError>;
        /// Everything that storage shows, guessed keys included; takes the lock that `hold` holds.
        fn spy(guesses: Vec<Vec<u8>>) -> Result<Spied, RuntimeError>;
        /// Tokens of a text that the KV cache has.
        fn cached(text: String) -> Result<u32, RuntimeError>;
        /// Writes a pattern, which comes masked, over all free memory; words written.
        fn fill(masked: u64) -> Result<u32, RuntimeError>;
        /// Words of memory that are the pattern.
        fn count(masked: u64) -> Result<u32, RuntimeError>;
        /// The tenant that the host names.
        fn who() -> Result<String, RuntimeError>;
        /// Takes so many tensors (0), reads (1), writes (2), values of the connection (3), logits (4) or blocks of
        /// accepted tokens (5), and holds them until its items are read.
        #[stream(Vec<u8>)]
        fn hoard(kind: u32, count: u32) -> Result<u32, RuntimeError>;
        /// Sends so many items of 900 kB.
        #[stream(Vec<u8>)]
        fn flood(items: u32) -> Result<u32, RuntimeError>;
        /// Answers so many bytes.
        fn answer(bytes: u32) -> Result<Vec<u8>, RuntimeError>;
    }
}

realm_primitives::impl_runtime_apis! {
    impl Core for Runtime {
        fn version() -> RuntimeVersion {
            Runtime::runtime_version()
        }

        fn migrate(_from_spec_version: u32) -> Result<(), RuntimeError> {
            Ok(())
        }
    }

    impl HostileApi for Runtime {
        fn attack(forged: Vec<u32>) -> Result<Attack, RuntimeError> {
            attack::attack(&forged)
        }

        fn run(program: Vec<u8>) -> Result<Ran, RuntimeError> {
            Ok(program::run(&program))
        }

        fn keep(secret: Vec<u8>) -> Result<(), RuntimeError> {
            hold::keep(&secret)
        }

        fn hold(value: u32, tokens: u32, items: u32) -> Result<u32, RuntimeError> {
            hold::hold(value, tokens, items)
        }

        fn spy(guesses: Vec<Vec<u8>>) -> Result<Spied, RuntimeError> {
            hold::spy(&guesses)
        }

        fn cached(text: String) -> Result<u32, RuntimeError> {
            hold::cached(&text)
        }

        fn fill(masked: u64) -> Result<u32, RuntimeError> {
            Ok(memory::fill(masked))
        }

        fn count(masked: u64) -> Result<u32, RuntimeError> {
            Ok(memory::count(masked))
        }

        fn who() -> Result<String, RuntimeError> {
            Ok(context::call_context()?.tenant)
        }

        fn hoard(kind: u32, count: u32) -> Result<u32, RuntimeError> {
            hoard::hoard(kind, count)
        }

        fn flood(items: u32) -> Result<u32, RuntimeError> {
            hoard::flood(items)
        }

        fn answer(bytes: u32) -> Result<Vec<u8>, RuntimeError> {
            Ok(hoard::answer(bytes))
        }
    }
}
