"""Vectors as numpy arrays, where numpy is there."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol

VECTOR_TYPE = "Vec<F32>"
"""What metadata calls a vector of floats."""


class Vector(Protocol):
    """A vector: a numpy array of 32-bit floats where numpy is there, else a list."""

    def __len__(self) -> int: ...
    def __getitem__(self, index: int, /) -> Any: ...
    def __iter__(self) -> Iterator[Any]: ...


def arrays(value: Any, returns: str | None) -> Any:
    """The result of a function, as an array if its metadata says that it is a vector."""
    if returns != VECTOR_TYPE or not isinstance(value, list):
        return value
    try:
        import numpy
    except ImportError:
        return value
    return numpy.asarray(value, dtype=numpy.float32)
