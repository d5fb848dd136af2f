//! Attention over a paged key-value cache.
//!
//! Each row of a batch brings its own list of blocks and how many positions it sees, so decoding
//! rows of several sequences and a chunk of a prompt (rows that each see one position more) are the
//! same thing. All query heads that share a key-value head are computed together.

mod kernel;
mod layout;

use crate::elementwise::Softcap;
use crate::error::{ShapeError, expect};
use crate::rows::{Rows, RowsMut};
use crate::Pool;

pub use layout::{KvArena, KvLayout, KvType, write_kv};

/// Multiply-adds in a chunk, at least.
const CHUNK_WORK: usize = 1 << 17;
/// Query heads computed together.
const GROUP_MAX: usize = 8;

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
    // Units in the order of heads: consecutive ones of a prompt read the same keys and values.
    let unit_work = (positions / rows.len().max(1) * head_dim * group * 2).max(1);
    pool.run(rows.len() * kv_heads, CHUNK_WORK.div_ceil(unit_work), |units| {
        for unit in units {
            let (kv_head, row) = (unit / rows.len(), unit % rows.len());
            for first in (0..group).step_by(GROUP_MAX) {
                let count = GROUP_MAX.min(group - first);
                let start = (kv_head * group + first) * head_dim;
                let columns = start..start + count * head_dim;
                let q = &q.row(row)[columns.clone()];
                // SAFETY: distinct units and groups have distinct rows or columns.
                let out = unsafe { out.part(row, columns) };
                let visible = rows[row].visible as usize;
                let window = options.window.map_or(visible, |window| window as usize);
                let heads = kernel::Heads {
                    layout,
                    arena,
                    kv_head,
                    blocks: rows[row].blocks,
                    positions: visible.saturating_sub(window)..visible,
                    scale: options.scale,
                    softcap: options.softcap.map(Softcap),
                    q,
                    out,
                };
                heads.attend(pool.isa());
            }
        }
    });
    Ok(())
}
