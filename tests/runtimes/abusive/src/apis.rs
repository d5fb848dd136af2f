//! The runtime's functions. Each takes how much of something to use and returns how much of it was granted.

use crate::{memory, processor, tokens};
use alloc::{string::String, vec::Vec};
use realm_primitives::{HealthStatus, RuntimeError, RuntimeVersion, api::Core};

struct Runtime;

realm_primitives::runtime_version! {
    Runtime {
        spec_name: "realm",
        impl_name: "realm-abusive-runtime",
        authoring_version: 1,
        // Above the default runtime's, so that a tenant's administrator can upgrade to this one.
        spec_version: 1000,
        impl_version: 1,
        transaction_version: 1,
        state_version: 1,
    }
}

realm_primitives::decl_runtime_apis! {
    /// Ways to use up a node.
    pub trait AbuseApi {
        /// Returns at once.
        fn health_check() -> Result<HealthStatus, RuntimeError>;
        /// Loops `rounds` times without a host function.
        fn spin(rounds: u64) -> Result<u64, RuntimeError>;
        /// Hashes `bytes` bytes `rounds` times.
        fn hash(bytes: u32, rounds: u32) -> Result<u32, RuntimeError>;
        /// Multiplies two square matrices of `size` rows `rounds` times.
        fn multiply(size: u32, rounds: u32) -> Result<u32, RuntimeError>;
        /// Loads all layers of the model `rounds` times.
        fn load_layers(rounds: u32) -> Result<u32, RuntimeError>;
        /// Tokenizes a text of `bytes` bytes `rounds` times.
        fn tokenize(bytes: u32, rounds: u32) -> Result<u32, RuntimeError>;
        /// Holds tensors of `megabytes` MiB in all until its first item is read.
        #[stream(u32)]
        fn hoard_tensors(megabytes: u32) -> Result<u32, RuntimeError>;
        /// Tells a sampler of `count` tokens outside of any vocabulary.
        fn accept_tokens(count: u32) -> Result<u32, RuntimeError>;
        /// Reads `count` keys of 1 KiB that have no value.
        fn read_absent(count: u32) -> Result<u32, RuntimeError>;
        /// Stores `count` empty values durably, with keys from `first` on.
        fn store_small(count: u32, first: u32) -> Result<u32, RuntimeError>;
        /// Stores `count` empty values with the connection.
        fn remember_small(count: u32) -> Result<u32, RuntimeError>;
        /// Emits `count` items of `bytes` bytes.
        #[stream(Vec<u8>)]
        fn emit_fat(count: u32, bytes: u32) -> Result<u32, RuntimeError>;
        /// Returns a text of `bytes` bytes.
        fn answer_fat(bytes: u32) -> Result<String, RuntimeError>;
        /// Traps.
        fn trap() -> Result<u32, RuntimeError>;
        /// Computes a prompt of `count` tokens that differ by `salt`.
        fn compute(count: u32, salt: u32) -> Result<u32, RuntimeError>;
        /// Generates `count` tokens by taking the largest logit itself, one forward pass for each.
        fn sample_itself(count: u32) -> Result<u32, RuntimeError>;
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

    impl AbuseApi for Runtime {
        fn health_check() -> Result<HealthStatus, RuntimeError> {
            Ok(HealthStatus {
                healthy: true,
                model: String::new(),
                spec_name: "realm".into(),
                spec_version: Runtime::runtime_version().spec_version,
            })
        }

        fn spin(rounds: u64) -> Result<u64, RuntimeError> {
            Ok(processor::spin(rounds))
        }

        fn hash(bytes: u32, rounds: u32) -> Result<u32, RuntimeError> {
            processor::hash(bytes, rounds)
        }

        fn multiply(size: u32, rounds: u32) -> Result<u32, RuntimeError> {
            processor::multiply(size, rounds)
        }

        fn load_layers(rounds: u32) -> Result<u32, RuntimeError> {
            processor::load_layers(rounds)
        }

        fn tokenize(bytes: u32, rounds: u32) -> Result<u32, RuntimeError> {
            processor::tokenize(bytes, rounds)
        }

        fn hoard_tensors(megabytes: u32) -> Result<u32, RuntimeError> {
            memory::hoard_tensors(megabytes)
        }

        fn accept_tokens(count: u32) -> Result<u32, RuntimeError> {
            memory::accept_tokens(count)
        }

        fn read_absent(count: u32) -> Result<u32, RuntimeError> {
            memory::read_absent(count)
        }

        fn store_small(count: u32, first: u32) -> Result<u32, RuntimeError> {
            memory::store_small(count, first)
        }

        fn remember_small(count: u32) -> Result<u32, RuntimeError> {
            memory::remember_small(count)
        }

        fn emit_fat(count: u32, bytes: u32) -> Result<u32, RuntimeError> {
            memory::emit_fat(count, bytes)
        }

        fn answer_fat(bytes: u32) -> Result<String, RuntimeError> {
            Ok(memory::fat_text(bytes))
        }

        fn trap() -> Result<u32, RuntimeError> {
            panic!("asked to")
        }

        fn compute(count: u32, salt: u32) -> Result<u32, RuntimeError> {
            tokens::compute(count, salt)
        }

        fn sample_itself(count: u32) -> Result<u32, RuntimeError> {
            tokens::sample_itself(count)
        }
    }
}
