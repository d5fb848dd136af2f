"""Vectors as numpy arrays, where numpy is there."""

from __future__ import annotations

from collections.abc import Iterator
from types import ModuleType
from typing import Any, Protocol


class Vector(Protocol):
    """A vector: a numpy array of 32-bit floats where numpy is there, else a list."""

    def __len__(self) -> int: ...
    def __getitem__(self, index: int, /) -> Any: ...
    def __iter__(self) -> Iterator[Any]: ...


def numpy() -> ModuleType | None:
    try:
        import numpy
    except ImportError:
        return None
    return numpy


def of_floats(values: list[float]) -> Any:
    """Floats as a vector."""
    module = numpy()
    return values if module is None else module.asarray(values, dtype=module.float32)


def of_bits(module: ModuleType, values: list[int]) -> Any:
    """32-bit floats, each given as the integer of its bits, as an array."""
    return module.asarray(values, dtype=module.uint32).view(module.float32)
