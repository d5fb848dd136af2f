//! The queries of one row that share a key-value head, over all positions they see.
//!
//! Positions are taken in spans of 64 from the block of the first one on: scores, a running maximum,
//! exponentials, then the values' weighted sum, rescaled whenever the maximum grows. Where spans
//! begin depends on the row alone, so its result does not depend on how a prompt was cut.

use std::ops::Range;

use super::layout::{Element, KvArena, KvLayout, KvType};
use super::GROUP_MAX;
use crate::Isa;
use crate::elementwise::{Map, Softcap};
use crate::isa::Op;
use crate::math;
use crate::simd::{LANES, Simd, store_part};

/// Blocks whose scores are computed before their values are read.
const SPAN_BLOCKS: usize = 4;
const SPAN: usize = SPAN_BLOCKS * KvLayout::POSITIONS;
const VALUE_LINES_MAX: usize = KvLayout::HEAD_DIM_MAX / LANES;

pub(super) struct Heads<'a> {
    pub layout: &'a KvLayout,
    pub arena: KvArena<'a>,
    pub kv_head: usize,
    pub blocks: &'a [u32],
    pub positions: Range<usize>,
    pub scale: f32,
    pub softcap: Option<Softcap>,
    /// At most `GROUP_MAX` heads.
    pub q: &'a [f32],
    pub out: &'a mut [f32],
}

impl Heads<'_> {
    pub(super) fn attend(self, isa: Isa) {
        match self.layout.ty() {
            KvType::F16 => isa.run(Attend::<u16> { heads: self, element: std::marker::PhantomData }),
            KvType::F32 => isa.run(Attend::<f32> { heads: self, element: std::marker::PhantomData }),
        }
    }
}

struct Attend<'a, E> {
    heads: Heads<'a>,
    element: std::marker::PhantomData<E>,
}

impl<E: Element> Op for Attend<'_, E> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let heads = self.heads;
        if heads.positions.is_empty() {
            heads.out.fill(0.0);
            return;
        }
        const { assert!(GROUP_MAX == 8) };
        match heads.q.len() / heads.layout.head_dim() {
            1 => attend::<S, E, 1, 4>(s, heads),
            2 => attend::<S, E, 2, 4>(s, heads),
            3 => attend::<S, E, 3, 2>(s, heads),
            4 => attend::<S, E, 4, 2>(s, heads),
            5 => attend::<S, E, 5, 1>(s, heads),
            6 => attend::<S, E, 6, 1>(s, heads),
            7 => attend::<S, E, 7, 1>(s, heads),
            _ => attend::<S, E, 8, 1>(s, heads),
        }
    }
}

/// `G` query heads; `T` lines at once, so that enough chains are under way.
#[inline(always)]
fn attend<S: Simd, E: Element, const G: usize, const T: usize>(s: S, heads: Heads<'_>) {
    let Heads { layout, arena, kv_head, blocks, positions, scale, softcap, q, out } = heads;
    let (head_dim, value_lines) = (layout.head_dim(), layout.value_lines());
    let mut max = [f32::NEG_INFINITY; G];
    let mut sum = [s.splat(0.0); G];
    let mut total = [[[0.0f32; LANES]; VALUE_LINES_MAX]; G];

    let first_block = positions.start / KvLayout::POSITIONS;
    let last_block = positions.end.div_ceil(KvLayout::POSITIONS);
    for start in (first_block..last_block).step_by(SPAN_BLOCKS) {
        let count = SPAN_BLOCKS.min(last_block - start);
        let mut lines: [&[[E; LANES]]; SPAN_BLOCKS] = [&[]; SPAN_BLOCKS];
        for (line, &block) in lines.iter_mut().zip(&blocks[start..start + count]) {
            *line = arena.head::<E>(layout, block, kv_head);
        }

        let mut scores = [[f32::NEG_INFINITY; SPAN]; G];
        let mut done = 0;
        while done < count {
            if T > 1 && count - done >= T {
                score::<S, E, G, T>(s, &lines[done..], head_dim, q, scale, done, &mut scores);
                done += T;
            } else {
                score::<S, E, G, 1>(s, &lines[done..], head_dim, q, scale, done, &mut scores);
                done += 1;
            }
        }

        // Positions of this span that the row sees.
        let base = start * KvLayout::POSITIONS;
        let seen = positions.start.max(base) - base..positions.end.min(base + SPAN) - base;
        for g in 0..G {
            let (scores, _) = scores[g].as_chunks_mut::<LANES>();
            if let Some(cap) = softcap {
                for x in &mut scores[..count] {
                    s.store(cap.at(s, s.load(x)), x);
                }
            }
            let flat = scores.as_flattened_mut();
            flat[..seen.start].fill(f32::NEG_INFINITY);
            flat[seen.end..].fill(f32::NEG_INFINITY);

            let mut lanes = s.load(&scores[0]);
            for x in &scores[1..count] {
                lanes = s.max(lanes, s.load(x));
            }
            let span_max = s.max_lane(lanes);
            if span_max > max[g] {
                let mut shrink = [0.0; LANES];
                s.store(math::exp(s, s.splat(max[g] - span_max)), &mut shrink);
                let shrink = s.splat(shrink[0]);
                sum[g] = s.mul(sum[g], shrink);
                for line in &mut total[g][..value_lines] {
                    s.store(s.mul(s.load(line), shrink), line);
                }
                max[g] = span_max;
            }
            // A row of NaN or of infinite scores has no maximum; its result is NaN.
            let shift = s.splat(max[g]);
            for x in &mut scores[..count] {
                let e = math::exp(s, s.sub(s.load(x), shift));
                sum[g] = s.add(sum[g], e);
                s.store(e, x);
            }
        }

        let mut line = 0;
        while line < value_lines {
            if T > 1 && value_lines - line >= T {
                gather::<S, E, G, T>(s, &lines, head_dim, value_lines, line, seen.end, &scores, &mut total);
                line += T;
            } else {
                gather::<S, E, G, 1>(s, &lines, head_dim, value_lines, line, seen.end, &scores, &mut total);
                line += 1;
            }
        }
    }

    for (g, out) in out.chunks_exact_mut(head_dim).enumerate().take(G) {
        let inverse = s.splat(1.0 / s.sum(sum[g]));
        for (line, out) in total[g].iter().zip(out.chunks_mut(LANES)) {
            store_part(s, s.mul(s.load(line), inverse), out);
        }
    }
}

