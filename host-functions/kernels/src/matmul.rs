//! `out[m][n] = x[m][k] · w[n][k]`: tiles of weights shared out among threads, each read once for
//! every eight rows of activations.
//!
//! A thread takes a few tiles (small enough for its second-level cache), and multiplies them by
//! every panel of activations in turn. How tiles and rows are grouped changes which sums are
//! computed together, never the order within a sum.

use std::ops::Range;

use crate::Pool;
use crate::activations::{Activations, Panel};
use crate::elementwise::Gate;
use crate::error::{ShapeError, expect, product};
use crate::formats::Format;
use crate::formats::panel::PANEL_ROWS;
use crate::isa::Op;
use crate::matrix::{Layout, Matrix, with_format};
use crate::rows::RowsMut;
use crate::simd::{LANES, Simd};

/// Tiles whose results are gathered before they are written out: a gate tile and its up tile, or
/// as many as a kernel takes at once.
const GROUP: usize = 4;
/// Multiply-adds in a chunk, at least: some microseconds, far more than handing out the chunk costs.
const CHUNK_WORK: usize = 1 << 17;

/// `out[i][j]` = the dot product of row `i` of the activations with row `j` of `matrix`.
///
/// `out` holds `activations.rows()` rows of `matrix.rows()` values.
///
/// # Errors
/// If the activations have other columns than the matrix or are prepared for another kind of
/// weights, or `out` has another size.
pub fn matmul(pool: &Pool, matrix: &Matrix, activations: &Activations, out: &mut [f32]) -> Result<(), ShapeError> {
    check(matrix, activations, matrix.rows(), out.len())?;
    let out = RowsMut::whole(out, activations.rows())?;
    run(pool, matrix, activations, Sink { matrix, out, gate: None });
    Ok(())
}

/// `out[i][j]` = `gate(g) * u`, where `g` and `u` are the products of row `i` with row `j` of the
/// first and of the second half of an interleaved matrix.
///
/// `out` holds `activations.rows()` rows of `matrix.rows() / 2` values.
///
/// # Errors
/// As [`matmul`], and if the matrix is not [`Layout::Interleaved`].
pub fn matmul_gated(
    pool: &Pool,
    matrix: &Matrix,
    activations: &Activations,
    gate: Gate,
    out: &mut [f32],
) -> Result<(), ShapeError> {
    expect("interleaved parts of a gated matrix", 2, if matrix.layout() == Layout::Interleaved { 2 } else { 1 })?;
    check(matrix, activations, matrix.rows() / 2, out.len())?;
    let out = RowsMut::whole(out, activations.rows())?;
    run(pool, matrix, activations, Sink { matrix, out, gate: Some(gate) });
    Ok(())
}

fn check(matrix: &Matrix, activations: &Activations, width: usize, out_len: usize) -> Result<(), ShapeError> {
    expect("columns of activations", matrix.columns(), activations.columns())?;
    let kind = activations.kind().map_or(0, |kind| kind.block_len());
    expect("block of the activations' kind", matrix.input().block_len(), kind)?;
    expect("values of the output", product("values of the output", activations.rows(), width)?, out_len)
}

fn run(pool: &Pool, matrix: &Matrix, activations: &Activations, sink: Sink<'_>) {
    let (tiles, rows) = (matrix.tiles(), activations.rows());
    if rows == 0 {
        return;
    }
    let tile_work = matrix.columns() * LANES * rows;
    let chunk_len = CHUNK_WORK.div_ceil(tile_work).next_multiple_of(GROUP);
    with_format!(matrix.packed(), F => pool.run(tiles, chunk_len, |tiles| {
        pool.isa().run(Chunk::<F> { matrix, activations, tiles, sink: &sink, format: std::marker::PhantomData });
    }));
}

/// Results of a group of tiles: `[tile][row]`, sixteen values each.
type Results = [[[f32; LANES]; PANEL_ROWS]; GROUP];

/// Where results go: as they are, or gate times up.
struct Sink<'a> {
    matrix: &'a Matrix,
    out: RowsMut<'a>,
    gate: Option<Gate>,
}

impl Sink<'_> {
    /// Takes the results of tiles `tiles` (at most [`GROUP`], from an even one on) for `rows`.
    ///
    /// # Safety
    /// No two calls at the same time have the same tile and row.
    #[inline(always)]
    unsafe fn put<S: Simd>(&self, s: S, tiles: Range<usize>, rows: Range<usize>, results: &mut Results) {
        if let Some(gate) = self.gate {
            for [gates, ups] in results.as_chunks_mut::<2>().0.iter_mut().take(tiles.len() / 2) {
                for (up, result) in ups.iter().zip(gates).take(rows.len()) {
                    s.store(s.mul(gate.apply(s, s.load(result)), s.load(up)), result);
                }
            }
        }
        // An even tile belongs to the first part, whose rows are the columns of a gated output.
        let step = if self.gate.is_some() { 2 } else { 1 };
        for (tile, results) in tiles.zip(results).step_by(step) {
            let (start, len) = self.matrix.tile_rows(tile);
            for (row, result) in rows.clone().zip(results) {
                // SAFETY: distinct tiles and rows are distinct places, and no other call has these.
                let out = unsafe { self.out.part(row, start..start + len) };
                out.copy_from_slice(&result[..len]);
            }
        }
    }
}

