//! Numbers between JSON and SCALE: integers that may be larger than a double holds, and decimals
//! that SCALE holds as integers.

use serde_json::{Number, Value};

use crate::model::IntegerWidth;

/// JSON integers up to here are numbers; larger ones are decimal strings, since many readers keep
/// numbers as doubles, which are exact up to here.
const EXACT_INTEGER_MAX: u64 = 1 << 53;

/// Digits of a decimal's exponent that can matter: the largest finite double has 308.
const EXPONENT_MAX: i64 = 400;

/// Why a JSON value is no such number.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum NumberError {
    /// Not a number at all, or one with a fraction where none belongs.
    Kind,
    /// A number outside the type.
    Range,
}

/// The largest value of an unsigned integer.
pub(super) fn unsigned_max(width: IntegerWidth) -> u128 {
    u128::MAX >> (128 - width.bits())
}

/// The largest value of a signed integer; the smallest is one beyond its negative.
pub(super) fn signed_max(width: IntegerWidth) -> i128 {
    i128::MAX >> (128 - width.bits())
}

/// An unsigned integer of this width.
pub(super) fn unsigned(json: &Value, width: IntegerWidth) -> Result<u128, NumberError> {
    let text = integer_text(json, width)?;
    match text.parse::<u128>() {
        Ok(value) if value <= unsigned_max(width) => Ok(value),
        _ => Err(NumberError::Range),
    }
}

/// A signed integer of this width.
pub(super) fn signed(json: &Value, width: IntegerWidth) -> Result<i128, NumberError> {
    let text = integer_text(json, width)?;
    match text.parse::<i128>() {
        Ok(value) if (-signed_max(width) - 1..=signed_max(width)).contains(&value) => Ok(value),
        _ => Err(NumberError::Range),
    }
}

/// The digits of an integer that stands as a number, or, for the wide types, as a string.
fn integer_text(json: &Value, width: IntegerWidth) -> Result<String, NumberError> {
    match json {
        Value::Number(number) if number.is_f64() => {
            // 5.0 is the integer 5. Beyond what doubles hold exactly, the digits written are gone.
            let value = number.as_f64().filter(|value| value.fract() == 0.0).ok_or(NumberError::Kind)?;
            match value.abs() <= EXACT_INTEGER_MAX as f64 {
                true => Ok(format!("{}", value as i64)),
                false => Err(NumberError::Range),
            }
        }
        Value::Number(number) => Ok(number.to_string()),
        Value::String(text) if width.bits() >= 64 && is_integer(text) => Ok(text.clone()),
        _ => Err(NumberError::Kind),
    }
}

fn is_integer(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    !digits.is_empty() && digits.len() <= 40 && digits.bytes().all(|byte| byte.is_ascii_digit())
}

/// An unsigned integer as JSON.
pub(super) fn unsigned_json(value: u128) -> Value {
    match u64::try_from(value) {
        Ok(value) if value <= EXACT_INTEGER_MAX => Value::from(value),
        _ => Value::from(value.to_string()),
    }
}

/// A signed integer as JSON.
pub(super) fn signed_json(value: i128) -> Value {
    match i64::try_from(value) {
        Ok(value) if value.unsigned_abs() <= EXACT_INTEGER_MAX => Value::from(value),
        _ => Value::from(value.to_string()),
    }
}

/// A decimal in units of 10^-`digits`, rounded half away from zero. Exact: no double is in between,
/// save the one that serde_json may have read the number into, whose shortest digits are taken.
pub(super) fn scaled(json: &Value, digits: u32, may_be_text: bool) -> Result<i128, NumberError> {
    match json {
        Value::Number(number) => scaled_text(&number.to_string(), digits),
        Value::String(text) if may_be_text => scaled_text(text, digits),
        _ => Err(NumberError::Kind),
    }
}

fn scaled_text(text: &str, digits: u32) -> Result<i128, NumberError> {
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i64>().map_err(|_| NumberError::Kind)?),
        None => (text, 0),
    };
    let (negative, mantissa) = match mantissa.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, mantissa),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let all_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !all_digits(whole) || !all_digits(fraction) {
        return Err(NumberError::Kind);
    }
    if exponent.abs() > EXPONENT_MAX {
        return Err(NumberError::Range);
    }

    // Where the decimal point comes to stand in the digits, once the value is scaled.
    let point = whole.len() as i64 + exponent + i64::from(digits);
    let mut value: i128 = 0;
    for index in 0..point.max(0) {
        let digit = usize::try_from(index).ok().and_then(|index| digit_at(whole, fraction, index)).unwrap_or(0);
        value =
            value.checked_mul(10).and_then(|value| value.checked_add(i128::from(digit))).ok_or(NumberError::Range)?;
    }
    let rounds_up =
        usize::try_from(point).ok().and_then(|index| digit_at(whole, fraction, index)).is_some_and(|digit| digit >= 5);
    value += i128::from(rounds_up);
    Ok(if negative { -value } else { value })
}

fn digit_at(whole: &str, fraction: &str, index: usize) -> Option<u8> {
    let byte = whole.as_bytes().get(index).or_else(|| fraction.as_bytes().get(index.checked_sub(whole.len())?))?;
    Some(byte - b'0')
}

