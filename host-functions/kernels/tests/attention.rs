//! Attention over paged blocks: against f64, and equal to the bit however rows are batched, blocks
//! are placed, or a prompt is cut.

mod common;

use common::Random;
use realm_kernels::{
    AttentionOptions, AttentionRow, Isa, KvArena, KvLayout, KvType, Memory, Pool, Rows, RowsMut, attention, write_kv,
};

const PLAIN: AttentionOptions = AttentionOptions { scale: 0.3, window: None, softcap: None };

/// A sequence of `len` positions in scattered blocks of an arena of two layers; the second is used.
struct Cache {
    layout: KvLayout,
    memory: Memory,
    stride: usize,
    offset: usize,
    blocks: Vec<u32>,
    k: Vec<f32>,
    v: Vec<f32>,
}

impl Cache {
    fn new(kv_heads: usize, head_dim: usize, ty: KvType, len: usize, seed: u64) -> Cache {
        let layout = KvLayout::new(kv_heads, head_dim, ty).unwrap();
        let count = len.div_ceil(KvLayout::POSITIONS);
        let (stride, offset) = (2 * layout.bytes() + 64, layout.bytes());
        // What is not written is NaN: it must not be read into a result.
        let mut memory = Memory::zeroed(stride * (count + 2)).unwrap();
        memory.fill(0xff);
        let blocks: Vec<u32> = (0..count as u32).map(|i| count as u32 + 1 - i).collect();
        let mut random = Random::new(seed);
        let width = kv_heads * head_dim;
        let (mut k, mut v) = (random.values(len * width), random.values(len * width));
        if ty == KvType::F16 {
            for x in k.iter_mut().chain(&mut v) {
                *x = half::f16::from_f32(*x).to_f32();
            }
        }
        let (exact_k, exact_v) = (k.clone(), v.clone());
        if ty == KvType::I8 {
            for head in k.chunks_mut(head_dim).chain(v.chunks_mut(head_dim)) {
                let largest = head.iter().fold(0f32, |largest, x| largest.max(x.abs()));
                head.iter_mut().for_each(|x| *x = (*x * (127.0 / largest)).round_ties_even() * (largest / 127.0));
            }
        }
        let (k, v) = (k, v);
        for i in 0..len {
            let at = blocks[i / KvLayout::POSITIONS] as usize * stride + offset;
            let block = &mut memory[at..at + layout.bytes()];
            let (k, v) = (&exact_k[i * width..][..width], &exact_v[i * width..][..width]);
            write_kv(&layout, block, i % KvLayout::POSITIONS, k, v).unwrap();
        }
        Cache { layout, memory, stride, offset, blocks, k, v }
    }

    fn arena(&self) -> KvArena<'_> {
        KvArena { bytes: &self.memory, block_stride: self.stride, offset: self.offset }
    }

    fn attend(&self, pool: &Pool, q: &[f32], visible: &[u32], options: &AttentionOptions) -> Vec<f32> {
        let rows: Vec<_> = visible.iter().map(|&visible| AttentionRow { blocks: &self.blocks, visible }).collect();
        let mut out = vec![f32::NAN; q.len()];
        let (q, o) = (Rows::whole(q, rows.len()).unwrap(), RowsMut::whole(&mut out, rows.len()).unwrap());
        attention(pool, &self.layout, self.arena(), q, &rows, options, o).unwrap();
        out
    }

    fn expected(&self, q: &[f32], visible: usize, options: &AttentionOptions) -> Vec<f64> {
        let (dim, kv_heads) = (self.layout.head_dim(), self.layout.kv_heads());
        let group = q.len() / dim / kv_heads;
        let first = options.window.map_or(0, |window| visible.saturating_sub(window as usize));
        let at = |x: &[f32], i: usize, h: usize, d: usize| f64::from(x[(i * kv_heads + h / group) * dim + d]);
        let mut out = Vec::new();
        for h in 0..group * kv_heads {
            let score = |i: usize| {
                let dot: f64 = (0..dim).map(|d| f64::from(q[h * dim + d]) * at(&self.k, i, h, d)).sum();
                let score = dot * f64::from(options.scale);
                options.softcap.map_or(score, |cap| f64::from(cap) * (score / f64::from(cap)).tanh()).exp()
            };
            let weights: Vec<f64> = (first..visible).map(score).collect();
            let sum: f64 = weights.iter().sum();
            out.extend(
                (0..dim).map(|d| weights.iter().zip(first..).map(|(w, i)| w / sum * at(&self.v, i, h, d)).sum::<f64>()),
            );
        }
        out
    }
}

