"""An item of a stream: the dict that the node sent, whose fields are attributes too."""

from __future__ import annotations

from typing import Any

TEXT, TOKEN = "text", "token"


class Item(dict[str, Any]):
    """An item of a stream. ``item.token`` is ``item["token"]``, and ``item.text`` is the same text where the item has
    a ``token`` and no ``text`` of its own. A field that is called like a method of ``dict`` is read as ``item["keys"]``.
    """

    __slots__ = ()

    def __getattr__(self, name: str) -> Any:
        if name in self:
            return self[name]
        if name == TEXT and isinstance(self.get(TOKEN), str):
            return self[TOKEN]
        fields = ", ".join(self) or "no fields"
        raise AttributeError(f"the item has no field `{name}`; it has {fields}")


def item(value: Any) -> Any:
    """The item as readers get it: an :class:`Item` if it has fields."""
    return Item(value) if isinstance(value, dict) else value
