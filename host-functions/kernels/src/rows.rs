//! Rows inside a larger buffer, and disjoint parts of one buffer written by several threads.
//!
//! Query, key and value come out of one matrix side by side, so the kernels after it read and write
//! *some columns* of each row. [`Rows`] and [`RowsMut`] say which.

use std::marker::PhantomData;
use std::ops::Range;

use crate::error::{ShapeError, expect};

/// `count` rows of `len` values: row `i` begins at `offset + i * stride` of `data`.
#[derive(Debug, Clone, Copy)]
pub struct Rows<'a> {
    data: &'a [f32],
    count: usize,
    stride: usize,
    offset: usize,
    len: usize,
}

impl<'a> Rows<'a> {
    /// All of `data`: `count` rows of `data.len() / count` values.
    ///
    /// # Errors
    /// If `data` does not divide so.
    pub fn whole(data: &'a [f32], count: usize) -> Result<Self, ShapeError> {
        let len = data.len().checked_div(count).unwrap_or(0);
        Self::columns(data, count, 0..len)
    }

    /// Of a buffer of `count` equal rows, the columns `columns`.
    ///
    /// # Errors
    /// If `data` does not divide into `count` rows, or a row has not these columns.
    pub fn columns(data: &'a [f32], count: usize, columns: Range<usize>) -> Result<Self, ShapeError> {
        let stride = check(data.len(), count, &columns)?;
        Ok(Rows { data, count, stride, offset: columns.start, len: columns.len() })
    }

    /// Rows.
    pub fn count(&self) -> usize {
        self.count
    }

    /// Values in a row.
    pub fn row_len(&self) -> usize {
        self.len
    }

    /// Row `i`, which must be below `count`.
    #[inline(always)]
    pub(crate) fn row(&self, i: usize) -> &'a [f32] {
        &self.data[i * self.stride + self.offset..][..self.len]
    }
}

/// As [`Rows`], to be written. Distinct rows may be written by several threads.
#[derive(Debug)]
pub struct RowsMut<'a> {
    data: Shared<'a, f32>,
    count: usize,
    stride: usize,
    offset: usize,
    len: usize,
}

impl<'a> RowsMut<'a> {
    /// All of `data`: `count` rows of `data.len() / count` values.
    ///
    /// # Errors
    /// If `data` does not divide so.
    pub fn whole(data: &'a mut [f32], count: usize) -> Result<Self, ShapeError> {
        let len = data.len().checked_div(count).unwrap_or(0);
        Self::columns(data, count, 0..len)
    }

    /// Of a buffer of `count` equal rows, the columns `columns`.
    ///
    /// # Errors
    /// If `data` does not divide into `count` rows, or a row has not these columns.
    pub fn columns(data: &'a mut [f32], count: usize, columns: Range<usize>) -> Result<Self, ShapeError> {
        let stride = check(data.len(), count, &columns)?;
        Ok(RowsMut { data: Shared::new(data), count, stride, offset: columns.start, len: columns.len() })
    }

    /// Rows.
    pub fn count(&self) -> usize {
        self.count
    }

    /// Values in a row.
    pub fn row_len(&self) -> usize {
        self.len
    }

    /// The columns `columns` of row `i`, which must exist.
    ///
    /// # Safety
    /// No two live slices may overlap.
    #[inline(always)]
    #[allow(clippy::mut_from_ref)]
    pub(crate) unsafe fn part(&self, i: usize, columns: Range<usize>) -> &mut [f32] {
        assert!(i < self.count && columns.start <= columns.end && columns.end <= self.len);
        let start = i * self.stride + self.offset;
        // SAFETY: by this function's contract.
        unsafe { self.data.slice(start + columns.start..start + columns.end) }
    }
}

fn check(len: usize, count: usize, columns: &Range<usize>) -> Result<usize, ShapeError> {
    let stride = len.checked_div(count).unwrap_or(0);
    expect("values in equal rows", stride * count, len)?;
    if columns.start <= columns.end && columns.end <= stride {
        Ok(stride)
    } else {
        Err(ShapeError {
            what: "end of the columns of a row",
            expected: stride,
            actual: columns.end.max(columns.start),
        })
    }
}

/// A slice whose disjoint parts may be written by several threads at once.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shared<'a, T> {
    start: *mut T,
    len: usize,
    borrow: PhantomData<&'a mut [T]>,
}

// SAFETY: a `Shared` is an exclusive borrow that its users divide among themselves.
unsafe impl<T: Send> Sync for Shared<'_, T> {}
// SAFETY: as above.
unsafe impl<T: Send> Send for Shared<'_, T> {}

impl<'a, T> Shared<'a, T> {
    pub(crate) fn new(slice: &'a mut [T]) -> Self {
        Shared { start: slice.as_mut_ptr(), len: slice.len(), borrow: PhantomData }
    }

    /// The part `range`, which must exist.
    ///
    /// # Safety
    /// No two live slices may overlap.
    #[inline(always)]
    #[allow(clippy::mut_from_ref)]
    pub(crate) unsafe fn slice(&self, range: Range<usize>) -> &mut [T] {
        assert!(range.start <= range.end && range.end <= self.len);
        // SAFETY: inside the borrowed slice as just checked, and disjoint from the others by contract.
        unsafe { std::slice::from_raw_parts_mut(self.start.add(range.start), range.end - range.start) }
    }
}
