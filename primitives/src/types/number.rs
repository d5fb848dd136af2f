//! Numbers that SCALE does not have, as newtypes whose names tell a transcoder what they mean:
//! the JSON side of the node recognises them by the last segment of their metadata path.

use core::fmt;
use parity_scale_codec::{Decode, Encode};
use scale_info::TypeInfo;

/// A 32-bit IEEE 754 float, carried as its bits because scale-info has no float type.
/// SCALE bytes equal the float's little-endian bytes. JSON: a number.
#[derive(Clone, Copy, PartialEq, Eq, Encode, Decode, TypeInfo)]
pub struct F32(pub u32);

impl F32 {
    /// The float itself.
    pub fn get(self) -> f32 {
        f32::from_bits(self.0)
    }
}

impl From<f32> for F32 {
    fn from(value: f32) -> Self {
        F32(value.to_bits())
    }
}

impl fmt::Debug for F32 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.get().fmt(f)
    }
}

/// A non-negative decimal in thousandths: 700 is 0.7. An integer, so that it can be neither NaN nor
/// negative, and so that every SCALE client can write it. JSON: a number, rounded to three decimals.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Encode, Decode, TypeInfo)]
pub struct Milli(pub u32);

impl Milli {
    /// The value as a float: 700 gives 0.7.
    pub fn get(self) -> f32 {
        self.0 as f32 / 1000.0
    }
}

/// A signed decimal in thousandths: -1500 is -1.5. JSON: a number, rounded to three decimals.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Encode, Decode, TypeInfo)]
pub struct SignedMilli(pub i32);

impl SignedMilli {
    /// The value as a float: -1500 gives -1.5.
    pub fn get(self) -> f32 {
        self.0 as f32 / 1000.0
    }
}

/// Money in billionths of a US dollar, so that sums are exact. JSON: a number of dollars.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Debug, Encode, Decode, TypeInfo)]
pub struct NanoUsd(pub u64);

/// A 256-bit hash. JSON: `"0x"` and 64 hex digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Encode, Decode, TypeInfo)]
pub struct H256(pub [u8; 32]);

impl fmt::Display for H256 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("0x")?;
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for H256 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
