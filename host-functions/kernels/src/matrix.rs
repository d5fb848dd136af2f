//! A weight matrix, repacked once at load into tiles of sixteen output rows.
//!
//! Packing reads the file's bytes once and keeps no copy of them. Rows past the last are zero.

use crate::activations::InputKind;
use crate::error::{PackError, ShapeError, expect};
use crate::formats::{self, Format};
use crate::memory::Memory;
use crate::simd::LANES;
use crate::weight_type::WeightType;

/// How the rows of several parts are arranged in memory. Their order in the output is always the
/// order of the parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    /// One after the other (query, key, value).
    Stacked,
    /// Two parts whose tiles alternate (gate, up), as [`matmul_gated`](crate::matmul_gated) wants.
    Interleaved,
}

/// Packed weights: `rows` outputs of `columns` inputs.
#[derive(Debug)]
pub struct Matrix {
    ty: WeightType,
    packed: WeightType,
    rows: usize,
    columns: usize,
    layout: Layout,
    tiles: usize,
    memory: Memory,
}

/// Calls a method of the [`Format`] that a packed type has.
macro_rules! with_format {
    ($ty:expr, $format:ident => $body:expr) => {
        match $ty {
            $crate::WeightType::F16 => {
                type $format = $crate::formats::float::Float<$crate::formats::float::Half>;
                $body
            }
            $crate::WeightType::BF16 => {
                type $format = $crate::formats::float::Float<$crate::formats::float::Brain>;
                $body
            }
            $crate::WeightType::Q8_0 => {
                type $format = $crate::formats::q8_0::Q8_0;
                $body
            }
            $crate::WeightType::Q4_0 => {
                type $format = $crate::formats::q4_0::Q4_0;
                $body
            }
            $crate::WeightType::Q4K => {
                type $format = $crate::formats::q4_k::Q4K;
                $body
            }
            $crate::WeightType::Q5K => {
                type $format = $crate::formats::q5_k::Q5K;
                $body
            }
            $crate::WeightType::Q6K => {
                type $format = $crate::formats::q6_k::Q6K;
                $body
            }
            // `WeightType::packed` maps every other type to F32.
            _ => {
                type $format = $crate::formats::float::Float<f32>;
                $body
            }
        }
    };
}
pub(crate) use with_format;

impl Matrix {
    /// Packs `rows` rows of `columns` weights of type `ty`, given as the bytes of one or more tensors
    /// of whole rows.
    ///
    /// # Errors
    /// If the parts' sizes do not fit the shape, the columns are no whole number of blocks, or there
    /// is no memory.
    pub fn pack(
        ty: WeightType,
        rows: usize,
        columns: usize,
        parts: &[&[u8]],
        layout: Layout,
    ) -> Result<Matrix, PackError> {
        if rows == 0 || columns == 0 || parts.is_empty() {
            return Err(PackError::Empty { rows, columns, parts: parts.len() });
        }
        let too_large = PackError::TooLarge { rows, columns };
        if !columns.is_multiple_of(ty.block_len()) {
            return Err(PackError::Columns { ty, columns, block_len: ty.block_len() });
        }
        let row_bytes = ty.row_bytes(columns).ok_or(too_large)?;
        for (part, bytes) in parts.iter().enumerate() {
            if !bytes.len().is_multiple_of(row_bytes) {
                return Err(PackError::Part { part, bytes: bytes.len(), row_bytes });
            }
        }
        let actual = parts.iter().map(|part| part.len()).sum();
        let expected = rows.checked_mul(row_bytes).ok_or(too_large)?;
        if expected != actual {
            return Err(PackError::Bytes { rows, expected, actual });
        }
        if layout == Layout::Interleaved && !matches!(parts, [a, b] if a.len() == b.len()) {
            return Err(PackError::Interleave { parts: parts.len() });
        }
        let tiles = match layout {
            Layout::Stacked => rows.div_ceil(LANES),
            Layout::Interleaved => 2 * (rows / 2).div_ceil(LANES),
        };
        let packed = ty.packed();
        let block_bytes = with_format!(packed, F => size_of::<<F as Format>::Block>());
        let blocks = with_format!(packed, F => F::blocks(columns));
        let bytes = blocks.checked_mul(block_bytes).and_then(|tile| tile.checked_mul(tiles)).ok_or(too_large)?;
        let memory = Memory::zeroed(bytes).ok_or(PackError::OutOfMemory { bytes })?;
        let mut matrix = Matrix { ty, packed, rows, columns, layout, tiles, memory };
        let source = parts.iter().flat_map(|part| part.chunks_exact(row_bytes));
        with_format!(packed, F => matrix.fill::<F>(source));
        Ok(matrix)
    }

