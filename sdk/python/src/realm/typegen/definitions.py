"""Definitions of a runtime's types and of its functions' parameters."""

from __future__ import annotations

from .._runtime import Function, Type
from .._runtime.params import flat_fields
from .._runtime.shapes import Enum, Field, Newtype, Struct, Tuple, Unit, Variant
from .expressions import Expressions
from .text import alias, quoted, typed_dict


def definition(known: Expressions, type: Type) -> str:
    """The definition of a type: a TypedDict, a union of variants, or an alias."""
    identifier = known.identifier(type.name)
    match type.shape:
        case Struct(fields):
            return typed_dict(identifier, type.docs, [_field(known, field) for field in fields])
        case Enum(variants):
            cases = [_case(known, identifier, variant) for variant in variants]
            union = f"Union[{', '.join(case for case, _ in cases) or 'Never'}]"
            return "".join(text for _, text in cases) + alias(identifier, union, type.docs)
        case _:
            return alias(identifier, known.inside(type), type.docs)


def params_name(function: Function) -> str:
    return "".join(word.capitalize() for word in function.name.split("_")) + "Params"


def params(known: Expressions, function: Function) -> str:
    """The definition of a function's parameters, those that may be given flat among them."""
    own = {each.name for each in function.params}
    fields = [(each.name, known.of(each.type.id), each.optional, "") for each in function.params]
    fields += [_field(known, field) for field in flat_fields(known.types, function) if field.name not in own]
    return typed_dict(params_name(function), f"Parameters of ``{function.name}``.", fields)


def _case(known: Expressions, owner: str, variant: Variant) -> tuple[str, str]:
    """A variant's annotation, and what has to be defined for it."""
    name, text = variant.json_name, ""
    match variant.content:
        case Unit():
            return f"Literal[{name!r}]", ""
        case Newtype(inner):
            content = known.of(inner)
        case Tuple(items):
            content = known.list_of(items)
        case Struct(fields):
            content = f"{owner}_{known.identifier(name)}"
            text = typed_dict(content, variant.docs, [_field(known, field) for field in fields])
    holder = f"{owner}_{known.identifier(name)}_"
    return holder, text + f"\n{holder} = TypedDict({holder!r}, {{{name!r}: {quoted(content)}}})\n"


def _field(known: Expressions, field: Field) -> tuple[str, str, bool, str]:
    return field.name, known.of(field.type), known.types[field.type].optional, field.docs
