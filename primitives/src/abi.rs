//! How bytes pass between a runtime (guest) and the node (host). Version 1.
//!
//! ```text
//!  node                                  guest
//!  realm_alloc(len) ───────────────────► ptr
//!  write the SCALE arguments at ptr
//!  Api_method(ptr, len) ───────────────► ...host calls... ─► (len << 32) | ptr of the SCALE answer
//! ```
//!
//! Every host function returns an `i64`: a value from 0 up, or the negated [`HostErrorCode`]. Output
//! of variable length stays with the host, in the call's one result buffer; the function returns its
//! length and the guest fetches it with `realm_context_v1.take`.

/// Export that the node calls to get room for the arguments: `realm_alloc(len: i32) -> i32`.
pub const ALLOC_EXPORT: &str = "realm_alloc";
/// Export of the guest's linear memory.
pub const MEMORY_EXPORT: &str = "memory";
/// Custom section with the SCALE-encoded [`crate::RuntimeVersion`], its `apis` left empty.
pub const VERSION_SECTION: &str = "runtime_version";
/// Custom section with 12 bytes per API: blake2b-64 of its name, then its version as u32 LE.
pub const APIS_SECTION: &str = "runtime_apis";

/// Import modules. A new version of a module is a new name beside the old one, so that old blobs
/// keep running on newer nodes.
pub mod module {
    /// Context, results, errors, log.
    pub const CONTEXT: &str = "realm_context_v1";
    /// Tensors and weights.
    pub const TENSOR: &str = "realm_tensor_v1";
    /// Tokens, sessions, logits, samplers.
    pub const INFERENCE: &str = "realm_inference_v1";
    /// Key-value storage.
    pub const STORAGE: &str = "realm_storage_v1";
    /// Turns among the tenant's calls.
    pub const LOCK: &str = "realm_lock_v1";
    /// Hashes.
    pub const CRYPTO: &str = "realm_crypto_v1";
    /// Stream items.
    pub const STREAM: &str = "realm_stream_v1";
}

/// Why a host function failed. The number crosses the wall; its text is had from `error_message`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u32)]
pub enum HostErrorCode {
    /// There is no such key, tensor or model.
    NotFound = 1,
    /// A pointer and length do not lie in the guest's memory.
    OutOfBounds = 2,
    /// A handle that this call does not hold.
    BadHandle = 3,
    /// An argument has a value that cannot be used.
    InvalidArgument = 4,
    /// Something would grow past a limit of the call or the tenant.
    LimitExceeded = 5,
    /// Tokens do not fit in the model's context.
    ContextOverflow = 6,
    /// The scheduler's queue or the node's memory is full. The message's first number is the place refused; 0 for memory.
    Overloaded = 7,
    /// The tenant has no model, or it cannot do what was asked.
    ModelUnavailable = 8,
    /// The host itself failed: a disk that does not write, say.
    Internal = 9,
}

impl HostErrorCode {
    /// The code behind a host function's negative answer.
    pub fn from_code(code: u32) -> Option<Self> {
        Some(match code {
            1 => Self::NotFound,
            2 => Self::OutOfBounds,
            3 => Self::BadHandle,
            4 => Self::InvalidArgument,
            5 => Self::LimitExceeded,
            6 => Self::ContextOverflow,
            7 => Self::Overloaded,
            8 => Self::ModelUnavailable,
            9 => Self::Internal,
            _ => return None,
        })
    }
}

/// Packs an answer's place in linear memory into the value that an export returns.
pub fn pack(ptr: u32, len: u32) -> u64 {
    (u64::from(len) << 32) | u64::from(ptr)
}

/// The place, as `(ptr, len)`, that an export's return value names.
pub fn unpack(packed: u64) -> (u32, u32) {
    (packed as u32, (packed >> 32) as u32)
}

/// Flags of host functions that take some.
pub mod flag {
    /// `candle_matmul`: the second factor is stored transposed, `(n, k)`, as weights are.
    pub const MATMUL_TRANSPOSED: u32 = 1;
    /// `rope`: the rotated pairs lie side by side (llama's GGUF layout) instead of half a head apart.
    pub const ROPE_INTERLEAVED: u32 = 1;
    /// `tokenize`: add the tokens that the model wants at the beginning and the end.
    pub const TOKENIZE_SPECIAL: u32 = 1;
    /// `chat_tokens`: end with the beginning of an assistant's message.
    pub const CHAT_GENERATION_PROMPT: u32 = 1;
    /// `session_forward`: logits after every token instead of the last only.
    pub const FORWARD_ALL_ROWS: u32 = 1;
}

/// Algorithms of `crypto_hash`; each gives 32 bytes.
pub mod hash {
    /// BLAKE2b with 256 bits.
    pub const BLAKE2_256: u32 = 0;
    /// SHA-2 with 256 bits.
    pub const SHA2_256: u32 = 1;
    /// Keccak with 256 bits.
    pub const KECCAK_256: u32 = 2;
    /// Four 64-bit xxHash values. Fast; not for secrets.
    pub const TWOX_256: u32 = 3;
}
