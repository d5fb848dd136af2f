"""What a call came to: a value, or the runtime's own error under the name that the runtime gave it.

Where a call is SCALE the node passes on the answer as it is, and so an error as an answer; here it becomes what the node
makes of it where a call is JSON.
"""

from __future__ import annotations

import json
from typing import Any

from .._errors import RealmError
from .decode import of_content, of_scale
from .names import snake
from .shapes import Enum, Type, Types


def failure(types: Types, error: Type, value: Any) -> RealmError:
    """The error out of the decoded content of an ``Err``."""
    entry = types.peeled(error)
    if not isinstance(entry.shape, Enum):
        return _error(entry.name, entry.docs, of_scale(types, error, value))
    name, content = (value, None) if isinstance(value, str) else next(iter(value.items()))
    variant = next(each for each in entry.shape.variants if each.name == name)
    data = of_content(variant.content, content, lambda inner, each: of_scale(types, types[inner], each))
    return _error(name, variant.docs, data)


def _error(name: str, docs: str, data: Any) -> RealmError:
    fields = data if isinstance(data, dict) else {} if data is None else {"value": data}
    # What is the error's message already is not told twice.
    shown = {field: value for field, value in fields.items() if field != "message"}
    return RealmError(snake(name).upper(), _message(name, docs, data), shown)


def _message(name: str, docs: str, data: Any) -> str:
    """What it says for itself: its texts ``field`` and ``message``, its only text, or else its docs and its fields."""
    fields = data if isinstance(data, dict) else {}
    field, message = fields.get("field"), fields.get("message", data)
    if isinstance(message, str):
        return f"{field}: {message}" if isinstance(field, str) else message
    about = " ".join(docs.split("\n")).strip().removesuffix(".") or name
    if data is None or data == {}:
        return about
    shown = ", ".join(f"{name} {_json(value)}" for name, value in fields.items()) if fields else _json(data)
    return f"{about} ({shown})"


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
