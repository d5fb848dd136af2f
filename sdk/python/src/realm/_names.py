"""Names of types as metadata writes them: ``Option<Vec<ChatMessage>>``, ``[u8; 32]``, ``(u32, String)``."""

from __future__ import annotations

from dataclasses import dataclass

OPENING, CLOSING = "<[(", ">])"


@dataclass(frozen=True)
class Name:
    """A name in its parts. ``head`` is ``[]`` for arrays and ``()`` for tuples."""

    text: str
    head: str
    parts: tuple[Name, ...] = ()


def parse(text: str) -> Name:
    """The parts of a name; of one that is not understood, the name alone."""
    text = text.strip()
    if text.startswith("[") and text.endswith("]"):
        item, _, _ = text[1:-1].rpartition(";")
        return Name(text, "[]", (parse(item),))
    if text.startswith("(") and text.endswith(")"):
        return Name(text, "()", tuple(parse(part) for part in split(text[1:-1])))
    if text.endswith(">") and "<" in text:
        head, _, inside = text[:-1].partition("<")
        return Name(text, head, tuple(parse(part) for part in split(inside)))
    return Name(text, text)


def split(text: str) -> list[str]:
    """The parts between the outermost commas."""
    parts, depth, part = [], 0, ""
    for char in text:
        depth += (char in OPENING) - (char in CLOSING)
        if char == "," and depth == 0:
            parts.append(part)
            part = ""
        else:
            part += char
    return [part.strip() for part in [*parts, part] if part.strip()]
