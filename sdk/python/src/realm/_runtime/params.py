"""The parameters of a call: by name, by position, or none; with ``options`` given whole or flat.

``{"prompt": "Hi", "max_tokens": 5}`` means ``{"prompt": "Hi", "options": {"max_tokens": 5}}`` for a function with a
parameter ``options`` that is a struct with such a field. A parameter's own name goes before a field's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .encode import Encoder
from .functions import Function
from .problems import invalid, unknown_field, wrong
from .shapes import Field, Newtype, Option, Struct, Type, Types

FLAT_PARAMETER = "options"
"""The parameter whose fields may stand beside the others."""


def values(types: Types, function: Function, params: Any) -> list[Any]:
    """For each parameter what :mod:`.scale` encodes. Raises RealmError INVALID_PARAMS."""
    match params:
        case None:
            return _by_name(types, function, {})
        case Mapping():
            return _by_name(types, function, params)
        case list() | tuple():
            return _by_position(types, function, params)
        case _:
            raise wrong("params", "object or array", params)


def flat_fields(types: Types, function: Function) -> tuple[Field, ...]:
    """The fields that may stand beside the parameters."""
    options = next((each.type for each in function.params if each.name == FLAT_PARAMETER), None)
    return () if options is None else _struct(types, options).fields


def _by_position(types: Types, function: Function, given: Sequence[Any]) -> list[Any]:
    taken = len(function.params)
    if len(given) > taken:
        raise invalid("params", f"{len(given)} given by position, and the function takes {taken}")
    encoder = Encoder(types)
    made = [encoder.field(each.name, each.type.id, value) for each, value in zip(function.params, given)]
    return made + [encoder.absent_field(each.name, each.type.id) for each in function.params[len(given) :]]


def _by_name(types: Types, function: Function, given: Mapping[str, Any]) -> list[Any]:
    own = [each.name for each in function.params]
    beside = [field.name for field in flat_fields(types, function) if field.name not in own]
    for name in given:
        if name not in own and name not in beside:
            raise unknown_field(str(name), str(name), [*own, *beside])
    flat = {name: value for name, value in given.items() if name not in own}

    encoder = Encoder(types)
    made = []
    for each in function.params:
        if each.name == FLAT_PARAMETER and flat and isinstance(given.get(each.name), (Mapping, type(None))):
            made.append(_merged(encoder, each.type, given.get(each.name) or {}, flat))
        elif each.name in given:
            made.append(encoder.field(each.name, each.type.id, given[each.name]))
        else:
            made.append(encoder.absent_field(each.name, each.type.id))
    return made


def _merged(encoder: Encoder, options: Type, own: Mapping[str, Any], flat: Mapping[str, Any]) -> Any:
    """``options`` out of an object of its own and of what stands beside the parameters."""
    fields = _struct(encoder.types, options).fields
    with encoder.at(f".{FLAT_PARAMETER}"):
        encoder.refuse_unknown(own, [field.name for field in fields])
    for name in flat:
        if name in own:
            raise invalid(name, "given twice, in `options` and beside it")
    made = {}
    for field in fields:
        if field.name in flat:
            made[field.name] = encoder.field(field.name, field.type, flat[field.name])
        else:
            with encoder.at(f".{FLAT_PARAMETER}"):
                made |= encoder.members((field,), {field.name: own[field.name]} if field.name in own else {})
    return _wrapped(encoder.types, options, made)


def _struct(types: Types, options: Type) -> Struct:
    """The struct that ``options`` is, or holds if it is optional; one without fields if it is none."""
    inner = types.peeled(options)
    if isinstance(inner.shape, Option):
        inner = types.peeled(types[inner.shape.inner])
    return inner.shape if isinstance(inner.shape, Struct) else Struct(())


def _wrapped(types: Types, options: Type, made: dict[str, Any]) -> Any:
    """The struct inside the newtypes and the option that are around it."""
    match options.shape:
        case Option(inner):
            return {"Some": _wrapped(types, types[inner], made)}
        case Newtype(inner):
            return (_wrapped(types, types[inner], made),)
        case _:
            return made
