//! What a call has: handles, values, a lock.

use crate::{
    apis::{Holding, Spied},
    functions::Kind,
};
use alloc::{vec, vec::Vec};
use parity_scale_codec::Encode;
use realm_primitives::{
    RuntimeError, SamplingParams, StorageScope,
    host::{
        inference, raw,
        storage::{storage_get, storage_lock, storage_next_key, storage_set},
        stream,
    },
};

/// What every tenant calls its own value.
const KEY: &[u8] = b"secret";
/// Bytes of an item, so that few of them fill what lies between call and reader.
const PADDING_BYTES: usize = 64 << 10;

/// One of each kind.
pub(crate) struct Handles {
    tensor: u32,
    session: u32,
    logits: u32,
    sampler: u32,
    detokenizer: u32,
}

impl Handles {
    pub fn open() -> Result<Self, RuntimeError> {
        Self::over(1.0, &inference::tokenize("Mine")?)
    }

    /// A tensor of this value, and a session that holds these tokens.
    fn over(value: f32, tokens: &[u32]) -> Result<Self, RuntimeError> {
        let (shape, values, params) = ([1u32], [value], SamplingParams::greedy(1).encode());
        // SAFETY: all pointers and lengths are of live values.
        unsafe {
            let tensor = handle(raw::tensor_new(shape.as_ptr() as u32, 1, values.as_ptr() as u32, 4))?;
            let session = handle(raw::session_open(0, 0))?;
            let logits = handle(raw::session_forward(session, tokens.as_ptr() as u32, tokens.len() as u32, 0))?;
            let sampler = handle(raw::sampler_open(params.as_ptr() as u32, params.len() as u32))?;
            let detokenizer = handle(raw::detokenizer_open())?;
            Ok(Handles { tensor, session, logits, sampler, detokenizer })
        }
    }

    /// The one of this kind.
    pub fn of(&self, kind: Kind) -> u32 {
        match kind {
            Kind::Tensor => self.tensor,
            Kind::Session => self.session,
            Kind::Logits => self.logits,
            Kind::Sampler => self.sampler,
            _ => self.detokenizer,
        }
    }

    /// Those of other kinds.
    pub fn but(&self, kind: Kind) -> Vec<u32> {
        self.all().into_iter().filter(|handle| *handle != self.of(kind)).collect()
    }

    fn all(&self) -> Vec<u32> {
        vec![self.tensor, self.session, self.logits, self.sampler, self.detokenizer]
    }

    fn value(&self) -> Result<f32, RuntimeError> {
        let mut value = [0f32];
        // SAFETY: the pointer is of a live, exclusively borrowed value of this length.
        handle(unsafe { raw::tensor_read(self.tensor, value.as_mut_ptr() as u32, 4) })?;
        Ok(value[0])
    }

    fn token_count(&self) -> Result<u32, RuntimeError> {
        // SAFETY: takes no pointers.
        handle(unsafe { raw::session_len(self.session) })
    }
}

/// Stores the secret and remembers it over the connection.
pub(crate) fn keep(secret: &[u8]) -> Result<(), RuntimeError> {
    storage_set(StorageScope::Durable, KEY, secret)?;
    Ok(storage_set(StorageScope::Connection, KEY, secret)?)
}

/// Holds a lock and handles, and says again and again what they are and what is in them.
pub(crate) fn hold(value: u32, tokens: u32, items: u32) -> Result<u32, RuntimeError> {
    storage_lock(StorageScope::Durable, KEY)?;
    // Two that lie before, so that the numbers are others than those of who has one of each.
    let _before = (Handles::open()?, Handles::open()?);
    let handles = Handles::over(value as f32, &vec![1; tokens as usize])?;
    for _ in 0..items {
        stream::emit(&Holding {
            handles: handles.all(),
            value: handles.value()? as u32,
            tokens: handles.token_count()?,
            padding: vec![0; PADDING_BYTES],
        })?;
    }
    Ok(items)
}

/// All that storage shows, and whether the lock that others hold is free here.
pub(crate) fn spy(guesses: &[Vec<u8>]) -> Result<Spied, RuntimeError> {
    storage_lock(StorageScope::Durable, KEY)?;
    let mut spied = Spied::default();
    for scope in [StorageScope::Durable, StorageScope::Connection] {
        for guess in guesses {
            spied.values.extend(storage_get(scope, guess)?);
        }
        let mut after = Vec::new();
        while let Some(key) = storage_next_key(scope, &after)? {
            spied.values.extend(storage_get(scope, &key)?);
            spied.keys.push(key.clone());
            after = key;
        }
    }
    Ok(spied)
}

/// Tokens of a text that the KV cache has already. Computes all of them.
pub(crate) fn cached(text: &str) -> Result<u32, RuntimeError> {
    let tokens = inference::tokenize(text)?;
    let mut session = inference::Session::open(&tokens)?;
    let cached = session.token_count()?;
    session.forward(&tokens[cached as usize..])?;
    Ok(cached)
}

fn handle(answer: i64) -> Result<u32, RuntimeError> {
    u32::try_from(answer).map_err(|_| RuntimeError::Internal { message: alloc::format!("the host answered {answer}") })
}