/// Some tiles, all rows.
struct Chunk<'a, F> {
    matrix: &'a Matrix,
    activations: &'a Activations,
    tiles: Range<usize>,
    sink: &'a Sink<'a>,
    format: std::marker::PhantomData<F>,
}

impl<F: Format<Panel: Panel>> Op for Chunk<'_, F> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let rows = self.activations.rows();
        let blocks = self.matrix.columns().div_ceil(F::Panel::BLOCK_LEN);
        // As `Activations::prepare` lays them out.
        let blocks = if F::Panel::BLOCK_LEN == 32 { blocks.next_multiple_of(2) } else { blocks };
        let panels = F::Panel::all(self.activations);
        let mut results: Results = [[[0.0; LANES]; PANEL_ROWS]; GROUP];
        for start in self.tiles.clone().step_by(GROUP) {
            let tiles = start..(start + GROUP).min(self.tiles.end);
            for first in (0..rows).step_by(PANEL_ROWS) {
                let panel = &panels[first / PANEL_ROWS * blocks..][..blocks];
                let count = PANEL_ROWS.min(rows - first);
                let mut done = 0;
                while done < count {
                    let take = S::ROWS.min(count - done);
                    rows_by_tiles::<S, F>(s, self.matrix, tiles.clone(), panel, done, take, &mut results);
                    done += take;
                }
                // SAFETY: the pool gives every tile to one chunk only, which takes each row once.
                unsafe { self.sink.put(s, tiles.clone(), first..first + count, &mut results) };
            }
        }
    }
}

/// `take` rows of a panel from row `first` on, by the instance of the kernel for one, two, four or
/// eight rows. Rows past `take` are computed from whatever the panel holds there, and dropped.
#[inline(always)]
fn rows_by_tiles<S: Simd, F: Format>(
    s: S,
    matrix: &Matrix,
    tiles: Range<usize>,
    panel: &[F::Panel],
    first: usize,
    take: usize,
    results: &mut Results,
) {
    // Only what `S::ROWS` can ask for is compiled for it; with whole panels, `first` is known.
    match (S::ROWS, take) {
        (8, 1) => group::<S, F, 1>(s, matrix, tiles, panel, 0, results),
        (8, 2) => group::<S, F, 2>(s, matrix, tiles, panel, 0, results),
        (8, 3 | 4) => group::<S, F, 4>(s, matrix, tiles, panel, 0, results),
        (8, _) => group::<S, F, 8>(s, matrix, tiles, panel, 0, results),
        (4, 1) => group::<S, F, 1>(s, matrix, tiles, panel, first, results),
        (4, 2) => group::<S, F, 2>(s, matrix, tiles, panel, first, results),
        (4, _) => group::<S, F, 4>(s, matrix, tiles, panel, first, results),
        (_, _) => group::<S, F, 1>(s, matrix, tiles, panel, first, results),
    }
}

/// `M` rows of a panel by a group of tiles, as many tiles at once as format and registers like.
#[inline(always)]
fn group<S: Simd, F: Format, const M: usize>(
    s: S,
    matrix: &Matrix,
    tiles: Range<usize>,
    panel: &[F::Panel],
    first: usize,
    results: &mut Results,
) {
    let mut done = 0;
    while done < tiles.len() {
        let at = tiles.start + done;
        let left = tiles.len() - done;
        let out = &mut results[done..];
        done += match F::tiles(M).min(S::SUMS / M) {
            4 if left >= 4 => at_once::<S, F, M, 4>(s, matrix, at, panel, first, out),
            2.. if left >= 2 => at_once::<S, F, M, 2>(s, matrix, at, panel, first, out),
            _ => at_once::<S, F, M, 1>(s, matrix, at, panel, first, out),
        };
    }
}

/// `M` rows by `N` tiles in registers; returns `N`.
#[inline(always)]
fn at_once<S: Simd, F: Format, const M: usize, const N: usize>(
    s: S,
    matrix: &Matrix,
    first_tile: usize,
    panel: &[F::Panel],
    first: usize,
    out: &mut [[[f32; LANES]; PANEL_ROWS]],
) -> usize {
    let mut tiles: [&[F::Block]; N] = [&[]; N];
    for n in 0..N {
        tiles[n] = matrix.tile::<F>(first_tile + n);
    }
    let sums = F::dot::<S, M, N>(s, tiles, panel, first);
    for n in 0..N {
        for m in 0..M {
            s.store(sums[n][m], &mut out[n][(first + m) % PANEL_ROWS]);
        }
    }
    N
}