/// The scores of `T` blocks of keys with `G` queries.
#[inline(always)]
fn score<S: Simd, E: Element, const G: usize, const T: usize>(
    s: S,
    lines: &[&[[E; LANES]]],
    head_dim: usize,
    q: &[f32],
    scale: f32,
    first: usize,
    scores: &mut [[f32; SPAN]; G],
) {
    let mut keys: [&[[E; LANES]]; T] = [&[]; T];
    for t in 0..T {
        keys[t] = &lines[t][..head_dim];
    }
    let mut queries: [&[f32]; G] = [&[]; G];
    for g in 0..G {
        queries[g] = &q[g * head_dim..][..head_dim];
    }
    let mut total = [[s.splat(0.0); G]; T];
    for d in 0..head_dim {
        for t in 0..T {
            let key = E::load(s, &keys[t][d]);
            for g in 0..G {
                total[t][g] = s.fma(key, s.splat(queries[g][d]), total[t][g]);
            }
        }
    }
    for g in 0..G {
        let (scores, _) = scores[g].as_chunks_mut::<LANES>();
        for t in 0..T {
            s.store(s.mul(total[t][g], s.splat(scale)), &mut scores[first + t]);
        }
    }
}

/// Adds the weighted values of the span's first `end` positions, `T` lines from `line` on.
#[inline(always)]
#[allow(clippy::too_many_arguments)] // the loop nest of one function, cut in two
fn gather<S: Simd, E: Element, const G: usize, const T: usize>(
    s: S,
    lines: &[&[[E; LANES]]; SPAN_BLOCKS],
    head_dim: usize,
    value_lines: usize,
    line: usize,
    end: usize,
    weights: &[[f32; SPAN]; G],
    total: &mut [[[f32; LANES]; VALUE_LINES_MAX]; G],
) {
    let mut sums = [[s.splat(0.0); G]; T];
    for g in 0..G {
        for t in 0..T {
            sums[t][g] = s.load(&total[g][line + t]);
        }
    }
    for (block, lines) in lines.iter().enumerate().take(end.div_ceil(LANES)) {
        let first = block * LANES;
        let values = lines[head_dim..].chunks_exact(value_lines);
        for (i, value) in values.enumerate().take(LANES.min(end - first)) {
            let value = &value[line..line + T];
            for t in 0..T {
                let x = E::load(s, &value[t]);
                for g in 0..G {
                    sums[t][g] = s.fma(x, s.splat(weights[g][first + i]), sums[t][g]);
                }
            }
        }
    }
    for g in 0..G {
        for t in 0..T {
            s.store(sums[t][g], &mut total[g][line + t]);
        }
    }
}
