"""What values of a runtime's types are in Python, as annotations."""

from __future__ import annotations

import keyword

from .._runtime import Type, Types
from .._runtime.shapes import (
    Bool,
    Bytes,
    Char,
    Enum,
    Float,
    Integer,
    List,
    Map,
    Newtype,
    Option,
    Scaled,
    Struct,
    Text,
    Tuple,
    Unit,
)

RESERVED = {
    "Any", "AsyncIterator", "AsyncRealmClient", "AsyncStream", "Iterator", "Literal", "Never", "NotRequired", "Protocol",
    "RealmClient", "Stream", "TypeAlias", "TypeVar", "TypedDict", "Union", "overload", "sys",
}  # fmt: skip
"""Names that the module needs itself."""


class Expressions:
    """Gives types their names in one module."""

    def __init__(self, types: Types) -> None:
        self.types = types
        self._given: dict[str, str] = {}

    def identifier(self, name: str) -> str:
        """A name as Python may have it; different names stay different."""
        if name not in self._given:
            plain = "".join(char if char.isalnum() else "_" for char in name).strip("_") or "Type"
            if keyword.iskeyword(plain) or plain[0].isdigit() or plain in RESERVED:
                plain += "_"
            while plain in self._given.values():
                plain += "_"
            self._given[name] = plain
        return self._given[name]

    def is_defined(self, type: Type) -> bool:
        """Whether it has a definition of its own; all others are written where they stand."""
        return isinstance(type.shape, (Struct, Enum)) or ("::" in type.path and not isinstance(type.shape, (Option, Map)))

    def of(self, id: int) -> str:
        """The annotation for a type."""
        type = self.types[id]
        return self.identifier(type.name) if self.is_defined(type) else self.inside(type)

    def inside(self, type: Type) -> str:
        """What a type without a definition is, or what its definition says that it is."""
        match type.shape:
            case Unit():
                return "None"
            case Bool():
                return "bool"
            case Char() | Text() | Bytes():
                return "str"
            case Integer():
                return "int"
            case Float() | Scaled():
                return "float"
            case List(item):
                return f"list[{self.of(item)}]"
            case Tuple(items):
                return self.list_of(items)
            case Newtype(inner):
                # A circle of newtypes has no values.
                return "Never" if isinstance(self.types.peeled(type).shape, Newtype) else self.of(inner)
            case Option(inner):
                held = self.of(inner)
                return f"dict[str, {held}] | None" if self.types[inner].nullable else f"{held} | None"
            case Map(key, value):
                is_object = isinstance(self.types.peeled(self.types[key]).shape, Text)
                return f"dict[str, {self.of(value)}]" if is_object else f"list[{self.list_of((key, value))}]"
            case _:
                # What this client cannot write; and structs and enums, which have definitions.
                return "Any"

    def list_of(self, items: tuple[int, ...]) -> str:
        """A list of items of different types."""
        return f"list[{' | '.join(dict.fromkeys(self.of(item) for item in items))}]"
