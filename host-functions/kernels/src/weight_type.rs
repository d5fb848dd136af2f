//! The formats in which GGUF stores weights, and what each is packed as.

/// How a weight matrix's rows are stored in a GGUF file.
///
/// A row is a sequence of blocks of `block_len` values in `block_bytes` bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[allow(non_camel_case_types)] // the names of the format
pub enum WeightType {
    F32,
    F16,
    BF16,
    Q4_0,
    Q4_1,
    Q5_0,
    Q5_1,
    Q8_0,
    Q2K,
    Q3K,
    Q4K,
    Q5K,
    Q6K,
}

impl WeightType {
    /// All of them.
    pub const ALL: [WeightType; 13] = [
        Self::F32,
        Self::F16,
        Self::BF16,
        Self::Q4_0,
        Self::Q4_1,
        Self::Q5_0,
        Self::Q5_1,
        Self::Q8_0,
        Self::Q2K,
        Self::Q3K,
        Self::Q4K,
        Self::Q5K,
        Self::Q6K,
    ];

    /// Values in a block.
    pub const fn block_len(self) -> usize {
        match self {
            Self::F32 | Self::F16 | Self::BF16 => 1,
            Self::Q4_0 | Self::Q4_1 | Self::Q5_0 | Self::Q5_1 | Self::Q8_0 => 32,
            Self::Q2K | Self::Q3K | Self::Q4K | Self::Q5K | Self::Q6K => 256,
        }
    }

    /// Bytes of a block in a file.
    pub const fn block_bytes(self) -> usize {
        match self {
            Self::F32 => 4,
            Self::F16 | Self::BF16 => 2,
            Self::Q4_0 => 18,
            Self::Q4_1 => 20,
            Self::Q5_0 => 22,
            Self::Q5_1 => 24,
            Self::Q8_0 => 34,
            Self::Q2K => 84,
            Self::Q3K => 110,
            Self::Q4K => 144,
            Self::Q5K => 176,
            Self::Q6K => 210,
        }
    }

    /// Bytes of a row of `columns` values; `None` unless they are a whole number of blocks that
    /// memory can hold.
    pub const fn row_bytes(self, columns: usize) -> Option<usize> {
        if columns.is_multiple_of(self.block_len()) {
            (columns / self.block_len()).checked_mul(self.block_bytes())
        } else {
            None
        }
    }

    /// The type that a matrix of this type is packed as: itself where there is a kernel, else one
    /// that holds exactly the same values.
    ///
    /// Q5_0 becomes Q8_0 (same scale, same integers) and Q3K becomes Q6K (same scales, same
    /// integers). Q4_1, Q5_1 and Q2K have a minimum per block that no other quantised kernel here
    /// can express, and become F32.
    pub const fn packed(self) -> WeightType {
        match self {
            Self::Q5_0 => Self::Q8_0,
            Self::Q3K => Self::Q6K,
            Self::Q4_1 | Self::Q5_1 | Self::Q2K => Self::F32,
            other => other,
        }
    }
}
