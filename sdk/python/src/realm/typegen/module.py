"""The whole module: header, types, and the two clients with what each function takes and gives."""

from __future__ import annotations

from .._runtime import Function, Runtime
from .._runtime.names import snake
from .._runtime.shapes import Enum
from .definitions import definition, params, params_name
from .expressions import Expressions
from .text import docstring

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

KEYWORDS = (
    "*, timeout: float | None = None, request_id: str | None = None, runtime: str | None = None, "
    "encoding: _realm.Encoding | None = None"
)
"""What ``call`` and ``stream`` take beside a function's parameters."""


def module(runtime: Runtime, *, stub: bool) -> str:
    """The text of a module, or of a stub for one, that knows this runtime."""
    known = Expressions(runtime.types)
    header = HEADER.format(spec_name=runtime.spec_name, spec_version=runtime.spec_version, metadata_hash=runtime.metadata_hash)
    used = [
        type
        for function in runtime.functions
        for type in (*(each.type for each in function.params), function.result, function.error, function.item)
        if type is not None
    ]
    defined = [type for type in runtime.types.reachable(used) if known.is_defined(type)]
    # Types get their names before anything made up does.
    for type in defined:
        known.identifier(type.name)
    parts = [header]
    parts.extend(definition(known, type) for type in defined)
    parts.extend(params(known, function) for function in runtime.functions)
    parts.append(STREAMS)
    parts.append(_client(runtime, known, "RealmClient", "Stream", "def", stub))
    parts.append(_client(runtime, known, "AsyncRealmClient", "AsyncStream", "async def", stub))
    return "\n".join(parts)


def _client(runtime: Runtime, known: Expressions, name: str, stream: str, define: str, stub: bool) -> str:
    def result(function: Function) -> str:
        return "_realm.Vector" if runtime.is_vector(function.result) else known.of(function.result.id)

    def streamed(function: Function) -> str:
        item = "Never" if function.item is None else known.of(function.item.id)
        return f"{stream}[{item}, {result(function)}]"

    functions = runtime.functions
    lines = [f"\n\nclass {name}(_realm.{name}):", f'    """``realm.{name}`` that knows the runtime\'s functions."""']
    lines += _method("call", define, [(function, result(function)) for function in functions], KEYWORDS, stub)
    more = f"{KEYWORDS}, resumable: bool | None = None"
    lines += _method("stream", "def", [(function, streamed(function)) for function in functions], more, stub)
    return "\n".join(lines) + "\n"


def _method(method: str, define: str, cases: list[tuple[Function, str]], keywords: str, stub: bool) -> list[str]:
    """A method as one overload for each function."""
    lines = []
    for index, (function, returns) in enumerate(cases):
        optional = all(each.optional for each in function.params)
        params = f"params: {params_name(function)}{' | None = None' if optional else ''}"
        # It takes less than what it overrides, on purpose.
        ignore = "  # type: ignore[override]" if index == 0 else ""
        only = "" if len(cases) == 1 else "\n    @overload" + ignore
        lines.append(
            f"{only}\n    {define} {method}(self, function: Literal[{function.name!r}], {params}, {keywords}) -> {returns}:"
            + (ignore if len(cases) == 1 else "")
            + f"\n        {docstring(_described(function), '        ')}\n        ..."
        )
    if not stub:
        call = f"super().{method}(function, params, **more)"
        body = f"return await {call}" if define.startswith("async") else f"return {call}"
        lines.append(f"\n    {define} {method}(self, function: Any, params: Any = None, **more: Any) -> Any:\n        {body}")
    return lines


def _described(function: Function) -> str:
    """What a function does, and the codes of the errors that it may answer with."""
    docs = function.docs or function.name
    if function.error is None or not isinstance(function.error.shape, Enum):
        return docs
    codes = ", ".join(snake(variant.name).upper() for variant in function.error.shape.variants)
    return f"{docs}\n\nRaises RealmError; the runtime's own codes are {codes}."
