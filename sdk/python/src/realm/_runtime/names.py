"""Names of types for people: ``Option<u32>``, ``Vec<ChatMessage>``, ``[u8; 32]``.

A name is made of the last part of a type's path and its parameters. Where two types would share one, both get their
whole path. The node's ``system_metadata`` names types in the same way.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

NAME_CHARS_MAX = 200
"""Of a type's name; a longer one ends in ``..``."""
NESTING_MAX = 8
"""Parameters inside parameters; deeper ones are ``..``."""


def names(registry: list[dict[str, Any]]) -> list[str]:
    """A name for every type of a registry."""
    short = [_cut(_name(registry, id, NESTING_MAX)) for id in range(len(registry))]
    holders = Counter(name for name, type in zip(short, registry) if type["path"])
    return [
        _cut(_name(registry, id, NESTING_MAX, whole_path=True)) if type["path"] and holders[name] > 1 else name
        for id, (name, type) in enumerate(zip(short, registry))
    ]


def _name(registry: list[dict[str, Any]], id: int, nesting_left: int, *, whole_path: bool = False) -> str:
    if nesting_left == 0:
        return ".."
    type = registry[id]

    def parts(ids: list[int]) -> str:
        text = ""
        for part in ids:
            text += ", " * bool(text) + _name(registry, part, nesting_left - 1)
            if len(text) > NAME_CHARS_MAX:
                # Parameters can nest so that whole names would never end.
                break
        return text

    if type["path"]:
        head = "::".join(type["path"]) if whole_path else type["path"][-1]
        parameters = [parameter["type"] for parameter in type["params"] if parameter["type"] is not None]
        return f"{head}<{parts(parameters)}>" if parameters else str(head)
    ((kind, definition),) = type["def"].items()
    match kind:
        case "primitive":
            return "String" if definition == "str" else str(definition)
        case "sequence":
            return f"Vec<{parts([definition['type']])}>"
        case "array":
            return f"[{parts([definition['type']])}; {definition['len']}]"
        case "compact":
            return f"Compact<{parts([definition['type']])}>"
        case "tuple":
            return f"({parts(definition)})"
        case "composite":
            return "struct"
        case "variant":
            return "enum"
        case _:
            return "BitVec"


def _cut(name: str) -> str:
    return name if len(name) <= NAME_CHARS_MAX else name[:NAME_CHARS_MAX] + ".."


def snake(name: str) -> str:
    """``ContextOverflow`` as ``context_overflow``; ``HTTPError`` as ``http_error``; ``Q8_0`` as ``q8_0``."""
    text = ""
    for index, char in enumerate(name):
        before, after = name[index - 1 : index], name[index + 1 : index + 2]
        if char.isupper() and (before.islower() or before.isdigit() or (before.isupper() and after.islower())):
            text += "_"
        text += char.lower()
    return text