fn check(kv_heads: usize, group: usize, head_dim: usize, ty: KvType, visible: &[u32], options: &AttentionOptions) {
    let len = *visible.iter().max().unwrap() as usize;
    let cache = Cache::new(kv_heads, head_dim, ty, len, 11);
    let width = kv_heads * group * head_dim;
    let q = Random::new(12).values(visible.len() * width);
    let reference = cache.attend(&Pool::with_isa(1, Isa::all().next().unwrap()), &q, visible, options);
    for ((q, out), &visible) in q.chunks(width).zip(reference.chunks(width)).zip(visible) {
        for (out, expected) in out.iter().zip(cache.expected(q, visible as usize, options)) {
            // Values are at most 1, weights sum to 1: what is left is rounding of exp and of sums.
            assert!((f64::from(*out) - expected).abs() < 4e-6, "{head_dim} {group} {visible}: {out} is not {expected}");
        }
    }
    for isa in Isa::all() {
        for threads in [1, 3] {
            let pool = Pool::with_isa(threads, isa);
            assert_eq!(cache.attend(&pool, &q, visible, options), reference, "{isa:?}, {threads} threads");
            for (i, &visible) in visible.iter().enumerate() {
                let alone = cache.attend(&pool, &q[i * width..][..width], &[visible], options);
                assert_eq!(alone, reference[i * width..][..width], "{isa:?}: row {i} alone");
            }
        }
    }
}

#[test]
fn agrees_with_f64_for_every_head_size() {
    for head_dim in [8, 16, 24, 32, 48, 64, 72, 80, 96, 128, 192, 256] {
        for ty in [KvType::I8, KvType::F16, KvType::F32] {
            check(2, 2, head_dim, ty, &[1, 15, 16, 17, 64, 65, 130], &PLAIN);
        }
    }
}

#[test]
fn agrees_with_f64_for_every_group() {
    for group in 1..=17 {
        check(1, group, 32, KvType::F16, &[3, 100], &PLAIN);
        check(1, group, 32, KvType::I8, &[3, 100], &PLAIN);
    }
}

#[test]
fn rows_taken_together_add_only_what_they_see() {
    // Rows side by side in a pack: ends within one span, across spans, far apart, unsorted.
    for group in [1, 2, 3, 4] {
        let visible = [1, 2, 3, 62, 63, 64, 65, 66, 200, 3, 130, 127, 128, 129];
        check(1, group, 16, KvType::F16, &visible, &PLAIN);
        for window in [1, 3, 60, 70] {
            check(1, group, 16, KvType::F16, &visible, &AttentionOptions { window: Some(window), ..PLAIN });
        }
    }
}

#[test]
fn windows_and_caps() {
    for window in [1, 5, 16, 63, 64, 1000] {
        check(2, 3, 16, KvType::F32, &[1, 16, 70, 200], &AttentionOptions { window: Some(window), ..PLAIN });
    }
    check(2, 3, 64, KvType::F32, &[1, 16, 70], &AttentionOptions { softcap: Some(0.5), ..PLAIN });
    check(2, 3, 64, KvType::I8, &[1, 16, 70], &AttentionOptions { softcap: Some(0.5), ..PLAIN });
    check(2, 3, 16, KvType::I8, &[1, 16, 70, 200], &AttentionOptions { window: Some(30), ..PLAIN });
}

