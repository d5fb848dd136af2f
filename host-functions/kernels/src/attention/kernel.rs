//! Queries that share a key-value head and blocks, over all positions each of them sees.
//!
//! Positions are taken in spans of 64: scores, a running maximum, exponentials, then the values'
//! weighted sum, rescaled whenever the maximum grows. Spans begin at multiples of 64, and a query
//! adds exactly the positions it sees, in order; so its result depends neither on how a prompt was
//! cut nor on the queries beside it.

use std::ops::Range;

use super::QUERIES_MAX;
use super::layout::{Element, KvArena, KvLayout, KvType};
use crate::Isa;
use crate::elementwise::{Map, Softcap};
use crate::isa::Op;
use crate::math;
use crate::simd::{LANES, Simd, store_part};

/// Blocks whose scores are computed before their values are read.
const SPAN_BLOCKS: usize = 4;
const SPAN: usize = SPAN_BLOCKS * KvLayout::POSITIONS;
const VALUE_LINES_MAX: usize = KvLayout::HEAD_DIM_MAX / LANES;

/// One head of one row.
#[derive(Default)]
pub(super) struct Query<'a> {
    pub q: &'a [f32],
    pub positions: Range<usize>,
    pub out: &'a mut [f32],
}

pub(super) struct Task<'a, 'b> {
    pub layout: &'a KvLayout,
    pub arena: KvArena<'a>,
    pub kv_head: usize,
    /// Hold the positions of every query.
    pub blocks: &'a [u32],
    pub scale: f32,
    pub softcap: Option<Softcap>,
    /// At most `QUERIES_MAX`.
    pub queries: &'b mut [Query<'a>],
}

pub(super) fn attend(isa: Isa, task: Task<'_, '_>) {
    match task.layout.ty() {
        KvType::I8 => isa.run(Attend::<i8> { task, element: std::marker::PhantomData }),
        KvType::F16 => isa.run(Attend::<u16> { task, element: std::marker::PhantomData }),
        KvType::F32 => isa.run(Attend::<f32> { task, element: std::marker::PhantomData }),
    }
}

struct Attend<'a, 'b, E> {
    task: Task<'a, 'b>,
    element: std::marker::PhantomData<E>,
}

impl<E: Element> Op for Attend<'_, '_, E> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        const { assert!(QUERIES_MAX == 8) };
        match self.task.queries.len() {
            0 => {}
            1 => together::<S, E, 1, 4>(s, self.task),
            2 => together::<S, E, 2, 4>(s, self.task),
            3 => together::<S, E, 3, 2>(s, self.task),
            4 => together::<S, E, 4, 2>(s, self.task),
            5 => together::<S, E, 5, 1>(s, self.task),
            6 => together::<S, E, 6, 1>(s, self.task),
            7 => together::<S, E, 7, 1>(s, self.task),
            _ => together::<S, E, 8, 1>(s, self.task),
        }
    }
}

/// What has been summed so far for `G` queries.
struct Sums<F, const G: usize> {
    /// The largest score.
    max: [f32; G],
    /// Of `e^(score - max)`.
    weights: [F; G],
    /// Of values times `e^(score - max)`.
    values: [[[f32; LANES]; VALUE_LINES_MAX]; G],
}

