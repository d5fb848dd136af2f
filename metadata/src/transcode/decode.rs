//! SCALE to JSON.

use parity_scale_codec::{Compact, Decode};
use serde_json::{Map, Value};

use super::{DEPTH_MAX, DecodeError, budget::Budget, compose::SOME_KEY, number};
use crate::model::{Field, IntegerWidth, Shape, TypeId, Types, Variant, Variants};

/// Values that even the shortest bytes may mean.
const VALUES_BASE: usize = 65_536;
/// Values per byte beyond those: options and newtypes of one byte are several.
const VALUES_PER_BYTE: usize = 8;
/// Bytes of `false` and the comma behind it; `null` and `true` are counted as much.
const WORD_JSON_BYTES: usize = 6;
/// Bytes that a number and the comma behind it are counted as: the most that one has.
const NUMBER_JSON_BYTES: usize = 24;

/// Reads values of one answer, one after another.
pub(super) struct Decoder<'a> {
    types: &'a Types,
    bytes: &'a [u8],
    rest: &'a [u8],
    depth: usize,
    values_left: usize,
    pub(super) budget: Budget,
}

impl<'a> Decoder<'a> {
    pub(super) fn new(types: &'a Types, bytes: &'a [u8], budget: Budget) -> Self {
        Self { types, bytes, rest: bytes, depth: 0, values_left: values_max(bytes), budget }
    }

    /// Ends; every byte must be used.
    pub(super) fn finish(self) -> Result<(), DecodeError> {
        match self.rest.len() {
            0 => Ok(()),
            count => Err(DecodeError::LeftOver { count }),
        }
    }

    pub(super) fn value(&mut self, ty: TypeId) -> Result<Value, DecodeError> {
        let types = self.types;
        self.shape(ty, &types[ty].shape)
    }

    /// One byte, as part of a value of type `ty`.
    pub(super) fn byte(&mut self, ty: TypeId) -> Result<u8, DecodeError> {
        let [byte] = self.array(ty)?;
        Ok(byte)
    }

