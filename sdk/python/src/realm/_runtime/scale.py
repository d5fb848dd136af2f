"""SCALE, all of it by the library ``cyscale`` (imported as ``scalecodec``): this is the only file that knows it.

The library is given the metadata's own registry. What it takes and gives for the shapes of :mod:`.shapes`, and so what
:mod:`.encode` makes and :mod:`.decode` reads, is

- integers and booleans as they are; a character as its number
- text as bytes to encode, because the library takes text that begins with ``0x`` for hex; as text when decoded
- bytes as ``"0x.."``
- lists and tuples as lists or tuples; a tuple of one, and so a struct with one unnamed field, as the tuple to encode
  and as its only item when decoded
- structs as dicts; unit as the empty tuple to encode
- enums, ``Option`` among them, as the variant's name or ``{name: content}``

It is imported when it is first needed: a program that speaks JSON and gets no vectors does without. Of the libraries
that read metadata of version 15, bt-decode is a tenth of its size, but encodes neither enums nor positive signed integers.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from scalecodec.base import RuntimeConfigurationObject

VERSION = 15
"""Of the metadata's format."""
PREFIX = "scale_info"
"""What the library puts before a type's number to name it."""

_one_at_a_time = threading.Lock()
"""The library keeps the configuration that it works by on classes which all configurations share."""


class Codec:
    """A runtime's metadata, decoded, and by it the encoding of all its types."""

    def __init__(self, encoded: bytes) -> None:
        """``encoded`` is the metadata with its prefix, as ``state_getMetadata`` gives it.

        Raises ValueError if it is no metadata of version 15.
        """
        with _one_at_a_time:
            try:
                registry, body, version = _read(encoded)
                types = [type["type"] for type in body["types"]["types"]]
                self._config = _configuration(registry, types)
            except Exception as error:
                # Whatever its parts raise: IndexError, KeyError, exceptions of its own.
                raise ValueError(f"it does not decode as metadata of version {VERSION}: {error!r}") from error
        self.version: tuple[int, bytes] = version
        """The type of the runtime's version, and its encoding."""
        self.registry: list[dict[str, Any]] = types
        """Of each type its path, parameters, definition and docs."""
        self.apis: list[dict[str, Any]] = body["apis"]
        self.custom: dict[str, int] = {each["key"]: each["value"]["ty"] for each in body["custom"]["map"]}
        """Types that the metadata names beside, such as those of streams' items."""

    def encode(self, type: int, value: Any) -> bytes:
        """The encoding of a value, written as said above. Raises ValueError if it is none of its type."""
        with _one_at_a_time:
            try:
                return bytes(self._config.create_scale_object(f"{PREFIX}::{type}").encode(value).data)
            except Exception as error:
                raise ValueError(f"it does not encode: {error!r}") from error

    def decode(self, type: int, encoded: bytes) -> Any:
        """The value that bytes encode. Raises ValueError if they encode none of its type, or more than one."""
        with _one_at_a_time:
            try:
                decoder = self._config.get_value_decoder(f"{PREFIX}::{type}")
                if decoder is None:
                    raise NotImplementedError("the library has no decoder for this type")
                return decoder(encoded)
            except Exception as error:
                raise ValueError(f"it does not decode: {error!r}") from error


def _read(encoded: bytes) -> tuple[Any, dict[str, Any], tuple[int, bytes]]:
    """The registry as the library wants it back, all of the metadata as plain values, and the constant ``System.Version``."""
    # Its stubs forget to export ScaleBytes.
    from scalecodec.base import RuntimeConfigurationObject, ScaleBytes  # type: ignore[attr-defined]
    from scalecodec.type_registry import load_type_registry_preset

    reader = RuntimeConfigurationObject(implements_scale_info=True)
    reader.update_type_registry(load_type_registry_preset("core") or {})
    metadata = reader.create_scale_object("MetadataVersioned", ScaleBytes(bytearray(encoded)))
    _, versioned = metadata.decode()
    registry: Any = metadata.portable_registry
    constants: Any = metadata.get_metadata_pallet("System").constants
    (version,) = (each for each in constants if each.value["name"] == "Version")
    return registry["types"].value_object, versioned[f"V{VERSION}"], (version.value["type"], version["value"].value_object)


def _configuration(registry: Any, types: list[dict[str, Any]]) -> RuntimeConfigurationObject:
    """The library's configuration for the types of a registry alone: none of Polkadot's are among them."""
    from scalecodec.base import RuntimeConfigurationObject

    config = RuntimeConfigurationObject(implements_scale_info=True)
    bytes_of: list[int] = []
    for id, (entry, type) in enumerate(zip(registry, types)):
        definition = type["def"]
        # It has no characters; they are encoded as the integers that they are.
        known = {"primitive": "u32"} if definition.get("primitive") == "char" else definition
        # It treats types of some paths in its own way, Option and BTreeMap for example; without a path the shape says all.
        entry["type"].value = {**type, "path": [], "def": known}
        if "sequence" in definition and types[definition["sequence"]["type"]]["def"].get("primitive") == "u8":
            bytes_of.append(id)
    config.update_from_scale_info_types(registry)
    # Else it would give bytes as text where they happen to be some.
    config.update_type_registry_types({f"{PREFIX}::{id}": "HexBytes" for id in bytes_of})
    return config
