//! The keys and values of a file, decoded by type when asked for.

use std::collections::BTreeMap;
use std::ops::Range;

use super::header::Slot;

/// The type of a value. The numbers are the format's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ValueType {
    U8,
    I8,
    U16,
    I16,
    U32,
    I32,
    F32,
    Bool,
    String,
    Array,
    U64,
    I64,
    F64,
}

impl ValueType {
    pub(super) fn from_number(number: u32) -> Option<Self> {
        const BY_NUMBER: [ValueType; 13] = [
            ValueType::U8,
            ValueType::I8,
            ValueType::U16,
            ValueType::I16,
            ValueType::U32,
            ValueType::I32,
            ValueType::F32,
            ValueType::Bool,
            ValueType::String,
            ValueType::Array,
            ValueType::U64,
            ValueType::I64,
            ValueType::F64,
        ];
        BY_NUMBER.get(usize::try_from(number).ok()?).copied()
    }

    /// Bytes of a scalar; strings and arrays have no fixed size and count as 0.
    pub(super) fn size(self) -> usize {
        match self {
            Self::U8 | Self::I8 | Self::Bool => 1,
            Self::U16 | Self::I16 => 2,
            Self::U32 | Self::I32 | Self::F32 => 4,
            Self::U64 | Self::I64 | Self::F64 => 8,
            Self::String | Self::Array => 0,
        }
    }
}

/// Why a key has no usable value.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum MetadataError {
    #[error("key {key:?} is missing")]
    Missing { key: String },
    #[error("key {key:?} is of type {found:?}, wanted {wanted}")]
    WrongType { key: String, found: ValueType, wanted: &'static str },
    #[error("key {key:?} is {value}, out of the range {wanted}")]
    OutOfRange { key: String, value: i128, wanted: &'static str },
    #[error("key {key:?} is not UTF-8")]
    NotUtf8 { key: String },
}

/// A view of a file's keys. Getters give `Ok(None)` for an absent key and an error for one of another type;
/// [`required`](Metadata::required) turns the absence into an error.
#[derive(Clone, Copy)]
pub struct Metadata<'a> {
    bytes: &'a [u8],
    keys: &'a BTreeMap<String, Slot>,
}

impl<'a> Metadata<'a> {
    pub(super) fn new(bytes: &'a [u8], keys: &'a BTreeMap<String, Slot>) -> Self {
        Self { bytes, keys }
    }

    /// Every key with its type, in alphabetical order.
    pub fn keys(&self) -> impl Iterator<Item = (&'a str, ValueType)> {
        self.keys.iter().map(|(key, slot)| (key.as_str(), slot.value_type))
    }

    pub fn contains(&self, key: &str) -> bool {
        self.keys.contains_key(key)
    }

    /// `value`, or the error that `key` is missing.
    ///
    /// # Errors
    /// [`MetadataError::Missing`] for `None`.
    pub fn required<T>(&self, key: &str, value: Option<T>) -> Result<T, MetadataError> {
        value.ok_or_else(|| MetadataError::Missing { key: key.to_owned() })
    }

    /// A whole number of any stored width.
    ///
    /// # Errors
    /// Another type, or a negative number.
    pub fn u64(&self, key: &str) -> Result<Option<u64>, MetadataError> {
        let Some(value) = self.integer(key)? else { return Ok(None) };
        u64::try_from(value).map(Some).map_err(|_| out_of_range(key, value, "0 to 2^64-1"))
    }

    /// A whole number of any stored width that fits 32 bits.
    ///
    /// # Errors
    /// Another type, or a number out of range.
    pub fn u32(&self, key: &str) -> Result<Option<u32>, MetadataError> {
        let Some(value) = self.integer(key)? else { return Ok(None) };
        u32::try_from(value).map(Some).map_err(|_| out_of_range(key, value, "0 to 2^32-1"))
    }

    /// A float, or a double rounded to one.
    ///
    /// # Errors
    /// Another type.
    pub fn f32(&self, key: &str) -> Result<Option<f32>, MetadataError> {
        let Some(slot) = self.keys.get(key) else { return Ok(None) };
        match slot.value_type {
            ValueType::F32 => Ok(self.fixed(&slot.range).map(f32::from_le_bytes)),
            ValueType::F64 => Ok(self.fixed(&slot.range).map(|b| f64::from_le_bytes(b) as f32)),
            found => Err(wrong_type(key, found, "a float")),
        }
    }

    /// # Errors
    /// Another type.
    pub fn bool(&self, key: &str) -> Result<Option<bool>, MetadataError> {
        let Some(slot) = self.keys.get(key) else { return Ok(None) };
        match slot.value_type {
            ValueType::Bool => Ok(self.fixed(&slot.range).map(|[b]: [u8; 1]| b != 0)),
            found => Err(wrong_type(key, found, "a bool")),
        }
    }

