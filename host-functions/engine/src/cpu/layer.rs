//! The two halves of a layer: attention and feed-forward, each added to the residual stream.

use realm_kernels::{
    AttentionOptions, AttentionRow, Matrix, Pool, Rows, RowsMut, ShapeError, add, add_bias, attention, gated, matmul,
    matmul_gated, rms_norm, rms_norm_heads, rope,
};

use super::kv::KvMemory;
use super::scratch::{Buffer, Scratch};
use super::weights::{GateUp, LayerWeights, Qkv};
use crate::cache::BLOCK_LEN;
use crate::spec::DecoderSpec;

/// What the layers of a step share.
pub struct Pass<'a> {
    pub pool: &'a Pool,
    pub spec: &'a DecoderSpec,
    pub kv: &'a mut KvMemory,
    /// Rows in the step; after [`Pass::keep_wanted`], those whose outputs are wanted.
    pub rows: usize,
}

impl Pass<'_> {
    /// x += attention(norm(x)). The rows' keys and values go to the KV memory first, so that each row sees itself and
    /// the rows of its sequence before it.
    pub fn attend(
        &mut self,
        layer: usize,
        weights: &LayerWeights,
        attention_rows: &[AttentionRow<'_>],
        scratch: &mut Scratch,
    ) -> Result<(), ShapeError> {
        let (pool, spec, rows) = (self.pool, self.spec, self.rows);
        let hidden_len = spec.hidden_len;
        self.norm(&weights.attention_norm, scratch)?;
        self.project(weights, scratch)?;
        self.turn(layer, weights, scratch)?;
        self.store(layer, &weights.qkv, attention_rows, &scratch.qkv)?;

        let Scratch { x, qkv, attended, delta, input, .. } = scratch;
        let attended = attended.get(rows * spec.q_len());
        let window = spec.layers[layer].window;
        let options = AttentionOptions { scale: spec.attention_scale, window, softcap: spec.attention_softcap };
        let queries = weights.qkv.rows_of(0, spec.q_len(), qkv, rows)?;
        let (layout, arena) = (self.kv.layout(), self.kv.layer(layer));
        attention(pool, layout, arena, queries, attention_rows, &options, RowsMut::whole(attended, rows)?)?;

        let matrix = &weights.attention_output;
        pool.expect(weights.gate_up.first());
        input.renew();
        let delta = delta.get(rows * hidden_len);
        matmul(pool, matrix, input.prepared(pool, Rows::whole(attended, rows)?, matrix.input())?, delta)?;
        self.add(weights.post_attention_norm.as_deref(), delta, x)
    }

    /// x += down · (gate(norm(x)) * up(norm(x))). `next` is the matrix behind this half.
    pub fn feed_forward(
        &mut self,
        weights: &LayerWeights,
        next: &Matrix,
        scratch: &mut Scratch,
    ) -> Result<(), ShapeError> {
        let (pool, spec, rows) = (self.pool, self.spec, self.rows);
        let (hidden_len, inner_len) = (spec.hidden_len, spec.feed_forward_len);
        self.norm(&weights.feed_forward_norm, scratch)?;
        let Scratch { x, normed, delta, gated: product, gate, up, input, .. } = scratch;
        let product = product.get(rows * inner_len);
        let normed = Rows::whole(normed.get(rows * hidden_len), rows)?;
        pool.expect(&weights.down);
        match &weights.gate_up {
            GateUp::Fused(matrix) => {
                matmul_gated(pool, matrix, input.prepared(pool, normed, matrix.input())?, spec.gate, product)?;
            }
            GateUp::Apart { gate: gate_matrix, up: up_matrix } => {
                let (gate, up) = (gate.get(rows * inner_len), up.get(rows * inner_len));
                matmul(pool, gate_matrix, input.prepared(pool, normed, gate_matrix.input())?, gate)?;
                matmul(pool, up_matrix, input.prepared(pool, normed, up_matrix.input())?, up)?;
                let (gate, up) = (Rows::whole(gate, rows)?, Rows::whole(up, rows)?);
                gated(pool, spec.gate, gate, up, RowsMut::whole(product, rows)?)?;
            }
        }
        input.renew();
        let delta = delta.get(rows * hidden_len);
        let prepared = input.prepared(pool, Rows::whole(product, rows)?, weights.down.input())?;
        pool.expect(next);
        matmul(pool, &weights.down, prepared, delta)?;
        self.add(weights.post_feed_forward_norm.as_deref(), delta, x)
    }

    /// x += delta, normed first where the model does.
    fn add(&self, norm: Option<&[f32]>, delta: &mut [f32], x: &mut Buffer) -> Result<(), ShapeError> {
        if let Some(weight) = norm {
            rms_norm_heads(self.pool, RowsMut::whole(delta, self.rows)?, weight, self.spec.norm_epsilon)?;
        }
        add(self.pool, x.get(delta.len()), delta)
    }

    /// Moves the wanted rows of x to the front and forgets the others.
    pub fn keep_wanted(&mut self, scratch: &mut Scratch) {
        let len = self.spec.hidden_len;
        let x = scratch.x.get(self.rows * len);
        for (to, &from) in scratch.wanted.iter().enumerate() {
            // Wanted rows come in ascending order, so `to` is never behind `from`.
            x.copy_within(from * len..(from + 1) * len, to * len);
        }
        self.rows = scratch.wanted.len();
    }

    /// normed = norm(x): a new input for matrices.
    fn norm(&self, weight: &[f32], scratch: &mut Scratch) -> Result<(), ShapeError> {
        let len = self.rows * self.spec.hidden_len;
        let x = Rows::whole(scratch.x.get(len), self.rows)?;
        let out = RowsMut::whole(scratch.normed.get(len), self.rows)?;
        rms_norm(self.pool, x, weight, self.spec.norm_epsilon, out)?;
        scratch.input.renew();
        Ok(())
    }

    /// Query, key and value of every row.
    fn project(&self, weights: &LayerWeights, scratch: &mut Scratch) -> Result<(), ShapeError> {
        let Scratch { normed, qkv, input, .. } = scratch;
        let normed = Rows::whole(normed.get(self.rows * self.spec.hidden_len), self.rows)?;
        self.pool.expect(&weights.attention_output);
        for (index, (matrix, out)) in weights.qkv.matrices.iter().zip(qkv).enumerate() {
            let out = out.get(self.rows * matrix.rows());
            matmul(self.pool, matrix, input.prepared(self.pool, normed, matrix.input())?, out)?;
            if let Some(bias) = weights.qkv.biases.as_ref().and_then(|biases| biases.get(index)) {
                add_bias(self.pool, RowsMut::whole(out, self.rows)?, bias)?;
            }
        }
        Ok(())
    }

    /// Norms the heads of queries and keys, where the model does, and rotates them to their positions.
    fn turn(&self, layer: usize, weights: &LayerWeights, scratch: &mut Scratch) -> Result<(), ShapeError> {
        let Scratch { qkv, angles, .. } = scratch;
        let (pool, spec) = (self.pool, self.spec);
        let which_rope = spec.layers[layer].rope;
        let (angles, style) = (&angles[which_rope], spec.ropes[which_rope].style);
        for (which, len) in [(0, spec.q_len()), (1, spec.kv_len())] {
            if let Some(norms) = &weights.head_norms {
                let heads = weights.qkv.rows_of_mut(which, len, qkv, self.rows)?;
                rms_norm_heads(pool, heads, &norms[which], spec.norm_epsilon)?;
            }
            let heads = weights.qkv.rows_of_mut(which, len, qkv, self.rows)?;
            rope(pool, heads, spec.head_len, angles, style)?;
        }
        Ok(())
    }

    /// Puts keys and values where the rows' sequences keep them.
    fn store(
        &mut self,
        layer: usize,
        weights: &Qkv,
        attention_rows: &[AttentionRow<'_>],
        qkv: &[Buffer; 3],
    ) -> Result<(), ShapeError> {
        let len = self.spec.kv_len();
        let keys = weights.slices_of(1, len, qkv, self.rows);
        let values = weights.slices_of(2, len, qkv, self.rows);
        for ((row, key), value) in attention_rows.iter().zip(keys).zip(values) {
            let position = row.visible.saturating_sub(1);
            let (index, slot) = ((position / BLOCK_LEN) as usize, (position % BLOCK_LEN) as usize);
            let no_block = ShapeError { what: "blocks of a sequence", expected: index + 1, actual: row.blocks.len() };
            let block = row.blocks.get(index).ok_or(no_block)?;
            self.kv.write(layer, *block, slot, key, value)?;
        }
        Ok(())
    }
}

/// Where query (0), key (1) and value (2) lie in the buffers of their matrices.
impl Qkv {
    fn width(&self, which: usize) -> usize {
        self.matrices.get(self.places[which].0).map_or(0, |matrix| matrix.rows())
    }

    fn rows_of<'a>(
        &self,
        which: usize,
        len: usize,
        buffers: &'a mut [Buffer; 3],
        rows: usize,
    ) -> Result<Rows<'a>, ShapeError> {
        let (matrix, start) = self.places[which];
        Rows::columns(buffers[matrix].get(rows * self.width(which)), rows, start..start + len)
    }

    fn rows_of_mut<'a>(
        &self,
        which: usize,
        len: usize,
        buffers: &'a mut [Buffer; 3],
        rows: usize,
    ) -> Result<RowsMut<'a>, ShapeError> {
        let (matrix, start) = self.places[which];
        RowsMut::columns(buffers[matrix].get(rows * self.width(which)), rows, start..start + len)
    }

    fn slices_of<'a>(
        &self,
        which: usize,
        len: usize,
        buffers: &'a [Buffer; 3],
        rows: usize,
    ) -> impl Iterator<Item = &'a [f32]> + use<'a> {
        let (matrix, start) = self.places[which];
        let width = self.width(which).max(1);
        buffers[matrix].held().chunks_exact(width).take(rows).filter_map(move |row| row.get(start..start + len))
    }
}
