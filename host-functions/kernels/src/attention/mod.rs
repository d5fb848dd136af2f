//! Attention over a paged key-value cache.
//!
//! Each row of a batch brings its own list of blocks and how many positions it sees, so decoding
//! rows of several sequences and a chunk of a prompt (rows that each see one position more) are the
//! same thing. All query heads that share a key-value head are computed together, and so are rows
//! side by side that share their blocks.

mod kernel;
mod layout;

use std::ops::Range;

use crate::elementwise::Softcap;
use crate::error::{ShapeError, expect};
use crate::rows::{Rows, RowsMut};
use crate::{Isa, Pool};

use kernel::{Query, Task};

pub use layout::{KvArena, KvLayout, KvType, write_kv};

/// Multiply-adds in a chunk, at least.
const CHUNK_WORK: usize = 1 << 17;
/// Query heads, of one or more rows, computed together: *lanes* of the kernel.
const QUERIES_MAX: usize = 8;

/// What one row attends to.
#[derive(Debug, Clone, Copy)]
pub struct AttentionRow<'a> {
    /// Block numbers in the arena: the first holds positions 0 to 15, and so on.
    pub blocks: &'a [u32],
    /// Positions that the row sees: 0 to `visible - 1`, its own included.
    pub visible: u32,
}

/// How a model attends.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AttentionOptions {
    /// Scores are multiplied by this, usually `1 / sqrt(head_dim)`.
    pub scale: f32,
    /// See only the last so many positions. Default: all.
    pub window: Option<u32>,
    /// Replace scores s by `cap * tanh(s / cap)`. Default: no.
    pub softcap: Option<f32>,
}

/// `out[row][head]` = softmax(q · K * scale) · V over the positions the row sees; zero if it sees none.
///
/// `q` and `out` have `rows.len()` rows of `heads * head_dim` values, where `heads` is a multiple of
/// the layout's `kv_heads`; query head h reads key-value head `h / (heads / kv_heads)`.
///
/// # Errors
/// If shapes differ, a row sees positions its blocks do not hold, or a block lies outside the arena.
pub fn attention(
    pool: &Pool,
    layout: &KvLayout,
    arena: KvArena<'_>,
    q: Rows<'_>,
    rows: &[AttentionRow<'_>],
    options: &AttentionOptions,
    out: RowsMut<'_>,
) -> Result<(), ShapeError> {
    let (head_dim, kv_heads) = (layout.head_dim(), layout.kv_heads());
    let group = q.row_len() / (kv_heads * head_dim);
    expect("values in a row of queries", group * kv_heads * head_dim, q.row_len())?;
    expect("rows of queries", rows.len(), q.count())?;
    expect("rows of the output", rows.len(), out.count())?;
    expect("values in a row of the output", q.row_len(), out.row_len())?;
    let mut positions = 0;
    for row in rows {
        arena.check(layout, row.blocks)?;
        let (held, visible) = (row.blocks.len().saturating_mul(KvLayout::POSITIONS), row.visible as usize);
        if visible > held {
            return Err(ShapeError { what: "positions held by a row's blocks", expected: visible, actual: held });
        }
        positions += visible.min(options.window.map_or(usize::MAX, |window| window as usize));
    }
    // A pack is as many rows as the kernel takes, or one row with part of its heads at a time. Units
    // are in the order of heads: consecutive ones of a prompt read the same keys and values.
    let pack_len = (QUERIES_MAX / group.max(1)).max(1);
    let packs = rows.len().div_ceil(pack_len);
    let unit_work = (positions / packs.max(1) * head_dim * group * 2).max(1);
    pool.run(packs * kv_heads, CHUNK_WORK.div_ceil(unit_work), |units| {
        for unit in units {
            let (kv_head, first) = (unit / packs, unit % packs * pack_len);
            let unit = Unit { layout, arena, q, rows, options, out: &out, kv_head, group };
            // SAFETY: distinct units have distinct rows or heads.
            unsafe { unit.attend(pool.isa(), first..rows.len().min(first + pack_len)) };
        }
    });
    Ok(())
}

/// Some rows' queries of one key-value head.
struct Unit<'a> {
    layout: &'a KvLayout,
    arena: KvArena<'a>,
    q: Rows<'a>,
    rows: &'a [AttentionRow<'a>],
    options: &'a AttentionOptions,
    out: &'a RowsMut<'a>,
    kv_head: usize,
    group: usize,
}

impl Unit<'_> {
    /// # Safety
    /// No two calls at the same time have the same row and key-value head.
    unsafe fn attend(&self, isa: Isa, mut rows: Range<usize>) {
        while !rows.is_empty() {
            let blocks = self.rows[rows.start].blocks;
            let together = rows.clone().take_while(|&row| std::ptr::eq(self.rows[row].blocks, blocks)).count();
            for head in (0..self.group).step_by(QUERIES_MAX) {
                let heads = head..self.group.min(head + QUERIES_MAX);
                // SAFETY: by this function's contract, and rows and heads are taken once each.
                unsafe { self.attend_together(isa, rows.start..rows.start + together, heads) };
            }
            rows.start += together;
        }
    }

    /// Rows that share their blocks; at most `QUERIES_MAX` queries in all.
    ///
    /// # Safety
    /// No two calls at the same time have the same row and head.
    unsafe fn attend_together(&self, isa: Isa, rows: Range<usize>, heads: Range<usize>) {
        let head_dim = self.layout.head_dim();
        let mut queries: [Query<'_>; QUERIES_MAX] = std::array::from_fn(|_| Query::default());
        let places = rows.clone().flat_map(|row| heads.clone().map(move |head| (row, head)));
        let mut count = 0;
        for (query, (row, head)) in queries.iter_mut().zip(places) {
            let start = (self.kv_head * self.group + head) * head_dim;
            let visible = self.rows[row].visible as usize;
            let window = self.options.window.map_or(visible, |window| window as usize);
            *query = Query {
                q: &self.q.row(row)[start..start + head_dim],
                positions: visible.saturating_sub(window)..visible,
                // SAFETY: by this function's contract; each row and head is taken once.
                out: unsafe { self.out.part(row, start..start + head_dim) },
            };
            count += 1;
        }
        kernel::attend(
            isa,
            Task {
                layout: self.layout,
                arena: self.arena,
                kv_head: self.kv_head,
                blocks: self.rows[rows.start].blocks,
                scale: self.options.scale,
                softcap: self.options.softcap.map(Softcap),
                queries: &mut queries[..count],
            },
        );
    }
}
