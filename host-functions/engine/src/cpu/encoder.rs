//! Texts to vectors on the CPU's kernels: all texts of a batch are rows of the same products.
//!
//! ```text
//! tokens ─► words + positions + segment ─► norm ─► layers ─► pooling ─► (length 1)
//!                  x = norm(x + attention(x)); x = norm(x + down · act(up · x))
//! ```
//! A text's keys and values lie in blocks of its own, and every row of it sees all of them: that is what makes
//! attention go both ways, and keeps texts apart without padding.

use std::sync::Arc;

use realm_kernels::{
    AttentionOptions, AttentionRow, KvArena, KvLayout, KvType, Memory, PackError, Pool, Rows, RowsMut, ShapeError,
    activate, add, add_bias, attention, layer_norm, matmul, write_kv,
};

use super::encoder_weights::{EncoderLayer, EncoderWeights, Linear, Norm};
use super::scratch::{Buffer, Input};
use crate::encoder::{EncoderSpec, Pooling, TextEncoder};
use crate::executor::ExecutorError;

/// Lengths below this are taken for it, as PyTorch does, so that a vector of zeros stays one.
const LENGTH_MIN: f64 = 1e-12;

/// Why texts could not be computed.
#[derive(Debug, thiserror::Error)]
enum EncodeError {
    #[error("token {token} at position {position} has no vector: {source}")]
    Embedding { token: u32, position: usize, source: PackError },
    #[error("layer {layer}: {source}")]
    Layer { layer: usize, source: ShapeError },
    #[error("no memory for keys and values of {bytes} bytes")]
    OutOfMemory { bytes: usize },
    #[error(transparent)]
    Shape(#[from] ShapeError),
}

/// An encoder's weights and buffers on the CPU.
pub struct CpuEncoder {
    pool: Pool,
    spec: Arc<EncoderSpec>,
    weights: EncoderWeights,
    kv: Kv,
    scratch: Scratch,
}

/// The buffers of a batch; a row per token.
#[derive(Default)]
struct Scratch {
    x: Buffer,
    other: Buffer,
    q: Buffer,
    k: Buffer,
    v: Buffer,
    attended: Buffer,
    inner: Buffer,
    input: Input,
}

/// Keys and values of one layer: each is read before the next is written.
struct Kv {
    layout: KvLayout,
    memory: Memory,
}

impl CpuEncoder {
    /// # Errors
    /// Heads of a length that the kernels do not compute.
    pub fn new(pool: Pool, spec: Arc<EncoderSpec>, weights: EncoderWeights) -> Result<Self, ShapeError> {
        let layout = KvLayout::new(spec.head_count, spec.head_len, KvType::F32)?;
        let memory = Memory::zeroed(0).ok_or(ShapeError { what: "bytes of memory", expected: 0, actual: 0 })?;
        Ok(Self { pool, spec, weights, kv: Kv { layout, memory }, scratch: Scratch::default() })
    }

    fn run(&mut self, texts: &[&[u32]]) -> Result<Vec<Vec<f32>>, EncodeError> {
        let blocks = lay_out(texts);
        self.kv.make_room(blocks.last().map_or(0, |text| text.blocks.last().map_or(0, |last| last + 1)))?;
        let attention_rows: Vec<AttentionRow<'_>> = blocks
            .iter()
            .flat_map(|text| {
                let row = AttentionRow { blocks: &text.blocks, visible: text.len as u32 };
                std::iter::repeat_n(row, text.len)
            })
            .collect();
        self.embed(texts, attention_rows.len())?;
        for layer in 0..self.weights.layers.len() {
            self.layer(layer, &attention_rows).map_err(|source| EncodeError::Layer { layer, source })?;
        }
        let hidden_len = self.spec.hidden_len;
        let mut rest = &*self.scratch.x.get(attention_rows.len() * hidden_len);
        let vectors = texts.iter().map(|text| {
            let (own, others) = rest.split_at(text.len() * hidden_len);
            rest = others;
            pool(own, hidden_len, self.spec.sentence.pooling, self.spec.sentence.normalize)
        });
        Ok(vectors.collect())
    }

    /// x = norm(word + position + segment).
    fn embed(&mut self, texts: &[&[u32]], rows: usize) -> Result<(), EncodeError> {
        let Self { pool, spec, weights, scratch, .. } = self;
        let hidden_len = spec.hidden_len;
        let mut position_vector = vec![0.0; hidden_len];
        let x = scratch.x.get(rows * hidden_len);
        let places = texts.iter().flat_map(|text| text.iter().enumerate());
        for ((position, &token), x) in places.zip(x.chunks_exact_mut(hidden_len)) {
            let failed = |source| EncodeError::Embedding { token, position, source };
            weights.words.read(token as usize, x).map_err(failed)?;
            weights.positions.read(position, &mut position_vector).map_err(failed)?;
            for ((x, position), segment) in x.iter_mut().zip(&position_vector).zip(&weights.segment) {
                *x = *x + segment + position;
            }
        }
        Ok(norm(pool, spec, &weights.embedding_norm, rows, scratch)?)
    }

