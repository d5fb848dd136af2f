//! A GGUF v3 writer: header, metadata, tensor table, aligned data.
//!
//! ```text
//! "GGUF" version:u32 tensor_count:u64 key_count:u64 | keys.. | tensor table.. | pad | tensor data, each padded
//! ```

use crate::quant::Quant;

/// Tensor data begins at multiples of this many bytes, unless the file says otherwise.
const ALIGNMENT: usize = 32;

/// One metadata value.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    U32(u32),
    I32(i32),
    F32(f32),
    Bool(bool),
    String(String),
    U64(u64),
    Strings(Vec<String>),
    F32s(Vec<f32>),
    I32s(Vec<i32>),
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Value::String(text.to_owned())
    }
}

/// A tensor before it is stored: row-major values, the outermost dimension first.
#[derive(Clone, Debug, PartialEq)]
pub struct Tensor {
    pub name: String,
    /// As mathematics writes it: a matrix is `[rows, columns]`. The file stores it the other way round.
    pub shape: Vec<usize>,
    pub values: Vec<f32>,
    /// The storage type asked for; a type that does not fit the row length becomes f32.
    pub quant: Quant,
}

impl Tensor {
    /// The type in which the tensor is really stored.
    pub fn stored_as(&self) -> Quant {
        self.quant.for_rows(self.shape.last().copied().unwrap_or(1))
    }
}

/// A GGUF file in the making.
#[derive(Clone, Debug, Default)]
pub struct Gguf {
    keys: Vec<(String, Value)>,
    tensors: Vec<Tensor>,
}

impl Gguf {
    /// A file without keys or tensors.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a key; a key that is already there gets the new value.
    pub fn set(&mut self, key: &str, value: impl Into<Value>) {
        let value = value.into();
        match self.keys.iter_mut().find(|(known, _)| known == key) {
            Some((_, old)) => *old = value,
            None => self.keys.push((key.to_owned(), value)),
        }
    }

    /// Takes a key away, if it is there.
    pub fn remove(&mut self, key: &str) {
        self.keys.retain(|(known, _)| known != key);
    }

    /// Adds a tensor behind the others.
    pub fn push(&mut self, tensor: Tensor) {
        self.tensors.push(tensor);
    }

    /// The tensors, for tests that change or drop some.
    pub fn tensors_mut(&mut self) -> &mut Vec<Tensor> {
        &mut self.tensors
    }

    /// The file's bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = b"GGUF".to_vec();
        out.extend(3u32.to_le_bytes());
        out.extend((self.tensors.len() as u64).to_le_bytes());
        out.extend((self.keys.len() as u64).to_le_bytes());
        for (key, value) in &self.keys {
            put_string(&mut out, key);
            put_value(&mut out, value);
        }
        let data: Vec<Vec<u8>> = self.tensors.iter().map(|t| t.stored_as().encode(&t.values)).collect();
        let mut offset = 0usize;
        for (tensor, bytes) in self.tensors.iter().zip(&data) {
            put_string(&mut out, &tensor.name);
            out.extend((tensor.shape.len() as u32).to_le_bytes());
            for &dim in tensor.shape.iter().rev() {
                out.extend((dim as u64).to_le_bytes());
            }
            out.extend(tensor.stored_as().gguf_type().to_le_bytes());
            out.extend((offset as u64).to_le_bytes());
            offset += bytes.len().next_multiple_of(ALIGNMENT);
        }
        for bytes in data {
            pad(&mut out);
            out.extend(bytes);
        }
        pad(&mut out);
        out
    }
}

fn pad(out: &mut Vec<u8>) {
    out.resize(out.len().next_multiple_of(ALIGNMENT), 0);
}

fn put_string(out: &mut Vec<u8>, text: &str) {
    out.extend((text.len() as u64).to_le_bytes());
    out.extend(text.as_bytes());
}

fn put_array_head(out: &mut Vec<u8>, element_type: u32, len: usize) {
    out.extend(9u32.to_le_bytes());
    out.extend(element_type.to_le_bytes());
    out.extend((len as u64).to_le_bytes());
}

fn put_value(out: &mut Vec<u8>, value: &Value) {
    let mut scalar = |kind: u32, bytes: &[u8]| {
        out.extend(kind.to_le_bytes());
        out.extend(bytes);
    };
    match value {
        Value::U32(v) => scalar(4, &v.to_le_bytes()),
        Value::I32(v) => scalar(5, &v.to_le_bytes()),
        Value::F32(v) => scalar(6, &v.to_le_bytes()),
        Value::Bool(v) => scalar(7, &[u8::from(*v)]),
        Value::U64(v) => scalar(10, &v.to_le_bytes()),
        Value::String(v) => {
            out.extend(8u32.to_le_bytes());
            put_string(out, v);
        }
        Value::Strings(values) => {
            put_array_head(out, 8, values.len());
            values.iter().for_each(|v| put_string(out, v));
        }
        Value::F32s(values) => {
            put_array_head(out, 6, values.len());
            values.iter().for_each(|v| out.extend(v.to_le_bytes()));
        }
        Value::I32s(values) => {
            put_array_head(out, 5, values.len());
            values.iter().for_each(|v| out.extend(v.to_le_bytes()));
        }
    }
}
