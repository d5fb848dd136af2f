//! Runtimes written in WAT: each describes itself as a real one does, and its few functions do what a test needs.

use parity_scale_codec::Encode;
use realm_primitives::{
    HealthStatus, RuntimeError, RuntimeVersion,
    api::{ApiDeclaration, Core, RuntimeApis},
    metadata,
};
use std::fmt::Write;

/// The name of all of these runtimes.
pub const SPEC_NAME: &str = "wat";
/// The key that the functions read and write.
pub const KEY: &[u8] = b"state";

struct Described;

realm_primitives::runtime_version! {
    Described {
        spec_name: "wat",
        impl_name: "wat",
        authoring_version: 1,
        spec_version: 1,
        impl_version: 1,
        transaction_version: 1,
        state_version: 1,
    }
}

realm_primitives::decl_runtime_apis! {
    /// What the tests call.
    pub trait TestApi {
        /// Whether it runs.
        fn health_check() -> Result<HealthStatus, RuntimeError>;
        /// Emits three items, then stores its version's number.
        #[stream(u32)]
        fn hold_and_write() -> Result<(), RuntimeError>;
        /// Emits three items, then looks at what is stored.
        #[stream(u32)]
        fn hold_and_read() -> Result<(), RuntimeError>;
        /// Has the connection remember eight bytes. How many it remembered before.
        fn remember() -> Result<u32, RuntimeError>;
    }
}

// Only described here; what the functions do stands in WAT below.
realm_primitives::impl_runtime_apis! {
    impl Core for Described {
        fn version() -> RuntimeVersion {
            Self::runtime_version()
        }

        fn migrate(_from_spec_version: u32) -> Result<(), RuntimeError> {
            Ok(())
        }
    }

    impl TestApi for Described {
        fn health_check() -> Result<HealthStatus, RuntimeError> {
            Err(RuntimeError::Internal { message: "never called".into() })
        }

        fn hold_and_write() -> Result<(), RuntimeError> {
            Ok(())
        }

        fn hold_and_read() -> Result<(), RuntimeError> {
            Ok(())
        }

        fn remember() -> Result<u32, RuntimeError> {
            Ok(0)
        }
    }
}

/// Where the constants begin; below is room for what the functions store.
const CONSTANTS: usize = 0x1000;
/// The key lies here, and room for a value behind it.
const KEY_AT: usize = 0x100;
const VALUE_AT: usize = 0x200;
/// What is allocated begins here.
const HEAP: usize = 0x10_000;

const ANSWER_OK: &str = "(return (global.get $ok))";
/// A body that never returns.
pub const TRAP: &str = "unreachable";
pub const LOOP: &str = "(loop $again (br $again))";
pub const EAT_MEMORY: &str =
    "(loop $again (if (i32.eq (memory.grow (i32.const 16)) (i32.const -1)) (then unreachable)) (br $again))";
/// A migration that makes what is stored one byte longer.
pub const LENGTHEN: &str = "(local $len i64)
    (local.set $len (call $get))
    (if (i64.lt_s (local.get $len) (i64.const 0)) (then (local.set $len (i64.const 0)))
        (else (drop (call $take (i32.const 0x200) (i32.wrap_i64 (local.get $len))))))
    (drop (call $set (i32.wrap_i64 (i64.add (local.get $len) (i64.const 1)))))
    (return (global.get $ok))";
/// The same, and a trap where what was stored had three bytes.
pub const LENGTHEN_OR_TRAP: &str = "(local $len i64)
    (local.set $len (call $get))
    (drop (call $set (i32.wrap_i64 (i64.add (local.get $len) (i64.const 1)))))
    (if (i64.eq (local.get $len) (i64.const 3)) (then unreachable))
    (return (global.get $ok))";
/// A migration that changes nothing and cannot read eight bytes.
pub const TRAP_AT_EIGHT: &str = "(if (i64.eq (call $get) (i64.const 8)) (then unreachable)) (return (global.get $ok))";

/// Tokens that [`COMPUTE`] computes.
pub const COMPUTED_TOKENS: u64 = 40;
/// What [`COMPUTE`] imports.
pub const COMPUTE_IMPORTS: &str = r#"
    (import "realm_inference_v1" "session_open" (func $session_open (param i32 i32) (result i64)))
    (import "realm_inference_v1" "session_forward" (func $session_forward (param i32 i32 i32 i32) (result i64)))"#;
/// A body that has the model read tokens, all of number 0, which lie in memory that nobody wrote to.
pub const COMPUTE: &str = "
    (if (i64.lt_s (call $session_forward
            (i32.wrap_i64 (call $session_open (i32.const 0x400) (i32.const 0))) (i32.const 0x400) (i32.const 40) (i32.const 0))
        (i64.const 0)) (then unreachable))
    (return (global.get $healthy))";

/// A runtime in the making.
#[derive(Clone, Copy)]
pub struct Blob {
    pub spec_name: &'static str,
    pub spec_version: u32,
    /// What `Core_version` says, if that is something else.
    pub says_version: Option<u32>,
    /// More imports.
    pub imports: &'static str,
    /// Bodies of functions that return an `i64`.
    pub health_check: &'static str,
    pub migrate: &'static str,
    /// Whether it describes itself.
    pub metadata: bool,
}

impl Blob {
    /// A good runtime of this version, whose migration changes nothing.
    pub fn version(spec_version: u32) -> Self {
        Self {
            spec_name: SPEC_NAME,
            spec_version,
            says_version: None,
            imports: "",
            health_check: "(return (global.get $healthy))",
            migrate: ANSWER_OK,
            metadata: true,
        }
    }

