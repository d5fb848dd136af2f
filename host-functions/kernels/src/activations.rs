//! A matrix input in the form its kernels read, made once and shared by every matrix that wants it.
//!
//! Quantised weights are multiplied by quantised activations: i8 with one scale per 32 values
//! (Q8_0, Q4_0) or per 256 (K-quants). A row is quantised from its own values alone.

use crate::error::{ShapeError, expect};
use crate::formats::panel::{PANEL_ROWS, Panel32, Panel256, PanelF32, Row32};
use crate::isa::Op;
use crate::rows::{Rows, Shared};
use crate::simd::Simd;
use crate::{Pool, WeightType};

/// The form of input that a weight type's kernel reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum InputKind {
    /// f32 as given: F32, F16 and BF16 weights.
    F32,
    /// i8 with a scale per 32 values: Q8_0 and Q4_0.
    Block32,
    /// i8 with a scale per 256 values: the K-quants.
    Block256,
}

impl InputKind {
    /// What the kernel of matrices packed from `ty` reads.
    pub const fn of(ty: WeightType) -> InputKind {
        match ty.packed().block_len() {
            1 => InputKind::F32,
            32 => InputKind::Block32,
            _ => InputKind::Block256,
        }
    }

    /// Values under one scale; a row must be a multiple of it.
    pub const fn block_len(self) -> usize {
        match self {
            InputKind::F32 => 1,
            InputKind::Block32 => 32,
            InputKind::Block256 => 256,
        }
    }
}

/// Values a thread should have to quantise, at least, to be worth waking.
const CHUNK_VALUES: usize = 8192;

/// `m` rows of `k` values, prepared for one [`InputKind`]. Reuse it: its buffers only grow.
#[derive(Default)]
pub struct Activations {
    rows: usize,
    columns: usize,
    kind: Option<InputKind>,
    floats: Vec<PanelF32>,
    panels_32: Vec<Panel32>,
    panels_256: Vec<Panel256>,
}

impl Activations {
    /// Empty; `prepare` fills it.
    pub fn new() -> Self {
        Self::default()
    }

    /// Rows held.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Values in a row.
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// What they are prepared for; `None` before the first `prepare`.
    pub fn kind(&self) -> Option<InputKind> {
        self.kind
    }

    /// Takes the values of `x`, replacing what was held.
    ///
    /// # Errors
    /// If a row is not a multiple of the kind's block.
    pub fn prepare(&mut self, pool: &Pool, x: Rows<'_>, kind: InputKind) -> Result<(), ShapeError> {
        let (rows, columns, block_len) = (x.count(), x.row_len(), kind.block_len());
        expect("columns in whole blocks of activations", columns / block_len * block_len, columns)?;
        self.kind = None;
        // Packed Q8_0 and Q4_0 blocks come in pairs, of which the last may be half empty.
        let blocks = match kind {
            InputKind::Block32 => (columns / block_len).next_multiple_of(2),
            _ => columns / block_len,
        };
        let panels = rows.div_ceil(PANEL_ROWS);
        let len = crate::error::product("panels of activations", panels, blocks)?;
        match kind {
            InputKind::F32 => fill(pool, &mut self.floats, len, blocks, x, [0.0; PANEL_ROWS]),
            InputKind::Block32 => fill(pool, &mut self.panels_32, len, blocks, x, Panel32::ZERO),
            InputKind::Block256 => fill(pool, &mut self.panels_256, len, blocks, x, Panel256::ZERO),
        }
        (self.rows, self.columns, self.kind) = (rows, columns, Some(kind));
        Ok(())
    }
}

/// A kind of panel: how eight rows' values of one block are taken into it.
pub(crate) trait Panel: Copy + Send + Sync + 'static {
    const BLOCK_LEN: usize;
    /// All panels held, block after block, eight rows after eight rows.
    fn all(activations: &Activations) -> &[Self];
    /// Takes row `row` of each panel from one block of `x` each; panels past the end of `x` become zero.
    fn take<S: Simd>(simd: S, panels: &mut [Self], row: usize, x: &[f32]);
}

/// `panels[..len]` from `x`, in parallel.
fn fill<P: Panel>(pool: &Pool, panels: &mut Vec<P>, len: usize, blocks: usize, x: Rows<'_>, zero: P) {
    if panels.len() < len {
        panels.resize(len, zero);
    }
    let shared = Shared::new(&mut panels[..len]);
    let chunk_len = CHUNK_VALUES.div_ceil(P::BLOCK_LEN * x.count().clamp(1, PANEL_ROWS));
    pool.run(len, chunk_len, |range| {
        // SAFETY: the pool gives every index to one chunk only.
        let panels = unsafe { shared.slice(range.clone()) };
        pool.isa().run(Fill { panels, first: range.start, blocks, x });
    });
}

struct Fill<'a, P> {
    panels: &'a mut [P],
    /// Index of the first of `panels` among all.
    first: usize,
    /// Panels of the same eight rows.
    blocks: usize,
    x: Rows<'a>,
}

