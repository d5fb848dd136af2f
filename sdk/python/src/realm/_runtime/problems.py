"""What is wrong with parameters, in the node's own words: each error names the path of the value and quotes it."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable, Mapping
from typing import Any

from .._errors import RealmError

SHOWN_CHARS_MAX = 40
"""Of a text that an error quotes."""


def invalid(path: str, problem: str, **data: Any) -> RealmError:
    return RealmError("INVALID_PARAMS", f"{path}: {problem}", {"field": path, **data})


def wrong(path: str, expected: str, value: Any) -> RealmError:
    """Another kind of value belongs here."""
    return invalid(path, f"expected {expected}, got {_quoted(value)}")


def out_of_range(path: str, bounds: str, value: Any) -> RealmError:
    """The right kind of value, outside what its type holds."""
    return invalid(path, f"must be {bounds}, got {_quoted(value)}")


def unknown_field(path: str, name: str, known: Iterable[str]) -> RealmError:
    """A field that nothing takes."""
    meant = nearest(name, known)
    return invalid(path, "nothing takes this" + hint(meant), **({} if meant is None else {"nearest": meant}))


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name that may have been meant."""
    return next(iter(difflib.get_close_matches(name, list(known), 1)), None)


def hint(meant: str | None) -> str:
    return "" if meant is None else f"; did you mean `{meant}`?"


def cut(text: str) -> str:
    return text if len(text) <= SHOWN_CHARS_MAX else text[:SHOWN_CHARS_MAX] + ".."


def _quoted(value: Any) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return f"boolean {str(value).lower()}"
        case int() | float():
            return f"number {value}"
        case str():
            return f"string {json.dumps(cut(value), ensure_ascii=False)}"
        case list() | tuple():
            return f"array of {len(value)}"
        case Mapping():
            return "object"
        case _:
            return type(value).__name__