    /// The bytes to upload.
    pub fn wasm(&self) -> Vec<u8> {
        let version = |spec_version| {
            let apis = Described::runtime_version().apis;
            RuntimeVersion { spec_name: self.spec_name.into(), spec_version, apis, ..Described::runtime_version() }
        };
        let declared = version(self.spec_version);
        let says = version(self.says_version.unwrap_or(self.spec_version));
        let healthy = HealthStatus {
            healthy: true,
            model: String::new(),
            spec_name: self.spec_name.into(),
            spec_version: self.spec_version,
        };
        let opaque = self.metadata.then(|| metadata::opaque(Described::DECLARATIONS, &declared));
        let mut constants = Constants::default();
        let ok = constants.put(&Ok::<(), RuntimeError>(()));
        let healthy = constants.put(&Ok::<_, RuntimeError>(healthy));
        let zero = constants.put(&Ok::<u32, RuntimeError>(0));
        let eight = constants.put(&Ok::<u32, RuntimeError>(8));
        let says = constants.put(&says);
        let described = constants.put(&opaque);
        let digit = char::from_digit(self.spec_version % 10, 10).unwrap_or('0');
        let Self { imports, health_check, migrate, .. } = self;
        let data = &constants.wat;
        let hold = "(drop (call $emit (i32.const 0x200) (i32.const 4)))".repeat(3);
        let sections = section("runtime_version", &declared.encode()) + &section("runtime_apis", &api_entries());
        let text = format!(
            r#"(module
            (import "realm_storage_v1" "storage_get" (func $storage_get (param i32 i32 i32) (result i64)))
            (import "realm_storage_v1" "storage_set" (func $storage_set (param i32 i32 i32 i32 i32) (result i64)))
            (import "realm_context_v1" "take" (func $take (param i32 i32) (result i64)))
            (import "realm_stream_v1" "emit" (func $emit (param i32 i32) (result i64)))
            {imports}
            (memory (export "memory") 4)
            (global $next (mut i32) (i32.const {HEAP}))
            (global $ok i64 (i64.const {ok}))
            (global $healthy i64 (i64.const {healthy}))
            (global $zero i64 (i64.const {zero}))
            (global $eight i64 (i64.const {eight}))
            (data (i32.const {KEY_AT}) "state")
            (data (i32.const {VALUE_AT}) "{digit}{digit}{digit}{digit}{digit}{digit}{digit}{digit}")
            {data}
            (func $get (result i64) (call $storage_get (i32.const 0) (i32.const {KEY_AT}) (i32.const {key_len})))
            (func $set (param $len i32) (result i64)
                (call $storage_set (i32.const 0) (i32.const {KEY_AT}) (i32.const {key_len}) (i32.const {VALUE_AT}) (local.get $len)))
            (func (export "realm_alloc") (param $len i32) (result i32)
                (local $ptr i32)
                (local.set $ptr (global.get $next))
                (global.set $next (i32.add (global.get $next) (local.get $len)))
                (local.get $ptr))
            (func (export "Core_version") (param i32 i32) (result i64) (i64.const {says}))
            (func (export "Core_migrate") (param i32 i32) (result i64) {migrate} unreachable)
            (func (export "Metadata_metadata_at_version") (param i32 i32) (result i64) (i64.const {described}))
            (func (export "TestApi_health_check") (param i32 i32) (result i64) {health_check} unreachable)
            (func (export "TestApi_hold_and_write") (param i32 i32) (result i64)
                {hold} (drop (call $set (i32.const 8))) (global.get $ok))
            (func (export "TestApi_hold_and_read") (param i32 i32) (result i64)
                {hold} (drop (call $get)) (global.get $ok))
            (func (export "TestApi_remember") (param i32 i32) (result i64)
                (local $before i64)
                (local.set $before (call $storage_get (i32.const 1) (i32.const {KEY_AT}) (i32.const {key_len})))
                (drop (call $storage_set (i32.const 1) (i32.const {KEY_AT}) (i32.const {key_len}) (i32.const {VALUE_AT}) (i32.const 8)))
                (if (result i64) (i64.lt_s (local.get $before) (i64.const 0)) (then (global.get $zero)) (else (global.get $eight))))
            {sections})"#,
            key_len = KEY.len(),
        );
        wat::parse_str(&text).unwrap_or_else(|error| panic!("{error}\n{text}"))
    }
}

/// Constants in the guest's memory, and where each lies as functions answer it.
#[derive(Default)]
struct Constants {
    wat: String,
    len: usize,
}

impl Constants {
    fn put(&mut self, value: &impl Encode) -> u64 {
        let bytes = value.encode();
        let at = CONSTANTS + self.len;
        self.len += bytes.len();
        assert!(at + bytes.len() <= HEAP, "the constants have no room");
        writeln!(self.wat, "(data (i32.const {at}) \"{}\")", escaped(&bytes)).expect("text grows");
        ((bytes.len() as u64) << 32) | at as u64
    }
}

/// The section in which a blob lists its APIs.
fn api_entries() -> Vec<u8> {
    let entry = |api: &ApiDeclaration| [&api.id[..], &api.version.to_le_bytes()].concat();
    Described::DECLARATIONS.iter().flat_map(entry).collect()
}

fn section(name: &str, data: &[u8]) -> String {
    format!("(@custom \"{name}\" \"{}\")\n", escaped(data))
}

fn escaped(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("\\{byte:02x}")).collect()
}
