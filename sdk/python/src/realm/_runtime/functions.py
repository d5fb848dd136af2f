"""The functions of a runtime, as its metadata tells them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from .._errors import RealmError
from .problems import hint, nearest
from .shapes import Enum, Newtype, Type, Types

FULL_NAME_ONLY = frozenset({"Core", "Metadata"})
"""APIs whose functions have no bare names: they are the node's business."""
STREAMING_TWIN = "stream_"
"""Before a function's name, it names the function that streams what that one only returns."""
STREAM_KEY = "stream:"
"""Before a function's full name, it names in the metadata the type of the items that the function streams."""


@dataclass(frozen=True)
class Parameter:
    """A parameter of a function."""

    name: str
    type: Type
    optional: bool
    """It may be left out."""


@dataclass(frozen=True)
class Function:
    """A function of a runtime."""

    name: str
    """The shortest name that it is called by: ``generate``."""
    api: str
    """``RealmApi``."""
    full_name: str
    """``RealmApi_generate``."""
    params: tuple[Parameter, ...]
    result: Type
    """What it returns when all goes well."""
    error: Type | None
    """The errors that it may return, if it may."""
    item: Type | None
    """The items that it streams before it returns, if it does."""
    docs: str
    output: Type
    """What it returns as it is encoded: a ``Result`` of ``result`` and ``error``, if there is an error."""

    @property
    def streams(self) -> bool:
        return self.item is not None


def functions(apis: list[dict[str, Any]], custom: dict[str, int], types: Types) -> tuple[Function, ...]:
    """All functions, in the order of the metadata."""
    methods = [(api["name"], method) for api in apis for method in api["methods"]]
    bare = [method["name"] for api, method in methods if api not in FULL_NAME_ONLY]
    full = {f"{api}_{method['name']}" for api, method in methods}
    made = []
    for api, method in methods:
        bare_name, full_name = method["name"], f"{api}_{method['name']}"
        goes_by_bare = api not in FULL_NAME_ONLY and bare.count(bare_name) == 1 and bare_name not in full
        output = types[method["output"]]
        result, error = _outcome(types, output)
        item = custom.get(STREAM_KEY + full_name)
        made.append(
            Function(
                bare_name if goes_by_bare else full_name,
                api,
                full_name,
                tuple(_parameter(types, given) for given in method["inputs"]),
                result,
                error,
                None if item is None else types[item],
                "\n".join(method["docs"]).strip(),
                output,
            )
        )
    return tuple(made)


def resolve(functions: Iterable[Function], name: str) -> Function:
    """The function that a full or a bare name means. Raises RealmError UNKNOWN_FUNCTION."""
    known = list(functions)
    named = [each for each in known if each.full_name == name]
    named = named or [each for each in known if f"{each.api}_{name}" == each.full_name and each.api not in FULL_NAME_ONLY]
    if len(named) == 1:
        return named[0]
    if named:
        candidates = [each.full_name for each in named]
        text = f"several functions are called `{name}`; say which: {', '.join(candidates)}"
        raise RealmError("UNKNOWN_FUNCTION", text, {"candidates": candidates})
    meant = nearest(name, [each.name for each in known] + [each.full_name for each in known])
    data = {} if meant is None else {"nearest": meant}
    raise RealmError("UNKNOWN_FUNCTION", f"the runtime has no function `{name}`{hint(meant)}", data)


def twin(functions: Iterable[Function], function: Function) -> Function:
    """The function itself if it streams, else its streaming twin: the function called ``stream_`` and its name, with the
    same parameters and the same result. The function itself if it has no twin."""

    def same(other: Function) -> bool:
        ours, theirs = ([(each.name, each.type.id) for each in one.params] for one in (function, other))
        return other.item is not None and other.output.id == function.output.id and ours == theirs

    if function.item is not None:
        return function
    name = STREAMING_TWIN + function.full_name.removeprefix(f"{function.api}_")
    return next((each for each in functions if each.full_name == f"{each.api}_{name}" and same(each)), function)


def streaming_name(functions: list[dict[str, Any]], name: str) -> str:
    """The same by the functions that ``system_metadata`` lists."""
    known = next((each for each in functions if each["name"] == name), None)
    if known is None or known["stream"] is not None:
        return name
    twins = (each for each in functions if each["name"] == STREAMING_TWIN + name and each["stream"] is not None)
    is_same = (each for each in twins if each["returns"] == known["returns"] and each["params"] == known["params"])
    return next((str(each["name"]) for each in is_same), name)


def _parameter(types: Types, given: dict[str, Any]) -> Parameter:
    type = types[given["ty"]]
    return Parameter(given["name"], type, type.optional)


def _outcome(types: Types, output: Type) -> tuple[Type, Type | None]:
    """The types of ``Ok`` and ``Err``, if it is a ``Result``."""
    if isinstance(output.shape, Enum) and output.path == "Result":
        match [(variant.name, variant.content) for variant in output.shape.variants]:
            case [("Ok", Newtype(ok)), ("Err", Newtype(error))]:
                return types[ok], types[error]
    return output, None