#[test]
fn a_prompt_may_be_cut_anywhere() {
    let (len, width) = (90, 2 * 4 * 32);
    let cache = Cache::new(2, 32, KvType::F16, len, 1);
    let q = Random::new(2).values(len * width);
    let visible: Vec<u32> = (1..=len as u32).collect();
    let pool = Pool::new(2);
    let whole = cache.attend(&pool, &q, &visible, &PLAIN);
    for chunk in [1, 7, 16, 33] {
        let mut out = Vec::new();
        for (q, visible) in q.chunks(chunk * width).zip(visible.chunks(chunk)) {
            out.extend(cache.attend(&pool, q, visible, &PLAIN));
        }
        assert_eq!(out, whole, "in chunks of {chunk}");
    }
}

#[test]
fn large_scores_do_not_overflow() {
    let cache = Cache::new(1, 16, KvType::F32, 80, 4);
    let q = Random::new(5).values(16);
    let out = cache.attend(&Pool::new(1), &q, &[80], &AttentionOptions { scale: 1e4, ..PLAIN });
    assert!(out.iter().all(|x| x.abs() <= 1.0), "{out:?}");
}

#[test]
fn a_row_that_sees_nothing_is_zero() {
    let cache = Cache::new(1, 16, KvType::F32, 16, 4);
    assert_eq!(cache.attend(&Pool::new(1), &[1.0; 16], &[0], &PLAIN), [0.0; 16]);
}

#[test]
fn bad_sizes_are_errors() {
    for (kv_heads, head_dim) in [(0, 64), (1025, 64), (1, 0), (1, 12), (1, 264), (usize::MAX, 8)] {
        assert!(KvLayout::new(kv_heads, head_dim, KvType::F16).is_err(), "{kv_heads} {head_dim}");
    }
    let cache = Cache::new(1, 16, KvType::F32, 16, 4);
    let pool = Pool::new(1);
    let attend = |q: &[f32], blocks: &[u32], visible: u32, arena: KvArena<'_>| {
        let mut out = vec![0.0; 16];
        let (q, o) = (Rows::whole(q, 1).unwrap(), RowsMut::whole(&mut out, 1).unwrap());
        attention(&pool, &cache.layout, arena, q, &[AttentionRow { blocks, visible }], &PLAIN, o).is_ok()
    };
    let arena = cache.arena();
    assert!(attend(&[0.0; 16], &cache.blocks, 16, arena));
    assert!(!attend(&[0.0; 16], &cache.blocks, 17, arena), "more positions than blocks hold");
    assert!(!attend(&[0.0; 16], &[3], 16, arena), "a block outside the arena");
    assert!(!attend(&[0.0; 16], &[u32::MAX], 16, arena), "a block far outside the arena");
    assert!(!attend(&[0.0; 24], &cache.blocks, 16, arena), "a query of half a head");
    assert!(!attend(&[0.0; 32], &cache.blocks, 16, arena), "an output of another width");
    assert!(!attend(&[0.0; 16], &cache.blocks, 16, KvArena { bytes: &arena.bytes[1..], ..arena }), "misaligned");

    let layout = cache.layout;
    let (mut block, x) = (Memory::zeroed(layout.bytes()).unwrap(), [0.0; 16]);
    assert!(write_kv(&layout, &mut block, 15, &x, &x).is_ok());
    assert!(write_kv(&layout, &mut block, 16, &x, &x).is_err());
    assert!(write_kv(&layout, &mut block, 0, &x[1..], &x).is_err());
    assert!(write_kv(&layout, &mut block, 0, &x, &x[1..]).is_err());
    let len = block.len();
    assert!(write_kv(&layout, &mut block[..len - 4], 0, &x, &x).is_err());
}