    /// # Errors
    /// Another type, or bytes that are not UTF-8.
    pub fn str(&self, key: &str) -> Result<Option<&'a str>, MetadataError> {
        let Some(slot) = self.keys.get(key) else { return Ok(None) };
        if slot.value_type != ValueType::String {
            return Err(wrong_type(key, slot.value_type, "a string"));
        }
        let bytes = self.bytes.get(slot.range.clone()).unwrap_or_default();
        std::str::from_utf8(bytes).map(Some).map_err(|_| MetadataError::NotUtf8 { key: key.to_owned() })
    }

    /// An array of anything.
    ///
    /// # Errors
    /// Another type.
    pub fn array(&self, key: &str) -> Result<Option<Array<'a>>, MetadataError> {
        let Some((key, slot)) = self.keys.get_key_value(key) else { return Ok(None) };
        let Some((element_type, len)) = slot.elements else {
            return Err(wrong_type(key, slot.value_type, "an array"));
        };
        let bytes = self.bytes.get(slot.range.clone()).unwrap_or_default();
        Ok(Some(Array { key, bytes, element_type, len }))
    }

    fn integer(&self, key: &str) -> Result<Option<i128>, MetadataError> {
        let Some(slot) = self.keys.get(key) else { return Ok(None) };
        let bytes = self.bytes.get(slot.range.clone()).unwrap_or_default();
        match decode_integer(slot.value_type, bytes) {
            Some(value) => Ok(Some(value)),
            None => Err(wrong_type(key, slot.value_type, "a whole number")),
        }
    }

    fn fixed<const N: usize>(&self, range: &Range<usize>) -> Option<[u8; N]> {
        self.bytes.get(range.clone())?.try_into().ok()
    }
}

/// An array value; its elements are decoded while iterating.
#[derive(Clone, Copy)]
pub struct Array<'a> {
    key: &'a str,
    bytes: &'a [u8],
    element_type: ValueType,
    len: usize,
}

impl<'a> Array<'a> {
    /// Number of elements.
    pub fn len(&self) -> usize {
        self.len
    }

    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    pub fn element_type(&self) -> ValueType {
        self.element_type
    }

    /// The elements as byte strings. (Token texts of some files are not UTF-8.)
    ///
    /// # Errors
    /// Elements of another type.
    pub fn byte_strings(&self) -> Result<impl Iterator<Item = &'a [u8]> + use<'a>, MetadataError> {
        if self.element_type != ValueType::String {
            return Err(wrong_type(self.key, self.element_type, "an array of strings"));
        }
        let mut rest = self.bytes;
        Ok((0..self.len).map_while(move |_| {
            let (len, after) = rest.split_first_chunk::<8>()?;
            let len = usize::try_from(u64::from_le_bytes(*len)).ok()?;
            let (text, after) = after.split_at_checked(len)?;
            rest = after;
            Some(text)
        }))
    }

    /// The elements as strings.
    ///
    /// # Errors
    /// Elements of another type, or one that is not UTF-8.
    pub fn strings(&self) -> Result<Vec<&'a str>, MetadataError> {
        let not_utf8 = |_| MetadataError::NotUtf8 { key: self.key.to_owned() };
        self.byte_strings()?.map(|bytes| std::str::from_utf8(bytes).map_err(not_utf8)).collect()
    }

    /// The elements as floats.
    ///
    /// # Errors
    /// Elements of another type.
    pub fn f32s(&self) -> Result<Vec<f32>, MetadataError> {
        match self.element_type {
            ValueType::F32 => Ok(self.chunks().map(f32::from_le_bytes).collect()),
            ValueType::F64 => Ok(self.chunks().map(|b| f64::from_le_bytes(b) as f32).collect()),
            found => Err(wrong_type(self.key, found, "an array of floats")),
        }
    }

    /// The elements as truth values.
    ///
    /// # Errors
    /// Elements of another type.
    pub fn bools(&self) -> Result<Vec<bool>, MetadataError> {
        match self.element_type {
            ValueType::Bool => Ok(self.bytes.iter().map(|&byte| byte != 0).collect()),
            found => Err(wrong_type(self.key, found, "an array of truth values")),
        }
    }

    /// The elements as whole numbers.
    ///
    /// # Errors
    /// Elements of another type, or one that does not fit.
    pub fn i64s(&self) -> Result<Vec<i64>, MetadataError> {
        let size = self.element_type.size().max(1);
        let decode = |bytes| {
            let value = decode_integer(self.element_type, bytes)
                .ok_or_else(|| wrong_type(self.key, self.element_type, "an array of whole numbers"))?;
            i64::try_from(value).map_err(|_| out_of_range(self.key, value, "-2^63 to 2^63-1"))
        };
        self.bytes.chunks_exact(size).map(decode).collect()
    }

    fn chunks<const N: usize>(&self) -> impl Iterator<Item = [u8; N]> + use<'a, N> {
        self.bytes.as_chunks::<N>().0.iter().copied()
    }
}

fn decode_integer(value_type: ValueType, bytes: &[u8]) -> Option<i128> {
    Some(match value_type {
        ValueType::U8 => u8::from_le_bytes(bytes.try_into().ok()?).into(),
        ValueType::I8 => i8::from_le_bytes(bytes.try_into().ok()?).into(),
        ValueType::U16 => u16::from_le_bytes(bytes.try_into().ok()?).into(),
        ValueType::I16 => i16::from_le_bytes(bytes.try_into().ok()?).into(),
        ValueType::U32 => u32::from_le_bytes(bytes.try_into().ok()?).into(),
        ValueType::I32 => i32::from_le_bytes(bytes.try_into().ok()?).into(),
        ValueType::U64 => u64::from_le_bytes(bytes.try_into().ok()?).into(),
        ValueType::I64 => i64::from_le_bytes(bytes.try_into().ok()?).into(),
        ValueType::F32 | ValueType::Bool | ValueType::String | ValueType::Array | ValueType::F64 => return None,
    })
}

fn wrong_type(key: &str, found: ValueType, wanted: &'static str) -> MetadataError {
    MetadataError::WrongType { key: key.to_owned(), found, wanted }
}

fn out_of_range(key: &str, value: i128, wanted: &'static str) -> MetadataError {
    MetadataError::OutOfRange { key: key.to_owned(), value, wanted }
}
