//! One pass over a file's header: where every value and tensor lies.

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;

use super::cursor::Cursor;
use super::error::GgufError;
use super::metadata::{Metadata, ValueType};
use super::tensor::Entry;
use crate::tensor_info::TensorInfo;

/// The most keys a file may have. Real files have under a hundred.
pub const KEYS_MAX: u64 = 1 << 16;
/// The most tensors a file may have. Real files have a dozen for each layer.
pub const TENSORS_MAX: u64 = 1 << 16;
/// Arrays of arrays may be nested this deep.
const NESTING_MAX: usize = 3;
/// Where tensor data begins, unless `general.alignment` says otherwise.
const ALIGNMENT_DEFAULT: usize = 32;

/// Where a value lies, and of which type it is.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Slot {
    pub value_type: ValueType,
    /// The value's bytes, without the type; for a string without its length; for an array its elements.
    pub range: Range<usize>,
    /// The elements' type and count, for an array.
    pub elements: Option<(ValueType, usize)>,
}

pub(super) struct Header {
    pub version: u32,
    pub keys: BTreeMap<String, Slot>,
    pub tensors: Vec<TensorInfo>,
    pub tensor_index: HashMap<String, usize>,
}

impl Header {
    pub fn parse(bytes: &[u8]) -> Result<Self, GgufError> {
        let mut cursor = Cursor::new(bytes);
        let magic: [u8; 4] = cursor.array(&|| "magic".into())?;
        if magic != *b"GGUF" {
            return Err(GgufError::NotGguf { found: magic });
        }
        let version = cursor.u32(&|| "version".into())?;
        match version {
            2 | 3 => {}
            v if matches!(v.swap_bytes(), 2 | 3) => return Err(GgufError::BigEndian),
            version => return Err(GgufError::UnsupportedVersion { version }),
        }
        let tensor_count = cursor.u64(&|| "tensor count".into())?;
        let key_count = cursor.u64(&|| "key count".into())?;
        if tensor_count > TENSORS_MAX {
            return Err(GgufError::TooManyTensors { count: tensor_count });
        }
        if key_count > KEYS_MAX {
            return Err(GgufError::TooManyKeys { count: key_count });
        }
        let keys = scan_keys(&mut cursor, key_count)?;
        let alignment = alignment(&Metadata::new(bytes, &keys))?;
        let (tensors, tensor_index) = scan_tensors(&mut cursor, tensor_count, alignment, bytes.len())?;
        Ok(Self { version, keys, tensors, tensor_index })
    }
}

fn scan_keys(cursor: &mut Cursor<'_>, count: u64) -> Result<BTreeMap<String, Slot>, GgufError> {
    let mut keys = BTreeMap::new();
    for index in 0..count {
        let key = cursor.name(&|| format!("key {index} of {count}"))?;
        let what = || format!("key {key:?}");
        let value_type = scan_type(cursor, &what)?;
        let slot = scan_value(cursor, value_type, &what)?;
        if keys.insert(key.to_owned(), slot).is_some() {
            return Err(GgufError::DuplicateKey { key: key.to_owned() });
        }
    }
    Ok(keys)
}

fn scan_type(cursor: &mut Cursor<'_>, what: &dyn Fn() -> String) -> Result<ValueType, GgufError> {
    let offset = cursor.offset();
    let number = cursor.u32(what)?;
    ValueType::from_number(number).ok_or_else(|| GgufError::UnknownValueType {
        what: what(),
        offset,
        value_type: number,
    })
}

fn scan_value(cursor: &mut Cursor<'_>, value_type: ValueType, what: &dyn Fn() -> String) -> Result<Slot, GgufError> {
    match value_type {
        ValueType::String => Ok(Slot { value_type, range: cursor.string(what)?, elements: None }),
        ValueType::Array => {
            let (element_type, count, range) = scan_array(cursor, 1, what)?;
            Ok(Slot { value_type, range, elements: Some((element_type, count)) })
        }
        scalar => Ok(Slot { value_type, range: cursor.skip(scalar.size() as u64, what)?, elements: None }),
    }
}

/// Steps over an array: its element type, its length, and the range of its elements.
fn scan_array(
    cursor: &mut Cursor<'_>,
    depth: usize,
    what: &dyn Fn() -> String,
) -> Result<(ValueType, usize, Range<usize>), GgufError> {
    if depth > NESTING_MAX {
        return Err(GgufError::NestedTooDeep { what: what(), offset: cursor.offset(), depth_max: NESTING_MAX });
    }
    let element_type = scan_type(cursor, what)?;
    let count = cursor.u64(what)?;
    let start = cursor.offset();
    match element_type {
        // Every string takes at least its length's eight bytes, so these loops end with the file at the latest.
        ValueType::String => {
            for _ in 0..count {
                cursor.string(what)?;
            }
        }
        ValueType::Array => {
            for _ in 0..count {
                scan_array(cursor, depth + 1, what)?;
            }
        }
        scalar => {
            cursor.skip(count.saturating_mul(scalar.size() as u64), what)?;
        }
    }
    // Elements take at least a byte each, so a count that was walked fits the address space.
    Ok((element_type, count as usize, start..cursor.offset()))
}

fn alignment(metadata: &Metadata<'_>) -> Result<usize, GgufError> {
    match metadata.u64("general.alignment") {
        Ok(None) => Ok(ALIGNMENT_DEFAULT),
        Ok(Some(value)) if value.is_power_of_two() && (8..=1 << 16).contains(&value) => Ok(value as usize),
        Ok(Some(value)) => Err(GgufError::BadAlignment { alignment: value }),
        Err(_) => Err(GgufError::BadAlignment { alignment: 0 }),
    }
}

type TensorTable = (Vec<TensorInfo>, HashMap<String, usize>);

fn scan_tensors(
    cursor: &mut Cursor<'_>,
    count: u64,
    alignment: usize,
    file_bytes: usize,
) -> Result<TensorTable, GgufError> {
    let mut entries = Vec::new();
    let mut index = HashMap::new();
    for i in 0..count {
        let entry = Entry::scan(cursor, i, count)?;
        if index.insert(entry.info.name.clone(), entries.len()).is_some() {
            return Err(GgufError::DuplicateTensor { tensor: entry.info.name });
        }
        entries.push(entry);
    }
    let data_start = cursor.offset().next_multiple_of(alignment);
    let placed = entries.into_iter().map(|entry| entry.place(data_start, alignment, file_bytes));
    let tensors = placed.collect::<Result<Vec<_>, _>>()?;
    let mut by_start: Vec<&TensorInfo> = tensors.iter().collect();
    by_start.sort_by_key(|t| t.range.start);
    for pair in by_start.windows(2) {
        if let [first, second] = pair
            && first.range.end > second.range.start
        {
            return Err(GgufError::Overlap {
                first: first.name.clone(),
                second: second.name.clone(),
                offset: second.range.start,
            });
        }
    }
    Ok((tensors, index))
}
