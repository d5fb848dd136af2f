"""From the registry of metadata to :class:`Types`: every reference checked, every shape decided."""

from __future__ import annotations

from typing import Any

from .names import names, snake
from .shapes import (
    Bool,
    Bytes,
    Char,
    Enum,
    Field,
    Float,
    Integer,
    List,
    Map,
    Newtype,
    Option,
    Scaled,
    Shape,
    Struct,
    Text,
    Tuple,
    Type,
    Types,
    Unit,
    Unsupported,
    Variant,
    peeled,
    references,
)

PRIMITIVES: dict[str, Shape] = {
    "bool": Bool(),
    "char": Char(),
    "str": Text(),
    **{f"u{bits}": Integer(bits) for bits in (8, 16, 32, 64, 128)},
    **{f"i{bits}": Integer(bits, signed=True) for bits in (8, 16, 32, 64, 128)},
}
SPECIAL: dict[tuple[str, str], Shape] = {
    ("F32", "u32"): Float(),
    ("Milli", "u32"): Scaled(3, Integer(32)),
    ("SignedMilli", "i32"): Scaled(3, Integer(32, signed=True)),
    ("NanoUsd", "u64"): Scaled(9, Integer(64)),
}
"""Numbers that SCALE lacks: newtypes known by their own name and what they hold, together."""

Registry = list[dict[str, Any]]


def types(registry: Registry) -> Types:
    """The types of a registry, which is as the metadata holds it: for each type its path, parameters,
    definition and docs, in the order of their numbers.

    Raises ValueError if a type refers to one that is not there.
    """
    shapes = [_shape(registry, type) for type in registry]
    for id, shape in enumerate(shapes):
        for reference in references(shape):
            if not 0 <= reference < len(shapes):
                raise ValueError(f"type {id} of the metadata refers to type {reference}, which it does not have")
    optional = _optional(shapes)
    return Types(
        tuple(
            Type(
                id,
                name,
                "::".join(registry[id]["path"]),
                "\n".join(registry[id]["docs"]).strip(),
                shape,
                optional[id],
                isinstance(shapes[peeled(shapes, id)], (Unit, Option)),
            )
            for id, (name, shape) in enumerate(zip(names(registry), shapes))
        )
    )


def _shape(registry: Registry, type: dict[str, Any]) -> Shape:
    ((kind, definition),) = type["def"].items()
    match kind:
        case "primitive":
            return PRIMITIVES.get(definition, Unsupported())
        case "sequence":
            return Bytes() if _is_byte(registry, definition["type"]) else List(definition["type"])
        case "array":
            item, length = definition["type"], definition["len"]
            return Bytes(length) if _is_byte(registry, item) else List(item, length)
        case "tuple":
            return Tuple(tuple(definition)) if definition else Unit()
        case "compact":
            return _compact(registry, definition["type"])
        case "composite":
            shape = _fields(definition.get("fields") or [])
            return _special(registry, type["path"], shape) if isinstance(shape, Newtype) else shape
        case "variant":
            return _enum(type["path"], definition.get("variants") or [])
        case _:
            return Unsupported()


def _fields(fields: list[dict[str, Any]]) -> Unit | Newtype | Tuple | Struct:
    if not fields:
        return Unit()
    if all(field["name"] is not None for field in fields):
        return Struct(tuple(Field(field["name"], field["type"], _docs(field)) for field in fields))
    if len(fields) == 1:
        return Newtype(fields[0]["type"])
    return Tuple(tuple(field["type"] for field in fields))


def _special(registry: Registry, path: list[str], newtype: Newtype) -> Shape:
    name, inner = path[-1] if path else "", _definition(registry, newtype.inner)
    if name == "BTreeMap" and "sequence" in inner:
        pair = _definition(registry, inner["sequence"]["type"]).get("tuple", ())
        return Map(*pair) if len(pair) == 2 else newtype
    return SPECIAL.get((name, inner.get("primitive", "")), newtype)


def _enum(path: list[str], variants: list[dict[str, Any]]) -> Shape:
    contents = [_fields(variant["fields"]) for variant in variants]
    if path == ["Option"] and [variant["name"] for variant in variants] == ["None", "Some"]:
        match contents:
            case [Unit(), Newtype(inner=inner)]:
                return Option(inner)
    written = [snake(variant["name"]) for variant in variants]
    if len(set(written)) < len(written):
        written = [variant["name"] for variant in variants]
    return Enum(
        tuple(
            Variant(variant["name"], json_name, content, _docs(variant))
            for variant, json_name, content in zip(variants, written, contents)
        )
    )


def _compact(registry: Registry, inner: int) -> Shape:
    """``Compact`` is defined for unsigned integers, for unit and for newtypes of them."""
    for _ in range(len(registry)):
        definition = _definition(registry, inner)
        if definition.get("tuple") == []:
            return Unit()
        if "primitive" in definition:
            shape = PRIMITIVES.get(definition["primitive"])
            return shape if isinstance(shape, Integer) and not shape.signed else Unsupported()
        fields = definition.get("composite", {}).get("fields") or []
        if len(fields) != 1:
            break
        inner = fields[0]["type"]
    return Unsupported()


def _is_byte(registry: Registry, id: int) -> bool:
    return _definition(registry, id).get("primitive") == "u8"


def _definition(registry: Registry, id: int) -> dict[str, Any]:
    if not 0 <= id < len(registry):
        raise ValueError(f"the metadata refers to type {id}, which it does not have")
    definition: dict[str, Any] = registry[id]["def"]
    return definition


def _docs(described: dict[str, Any]) -> str:
    return "\n".join(described["docs"]).strip()


def _optional(shapes: list[Shape]) -> list[bool]:
    """What may be left out: the least such set, so that a struct which contains itself is not in it."""
    optional = [isinstance(shape, (Unit, Option)) for shape in shapes]
    changed = True
    while changed:
        changed = False
        for id, shape in enumerate(shapes):
            if not optional[id] and isinstance(shape, (Newtype, Struct)) and all(optional[inner] for inner in references(shape)):
                optional[id] = changed = True
    return optional