    fn layer(&mut self, layer: usize, attention_rows: &[AttentionRow<'_>]) -> Result<(), ShapeError> {
        let Self { pool, spec, weights, kv, scratch } = self;
        let (rows, hidden_len) = (attention_rows.len(), spec.hidden_len);
        let EncoderLayer { qkv: [query, key, value], attention_output, attention_norm, up, down, output_norm } =
            &weights.layers[layer];

        let Scratch { x, other, q, k, v, attended, input, .. } = scratch;
        input.renew();
        for (linear, out) in [(query, &mut *q), (key, &mut *k), (value, &mut *v)] {
            multiply(pool, linear, x.get(rows * hidden_len), rows, input, out)?;
        }
        let len = rows * hidden_len;
        kv.write(attention_rows, k.get(len), v.get(len), hidden_len)?;
        let scale = 1.0 / (spec.head_len as f32).sqrt();
        let options = AttentionOptions { scale, window: None, softcap: None };
        let (queries, out) = (Rows::whole(q.get(len), rows)?, RowsMut::whole(attended.get(len), rows)?);
        attention(pool, &kv.layout, kv.arena(), queries, attention_rows, &options, out)?;
        input.renew();
        multiply(pool, attention_output, attended.get(len), rows, input, other)?;
        add(pool, x.get(len), other.get(len))?;
        norm(pool, spec, attention_norm, rows, scratch)?;

        let Scratch { x, other, inner, input, .. } = scratch;
        input.renew();
        multiply(pool, up, x.get(len), rows, input, inner)?;
        let inner_len = rows * spec.feed_forward_len;
        activate(pool, spec.activation, inner.get(inner_len));
        input.renew();
        multiply(pool, down, inner.get(inner_len), rows, input, other)?;
        add(pool, x.get(len), other.get(len))?;
        norm(pool, spec, output_norm, rows, scratch)
    }
}

impl TextEncoder for CpuEncoder {
    fn encode(&mut self, texts: &[&[u32]]) -> Result<Vec<Vec<f32>>, ExecutorError> {
        self.run(texts).map_err(|error| ExecutorError { message: error.to_string() })
    }
}

/// out = input · matrix + bias, for every row of `from`, whose values `input` is prepared with or will be.
fn multiply(
    pool: &Pool,
    linear: &Linear,
    from: &[f32],
    rows: usize,
    input: &mut Input,
    out: &mut Buffer,
) -> Result<(), ShapeError> {
    let out = out.get(rows * linear.matrix.rows());
    matmul(pool, &linear.matrix, input.prepared(pool, Rows::whole(from, rows)?, linear.matrix.input())?, out)?;
    add_bias(pool, RowsMut::whole(out, rows)?, &linear.bias)
}

/// x = norm(x).
fn norm(pool: &Pool, spec: &EncoderSpec, norm: &Norm, rows: usize, scratch: &mut Scratch) -> Result<(), ShapeError> {
    let len = rows * spec.hidden_len;
    let x = Rows::whole(scratch.x.get(len), rows)?;
    let out = RowsMut::whole(scratch.other.get(len), rows)?;
    layer_norm(pool, x, &norm.weight, &norm.bias, spec.norm_epsilon, out)?;
    std::mem::swap(&mut scratch.x, &mut scratch.other);
    Ok(())
}

/// A text's place in the memory of keys and values.
struct Place {
    blocks: Vec<u32>,
    len: usize,
}

fn lay_out(texts: &[&[u32]]) -> Vec<Place> {
    let mut next = 0;
    let places = texts.iter().map(|text| {
        let first = next;
        next += text.len().div_ceil(KvLayout::POSITIONS) as u32;
        Place { blocks: (first..next).collect(), len: text.len() }
    });
    places.collect()
}

impl Kv {
    fn make_room(&mut self, blocks: u32) -> Result<(), EncodeError> {
        let bytes = blocks as usize * self.layout.bytes();
        if self.memory.len() < bytes {
            self.memory = Memory::zeroed(bytes).ok_or(EncodeError::OutOfMemory { bytes })?;
        }
        Ok(())
    }

    fn arena(&self) -> KvArena<'_> {
        KvArena { bytes: &self.memory, block_stride: self.layout.bytes(), offset: 0 }
    }

    fn write(
        &mut self,
        rows: &[AttentionRow<'_>],
        keys: &[f32],
        values: &[f32],
        row_len: usize,
    ) -> Result<(), ShapeError> {
        let block_bytes = self.layout.bytes();
        let mut pairs = keys.chunks_exact(row_len).zip(values.chunks_exact(row_len));
        let mut start = 0;
        while let Some(row) = rows.get(start) {
            let len = row.visible as usize;
            for (position, (key, value)) in (0..len).zip(&mut pairs) {
                let block = row.blocks[position / KvLayout::POSITIONS] as usize * block_bytes;
                let block = &mut self.memory[block..block + block_bytes];
                write_kv(&self.layout, block, position % KvLayout::POSITIONS, key, value)?;
            }
            start += len.max(1);
        }
        Ok(())
    }
}

/// One vector for a text's rows, summed up in order and in 64 bits.
fn pool(rows: &[f32], hidden_len: usize, pooling: Pooling, normalize: bool) -> Vec<f32> {
    let mut vector = vec![0f64; hidden_len];
    let count = match pooling {
        Pooling::Mean => rows.len() / hidden_len,
        Pooling::Cls => 1,
    };
    for row in rows.chunks_exact(hidden_len).take(count) {
        vector.iter_mut().zip(row).for_each(|(sum, value)| *sum += f64::from(*value));
    }
    vector.iter_mut().for_each(|sum| *sum /= count as f64);
    if normalize {
        let length = vector.iter().map(|value| value * value).sum::<f64>().sqrt().max(LENGTH_MIN);
        vector.iter_mut().for_each(|value| *value /= length);
    }
    vector.into_iter().map(|value| value as f32).collect()
}