    /// The variant of the enum `ty` that follows, its index read.
    pub(super) fn variant<'v>(&mut self, ty: TypeId, variants: &'v Variants) -> Result<&'v Variant, DecodeError> {
        let offset = self.offset();
        let index = self.byte(ty)?;
        variants.at(index).ok_or_else(|| self.invalid(offset, ty))
    }

    /// A value of this shape, which belongs to `ty`.
    pub(super) fn shape(&mut self, ty: TypeId, shape: &Shape) -> Result<Value, DecodeError> {
        if self.depth >= DEPTH_MAX {
            return Err(DecodeError::TooDeep);
        }
        self.values_left =
            self.values_left.checked_sub(1).ok_or(DecodeError::TooManyValues { values_max: values_max(self.bytes) })?;
        self.depth += 1;
        let value = self.plain(ty, shape)?;
        self.depth -= 1;
        Ok(value)
    }

    fn plain(&mut self, ty: TypeId, shape: &Shape) -> Result<Value, DecodeError> {
        Ok(match shape {
            Shape::Unit => self.null()?,
            Shape::Bool => {
                self.budget.value(WORD_JSON_BYTES)?;
                Value::Bool(self.flag(ty)? != 0)
            }
            Shape::Char => {
                let offset = self.offset();
                let code = u32::from_le_bytes(self.array(ty)?);
                let char = char::from_u32(code).ok_or_else(|| self.invalid(offset, ty))?;
                self.string(char.encode_utf8(&mut [0; 4]))?
            }
            Shape::Text => {
                let len = self.len(ty)?;
                let offset = self.offset();
                let text = std::str::from_utf8(self.take(len, ty)?).map_err(|_| self.invalid(offset, ty))?;
                self.string(text)?
            }
            Shape::Unsigned(width) => {
                let value = self.integer(*width, ty)?;
                self.number(number::unsigned_json(value))?
            }
            Shape::Signed(width) => {
                let value = self.signed(*width, ty)?;
                self.number(number::signed_json(value))?
            }
            Shape::Compact(width) => {
                let value = self.compact(*width, ty)?;
                self.number(number::unsigned_json(value))?
            }
            Shape::Float => {
                let value = f32::from_le_bytes(self.array(ty)?);
                self.number(number::float_json(value))?
            }
            Shape::Milli => {
                let value = u32::from_le_bytes(self.array(ty)?);
                self.number(number::unscaled_json(value.into(), 3))?
            }
            Shape::SignedMilli => {
                let value = i32::from_le_bytes(self.array(ty)?);
                self.number(number::unscaled_json(value.into(), 3))?
            }
            Shape::Nano => {
                let value = u64::from_le_bytes(self.array(ty)?);
                self.number(number::unscaled_json(value.into(), 9))?
            }
            Shape::Bytes => {
                let len = self.len(ty)?;
                self.hex(len, ty)?
            }
            Shape::ByteArray(len) => self.hex(*len as usize, ty)?,
            Shape::Sequence(item) => {
                let len = self.len(ty)?;
                self.items(std::iter::repeat_n(*item, len))?
            }
            Shape::Array(item, len) => self.items(std::iter::repeat_n(*item, *len as usize))?,
            Shape::Tuple(items) => self.items(items.iter().copied())?,
            Shape::Newtype(inner) => self.value(*inner)?,
            Shape::Struct(fields) => self.fields(fields)?,
            Shape::Option(inner) => match self.flag(ty)? {
                0 => self.null()?,
                _ if self.types[*inner].nullable => {
                    self.budget.container()?;
                    self.budget.key(SOME_KEY)?;
                    object([(SOME_KEY.to_owned(), self.value(*inner)?)])
                }
                _ => self.value(*inner)?,
            },
            Shape::Enum(variants) => {
                let variant = self.variant(ty, variants)?;
                match &variant.fields {
                    Shape::Unit => self.string(&variant.json_name)?,
                    fields => {
                        self.budget.container()?;
                        self.budget.key(&variant.json_name)?;
                        object([(variant.json_name.clone(), self.shape(ty, fields)?)])
                    }
                }
            }
            Shape::Map(key, value) => self.map(*key, *value, ty)?,
            Shape::Unsupported => {
                return Err(DecodeError::Unsupported { type_name: self.types[ty].name.clone() });
            }
        })
    }

    fn fields(&mut self, fields: &[Field]) -> Result<Value, DecodeError> {
        self.budget.container()?;
        let mut object = Map::new();
        for field in fields {
            self.budget.key(&field.name)?;
            object.insert(field.name.clone(), self.value(field.ty)?);
        }
        Ok(Value::Object(object))
    }

    fn items(&mut self, items: impl Iterator<Item = TypeId>) -> Result<Value, DecodeError> {
        self.budget.container()?;
        // Grows with what is read: a claimed length says nothing yet.
        let mut values = Vec::new();
        for item in items {
            values.push(self.value(item)?);
        }
        Ok(Value::Array(values))
    }

    fn map(&mut self, key: TypeId, value: TypeId, ty: TypeId) -> Result<Value, DecodeError> {
        let len = self.len(ty)?;
        self.budget.container()?;
        if self.types.peeled(key).shape != Shape::Text {
            let mut pairs = Vec::new();
            for _ in 0..len {
                pairs.push(self.items([key, value].into_iter())?);
            }
            return Ok(Value::Array(pairs));
        }
        let mut object = Map::new();
        for _ in 0..len {
            if let Value::String(name) = self.value(key)? {
                self.budget.key(&name)?;
                let value = self.value(value)?;
                object.insert(name, value);
            }
        }
        Ok(Value::Object(object))
    }

    fn null(&mut self) -> Result<Value, DecodeError> {
        self.budget.value(WORD_JSON_BYTES)?;
        Ok(Value::Null)
    }

    fn string(&mut self, text: &str) -> Result<Value, DecodeError> {
        self.budget.text(text)?;
        Ok(Value::String(text.to_owned()))
    }

    /// A number, which may be a string of digits.
    fn number(&mut self, number: Value) -> Result<Value, DecodeError> {
        match &number {
            Value::String(digits) => self.budget.text(digits)?,
            _ => self.budget.value(NUMBER_JSON_BYTES)?,
        }
        Ok(number)
    }

    /// So many bytes as hex digits.
    fn hex(&mut self, len: usize, ty: TypeId) -> Result<Value, DecodeError> {
        let bytes = self.take(len, ty)?;
        self.budget.hex(bytes.len())?;
        Ok(Value::String(format!("0x{}", hex::encode(bytes))))
    }

    /// A byte that is 0 or 1.
    fn flag(&mut self, ty: TypeId) -> Result<u8, DecodeError> {
        let offset = self.offset();
        match self.byte(ty)? {
            flag @ (0 | 1) => Ok(flag),
            _ => Err(self.invalid(offset, ty)),
        }
    }

    fn len(&mut self, ty: TypeId) -> Result<usize, DecodeError> {
        Ok(self.read::<Compact<u32>>(ty)?.0 as usize)
    }

    fn compact(&mut self, width: IntegerWidth, ty: TypeId) -> Result<u128, DecodeError> {
        Ok(match width {
            IntegerWidth::W8 => self.read::<Compact<u8>>(ty)?.0.into(),
            IntegerWidth::W16 => self.read::<Compact<u16>>(ty)?.0.into(),
            IntegerWidth::W32 => self.read::<Compact<u32>>(ty)?.0.into(),
            IntegerWidth::W64 => self.read::<Compact<u64>>(ty)?.0.into(),
            IntegerWidth::W128 => self.read::<Compact<u128>>(ty)?.0,
        })
    }

    fn integer(&mut self, width: IntegerWidth, ty: TypeId) -> Result<u128, DecodeError> {
        let bytes = self.take(width.bytes(), ty)?;
        Ok(bytes.iter().rev().fold(0, |value, byte| value << 8 | u128::from(*byte)))
    }

    fn signed(&mut self, width: IntegerWidth, ty: TypeId) -> Result<i128, DecodeError> {
        let unused_bits = 128 - width.bits();
        // Shifted up and down again, so that the sign fills the unused bits.
        Ok((self.integer(width, ty)? << unused_bits) as i128 >> unused_bits)
    }

    fn read<T: Decode>(&mut self, ty: TypeId) -> Result<T, DecodeError> {
        let offset = self.offset();
        T::decode(&mut self.rest).map_err(|_| match offset == self.bytes.len() {
            true => self.truncated(ty),
            false => self.invalid(offset, ty),
        })
    }

    fn array<const N: usize>(&mut self, ty: TypeId) -> Result<[u8; N], DecodeError> {
        let bytes = self.take(N, ty)?;
        bytes.try_into().map_err(|_| self.truncated(ty))
    }

    fn take(&mut self, len: usize, ty: TypeId) -> Result<&'a [u8], DecodeError> {
        let (taken, rest) = self.rest.split_at_checked(len).ok_or_else(|| self.truncated(ty))?;
        self.rest = rest;
        Ok(taken)
    }

    fn truncated(&self, ty: TypeId) -> DecodeError {
        DecodeError::Truncated { offset: self.bytes.len(), type_name: self.types[ty].name.clone() }
    }

    fn offset(&self) -> usize {
        self.bytes.len() - self.rest.len()
    }

    fn invalid(&self, offset: usize, ty: TypeId) -> DecodeError {
        DecodeError::Invalid { offset, type_name: self.types[ty].name.clone() }
    }
}

fn values_max(bytes: &[u8]) -> usize {
    VALUES_BASE.saturating_add(bytes.len().saturating_mul(VALUES_PER_BYTE))
}

fn object<const N: usize>(entries: [(String, Value); N]) -> Value {
    Value::Object(entries.into_iter().collect())
}
