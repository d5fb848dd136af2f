"""Writes a node's functions, arguments, items and results down as Python types.

    python -m realm.typegen ws://127.0.0.1:9944 -o realm_types.py

gives a module with a TypedDict for each type of the runtime, and with ``RealmClient`` and
``AsyncRealmClient`` whose ``call`` and ``stream`` know every function: a wrong name, a wrong field or a
wrong type then fails mypy. With ``-o realm_types.pyi`` the same is written as a stub.
"""

from __future__ import annotations

import argparse
import keyword
import os
import sys
from pathlib import Path
from typing import Any

from ._arrays import VECTOR_TYPE
from ._errors import RealmError
from ._names import Name, parse
from ._sync import RealmClient

INTEGERS = {f"{sign}{bits}" for sign in "ui" for bits in (8, 16, 32, 64, 128, 256)}
PLAIN = {"bool": "bool", "char": "str", "String": "str", "()": "None"}
KINDS = {
    "null": "None",
    "boolean": "bool",
    "string": "str",
    "integer": "int",
    "number": "float",
    "hex": "str",
    "none": "Never",
    "scale_only": "Any",
}
FLAT_PARAMETER = "options"
"""The parameter whose fields may stand beside the others."""

HEADER = '''"""Types of {spec_name} version {spec_version}, written by ``python -m realm.typegen``. Do not edit.

Metadata: {metadata_hash}
"""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Iterator
from typing import Any, Literal, Protocol, TypeAlias, TypedDict, TypeVar, Union, overload

import realm as _realm

if sys.version_info >= (3, 11):
    from typing import Never, NotRequired
else:
    from typing_extensions import Never, NotRequired
'''

STREAMS = '''
_Item = TypeVar("_Item", covariant=True)
_Result = TypeVar("_Result", covariant=True)


class Stream(Protocol[_Item, _Result]):
    """``realm.Stream`` of one function."""

    @property
    def id(self) -> str | None: ...
    def __iter__(self) -> Iterator[_Item]: ...
    def __next__(self) -> _Item: ...
    def result(self) -> _Result: ...
    def cancel(self) -> None: ...
    def __enter__(self) -> Stream[_Item, _Result]: ...
    def __exit__(self, kind: Any, error: Any, trace: Any) -> None: ...


class AsyncStream(Protocol[_Item, _Result]):
    """``realm.AsyncStream`` of one function."""

    @property
    def id(self) -> str | None: ...
    def __aiter__(self) -> AsyncIterator[_Item]: ...
    async def __anext__(self) -> _Item: ...
    async def result(self) -> _Result: ...
    async def cancel(self) -> None: ...
    async def __aenter__(self) -> AsyncStream[_Item, _Result]: ...
    async def __aexit__(self, kind: Any, error: Any, trace: Any) -> None: ...
'''

TIMES = "*, timeout: float | None = None, request_id: str | None = None, runtime: str | None = None"


