"""Parameters of the types that are made of others: checked, and made what :mod:`.scale` encodes.

What may be written is what the node takes as JSON. What may not is refused before anything is sent.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from .plain import plain
from .problems import cut, hint, invalid, nearest, unknown_field, wrong
from .shapes import Enum, Field, List, Map, Newtype, Option, Struct, Text, Tuple, Type, Types, Unit, Variant

DEPTH_MAX = 96
"""Values inside values; the node takes as many."""
SOME_KEY = "some"
"""Says that an option is there where None could also be its value."""


class Encoder:
    """Makes the values of one call; knows where in the parameters it is.

    All of it raises RealmError INVALID_PARAMS.
    """

    def __init__(self, types: Types) -> None:
        self.types = types
        self._steps: list[str] = []

    @contextmanager
    def at(self, step: str) -> Iterator[None]:
        """A field or an item further in."""
        if len(self._steps) >= DEPTH_MAX:
            raise invalid(self.path, f"nested deeper than {DEPTH_MAX}")
        self._steps.append(step)
        yield
        self._steps.pop()

    @property
    def path(self) -> str:
        """Where it is, as ``options.stop[2]``."""
        return "".join(self._steps).removeprefix(".") or "params"

    def field(self, name: str, type: int, value: Any) -> Any:
        with self.at(f".{name}"):
            return self.value(self.types[type], value)

    def absent_field(self, name: str, type: int) -> Any:
        with self.at(f".{name}"):
            return self.absent(self.types[type])

    def value(self, type: Type, value: Any) -> Any:
        """A value that is there."""
        match type.shape:
            case Option(inner):
                return self._option(self.types[inner], value)
            case Newtype(inner):
                return (self.value(self.types[inner], value),)
            case Struct():
                return self.absent(type) if value is None and type.optional else self._struct(type.shape, value)
            case Enum(variants):
                return self._enum(type, variants, value)
            case Map(key, item):
                return (self._map(key, item, value),)
            case List(item, None):
                values = self._sequence(value, "array")
                return self._items([item] * len(values), values)
            case List(item, int(length)):
                return self._items([item] * length, self._sequence(value, "array", length))
            case Tuple(items):
                return self._items(items, self._sequence(value, "array", len(items)))
            case _:
                return plain(self.path, type, value)

    def absent(self, type: Type) -> Any:
        """What a value that was left out stands for, if it may be."""
        match type.shape:
            case Option():
                return "None"
            case Unit():
                return ()
            case Newtype(inner) if type.optional:
                return (self.absent(self.types[inner]),)
            case Struct(fields) if type.optional:
                return {field.name: self.absent_field(field.name, field.type) for field in fields}
            case _:
                raise invalid(self.path, f"missing; expected {type.name}")

    def members(self, fields: Sequence[Field], given: Mapping[str, Any]) -> dict[str, Any]:
        """A struct's fields out of those that are given."""
        self.refuse_unknown(given, [field.name for field in fields])
        return {
            field.name: self.field(field.name, field.type, given[field.name])
            if field.name in given
            else self.absent_field(field.name, field.type)
            for field in fields
        }

    def refuse_unknown(self, given: Mapping[str, Any], known: Sequence[str]) -> None:
        for name in given:
            if name not in known:
                with self.at(f".{cut(str(name))}"):
                    raise unknown_field(self.path, str(name), known)

    def mapping(self, value: Any) -> Mapping[str, Any]:
        if not isinstance(value, Mapping):
            raise wrong(self.path, "object", value)
        return value

    def _struct(self, shape: Struct, value: Any) -> dict[str, Any]:
        return self.members(shape.fields, self.mapping(value))

    def _option(self, inner: Type, value: Any) -> Any:
        if value is None:
            return "None"
        if not inner.nullable:
            return {"Some": self.value(inner, value)}
        if not isinstance(value, Mapping) or list(value) != [SOME_KEY]:
            raise wrong(self.path, 'null or {"some": ..}', value)
        return {"Some": self.field(SOME_KEY, inner.id, value[SOME_KEY])}

    def _enum(self, type: Type, variants: Sequence[Variant], value: Any) -> Any:
        if isinstance(value, str):
            name, content, is_alone = value, None, True
        elif isinstance(value, Mapping) and len(value) == 1:
            ((name, content),), is_alone = value.items(), False
        else:
            raise wrong(self.path, f"{type.name}: a variant's name, or an object with it as the only key", value)
        variant = _find(variants, str(name))
        if variant is None:
            known = [each.json_name for each in variants]
            text = f"`{cut(str(name))}` is none of {', '.join(known)}{hint(nearest(str(name), known))}"
            raise invalid(self.path, text)
        with self.at(f".{variant.json_name}"):
            return {variant.name: self._absent_content(variant) if is_alone else self._content(variant, content)}

    def _absent_content(self, variant: Variant) -> Any:
        match variant.content:
            case Unit():
                return None
            case Struct(fields):
                return self.members(fields, {})
            case Newtype(inner):
                return self.absent(self.types[inner])
            case Tuple():
                raise invalid(self.path, "missing; expected its fields as array")

    def _content(self, variant: Variant, value: Any) -> Any:
        match variant.content:
            case Unit():
                if value is not None and value != {} and value != []:
                    raise wrong(self.path, "null", value)
                return None
            case Struct():
                return self._struct(variant.content, value)
            case Newtype(inner):
                return self.value(self.types[inner], value)
            case Tuple(items):
                return self._items(items, self._sequence(value, "array", len(items)))

    def _map(self, key: int, item: int, value: Any) -> list[Any]:
        if isinstance(self.types.peeled(self.types[key]).shape, Text):
            # In the order in which maps keep their keys.
            entries = sorted(self.mapping(value).items(), key=lambda entry: str(entry[0]).encode(errors="replace"))
            return [(self.value(self.types[key], name), self.field(cut(str(name)), item, each)) for name, each in entries]
        pairs = []
        for index, pair in enumerate(self._sequence(value, "array of pairs")):
            with self.at(f"[{index}]"):
                pairs.append(tuple(self._items((key, item), self._sequence(pair, "array", 2))))
        return pairs

    def _items(self, types: Sequence[int], values: Sequence[Any]) -> list[Any]:
        made = []
        for index, (type, value) in enumerate(zip(types, values)):
            with self.at(f"[{index}]"):
                made.append(self.value(self.types[type], value))
        return made

    def _sequence(self, value: Any, expected: str, length: int | None = None) -> Sequence[Any]:
        if not isinstance(value, (list, tuple)) or length not in (None, len(value)):
            raise wrong(self.path, expected if length is None else f"{expected} of {length}", value)
        return value


def _find(variants: Sequence[Variant], name: str) -> Variant | None:
    """The variant of this name, in any case."""

    def folded(name: str) -> str:
        return name.replace("_", "").replace("-", "").lower()

    exact = [variant for variant in variants if name in (variant.name, variant.json_name)]
    alike = exact or [variant for variant in variants if folded(variant.name) == folded(name)]
    return alike[0] if len(alike) == 1 else None
