"""What a runtime's types are: for each an entry with its name, its docs and its shape.

Types refer to one another by number, as in the metadata, so that a type may contain itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias, Union


@dataclass(frozen=True)
class Unit:
    """``()``, and structs without fields."""


@dataclass(frozen=True)
class Bool:
    """``bool``."""


@dataclass(frozen=True)
class Char:
    """One character."""


@dataclass(frozen=True)
class Text:
    """``String``."""


@dataclass(frozen=True)
class Integer:
    """``u8`` to ``i128``, and ``Compact`` of the unsigned ones."""

    bits: int
    signed: bool = False

    @property
    def least(self) -> int:
        return -(1 << (self.bits - 1)) if self.signed else 0

    @property
    def most(self) -> int:
        return (1 << (self.bits - 1 if self.signed else self.bits)) - 1


@dataclass(frozen=True)
class Float:
    """``F32``: a struct that holds a float's 32 bits as an integer."""


@dataclass(frozen=True)
class Scaled:
    """``Milli``, ``SignedMilli``, ``NanoUsd``: a decimal, held as an integer of 10^-``digits``."""

    digits: int
    integer: Integer


@dataclass(frozen=True)
class Bytes:
    """``Vec<u8>``, or ``[u8; length]`` where there is a length."""

    length: int | None = None


@dataclass(frozen=True)
class List:
    """``Vec<T>``, or ``[T; length]`` where there is a length."""

    item: int
    length: int | None = None


@dataclass(frozen=True)
class Tuple:
    """Tuples, and structs with two or more unnamed fields."""

    items: tuple[int, ...]


@dataclass(frozen=True)
class Newtype:
    """A struct with one unnamed field: looks like that field."""

    inner: int


@dataclass(frozen=True)
class Field:
    """A named field of a struct."""

    name: str
    type: int
    docs: str


@dataclass(frozen=True)
class Struct:
    """A struct with named fields."""

    fields: tuple[Field, ...]


@dataclass(frozen=True)
class Option:
    """``Option<T>``."""

    inner: int


@dataclass(frozen=True)
class Variant:
    """A variant of an enum. ``name`` is as declared, ``json_name`` as it is written: ``context_overflow``."""

    name: str
    json_name: str
    content: Unit | Newtype | Tuple | Struct
    docs: str


@dataclass(frozen=True)
class Enum:
    """Any enum but ``Option``."""

    variants: tuple[Variant, ...]


@dataclass(frozen=True)
class Map:
    """``BTreeMap``."""

    key: int
    value: int


@dataclass(frozen=True)
class Unsupported:
    """What has no form in Python: bit sequences, integers of 256 bits."""


Shape: TypeAlias = Union[
    Unit, Bool, Char, Text, Integer, Float, Scaled, Bytes, List, Tuple, Newtype, Struct, Option, Enum, Map, Unsupported
]


@dataclass(frozen=True)
class Type:
    """A type of a runtime."""

    id: int
    """Its number in the metadata."""
    name: str
    """``GenerateOptions``, ``Option<u32>``, ``Vec<String>``; unique among types with a path."""
    path: str
    """Where it is defined; empty for built-in types."""
    docs: str
    shape: Shape
    optional: bool
    """It may be left out: ``Option``, unit, and structs of nothing but such fields."""
    nullable: bool
    """A value that is there may be None, so that an ``Option`` of it is written ``{"some": ..}``."""

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True, repr=False)
class Types:
    """All types of a runtime, by their numbers."""

    all: tuple[Type, ...]

    def __getitem__(self, id: int) -> Type:
        return self.all[id]

    def __len__(self) -> int:
        return len(self.all)

    def peeled(self, type: Type) -> Type:
        """The type inside of newtypes; a circle of newtypes, which has no values, stays one."""
        return self.all[peeled([each.shape for each in self.all], type.id)]

    def reachable(self, roots: Sequence[Type]) -> Iterator[Type]:
        """Every type that values of ``roots`` are made of, each once, in the order of its first use."""
        seen: set[int] = set()
        waiting = [root.id for root in reversed(roots)]
        while waiting:
            id = waiting.pop()
            if id not in seen:
                seen.add(id)
                yield self.all[id]
                waiting.extend(reversed(references(self.all[id].shape)))


def peeled(shapes: Sequence[Shape], id: int) -> int:
    """The number of the type inside of newtypes."""
    for _ in range(len(shapes)):
        shape = shapes[id]
        if not isinstance(shape, Newtype):
            break
        id = shape.inner
    return id


def references(shape: Shape) -> list[int]:
    """The types that a shape is directly made of."""
    match shape:
        case List(item=inner) | Newtype(inner=inner) | Option(inner=inner):
            return [inner]
        case Tuple(items=items):
            return list(items)
        case Struct(fields=fields):
            return [field.type for field in fields]
        case Enum(variants=variants):
            return [inner for variant in variants for inner in references(variant.content)]
        case Map(key=key, value=value):
            return [key, value]
        case _:
            return []
