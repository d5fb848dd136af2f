"""A runtime, as its metadata tells it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any, TypeVar

from .. import _arrays
from .._errors import RealmError
from . import decode, params
from .functions import FULL_NAME_ONLY, Function, functions, resolve, twin
from .load import types
from .outcome import failure
from .scale import Codec
from .shapes import Float, List, Type, Types

T = TypeVar("T")


def metadata_hash(encoded: bytes) -> str:
    """What the node calls metadata by, in ``options.runtime`` among others."""
    return f"0x{hashlib.blake2b(encoded, digest_size=32).hexdigest()}"


class Runtime:
    """The functions and types of a runtime, and the SCALE encoding of their values."""

    metadata_hash: str
    spec_name: str
    spec_version: int
    functions: tuple[Function, ...]
    """What can be called by name."""
    types: Types

    def __init__(self, encoded: bytes) -> None:
        """``encoded`` is the metadata with its prefix. Raises RealmError PROTOCOL if it cannot be read."""
        _understood("the runtime's metadata", lambda: self._read(encoded))

    def _read(self, encoded: bytes) -> None:
        self.metadata_hash = metadata_hash(encoded)
        self._codec = Codec(encoded)
        self.types = types(self._codec.registry)
        self._all = functions(self._codec.apis, self._codec.custom, self.types)
        self.functions = tuple(each for each in self._all if each.api not in FULL_NAME_ONLY)
        version = self._codec.decode(*self._codec.version)
        self.spec_name, self.spec_version = version["spec_name"], version["spec_version"]

    def __repr__(self) -> str:
        return f"<Runtime {self.spec_name} version {self.spec_version}, metadata {self.metadata_hash}>"

    def function(self, name: str) -> Function:
        """The function of this name, bare or full. Raises RealmError UNKNOWN_FUNCTION."""
        return resolve(self._all, name)

    def streaming(self, function: Function) -> Function:
        """The function itself if it streams or has no streaming twin, else its twin: ``stream_generate`` of ``generate``."""
        return twin(self._all, function)

    def is_vector(self, type: Type) -> bool:
        """Whether its values are vectors of floats."""
        shape = type.shape
        return isinstance(shape, List) and shape.length is None and isinstance(self.types[shape.item].shape, Float)

    def encode_params(self, function: Function, given: Any) -> str:
        """A call's parameters, as ``realm_call`` takes them. Raises RealmError INVALID_PARAMS."""
        values = params.values(self.types, function, given)
        encoded = b""
        for parameter, value in zip(function.params, values):
            try:
                encoded += self._codec.encode(parameter.type.id, value)
            except ValueError as error:
                raise RealmError("INVALID_PARAMS", f"{parameter.name}: {error}", {"field": parameter.name}) from error
        return f"0x{encoded.hex()}"

    def decode_item(self, function: Function, encoded: Any) -> Any:
        """An item that a function streamed. Raises RealmError PROTOCOL if it is none."""
        item = function.item
        if item is None:
            raise RealmError("PROTOCOL", f"{function.name} streamed an item, but its metadata declares none")
        of = f"an item of {function.name}"
        return _understood(of, lambda: decode.of_scale(self.types, item, self._codec.decode(item.id, _bytes(encoded))))

    def decode_result(self, function: Function, encoded: Any) -> Any:
        """What a function returned. Raises RealmError: the runtime's own error, or PROTOCOL."""

        def read() -> Any | RealmError:
            value, type = self._codec.decode(function.output.id, _bytes(encoded)), function.result
            if function.error is not None:
                if "Err" in value:
                    return failure(self.types, function.error, value["Err"])
                value = value["Ok"]
            arrays = _arrays.numpy() if self.is_vector(type) else None
            return decode.of_scale(self.types, type, value) if arrays is None else _arrays.of_bits(arrays, value)

        answer = _understood(f"the result of {function.name}", read)
        if isinstance(answer, RealmError):
            raise answer
        return answer

    def read_item(self, function: Function, value: Any) -> Any:
        """An item out of JSON."""
        item = function.item
        return value if item is None else _understood("an item", lambda: decode.of_json(self.types, item, value))

    def read_result(self, function: Function, value: Any) -> Any:
        """A result out of JSON."""
        read = _understood("a result", lambda: decode.of_json(self.types, function.result, value))
        return _arrays.of_floats(read) if self.is_vector(function.result) else read


def _bytes(encoded: Any) -> bytes:
    if not isinstance(encoded, str) or not encoded.startswith("0x"):
        raise ValueError("it is no SCALE in hex")
    return bytes.fromhex(encoded[2:])


def _understood(what: str, read: Callable[[], T]) -> T:
    """What was read. Raises RealmError PROTOCOL if the node gave something else than its metadata says."""
    try:
        return read()
    except (ArithmeticError, AttributeError, LookupError, RecursionError, StopIteration, TypeError, ValueError) as error:
        raise RealmError("PROTOCOL", f"{what} cannot be read: {error!r}") from error
