//! The imports themselves: names, modules and types of every host function, version 1. The node's
//! linker must offer exactly these; `host-functions` is checked against this list in a test.
//! Sizes and pointers are bytes and offsets in the guest's memory; `count` counts u32 tokens.

#[link(wasm_import_module = "realm_context_v1")]
unsafe extern "C" {
    /// Copies the result buffer to `ptr`; `len` must be its length. Empties it.
    pub fn take(ptr: u32, len: u32) -> i64;
    /// Puts the last error's text into the result buffer; its length.
    pub fn error_message() -> i64;
    /// Result buffer: SCALE `CallContext`.
    pub fn call_context() -> i64;
    /// Writes UTF-8 to the node's log. Levels: 0 error, 1 warn, 2 info, 3 debug.
    pub fn log(level: u32, ptr: u32, len: u32) -> i64;
}

#[link(wasm_import_module = "realm_tensor_v1")]
unsafe extern "C" {
    /// A weight of the tenant's model by its name in the file. Returns a handle.
    pub fn get_tensor(name_ptr: u32, name_len: u32) -> i64;
    /// Handles to one layer's tensors; asks the system to read that layer ahead. Result buffer: SCALE `Vec<LayerTensor>`.
    pub fn memory64_load_layer(layer: u32) -> i64;
    /// A tensor of f32 from the guest's memory. `shape_ptr`: `rank` u32. Returns a handle.
    pub fn tensor_new(shape_ptr: u32, rank: u32, data_ptr: u32, data_len: u32) -> i64;
    /// Result buffer: SCALE `Vec<u32>`, outermost dimension first.
    pub fn tensor_shape(tensor: u32) -> i64;
    /// Copies all values as f32 LE to `ptr`; `len` in bytes must match.
    pub fn tensor_read(tensor: u32, ptr: u32, len: u32) -> i64;
    /// Matrix product over the last two dimensions. Returns a handle.
    pub fn candle_matmul(a: u32, b: u32, flags: u32) -> i64;
    /// Elementwise sum with broadcasting. Returns a handle, as do all of the following.
    pub fn add(a: u32, b: u32) -> i64;
    /// Elementwise product with broadcasting.
    pub fn mul(a: u32, b: u32) -> i64;
    /// Product with a number.
    pub fn scale(a: u32, factor: f32) -> i64;
    /// x * sigmoid(x).
    pub fn silu(a: u32) -> i64;
    /// Softmax over the last dimension.
    pub fn softmax(a: u32) -> i64;
    /// Root-mean-square norm over the last dimension, times `weight`.
    pub fn rms_norm(a: u32, weight: u32, epsilon: f32) -> i64;
    /// Rotary embedding of `(positions, heads, head_length)` from position `start` on.
    pub fn rope(a: u32, start: u32, theta: f32, flags: u32) -> i64;
    /// Rows of `table` for `count` u32 token ids.
    pub fn embedding_lookup(table: u32, ids_ptr: u32, count: u32) -> i64;
    /// The same values in another shape.
    pub fn reshape(a: u32, shape_ptr: u32, rank: u32) -> i64;
    /// Two dimensions swapped.
    pub fn transpose(a: u32, dim0: u32, dim1: u32) -> i64;
    /// `len` entries of `dim` from `start` on.
    pub fn narrow(a: u32, dim: u32, start: u32, len: u32) -> i64;
    /// `b` after `a` along `dim`.
    pub fn concat(a: u32, b: u32, dim: u32) -> i64;
    /// Every entry of `dim` repeated `times` in place.
    pub fn repeat(a: u32, dim: u32, times: u32) -> i64;
    /// Frees a handle.
    pub fn tensor_drop(tensor: u32) -> i64;
}

