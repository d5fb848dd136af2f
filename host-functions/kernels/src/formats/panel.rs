//! Activations as the kernels read them: eight rows side by side, block by block.
//!
//! A kernel takes up to eight rows at once; a panel keeps what it reads for one block of k together,
//! at constant offsets. Beside the integers stand what the weights' offsets need: sums of the
//! block's activations, computed once for all weight rows.

/// Rows in a panel.
pub(crate) const PANEL_ROWS: usize = 8;

/// 32 columns of eight rows, quantised to i8 with a scale per row and block.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
pub(crate) struct Panel32 {
    pub rows: [Row32; PANEL_ROWS],
}

/// What a kernel reads of one row: together, so that a single row costs one cache line a block.
#[derive(Clone, Copy)]
#[repr(C)]
pub(crate) struct Row32 {
    /// `[group]`: four consecutive values.
    pub values: [[i8; 4]; 8],
    pub scale: f32,
    /// -128 times the sum of the values: undoes the flipped top bit of Q8_0.
    pub bias_128: i32,
    /// -8 times the sum of the values: undoes the offset of Q4_0.
    pub bias_8: i32,
    /// Makes eight rows a whole number of cache lines.
    unused: u32,
}

/// 256 columns of eight rows, quantised to i8 with one scale per row and block.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
pub(crate) struct Panel256 {
    /// `[row][group]`: four consecutive values.
    pub values: [[[i8; 4]; 64]; PANEL_ROWS],
    pub scale: [f32; PANEL_ROWS],
    /// Sums over the eight sub-blocks of 32 values, in the order in which `k_quant` yields minimums.
    pub sums: [[[i16; 2]; 4]; PANEL_ROWS],
    /// -32 times the sums over the sixteen sub-blocks of 16 values: undoes the offset of Q6K.
    pub bias_32: [[i32; 16]; PANEL_ROWS],
}

/// One column of eight rows.
pub(crate) type PanelF32 = [f32; PANEL_ROWS];

impl Panel32 {
    pub const ZERO: Self = Panel32 { rows: [Row32::new([[0; 4]; 8], 0.0, 0); PANEL_ROWS] };
}

impl Row32 {
    /// `sum` is that of `values`.
    pub const fn new(values: [[i8; 4]; 8], scale: f32, sum: i32) -> Self {
        Row32 { values, scale, bias_128: sum.wrapping_mul(-128), bias_8: sum.wrapping_mul(-8), unused: 0 }
    }
}

impl Panel256 {
    pub const ZERO: Self = Panel256 {
        values: [[[0; 4]; 64]; PANEL_ROWS],
        scale: [0.0; PANEL_ROWS],
        sums: [[[0; 2]; 4]; PANEL_ROWS],
        bias_32: [[0; 16]; PANEL_ROWS],
    };
}
