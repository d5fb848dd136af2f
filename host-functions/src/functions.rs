//! The list of host functions that this node offers, by import module. The same list as the guest's
//! `primitives::host::raw`, which a test compares it with.

use realm_primitives::abi::module;

macro_rules! host_functions {
    ($($module:ident { $($variant:ident = $name:literal,)* })*) => {
        /// A host function. Counters are indexed by it.
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
        #[allow(missing_docs, reason = "each is documented where the guest declares it")]
        #[repr(usize)]
        pub enum HostFunction { $($($variant,)*)* }

        impl HostFunction {
            /// All of them, by module.
            pub const ALL: &[HostFunction] = &[$($(HostFunction::$variant,)*)*];
            /// How many there are.
            pub const COUNT: usize = Self::ALL.len();

            /// The import module it is in.
            pub const fn module(self) -> &'static str {
                match self { $($(HostFunction::$variant => module::$module,)*)* }
            }

            /// Its name in the module.
            pub const fn name(self) -> &'static str {
                match self { $($(HostFunction::$variant => $name,)*)* }
            }

            /// The function of this name in this module.
            pub fn find(module: &str, name: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|function| function.name() == name && function.module() == module)
            }
        }
    };
}

host_functions! {
    CONTEXT {
        Take = "take",
        ErrorMessage = "error_message",
        CallContext = "call_context",
        Log = "log",
    }
    TENSOR {
        GetTensor = "get_tensor",
        Memory64LoadLayer = "memory64_load_layer",
        TensorNew = "tensor_new",
        TensorShape = "tensor_shape",
        TensorRead = "tensor_read",
        CandleMatmul = "candle_matmul",
        Add = "add",
        Mul = "mul",
        Scale = "scale",
        Silu = "silu",
        Softmax = "softmax",
        RmsNorm = "rms_norm",
        Rope = "rope",
        EmbeddingLookup = "embedding_lookup",
        Reshape = "reshape",
        Transpose = "transpose",
        Narrow = "narrow",
        Concat = "concat",
        Repeat = "repeat",
        TensorDrop = "tensor_drop",
    }
    INFERENCE {
        ModelInfo = "model_info",
        Tokenize = "tokenize",
        Detokenize = "detokenize",
        DetokenizerOpen = "detokenizer_open",
        DetokenizerPush = "detokenizer_push",
        DetokenizerFinish = "detokenizer_finish",
        ChatTokens = "chat_tokens",
        IsEndToken = "is_end_token",
        SessionOpen = "session_open",
        SessionLen = "session_len",
        SessionForward = "session_forward",
        SessionTruncate = "session_truncate",
        SessionFork = "session_fork",
        SessionDrop = "session_drop",
        LogitsRows = "logits_rows",
        LogitsRead = "logits_read",
        LogitsBias = "logits_bias",
        LogitsDrop = "logits_drop",
        SamplerOpen = "sampler_open",
        SamplerAccept = "sampler_accept",
        SampleToken = "sample_token",
        SampledLogprob = "sampled_logprob",
        SamplerDrop = "sampler_drop",
        EmbedPooled = "embed_pooled",
    }
    STORAGE {
        StorageGet = "storage_get",
        StorageSet = "storage_set",
        StorageClear = "storage_clear",
        StorageNextKey = "storage_next_key",
    }
    LOCK {
        StorageLock = "storage_lock",
    }
    CRYPTO {
        CryptoHash = "crypto_hash",
    }
    STREAM {
        Emit = "emit",
    }
}
