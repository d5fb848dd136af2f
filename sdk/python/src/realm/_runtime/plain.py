"""Parameters of the types that are not made of others: checked, and made what :mod:`.scale` encodes."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from . import numbers
from .problems import invalid, out_of_range, wrong
from .shapes import Bool, Bytes, Char, Float, Integer, Scaled, Text, Type, Unit

TEXT_BITS_MIN = 64
"""Numbers of so many bits may also be written as text, as JSON has them where they are large."""
INTEGER_TEXT = re.compile("-?[0-9]{1,40}")
DECIMAL_TEXT = re.compile("-?[0-9]{1,40}([.][0-9]{1,40})?")
HEX = re.compile("0x((?:[0-9a-fA-F]{2})*)")


def plain(path: str, type: Type, value: Any) -> Any:
    """Raises RealmError INVALID_PARAMS naming ``path``."""
    match type.shape:
        case Unit():
            if value is not None and not (isinstance(value, (Mapping, list, tuple)) and not value):
                raise wrong(path, "null", value)
            return ()
        case Bool():
            if not isinstance(value, bool):
                raise wrong(path, "boolean", value)
            return value
        case Text():
            return _text(path, "string", value, str.encode)
        case Char():
            return _text(path, "string of one character", value, ord)
        case Integer() as integer:
            return _integer(path, integer, value)
        case Float():
            return (_float(path, value),)
        case Scaled() as scaled:
            return (_scaled(path, scaled, value),)
        case Bytes(length):
            return _bytes(path, length, value)
        case _:
            raise invalid(path, f"the type `{type.name}` cannot be written in Python")


def _text(path: str, expected: str, value: Any, read: Callable[[str], Any]) -> Any:
    if not isinstance(value, str):
        raise wrong(path, expected, value)
    try:
        return read(value)
    except (TypeError, UnicodeEncodeError):
        # Not one character; or half of a surrogate pair, which is no text.
        raise wrong(path, expected, value) from None


def _integer(path: str, shape: Integer, value: Any) -> int:
    integer: object = value
    if isinstance(value, float) and value.is_integer():
        integer = int(value)
    elif isinstance(value, str) and shape.bits >= TEXT_BITS_MIN and INTEGER_TEXT.fullmatch(value):
        integer = int(value)
    if isinstance(integer, bool) or not isinstance(integer, int):
        raise wrong(path, "integer", value)
    if not shape.least <= integer <= shape.most:
        raise out_of_range(path, f"from {shape.least} to {shape.most}", value)
    return integer


def _float(path: str, value: Any) -> int:
    if not numbers.is_number(value):
        raise wrong(path, "number", value)
    try:
        return numbers.float_bits(value)
    except OverflowError:
        raise out_of_range(path, "within a 32-bit float", value) from None


def _scaled(path: str, shape: Scaled, value: Any) -> int:
    is_text = isinstance(value, str) and shape.integer.bits >= TEXT_BITS_MIN and DECIMAL_TEXT.fullmatch(value)
    if not is_text and not numbers.is_number(value):
        raise wrong(path, "number", value)
    integer = numbers.scaled(value, shape.digits)
    least, most = shape.integer.least, shape.integer.most
    if not least <= integer <= most:
        bounds = f"from {numbers.decimal_text(least, shape.digits)} to {numbers.decimal_text(most, shape.digits)}"
        raise out_of_range(path, ">= 0" if least == 0 and integer < 0 else bounds, value)
    return integer


def _bytes(path: str, length: int | None, value: Any) -> str:
    digits = HEX.fullmatch(value) if isinstance(value, str) else None
    if digits is None or length not in (None, len(digits[1]) // 2):
        raise wrong(path, "0x and hex digits" if length is None else f"0x and {2 * length} hex digits", value)
    return digits[0]