class Writer:
    """Writes the module of one discovery document."""

    def __init__(self, document: dict[str, Any], *, stub: bool) -> None:
        self.document = document
        self.types: dict[str, Any] = document["types"]
        self.stub = stub
        self.given: dict[str, str] = {}

    def module(self) -> str:
        """The whole text."""
        functions = self.document["functions"]
        parts = [HEADER.format(**self.document)]
        for name in self.types:
            parts.append(self.definition(name))
        parts.extend(self.params(function) for function in functions)
        parts.append(STREAMS)
        parts.append(self.client("RealmClient", "Stream", "def"))
        parts.append(self.client("AsyncRealmClient", "AsyncStream", "async def"))
        return "\n".join(parts)

    # Types.

    def identifier(self, name: str) -> str:
        """A type's name as Python may have it; different names stay different."""
        if name not in self.given:
            plain = "".join(char if char.isalnum() else "_" for char in name).strip("_") or "Type"
            if keyword.iskeyword(plain) or plain[0].isdigit() or plain in RESERVED:
                plain += "_"
            while plain in self.given.values():
                plain += "_"
            self.given[name] = plain
        return self.given[name]

    def expression(self, text: str) -> str:
        """What JSON of this type is in Python."""
        return self.of(parse(text))

    def of(self, name: Name) -> str:
        if name.text in self.types:
            return self.identifier(name.text)
        if name.head in INTEGERS:
            return "int"
        if name.head in PLAIN:
            return PLAIN[name.head]
        inner = [self.of(part) for part in name.parts]
        if name.head in ("Vec", "VecDeque", "BTreeSet") and len(inner) == 1:
            return "str" if name.parts[0].text == "u8" else f"list[{inner[0]}]"
        if name.head == "[]":
            return "str" if name.parts[0].text == "u8" else f"list[{inner[0]}]"
        if name.head == "Option" and len(inner) == 1:
            return f"{inner[0]} | None"
        if name.head == "Compact" and len(inner) == 1:
            return inner[0]
        if name.head == "()":
            return f"list[{' | '.join(dict.fromkeys(inner))}]" if inner else "None"
        # A map, a type whose name was cut, or one that this version does not know: anything.
        return "Any"

    def returned(self, function: dict[str, Any]) -> str:
        """What a function returns here: vectors may be arrays."""
        returns: str = function["returns"]
        return "_realm.Vector" if returns == VECTOR_TYPE else self.expression(returns)

    def definition(self, name: str) -> str:
        described, identifier = self.types[name], self.identifier(name)
        kind, docs = described["kind"], described.get("description")
        if kind == "struct" and "fields" in described:
            return self.typed_dict(identifier, docs, [self.field(field) for field in described["fields"]])
        if kind == "enum":
            cases = [self.case(identifier, variant) for variant in described["variants"]]
            extra = "".join(text for _, text in cases)
            return extra + alias(identifier, f"Union[{', '.join(case for case, _ in cases) or 'Never'}]", docs)
        if kind in KINDS:
            return alias(identifier, KINDS[kind], docs)
        return alias(identifier, self.expression(described["as"]) if "as" in described else "Any", docs)

    def case(self, owner: str, variant: dict[str, Any]) -> tuple[str, str]:
        """A variant's type, and what has to be defined for it."""
        name = variant["name"]
        if not any(key in variant for key in ("fields", "as", "items")):
            return f"Literal[{name!r}]", ""
        if "fields" in variant:
            content = f"{owner}_{self.identifier(name)}"
            text = self.typed_dict(content, variant.get("description"), [self.field(field) for field in variant["fields"]])
        else:
            content = self.expression(variant["as"]) if "as" in variant else "list[Any]"
            text = ""
        holder = f"{owner}_{self.identifier(name)}_"
        return holder, text + f'\n{holder} = TypedDict({holder!r}, {{{name!r}: {quoted(content)}}})\n'

    def field(self, field: dict[str, Any]) -> tuple[str, str, bool, str]:
        return field["name"], self.expression(field["type"]), bool(field["optional"]), field.get("description") or ""

    def typed_dict(self, name: str, docs: str | None, fields: list[tuple[str, str, bool, str]]) -> str:
        if any(not field[0].isidentifier() or keyword.iskeyword(field[0]) for field in fields):
            inside = ", ".join(f"{field!r}: {quoted(required(ty, optional))}" for field, ty, optional, _ in fields)
            return f"\n{name} = TypedDict({name!r}, {{{inside}}})\n{comment(docs)}"
        lines = [f"\n\nclass {name}(TypedDict):", f"    {docstring(docs or name)}", ""]
        for field, ty, optional, described in fields:
            lines.append(f"    {field}: {required(ty, optional)}")
            if described:
                lines.append(f"    {docstring(described)}")
        return "\n".join(lines) + "\n"

    # Functions.

    def params_name(self, function: dict[str, Any]) -> str:
        words = "".join(word.capitalize() for word in function["name"].split("_"))
        return f"{words}Params"

    def params(self, function: dict[str, Any]) -> str:
        own = {param["name"]: param for param in function["params"]}
        fields = [(name, self.expression(param["type"]), bool(param["optional"]), "") for name, param in own.items()]
        flat = self.types.get(own.get(FLAT_PARAMETER, {}).get("type", ""), {})
        for field in flat.get("fields", []):
            if field["name"] not in own:
                fields.append(self.field(field))
        return self.typed_dict(self.params_name(function), f"Parameters of ``{function['name']}``.", fields)

    def client(self, name: str, stream: str, define: str) -> str:
        functions = self.document["functions"]
        lines = [f"\n\nclass {name}(_realm.{name}):", f'    """``realm.{name}`` that knows the runtime\'s functions."""']
        lines += self.method("call", define, [(function, self.returned(function)) for function in functions], TIMES)
        streams = [
            (function, f"{stream}[{self.expression(function['stream']) if function['stream'] else 'Never'}, {self.returned(function)}]")
            for function in functions
        ]
        lines += self.method("stream", "def", streams, f"{TIMES}, resumable: bool | None = None")
        return "\n".join(lines) + "\n"

    def method(self, method: str, define: str, cases: list[tuple[dict[str, Any], str]], keywords: str) -> list[str]:
        lines = []
        for index, (function, returns) in enumerate(cases):
            optional = all(param["optional"] for param in function["params"])
            params = f"params: {self.params_name(function)}{' | None = None' if optional else ''}"
            # It takes less than what it overrides, on purpose.
            ignore = "  # type: ignore[override]" if index == 0 else ""
            only = "" if len(cases) == 1 else "\n    @overload" + ignore
            lines.append(
                f"{only}\n    {define} {method}(self, function: Literal[{function['name']!r}], {params}, {keywords}) -> {returns}:"
                + (ignore if len(cases) == 1 else "")
                + f"\n        {docstring(function['description'] or function['name'])}\n        ..."
            )
        if not self.stub:
            call = f"super().{method}(function, params, **more)"
            body = f"return await {call}" if define.startswith("async") else f"return {call}"
            lines.append(f"\n    {define} {method}(self, function: Any, params: Any = None, **more: Any) -> Any:\n        {body}")
        return lines


