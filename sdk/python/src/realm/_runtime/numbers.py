"""Numbers that SCALE lacks, to the integers that stand for them and back: floats of 32 bits, and decimals.

They come out as the node's JSON shows them, so that both encodings give equal values.
"""

from __future__ import annotations

import math
import struct
from decimal import ROUND_HALF_EVEN, ROUND_HALF_UP, ROUND_UP, Context, Decimal
from typing import TypeGuard

FLOAT_DIGITS_MAX = 9
"""Digits that tell every 32-bit float from its neighbours."""
SHORTER = [
    # Next above a power of two floats lie wider apart than below it, so that the nearest number of so many digits may
    # be another float's while the one further out is this one's.
    Context(prec=digits, rounding=rounding)
    for digits in range(1, FLOAT_DIGITS_MAX + 1)
    for rounding in (ROUND_HALF_EVEN, ROUND_UP)
]
DECIMAL = Context(prec=60)
"""Holds every number of 64 bits in units of 10^-9 exactly."""


def is_number(value: object) -> TypeGuard[float]:
    """Whether it is a finite number. Booleans, which Python takes for integers, are none."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and (isinstance(value, int) or math.isfinite(value))


def float_bits(value: float) -> int:
    """The bits of the nearest 32-bit float. Raises OverflowError if it is beyond all of them."""
    return int.from_bytes(struct.pack("<f", value), "little")


def float_of(bits: int) -> float | None:
    """The float of these bits, with the fewest digits that tell it from other 32-bit floats: 0.1, not
    0.10000000149011612. None for not-a-number and infinities, which JSON does not have."""
    value: float = struct.unpack("<f", bits.to_bytes(4, "little"))[0]
    if not math.isfinite(value):
        return None
    exact = Decimal(value)
    for shorter in SHORTER:
        candidate = float(shorter.plus(exact))
        try:
            if float_bits(candidate) == bits:
                return candidate
        except OverflowError:
            continue
    return value


def scaled(value: float | str, digits: int) -> int:
    """A decimal in units of 10^-digits, rounded half away from zero, by the digits that it is written with."""
    exact = Decimal(value) if isinstance(value, (int, str)) else Decimal(repr(value))
    return int(exact.scaleb(digits, DECIMAL).to_integral_value(ROUND_HALF_UP))


def unscaled(value: int, digits: int) -> float:
    """The decimal of so many units of 10^-digits."""
    # Python divides integers exactly and rounds once.
    return float(value / 10**digits)


def decimal_text(value: int, digits: int) -> str:
    """That decimal, every digit of it."""
    return f"{Decimal(value).scaleb(-digits, DECIMAL):f}" if value else "0"
