//! `out[m][n] = x[m][k] · w[n][k]`: tiles of weights shared out among threads, each read once for
//! every eight rows of activations.
//!
//! A thread takes a few tiles (small enough for its second-level cache), and multiplies them by
//! every panel of activations in turn. How tiles and rows are grouped changes which sums are
//! computed together, never the order within a sum.

use std::ops::Range;

use crate::activations::{Activations, Panel};
use crate::elementwise::Gate;
use crate::error::{ShapeError, expect, product};
use crate::formats::Format;
use crate::formats::panel::PANEL_ROWS;
use crate::isa::Op;
use crate::matrix::{Layout, Matrix, with_format};
use crate::rows::RowsMut;
use crate::simd::{LANES, Simd};
use crate::Pool;

/// Tiles whose results are gathered before they are written out: a gate tile and its up tile, or
/// as many as a kernel takes at once.
const GROUP: usize = 4;
/// Chunks a thread should find, so that a slow one leaves its rest to others.
const CHUNKS_PER_THREAD: usize = 8;
/// Multiply-adds in a chunk, at least: some microseconds, far more than handing out the chunk costs.
const CHUNK_WORK: usize = 1 << 18;

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
    run(pool, matrix, activations, Plain { matrix, out });
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
    run(pool, matrix, activations, Gated { matrix, out, gate });
    Ok(())
}

fn check(matrix: &Matrix, activations: &Activations, width: usize, out_len: usize) -> Result<(), ShapeError> {
    expect("columns of activations", matrix.columns(), activations.columns())?;
    let kind = activations.kind().map_or(0, |kind| kind.block_len());
    expect("block of the activations' kind", matrix.input().block_len(), kind)?;
    expect("values of the output", product("values of the output", activations.rows(), width)?, out_len)
}

fn run<T: Sink>(pool: &Pool, matrix: &Matrix, activations: &Activations, sink: T) {
    let (tiles, rows) = (matrix.tiles(), activations.rows());
    if rows == 0 {
        return;
    }
    let tile_work = matrix.columns() * LANES * rows;
    let fair = tiles / (pool.threads() * CHUNKS_PER_THREAD);
    let chunk_len = fair.max(CHUNK_WORK.div_ceil(tile_work)).next_multiple_of(GROUP);
    with_format!(matrix.packed(), F => pool.run(tiles, chunk_len, |tiles| {
        pool.isa().run(Chunk::<F, T> { matrix, activations, tiles, sink: &sink, format: std::marker::PhantomData });
    }));
}

/// Results of a group of tiles: `[tile][row]`, sixteen values each.
type Results = [[[f32; LANES]; PANEL_ROWS]; GROUP];

/// Where results go.
trait Sink: Sync {
    /// Takes the results of tiles `tiles` (at most [`GROUP`], from an even one on) for `rows`.
    ///
    /// # Safety
    /// No two calls at the same time have the same tile and row.
    unsafe fn put<S: Simd>(&self, simd: S, tiles: Range<usize>, rows: Range<usize>, results: &Results);
}

struct Plain<'a> {
    matrix: &'a Matrix,
    out: RowsMut<'a>,
}

impl Sink for Plain<'_> {
    #[inline(always)]
    unsafe fn put<S: Simd>(&self, _: S, tiles: Range<usize>, rows: Range<usize>, results: &Results) {
        for (tile, results) in tiles.zip(results) {
            let (start, len) = self.matrix.tile_rows(tile);
            for (row, result) in rows.clone().zip(results) {
                // SAFETY: distinct tiles and rows are distinct places, and no other call has these.
                let out = unsafe { self.out.part(row, start..start + len) };
                out.copy_from_slice(&result[..len]);
            }
        }
    }
}

struct Gated<'a> {
    matrix: &'a Matrix,
    out: RowsMut<'a>,
    gate: Gate,
}

