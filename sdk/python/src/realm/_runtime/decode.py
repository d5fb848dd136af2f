"""Results and items as a program gets them: out of what :mod:`.scale` decodes, and out of the node's JSON.

Both give the same values. Integers are ints however large, though JSON has the large ones as text.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from . import numbers
from .encode import SOME_KEY
from .shapes import Bytes, Char, Enum, Float, Integer, List, Map, Newtype, Option, Scaled, Struct, Text, Tuple, Type, Types, Unit

JSON_TEXT_CHARS_MIN = 7
"""A number that JSON has as text, because it is too large for a number there, has at least so many: money in billionths
has the fewest."""


def of_scale(types: Types, type: Type, value: Any) -> Any:
    """A value out of the one that the library decoded. If that is none of its type, raises whatever comes of it."""

    def inside(inner: int, value: Any) -> Any:
        return of_scale(types, types[inner], value)

    match type.shape:
        case Unit():
            return None
        case Char():
            return chr(value)
        case Float():
            return numbers.float_of(value)
        case Scaled(digits):
            return numbers.unscaled(value, digits)
        case Bytes():
            # The library has an empty list for no bytes.
            return value or "0x"
        case List(item):
            return [inside(item, each) for each in value]
        case Tuple(items):
            return [inside(item, each) for item, each in zip(items, value if len(items) > 1 else (value,), strict=True)]
        case Newtype(inner):
            return inside(inner, value)
        case Struct(fields):
            return {field.name: inside(field.type, value[field.name]) for field in fields}
        case Option(inner):
            if value == "None":
                return None
            some = inside(inner, value["Some"])
            return {SOME_KEY: some} if types[inner].nullable else some
        case Enum(variants):
            name, content = (value, None) if isinstance(value, str) else next(iter(value.items()))
            variant = next((each for each in variants if each.name == name), None)
            if variant is None:
                raise ValueError(f"{type.name} has no variant {name!r}")
            if isinstance(variant.content, Unit):
                return variant.json_name
            return {variant.json_name: of_content(variant.content, content, inside)}
        case Map(key, item):
            return _entries(types, key, [(inside(key, name), inside(item, each)) for name, each in value])
        case _:
            return value


def of_json(types: Types, type: Type, value: Any) -> Any:
    """A value out of the node's JSON."""

    def inside(inner: int, value: Any) -> Any:
        return of_json(types, types[inner], value)

    match type.shape:
        case _ if value is None:
            return None
        case Integer():
            return int(value)
        case Scaled():
            return float(value)
        case List(item):
            return [inside(item, each) for each in value]
        case Tuple(items):
            return [inside(item, each) for item, each in zip(items, value)]
        case Newtype(inner):
            return inside(inner, value)
        case Struct(fields):
            return {field.name: inside(field.type, value[field.name]) for field in fields}
        case Option(inner):
            return {SOME_KEY: inside(inner, value[SOME_KEY])} if types[inner].nullable else inside(inner, value)
        case Enum(variants) if isinstance(value, dict):
            ((name, content),) = value.items()
            variant = next(each for each in variants if each.json_name == name)
            return {name: of_content(variant.content, content, inside)}
        case Map(key, item):
            pairs = value.items() if isinstance(value, dict) else value
            return _entries(types, key, [(inside(key, name), inside(item, each)) for name, each in pairs])
        case _:
            return value


def has_number_as_text(value: Any) -> bool:
    """Whether JSON may hold a number that is written as text, so that it takes types to read it."""
    match value:
        case str():
            return len(value) >= JSON_TEXT_CHARS_MIN and value.removeprefix("-").replace(".", "").isdecimal()
        case list():
            return any(has_number_as_text(each) for each in value)
        case dict():
            return any(has_number_as_text(each) for each in value.values())
        case _:
            return False


def of_content(content: Unit | Newtype | Tuple | Struct, value: Any, inside: Callable[[int, Any], Any]) -> Any:
    """What a variant holds."""
    match content:
        case Unit():
            return None
        case Newtype(inner):
            return inside(inner, value)
        case Tuple(items):
            return [inside(item, each) for item, each in zip(items, value, strict=True)]
        case Struct(fields):
            return {field.name: inside(field.type, value[field.name]) for field in fields}


def _entries(types: Types, key: int, pairs: list[tuple[Any, Any]]) -> Any:
    is_object = isinstance(types.peeled(types[key]).shape, Text)
    return dict(pairs) if is_object else [list(pair) for pair in pairs]