#[link(wasm_import_module = "realm_inference_v1")]
unsafe extern "C" {
    /// Result buffer: SCALE `ModelFacts`.
    pub fn model_info() -> i64;
    /// Tokens of a text. Result buffer: u32 LE.
    pub fn tokenize(ptr: u32, len: u32, flags: u32) -> i64;
    /// Text of `count` tokens. Result buffer: UTF-8.
    pub fn detokenize(ptr: u32, count: u32) -> i64;
    /// A streaming detokenizer. Returns a handle.
    pub fn detokenizer_open() -> i64;
    /// Gives it a token. Result buffer: the text that became certain, maybe empty.
    pub fn detokenizer_push(detokenizer: u32, token: u32) -> i64;
    /// Result buffer: what it still held back. Frees the handle.
    pub fn detokenizer_finish(detokenizer: u32) -> i64;
    /// Tokens of a conversation by the model's chat template. In: SCALE `Vec<ChatMessage>`. Result buffer: u32 LE.
    pub fn chat_tokens(ptr: u32, len: u32, flags: u32) -> i64;
    /// 1 if the token ends an answer, else 0.
    pub fn is_end_token(token: u32) -> i64;
    /// An empty sequence in the KV cache, or one that already holds a cached beginning of the given tokens. Returns a handle.
    pub fn session_open(prefix_ptr: u32, count: u32) -> i64;
    /// Tokens that the session holds.
    pub fn session_len(session: u32) -> i64;
    /// Runs the model over `count` more tokens; waits for the batch. Returns a handle to logits.
    pub fn session_forward(session: u32, tokens_ptr: u32, count: u32, flags: u32) -> i64;
    /// Forgets everything after the first `len` tokens.
    pub fn session_truncate(session: u32, len: u32) -> i64;
    /// Another session with the same tokens, sharing their cache. Returns a handle.
    pub fn session_fork(session: u32) -> i64;
    /// Frees a session and its cache.
    pub fn session_drop(session: u32) -> i64;
    /// Rows of logits: 1, or one per token.
    pub fn logits_rows(logits: u32) -> i64;
    /// Copies one row as f32 LE; `len` in bytes must match the vocabulary.
    pub fn logits_read(logits: u32, row: u32, ptr: u32, len: u32) -> i64;
    /// Adds to a row's logits. In: SCALE `Vec<LogitBias>`.
    pub fn logits_bias(logits: u32, row: u32, ptr: u32, len: u32) -> i64;
    /// Frees logits.
    pub fn logits_drop(logits: u32) -> i64;
    /// A sampler. In: SCALE `SamplingParams`. Returns a handle.
    pub fn sampler_open(ptr: u32, len: u32) -> i64;
    /// Tells the sampler of `count` tokens that came before, for the penalties.
    pub fn sampler_accept(sampler: u32, tokens_ptr: u32, count: u32) -> i64;
    /// Draws a token from a row of logits and remembers it. Returns the token.
    pub fn sample_token(sampler: u32, logits: u32, row: u32) -> i64;
    /// Result buffer: SCALE `TokenLogprob` of the last draw.
    pub fn sampled_logprob(sampler: u32) -> i64;
    /// Frees a sampler.
    pub fn sampler_drop(sampler: u32) -> i64;
    /// The embedding vector of a text; waits for the batch. Result buffer: f32 LE.
    pub fn embed_pooled(ptr: u32, len: u32) -> i64;
}

#[link(wasm_import_module = "realm_storage_v1")]
unsafe extern "C" {
    /// Result buffer: the value; `NotFound` if there is none.
    pub fn storage_get(scope: u32, key_ptr: u32, key_len: u32) -> i64;
    /// Sets a value.
    pub fn storage_set(scope: u32, key_ptr: u32, key_len: u32, value_ptr: u32, value_len: u32) -> i64;
    /// Removes a value; 1 if there was one, else 0.
    pub fn storage_clear(scope: u32, key_ptr: u32, key_len: u32) -> i64;
    /// Result buffer: the first key after the given one in byte order; `NotFound` after the last.
    pub fn storage_next_key(scope: u32, key_ptr: u32, key_len: u32) -> i64;
}

#[link(wasm_import_module = "realm_lock_v1")]
unsafe extern "C" {
    /// Waits for the lock of a key and holds it until the call's writes are safe. One per call, taken
    /// before the call's first look at durable storage.
    pub fn storage_lock(scope: u32, key_ptr: u32, key_len: u32) -> i64;
}

#[link(wasm_import_module = "realm_crypto_v1")]
unsafe extern "C" {
    /// Writes the 32-byte hash of the input to `out_ptr`. Algorithms: `abi::hash`.
    pub fn crypto_hash(algorithm: u32, ptr: u32, len: u32, out_ptr: u32) -> i64;
}

#[link(wasm_import_module = "realm_stream_v1")]
unsafe extern "C" {
    /// Sends one SCALE-encoded item to the subscriber; waits while its channel is full. Without a subscriber it does nothing.
    pub fn emit(ptr: u32, len: u32) -> i64;
}