RESERVED = {
    "Any", "AsyncIterator", "AsyncRealmClient", "AsyncStream", "Iterator", "Literal", "Never", "NotRequired", "Protocol",
    "RealmClient", "Stream", "TypeAlias", "TypeVar", "TypedDict", "Union", "overload", "sys",
}  # fmt: skip


def required(ty: str, optional: bool) -> str:
    return f"NotRequired[{ty}]" if optional else ty


def quoted(expression: str) -> str:
    """An expression that may name what is defined further down."""
    return repr(expression)


def alias(name: str, expression: str, docs: str | None) -> str:
    return f"\n{name}: TypeAlias = {quoted(expression)}\n{comment(docs)}"


def docstring(text: str) -> str:
    text = text.replace("\\", "\\\\").replace('"""', "'''").strip()
    return f'"""{text}"""' if not text.endswith('"') else f'"""{text} """'


def comment(text: str | None) -> str:
    return docstring(text) + "\n" if text else ""


def main(arguments: list[str] | None = None) -> int:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m realm.typegen", description="Writes a node's functions as Python types.")
    parser.add_argument("url", help="the node, for example ws://127.0.0.1:9944")
    parser.add_argument("-o", "--output", type=Path, required=True, help="the module to write: a .py or a .pyi file")
    parser.add_argument("--api-key", default=os.environ.get("REALM_API_KEY"), help="by default REALM_API_KEY")
    given = parser.parse_args(arguments)
    if given.output.suffix not in (".py", ".pyi"):
        parser.error(f"{given.output}: expected a .py or a .pyi file")
    try:
        with RealmClient(given.url, api_key=given.api_key) as client:
            document = client.metadata()
        given.output.write_text(Writer(document, stub=given.output.suffix == ".pyi").module(), encoding="utf-8")
    except (RealmError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