    fn fill<'a, F: Format>(&mut self, source: impl Iterator<Item = &'a [u8]>) {
        let mut converted = Vec::new();
        let blocks = F::blocks(self.columns);
        for (i, row) in source.enumerate() {
            let row = convert(self.ty, row, self.columns, &mut converted);
            let (tile, lane) = self.place(i);
            F::pack(&mut self.memory.blocks_mut()[tile * blocks..][..blocks], lane, row);
        }
    }

    /// Output rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Inputs.
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// The type it was given in.
    pub fn weight_type(&self) -> WeightType {
        self.ty
    }

    /// How its parts are arranged.
    pub fn layout(&self) -> Layout {
        self.layout
    }

    /// Bytes of packed weights.
    pub fn bytes(&self) -> usize {
        self.memory.len()
    }

    /// The packed bytes, to measure how fast they can be read.
    pub fn as_bytes(&self) -> &[u8] {
        &self.memory
    }

    /// The form of input to prepare for it.
    pub fn input(&self) -> InputKind {
        InputKind::of(self.ty)
    }

    /// Output row `i`, dequantised: an embedding, where the table is the output matrix.
    ///
    /// # Errors
    /// If there is no such row, or `out` is not `columns` long.
    pub fn row_f32(&self, i: usize, out: &mut [f32]) -> Result<(), ShapeError> {
        if i >= self.rows {
            return Err(ShapeError { what: "row of a matrix", expected: self.rows, actual: i });
        }
        expect("values in a row of a matrix", self.columns, out.len())?;
        let (tile, lane) = self.place(i);
        with_format!(self.packed, F => F::unpack(self.tile::<F>(tile), lane, out));
        Ok(())
    }

    /// The type of its blocks.
    pub(crate) fn packed(&self) -> WeightType {
        self.packed
    }

    pub(crate) fn tiles(&self) -> usize {
        self.tiles
    }

    /// Tile `index`, which must exist, of a matrix packed as `F`.
    #[inline(always)]
    pub(crate) fn tile<F: Format>(&self, index: usize) -> &[F::Block] {
        let blocks = F::blocks(self.columns);
        &self.memory.blocks()[index * blocks..][..blocks]
    }

    /// The output row that tile `index` begins with, and how many of its rows exist.
    pub(crate) fn tile_rows(&self, index: usize) -> (usize, usize) {
        let (start, end) = match self.layout {
            Layout::Stacked => (index * LANES, self.rows),
            Layout::Interleaved => {
                let part = index % 2 * (self.rows / 2);
                (part + index / 2 * LANES, part + self.rows / 2)
            }
        };
        (start, LANES.min(end - start))
    }

    /// Tile and lane of output row `i`.
    fn place(&self, i: usize) -> (usize, usize) {
        match self.layout {
            Layout::Stacked => (i / LANES, i % LANES),
            Layout::Interleaved => {
                let (part, i) = (i / (self.rows / 2), i % (self.rows / 2));
                (i / LANES * 2 + part, i % LANES)
            }
        }
    }
}

/// A row of type `ty` as a row of the type it is packed as.
fn convert<'a>(ty: WeightType, row: &'a [u8], columns: usize, buffer: &'a mut Vec<u8>) -> &'a [u8] {
    match ty {
        WeightType::Q5_0 => formats::q5_0_to_q8_0(row, buffer),
        WeightType::Q3K => formats::q3_k_to_q6_k(row, buffer),
        WeightType::Q4_1 | WeightType::Q5_1 | WeightType::Q2K => formats::to_f32(ty, row, columns, buffer),
        _ => return row,
    }
    buffer
}