impl<P: Panel> Op for Fill<'_, P> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let mut rest = self.panels;
        let mut at = self.first;
        while !rest.is_empty() {
            let (eight, block) = (at / self.blocks, at % self.blocks);
            let (panels, after) = rest.split_at_mut(rest.len().min(self.blocks - block));
            at += panels.len();
            rest = after;
            let columns = self.x.row_len();
            let columns = (block * P::BLOCK_LEN).min(columns)..((block + panels.len()) * P::BLOCK_LEN).min(columns);
            let rows = eight * PANEL_ROWS..self.x.count().min((eight + 1) * PANEL_ROWS);
            for (row, i) in rows.enumerate() {
                P::take(s, panels, row, &self.x.row(i)[columns.clone()]);
            }
        }
    }
}

impl Panel for PanelF32 {
    const BLOCK_LEN: usize = 1;

    fn all(activations: &Activations) -> &[Self] {
        &activations.floats
    }

    #[inline(always)]
    fn take<S: Simd>(_: S, panels: &mut [Self], row: usize, x: &[f32]) {
        for (panel, &x) in panels.iter_mut().zip(x) {
            panel[row % PANEL_ROWS] = x;
        }
    }
}

impl Panel for Panel32 {
    const BLOCK_LEN: usize = 32;

    fn all(activations: &Activations) -> &[Self] {
        &activations.panels_32
    }

    #[inline(always)]
    fn take<S: Simd>(s: S, panels: &mut [Self], row: usize, x: &[f32]) {
        let row = row % PANEL_ROWS;
        let (blocks, _) = x.as_chunks::<32>();
        let (full, empty) = panels.split_at_mut(blocks.len());
        for (panel, block) in full.iter_mut().zip(blocks) {
            let (lines, _) = block.as_chunks::<16>();
            let (scale, inverse) = scale_of(s, lines);
            let inverse = s.splat(inverse);
            let mut sum = s.splat_i32(0);
            let mut values = [[0; 4]; 8];
            let (out, _) = values.as_flattened_mut().as_chunks_mut::<16>();
            for (line, out) in lines.iter().zip(out) {
                let rounded = s.round(s.mul(s.load(line), inverse));
                s.store_low_bytes(rounded, out);
                sum = s.add_i32(sum, rounded);
            }
            // Thirty-two integers of at most 127: exact in f32.
            let sum = s.sum(s.to_f32(sum)) as i32;
            panel.rows[row] = Row32::new(values, scale, sum);
        }
        empty.fill(Panel32::ZERO);
    }
}

impl Panel for Panel256 {
    const BLOCK_LEN: usize = 256;

    fn all(activations: &Activations) -> &[Self] {
        &activations.panels_256
    }

    #[inline(always)]
    fn take<S: Simd>(s: S, panels: &mut [Self], row: usize, x: &[f32]) {
        let row = row % PANEL_ROWS;
        for (panel, block) in panels.iter_mut().zip(x.as_chunks::<256>().0) {
            let (lines, _) = block.as_chunks::<16>();
            let (scale, inverse) = scale_of(s, lines);
            let inverse = s.splat(inverse);
            let (out, _) = panel.values[row].as_flattened_mut().as_chunks_mut::<16>();
            for (line, out) in lines.iter().zip(out) {
                s.store_low_bytes(s.round(s.mul(s.load(line), inverse)), out);
            }
            // Sums of four values, then of sixteen.
            let ones = s.splat_i32(0x0101_0101);
            let (out, _) = panel.values[row].as_chunks::<16>();
            let mut sums = [0i32; 16];
            for (four, sums) in out.iter().zip(sums.as_chunks_mut::<4>().0) {
                let quads = s.to_f32(s.dot(s.splat_i32(0), ones, s.load_signed(four)));
                let mut lanes = [0.0; 16];
                s.store(quads, &mut lanes);
                for (sum, quad) in sums.iter_mut().zip(lanes.as_chunks::<4>().0) {
                    // Small integers: exact in f32.
                    *sum = (quad[0] + quad[1] + quad[2] + quad[3]) as i32;
                }
            }
            panel.scale[row] = scale;
            panel.bias_32[row] = sums.map(|sum| sum.wrapping_mul(-32));
            // At most 32 * 128 in magnitude, which an i16 holds.
            panel.sums[row] =
                crate::formats::MINIMUM_ORDER.map(|pair| pair.map(|sub| (sums[sub * 2] + sums[sub * 2 + 1]) as i16));
        }
    }
}

/// The scale that maps the largest magnitude to 127, and its inverse. Zero for a block of zeros.
#[inline(always)]
fn scale_of<S: Simd>(s: S, block: &[[f32; 16]]) -> (f32, f32) {
    let magnitude = s.splat_i32(0x7fff_ffff);
    let mut max = s.splat(0.0);
    for x in block {
        max = s.max(max, s.floats(s.and(s.bits(s.load(x)), magnitude)));
    }
    let max = s.max_lane(max);
    (max / 127.0, if max > 0.0 { 127.0 / max } else { 0.0 })
}