impl Sink for Gated<'_> {
    #[inline(always)]
    unsafe fn put<S: Simd>(&self, s: S, tiles: Range<usize>, rows: Range<usize>, results: &Results) {
        for (tile, [gates, ups]) in tiles.step_by(2).zip(results.as_chunks::<2>().0) {
            // An even tile belongs to the first part, whose rows are the output's columns.
            let (start, len) = self.matrix.tile_rows(tile);
            for (row, (gate, up)) in rows.clone().zip(gates.iter().zip(ups)) {
                let mut result = [0.0; LANES];
                s.store(s.mul(self.gate.apply(s, s.load(gate)), s.load(up)), &mut result);
                // SAFETY: distinct tiles and rows are distinct places, and no other call has these.
                let out = unsafe { self.out.part(row, start..start + len) };
                out.copy_from_slice(&result[..len]);
            }
        }
    }
}

/// Some tiles, all rows.
struct Chunk<'a, F, T> {
    matrix: &'a Matrix,
    activations: &'a Activations,
    tiles: Range<usize>,
    sink: &'a T,
    format: std::marker::PhantomData<F>,
}

impl<F: Format<Panel: Panel>, T: Sink> Op for Chunk<'_, F, T> {
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
                unsafe { self.sink.put(s, tiles.clone(), first..first + count, &results) };
            }
        }
    }
}

/// `take` rows of a panel from row `first` on: the instance of the kernel for that shape.
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
    macro_rules! instance {
        ($rows:literal, $first:literal) => {
            group::<S, F, $rows, $first>(s, matrix, tiles, panel, results)
        };
    }
    // Only what `S::ROWS` can ask for is compiled for it.
    match (S::ROWS, take, first) {
        (8, 1, _) => instance!(1, 0),
        (8, 2, _) => instance!(2, 0),
        (8, 3, _) => instance!(3, 0),
        (8, 4, _) => instance!(4, 0),
        (8, 5, _) => instance!(5, 0),
        (8, 6, _) => instance!(6, 0),
        (8, 7, _) => instance!(7, 0),
        (8, _, _) => instance!(8, 0),
        (4, 1, 0) => instance!(1, 0),
        (4, 2, 0) => instance!(2, 0),
        (4, 3, 0) => instance!(3, 0),
        (4, 4, 0) => instance!(4, 0),
        (4, 1, _) => instance!(1, 4),
        (4, 2, _) => instance!(2, 4),
        (4, 3, _) => instance!(3, 4),
        (4, _, _) => instance!(4, 4),
        (_, _, 0) => instance!(1, 0),
        (_, _, 1) => instance!(1, 1),
        (_, _, 2) => instance!(1, 2),
        (_, _, 3) => instance!(1, 3),
        (_, _, 4) => instance!(1, 4),
        (_, _, 5) => instance!(1, 5),
        (_, _, 6) => instance!(1, 6),
        (_, _, _) => instance!(1, 7),
    }
}

/// `M` rows of a panel by a group of tiles, as many tiles at once as the format likes.
#[inline(always)]
fn group<S: Simd, F: Format, const M: usize, const FIRST: usize>(
    s: S,
    matrix: &Matrix,
    tiles: Range<usize>,
    panel: &[F::Panel],
    results: &mut Results,
) {
    let mut done = 0;
    while done < tiles.len() {
        let at = tiles.start + done;
        let left = tiles.len() - done;
        let out = &mut results[done..];
        done += match F::tiles(M) {
            4 if left >= 4 => at_once::<S, F, M, FIRST, 4>(s, matrix, at, panel, out),
            2.. if left >= 2 => at_once::<S, F, M, FIRST, 2>(s, matrix, at, panel, out),
            _ => at_once::<S, F, M, FIRST, 1>(s, matrix, at, panel, out),
        };
    }
}

/// `M` rows by `N` tiles in registers; returns `N`.
#[inline(always)]
fn at_once<S: Simd, F: Format, const M: usize, const FIRST: usize, const N: usize>(
    s: S,
    matrix: &Matrix,
    first_tile: usize,
    panel: &[F::Panel],
    out: &mut [[[f32; LANES]; PANEL_ROWS]],
) -> usize {
    let mut tiles: [&[F::Block]; N] = [&[]; N];
    for n in 0..N {
        tiles[n] = matrix.tile::<F>(first_tile + n);
    }
    let sums = F::dot::<S, M, FIRST, N>(s, tiles, panel);
    for n in 0..N {
        for m in 0..M {
            s.store(sums[n][m], &mut out[n][FIRST + m]);
        }
    }
    N
}
