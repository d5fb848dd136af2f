"""A runtime's metadata made up of types that the default runtime has none of, encoded by the library itself."""

from __future__ import annotations

from typing import Any

from scalecodec.base import RuntimeConfigurationObject
from scalecodec.type_registry import load_type_registry_preset


class Registry:
    """Types by number, each added once."""

    def __init__(self) -> None:
        self.types: list[dict[str, Any]] = []

    def add(self, definition: dict[str, Any], path: str = "", **params: int) -> int:
        entry = {
            "path": path.split("::") if path else [],
            "params": [{"name": name, "type": type} for name, type in params.items()],
            "def": definition,
            "docs": [],
        }
        if entry not in self.types:
            self.types.append(entry)
        return self.types.index(entry)

    def reserve(self) -> int:
        """A number for a type that contains itself."""
        self.types.append({})
        return len(self.types) - 1

    def primitive(self, name: str) -> int:
        return self.add({"primitive": name})

    def vec(self, item: int) -> int:
        return self.add({"sequence": {"type": item}})

    def tuple(self, *items: int) -> int:
        return self.add({"tuple": list(items)})

    def array(self, item: int, length: int) -> int:
        return self.add({"array": {"len": length, "type": item}})

    def struct(self, path: str, **fields: int) -> int:
        return self.add({"composite": {"fields": [_field(type, name) for name, type in fields.items()]}}, path)

    def newtype(self, path: str, *fields: int, **params: int) -> int:
        return self.add({"composite": {"fields": [_field(type) for type in fields]}}, path, **params)

    def enum(self, path: str, *variants: tuple[str, int, list[int] | dict[str, int]], **params: int) -> int:
        """Of each variant its name, its index and its fields."""
        written = [
            {
                "name": name,
                "fields": [_field(type) for type in fields]
                if isinstance(fields, list)
                else [_field(type, field) for field, type in fields.items()],
                "index": index,
                "docs": [],
            }
            for name, index, fields in variants
        ]
        return self.add({"variant": {"variants": written}}, path, **params)

    def option(self, inner: int) -> int:
        return self.enum("Option", ("None", 0, []), ("Some", 1, [inner]), T=inner)

    def map(self, key: int, value: int) -> int:
        return self.newtype("BTreeMap", self.vec(self.tuple(key, value)), K=key, V=value)


def metadata(registry: Registry, spec_version: int = 7, **types: int) -> bytes:
    """The metadata of a runtime with one function for each type, which gives back what it is given."""
    unit = registry.tuple()
    version = registry.struct("made_up::Version", spec_name=registry.primitive("str"), spec_version=registry.primitive("u32"))
    methods = [
        {"name": name, "inputs": [{"name": "value", "ty": type}], "output": type, "docs": []} for name, type in types.items()
    ]
    library = RuntimeConfigurationObject(implements_scale_info=True)
    library.update_type_registry(load_type_registry_preset("core") or {})
    value = bytes(library.create_scale_object("(Text, u32)").encode((b"made", spec_version)).data)
    constant = {"name": "Version", "type": version, "value": f"0x{value.hex()}", "documentation": []}
    none: dict[str, None] = {"storage": None, "calls": None, "event": None, "error": None}
    body = {
        "types": {"types": [{"id": id, "type": type} for id, type in enumerate(registry.types)]},
        "pallets": [{"name": "System", **none, "constants": [constant], "index": 0, "docs": []}],
        "extrinsic": {
            "version": 4,
            **{f"{part}_ty": unit for part in ("address", "call", "signature", "extra")},
            "signed_extensions": [],
        },
        "runtime_type": unit,
        "apis": [{"name": "EchoApi", "methods": methods, "docs": []}],
        "outer_enums": {f"{kind}_enum_ty": unit for kind in ("call", "event", "error")},
        "custom": {"map": []},
    }
    encoded = library.create_scale_object("MetadataVersioned").encode(["0x6d657461", {"V15": body}])
    return bytes(encoded.data)


def _field(type: int, name: str | None = None) -> dict[str, Any]:
    return {"name": name, "type": type, "typeName": None, "docs": []}
