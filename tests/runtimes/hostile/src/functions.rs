//! Every host function with the kinds of its arguments. The test compares it with the host's list,
//! so a new host function is tried as soon as it is there.

use realm_primitives::host::raw;

/// What an argument means to the host.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Tensor,
    Session,
    Logits,
    Sampler,
    Detokenizer,
    /// A place in memory, and the bytes or the entries there.
    Pointer,
    Length,
    /// A number that must be checked: a wild one is refused.
    Number,
    /// A number of which small ones are always right: flags, positions.
    Plain,
}

impl Kind {
    pub fn is_handle(self) -> bool {
        matches!(self, Kind::Tensor | Kind::Session | Kind::Logits | Kind::Sampler | Kind::Detokenizer)
    }
}

/// A host function that can be called with any words.
pub(crate) struct Function {
    pub name: &'static str,
    pub kinds: &'static [Kind],
    pub call: fn(&[u32]) -> i64,
}

/// A word as an argument.
trait Word {
    fn of(word: u32) -> Self;
}

impl Word for u32 {
    fn of(word: u32) -> Self {
        word
    }
}

impl Word for f32 {
    fn of(word: u32) -> Self {
        f32::from_bits(word)
    }
}

macro_rules! functions {
    ($($name:ident($($kind:ident),*);)*) => {
        /// All of them.
        pub(crate) const ALL: &[Function] = &[$(Function {
            name: stringify!($name),
            kinds: &[$(Kind::$kind),*],
            // SAFETY: the host checks every number; that it does is what is tried here. Where it may write,
            // the attack names memory that nothing else uses.
            call: |words| { let mut _words = words.iter().copied(); unsafe { raw::$name($(functions!(@next _words $kind)),*) } },
        }),*];
    };
    (@next $words:ident $kind:ident) => { Word::of($words.next().unwrap_or(0)) };
}

functions! {
    take(Pointer, Length);
    error_message();
    call_context();
    log(Plain, Pointer, Length);
    get_tensor(Pointer, Length);
    memory64_load_layer(Number);
    tensor_new(Pointer, Plain, Pointer, Length);
    tensor_shape(Tensor);
    tensor_read(Tensor, Pointer, Length);
    candle_matmul(Tensor, Tensor, Plain);
    add(Tensor, Tensor);
    mul(Tensor, Tensor);
    scale(Tensor, Plain);
    silu(Tensor);
    softmax(Tensor);
    rms_norm(Tensor, Tensor, Plain);
    rope(Tensor, Plain, Plain, Plain);
    embedding_lookup(Tensor, Pointer, Length);
    reshape(Tensor, Pointer, Length);
    transpose(Tensor, Number, Number);
    narrow(Tensor, Number, Number, Number);
    concat(Tensor, Tensor, Number);
    repeat(Tensor, Number, Number);
    tensor_drop(Tensor);
    model_info();
    tokenize(Pointer, Length, Plain);
    detokenize(Pointer, Length);
    detokenizer_open();
    detokenizer_push(Detokenizer, Number);
    detokenizer_finish(Detokenizer);
    chat_tokens(Pointer, Length, Plain);
    is_end_token(Number);
    session_open(Pointer, Length);
    session_len(Session);
    session_forward(Session, Pointer, Length, Plain);
    session_truncate(Session, Number);
    session_fork(Session);
    session_drop(Session);
    logits_rows(Logits);
    logits_read(Logits, Plain, Pointer, Length);
    logits_bias(Logits, Plain, Pointer, Length);
    logits_drop(Logits);
    sampler_open(Pointer, Length);
    sampler_accept(Sampler, Pointer, Length);
    sample_token(Sampler, Logits, Number);
    sampled_logprob(Sampler);
    sampler_drop(Sampler);
    embed_pooled(Pointer, Length);
    storage_get(Plain, Pointer, Length);
    storage_set(Plain, Pointer, Length, Pointer, Length);
    storage_clear(Plain, Pointer, Length);
    storage_next_key(Plain, Pointer, Length);
    storage_lock(Plain, Pointer, Length);
    crypto_hash(Plain, Pointer, Length, Pointer);
    emit(Pointer, Length);
}