/// Keys and values of a span: per block, `head_dim` lines of keys, then the lines of values.
struct Span<'a, E> {
    lines: [&'a [[E; LANES]]; SPAN_BLOCKS],
    /// Per block, what keys and values are multiplied by, where they are.
    scales: [Option<&'a [[f32; LANES]; 2]>; SPAN_BLOCKS],
    head_dim: usize,
    value_lines: usize,
}

/// In which order the positions of a span are added.
enum Step {
    Before,
    Shared,
    After,
}

/// `G` queries; `T` lines at once, so that enough chains are under way.
#[inline(always)]
fn together<S: Simd, E: Element, const G: usize, const T: usize>(s: S, task: Task<'_, '_>) {
    let Task { layout, arena, kv_head, blocks, scale, softcap, queries } = task;
    let (head_dim, value_lines) = (layout.head_dim(), layout.value_lines());
    let mut sums =
        Sums { max: [f32::NEG_INFINITY; G], weights: [s.splat(0.0); G], values: [[[0.0; LANES]; VALUE_LINES_MAX]; G] };
    let mut q: [&[f32]; G] = [&[]; G];
    for g in 0..G {
        q[g] = queries[g].q;
    }
    let start = queries.iter().map(|query| query.positions.start).min().unwrap_or(0);
    let end = queries.iter().map(|query| query.positions.end).max().unwrap_or(0);

    for base in (start / SPAN * SPAN..end).step_by(SPAN) {
        let first_block = base / KvLayout::POSITIONS;
        let count = (end - base).div_ceil(KvLayout::POSITIONS).min(SPAN_BLOCKS);
        let mut span = Span { lines: [&[]; SPAN_BLOCKS], scales: [None; SPAN_BLOCKS], head_dim, value_lines };
        for (i, &block) in blocks[first_block..first_block + count].iter().enumerate() {
            (span.lines[i], span.scales[i]) = arena.head::<E>(layout, block, kv_head);
        }
        let mut scores = [[0.0; SPAN]; G];
        let mut done = 0;
        while done < count {
            if T > 1 && count - done >= T {
                score::<S, E, G, T>(s, &span, q, scale, done, &mut scores);
                done += T;
            } else {
                score::<S, E, G, 1>(s, &span, q, scale, done, &mut scores);
                done += 1;
            }
        }
        let mut seen = [const { 0..0 }; G];
        for g in 0..G {
            let clip = |position: usize| position.clamp(base, base + SPAN) - base;
            seen[g] = clip(queries[g].positions.start)..clip(queries[g].positions.end);
            if !seen[g].is_empty() {
                weigh(s, g, &seen[g], count, softcap, &span, &mut scores[g], &mut sums);
            }
        }
        // What all see is added together; what only some see is added to theirs, before and after.
        let start = seen.iter().map(|seen| seen.start).max().unwrap_or(0);
        let end = seen.iter().map(|seen| seen.end).min().unwrap_or(0);
        let shared = if start < end { start..end } else { SPAN..SPAN };
        for step in [Step::Before, Step::Shared, Step::After] {
            if let Step::Shared = step {
                gather::<S, E, G, G, T>(s, &span, 0, shared.clone(), &scores, &mut sums);
                continue;
            }
            for (g, seen) in seen.iter().enumerate().filter(|_| G > 1) {
                let own = match step {
                    Step::Before => seen.start..seen.end.min(shared.start),
                    _ => seen.start.max(shared.end)..seen.end,
                };
                gather::<S, E, G, 1, 1>(s, &span, g, own, &scores, &mut sums);
            }
        }
    }

    for (g, query) in queries.iter_mut().enumerate().take(G) {
        if query.positions.is_empty() {
            query.out.fill(0.0);
            continue;
        }
        let inverse = s.splat(1.0 / s.sum(sums.weights[g]));
        for (line, out) in sums.values[g].iter().zip(query.out.chunks_mut(LANES)) {
            store_part(s, s.mul(s.load(line), inverse), out);
        }
    }
}

/// The scores of `T` blocks of keys, from block `first` of the span on, with `G` queries.
#[inline(always)]
fn score<S: Simd, E: Element, const G: usize, const T: usize>(
    s: S,
    span: &Span<'_, E>,
    q: [&[f32]; G],
    scale: f32,
    first: usize,
    scores: &mut [[f32; SPAN]; G],
) {
    let head_dim = span.head_dim;
    let mut keys: [&[[E; LANES]]; T] = [&[]; T];
    for t in 0..T {
        keys[t] = &span.lines[first + t][..head_dim];
    }
    let mut queries: [&[f32]; G] = [&[]; G];
    for g in 0..G {
        queries[g] = &q[g][..head_dim];
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
            let mut score = s.mul(total[t][g], s.splat(scale));
            if let Some([keys, _]) = span.scales[first + t].filter(|_| E::SCALED) {
                score = s.mul(score, s.load(keys));
            }
            s.store(score, &mut scores[first + t]);
        }
    }
}

