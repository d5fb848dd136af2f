//! What can be wrong with a call: sizes. Weights come from files, so packing has its own errors.

use crate::WeightType;

/// A slice or a dimension does not have the size that the others imply.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{what}: expected {expected}, got {actual}")]
pub struct ShapeError {
    /// Which slice or dimension, in words.
    pub what: &'static str,
    /// The size implied by the other arguments (for a limit: the limit).
    pub expected: usize,
    /// The size given.
    pub actual: usize,
}

/// Why weights could not be packed or dequantised.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PackError {
    /// A row must be a whole number of quantisation blocks.
    #[error("{columns} columns are not a multiple of the {block_len} values in a block of {ty:?}")]
    Columns { ty: WeightType, columns: usize, block_len: usize },
    /// No rows, no columns, or no parts.
    #[error("an empty matrix: {rows} rows of {columns} columns in {parts} parts")]
    Empty { rows: usize, columns: usize, parts: usize },
    /// The parts' bytes do not add up to the matrix.
    #[error("{actual} bytes of weights, but {rows} rows need {expected}")]
    Bytes { rows: usize, expected: usize, actual: usize },
    /// A part is not a whole number of rows.
    #[error("part {part} has {bytes} bytes, not a multiple of a row's {row_bytes}")]
    Part { part: usize, bytes: usize, row_bytes: usize },
    /// Interleaving needs exactly two parts of the same size.
    #[error("interleaving needs two parts of equal size; got {parts} parts")]
    Interleave { parts: usize },
    /// The size overflows the address space.
    #[error("a matrix of {rows} rows and {columns} columns is too large to address")]
    TooLarge { rows: usize, columns: usize },
    /// The operating system gave no memory.
    #[error("no memory for {bytes} bytes of packed weights")]
    OutOfMemory { bytes: usize },
}

/// `actual == expected`, or an error that says which size it was.
#[inline]
pub(crate) fn expect(what: &'static str, expected: usize, actual: usize) -> Result<(), ShapeError> {
    if expected == actual { Ok(()) } else { Err(ShapeError { what, expected, actual }) }
}

/// The product of sizes, or an error on overflow.
#[inline]
pub(crate) fn product(what: &'static str, a: usize, b: usize) -> Result<usize, ShapeError> {
    a.checked_mul(b).ok_or(ShapeError { what, expected: usize::MAX, actual: a })
}