/// The decimal that `value` units of 10^-`digits` are, as text without needless zeros.
pub(super) fn unscaled_text(value: i128, digits: u32) -> String {
    let unit = 10u128.pow(digits);
    let (whole, fraction) = (value.unsigned_abs() / unit, value.unsigned_abs() % unit);
    let sign = if value < 0 { "-" } else { "" };
    let fraction = format!("{fraction:0width$}", width = digits as usize);
    match fraction.trim_end_matches('0') {
        "" => format!("{sign}{whole}"),
        fraction => format!("{sign}{whole}.{fraction}"),
    }
}

/// The decimal that `value` units of 10^-`digits` are: a number where a double tells it from its
/// neighbours, else a decimal string.
pub(super) fn unscaled_json(value: i128, digits: u32) -> Value {
    let text = unscaled_text(value, digits);
    match value.unsigned_abs() <= u128::from(EXACT_INTEGER_MAX) {
        true => double(&text),
        false => Value::from(text),
    }
}

/// A float as JSON, with the fewest digits that name it among floats; null for not-a-number and infinities.
pub(super) fn float_json(value: f32) -> Value {
    match value.is_finite() {
        // The digits of the 32-bit float: widened to 64 bits, 0.1 would read 0.10000000149011612.
        true => double(&value.to_string()),
        false => Value::Null,
    }
}

/// A JSON number as a float.
pub(super) fn float(json: &Value) -> Result<f32, NumberError> {
    let value = json.as_f64().ok_or(NumberError::Kind)? as f32;
    if value.is_finite() { Ok(value) } else { Err(NumberError::Range) }
}

fn double(text: &str) -> Value {
    text.parse::<f64>().ok().and_then(Number::from_f64).map_or(Value::Null, Value::Number)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn decimals() {
        fn check(json: Value, digits: u32, expected: Result<i128, NumberError>) {
            assert_eq!(scaled(&json, digits, true), expected, "{json}");
        }
        check(json!(0.7), 3, Ok(700));
        check(json!(1), 3, Ok(1000));
        check(json!(-1.5), 3, Ok(-1500));
        check(json!(0.0005), 3, Ok(1));
        check(json!(0.00049), 3, Ok(0));
        check(json!(0.9999), 3, Ok(1000));
        check(json!(1e-7), 9, Ok(100));
        check(json!(1e-12), 9, Ok(0));
        check(json!(1e300), 3, Err(NumberError::Range));
        check(json!(12.5e3), 3, Ok(12_500_000));
        check(json!("18446744073.709551615"), 9, Ok(u64::MAX.into()));
        check(json!("1e999999999999"), 3, Err(NumberError::Range));
        check(json!("-"), 3, Err(NumberError::Kind));
        check(json!("1.2.3"), 3, Err(NumberError::Kind));
        check(json!("NaN"), 3, Err(NumberError::Kind));
        check(json!(null), 3, Err(NumberError::Kind));
    }

    #[test]
    fn integers() {
        fn check(json: Value, width: IntegerWidth, expected: Result<i128, NumberError>) {
            assert_eq!(signed(&json, width), expected, "{json}");
        }
        check(json!(-128), IntegerWidth::W8, Ok(-128));
        check(json!(-129), IntegerWidth::W8, Err(NumberError::Range));
        check(json!(5.0), IntegerWidth::W8, Ok(5));
        check(json!(5.5), IntegerWidth::W8, Err(NumberError::Kind));
        check(json!("5"), IntegerWidth::W32, Err(NumberError::Kind));
        check(json!("-5"), IntegerWidth::W64, Ok(-5));
        check(json!("-9223372036854775809"), IntegerWidth::W64, Err(NumberError::Range));
        check(json!("5x"), IntegerWidth::W64, Err(NumberError::Kind));
        check(json!("+5"), IntegerWidth::W64, Err(NumberError::Kind));
        check(json!(i128::MIN.to_string()), IntegerWidth::W128, Ok(i128::MIN));
        assert_eq!(unsigned(&json!(u128::MAX.to_string()), IntegerWidth::W128), Ok(u128::MAX));
        assert_eq!(unsigned(&json!(u64::MAX), IntegerWidth::W64), Ok(u64::MAX.into()));
        assert_eq!(unsigned(&json!(-1), IntegerWidth::W64), Err(NumberError::Range));
        assert_eq!(unsigned(&json!(1e17), IntegerWidth::W64), Err(NumberError::Range));
    }

    #[test]
    fn output() {
        assert_eq!(unsigned_json(1 << 53), json!(9_007_199_254_740_992u64));
        assert_eq!(unsigned_json((1 << 53) + 1), json!("9007199254740993"));
        assert_eq!(signed_json(i64::MIN.into()), json!("-9223372036854775808"));
        assert_eq!(unscaled_json(700, 3), json!(0.7));
        assert_eq!(unscaled_json(-1500, 3), json!(-1.5));
        assert_eq!(unscaled_json(5, 3), json!(0.005));
        assert_eq!(unscaled_json(u64::MAX.into(), 9), json!("18446744073.709551615"));
        assert_eq!(float_json(0.1), json!(0.1));
        assert_eq!(float_json(f32::NAN), Value::Null);
        assert_eq!(float_json(f32::NEG_INFINITY), Value::Null);
        assert_eq!(float(&json!(1e300)), Err(NumberError::Range));
    }
}
