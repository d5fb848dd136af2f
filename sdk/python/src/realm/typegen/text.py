"""Pieces of Python as text."""

from __future__ import annotations

import keyword


def docstring(text: str, indent: str = "") -> str:
    """A docstring, its further lines indented as the first will be."""
    text = text.replace("\\", "\\\\").replace('"""', "'''").strip()
    first, *more = (line.rstrip() for line in text.split("\n"))
    text = "\n".join([first, *(indent + line if line else "" for line in more)])
    if "\n" in text:
        return f'"""{text}\n{indent}"""'
    return f'"""{text} """' if text.endswith('"') else f'"""{text}"""'


def comment(text: str) -> str:
    """The docs of what stands before, if there are any."""
    return docstring(text) + "\n" if text else ""


def quoted(expression: str) -> str:
    """An expression that may name what is defined further down."""
    return repr(expression)


def required(expression: str, optional: bool) -> str:
    return f"NotRequired[{expression}]" if optional else expression


def alias(name: str, expression: str, docs: str) -> str:
    return f"\n{name}: TypeAlias = {quoted(expression)}\n{comment(docs)}"


def typed_dict(name: str, docs: str, fields: list[tuple[str, str, bool, str]]) -> str:
    """A TypedDict. Of each field its name, its type, whether it may be left out, and its docs."""
    if any(not field.isidentifier() or keyword.iskeyword(field) for field, _, _, _ in fields):
        inside = ", ".join(f"{field!r}: {quoted(required(type, optional))}" for field, type, optional, _ in fields)
        return f"\n{name} = TypedDict({name!r}, {{{inside}}})\n{comment(docs)}"
    lines = [f"\n\nclass {name}(TypedDict):", f"    {docstring(docs or name, '    ')}", ""]
    for field, type, optional, described in fields:
        lines.append(f"    {field}: {required(type, optional)}")
        if described:
            lines.append(f"    {docstring(described, '    ')}")
    return "\n".join(lines) + "\n"