/// Turns query `g`'s scores of the positions it sees, of which there are some, into weights of the values as they are
/// stored.
#[inline(always)]
#[allow(clippy::too_many_arguments)] // a part of `together`
fn weigh<S: Simd, E: Element, const G: usize>(
    s: S,
    g: usize,
    seen: &Range<usize>,
    count: usize,
    softcap: Option<Softcap>,
    span: &Span<'_, E>,
    scores: &mut [f32; SPAN],
    sums: &mut Sums<S::F, G>,
) {
    let (lines, _) = scores.as_chunks_mut::<LANES>();
    if let Some(cap) = softcap {
        for x in &mut lines[..count] {
            s.store(cap.at(s, s.load(x)), x);
        }
    }
    let flat = lines.as_flattened_mut();
    flat[..seen.start].fill(f32::NEG_INFINITY);
    flat[seen.end..].fill(f32::NEG_INFINITY);

    let mut max = s.splat(f32::NEG_INFINITY);
    for x in &lines[..count] {
        max = s.max(max, s.load(x));
    }
    let span_max = s.max_lane(max);
    if span_max > sums.max[g] {
        let mut shrink = [0.0; LANES];
        s.store(math::exp(s, s.splat(sums.max[g] - span_max)), &mut shrink);
        let shrink = s.splat(shrink[0]);
        sums.weights[g] = s.mul(sums.weights[g], shrink);
        for line in &mut sums.values[g][..span.value_lines] {
            s.store(s.mul(s.load(line), shrink), line);
        }
        sums.max[g] = span_max;
    }
    // Scores that are all NaN have no maximum: the result is NaN.
    let shift = s.splat(sums.max[g]);
    for (x, scales) in lines[..count].iter_mut().zip(span.scales) {
        let mut e = math::exp(s, s.sub(s.load(x), shift));
        sums.weights[g] = s.add(sums.weights[g], e);
        if let Some([_, values]) = scales.filter(|_| E::SCALED) {
            e = s.mul(e, s.load(values));
        }
        s.store(e, x);
    }
}

/// Adds the weighted values of `positions` of the span to `N` queries from query `first` on, `T`
/// lines at once.
#[inline(always)]
fn gather<S: Simd, E: Element, const G: usize, const N: usize, const T: usize>(
    s: S,
    span: &Span<'_, E>,
    first: usize,
    positions: Range<usize>,
    weights: &[[f32; SPAN]; G],
    sums: &mut Sums<S::F, G>,
) {
    if positions.is_empty() {
        return;
    }
    let mut line = 0;
    while line < span.value_lines {
        if T > 1 && span.value_lines - line >= T {
            gather_lines::<S, E, G, N, T>(s, span, first, positions.clone(), line, weights, sums);
            line += T;
        } else {
            gather_lines::<S, E, G, N, 1>(s, span, first, positions.clone(), line, weights, sums);
            line += 1;
        }
    }
}

/// As [`gather`], of the `T` lines from `line` on.
#[inline(always)]
fn gather_lines<S: Simd, E: Element, const G: usize, const N: usize, const T: usize>(
    s: S,
    span: &Span<'_, E>,
    first: usize,
    positions: Range<usize>,
    line: usize,
    weights: &[[f32; SPAN]; G],
    sums: &mut Sums<S::F, G>,
) {
    let mut total = [[s.splat(0.0); N]; T];
    for n in 0..N {
        for t in 0..T {
            total[t][n] = s.load(&sums.values[first + n][line + t]);
        }
    }
    for block in positions.start / LANES..positions.end.div_ceil(LANES) {
        let base = block * LANES;
        let slots = positions.start.max(base) - base..positions.end.min(base + LANES) - base;
        let values = &span.lines[block][span.head_dim..];
        let values =
            values[slots.start * span.value_lines..slots.end * span.value_lines].chunks_exact(span.value_lines);
        for (position, value) in (base + slots.start..).zip(values) {
            let value = &value[line..line + T];
            for t in 0..T {
                let x = E::load(s, &value[t]);
                for n in 0..N {
                    total[t][n] = s.fma(x, s.splat(weights[first + n][position % SPAN]), total[t][n]);
                }
            }
        }
    }
    for n in 0..N {
        for t in 0..T {
            s.store(total[t][n], &mut sums.values[first + n][line + t]);
        }
    }
}
