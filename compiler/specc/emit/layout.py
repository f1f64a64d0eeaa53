"""Lays out Python source as the project's formatter would: lines of at most 100 columns.

A statement that is too long is broken at its outermost brackets, one item a line with a trailing
comma, which the formatter then leaves alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

WIDTH = 100
INDENT = "    "

_OPENING = "([{"
_CLOSING = ")]}"


def indent(lines: Iterable[str], levels: int = 1) -> list[str]:
    return [INDENT * levels + line if line else "" for line in lines]


def statement(text: str, depth: int, comment: str = "") -> list[str]:
    """One statement at an indentation of `depth` levels, broken where it is too long.

    The comment, a shape, stands beside the line where there is room and is left out where not.
    """
    room = WIDTH - len(INDENT) * depth
    if len(text) <= room:
        beside = f"{text}  # {comment}" if comment else text
        return [beside if len(beside) <= room else text]
    return _broken(text, room)


def _broken(text: str, room: int) -> list[str]:
    """A line cut at its last outermost bracket pair; recursively, until every part fits."""
    pair = _last_pair(text)
    if pair is None:
        return _summands(text, room)
    opening, closing = pair
    head, body, tail = text[: opening + 1], text[opening + 1 : closing], text[closing:]
    if not body.strip() or len(head) > room:
        return [text]
    if _is_comprehension(body):
        return [head, *indent(_comprehension(body, room - 4)), tail]
    if _groups(text, opening) and len(split(body, ",")) == 1:
        fits = len(body) <= room - len(INDENT)
        return [head, *indent([body] if fits else terms(body)), tail]
    lines = [head]
    for item in split(body, ","):
        lines += indent(_item(item.strip(), room - len(INDENT)))
    return [*lines, tail]


def _groups(text: str, opening: int) -> bool:
    """Whether a bracket holds an expression together, rather than arguments or items."""
    return text[opening] == "(" and not re.search(r"[\w)\]]$", text[:opening])


def _item(text: str, room: int) -> list[str]:
    if len(text) + 1 <= room:
        return [text + ","]
    lines = _broken(text, room)
    return [*lines[:-1], lines[-1] + ","]


def _comprehension(body: str, room: int) -> list[str]:
    """`x for y in z`: in one line, or with each clause on its own."""
    if len(body) <= room:
        return [body]
    at = _top_level_find(body, " for ")
    element, clause = body[:at], body[at + 1 :]
    shown = [element] if len(element) <= room else _broken(element, room)
    return [*shown, clause]


def _summands(text: str, room: int) -> list[str]:
    """A long sum on the right of `=`, a term a line."""
    left, separator, right = text.partition(" = ")
    if not separator:
        return [text]
    fits = len(right) <= room - len(INDENT)
    return [f"{left} = (", *indent([right] if fits else terms(right)), ")"]


def terms(text: str) -> list[str]:
    """The terms of a sum, each after the first with its sign."""
    parts = split(text, " + ")
    return [parts[0], *("+ " + part for part in parts[1:])]


def split(text: str, separator: str) -> list[str]:
    """The parts of a text between separators that stand in no bracket and no string."""
    parts, start = [], 0
    for at in _top_level(text, separator):
        parts.append(text[start:at])
        start = at + len(separator)
    last = text[start:]
    return [*parts, last] if last.strip() or not parts else parts


def _is_comprehension(body: str) -> bool:
    return _top_level_find(body, " for ") >= 0


def _top_level_find(text: str, wanted: str) -> int:
    return next(iter(_top_level(text, wanted)), -1)


def _top_level(text: str, wanted: str) -> list[int]:
    """Where `wanted` stands outside brackets and strings."""
    found, depth, quoted = [], 0, False
    skip_to = 0
    for i, character in enumerate(text):
        if character == '"':
            quoted = not quoted
        if quoted:
            continue
        if i >= skip_to and depth == 0 and text.startswith(wanted, i):
            found.append(i)
            skip_to = i + len(wanted)
        depth += (character in _OPENING) - (character in _CLOSING)
    return found


def _last_pair(text: str) -> tuple[int, int] | None:
    """The outermost brackets that end the text, where it is no sum at the outermost level."""
    if not text or text[-1] not in _CLOSING + ":":
        return None
    right = text.partition(" = ")[2] or text
    if len(split(right, " + ")) > 1:
        return None
    depth, quoted = 0, False
    closing = max(text.rfind(character) for character in _CLOSING)
    for i in range(closing, -1, -1):
        if text[i] == '"':
            quoted = not quoted
        if quoted:
            continue
        depth += (text[i] in _CLOSING) - (text[i] in _OPENING)
        if depth == 0:
            return i, closing
    return None


def docstring(paragraphs: Sequence[str]) -> list[str]:
    """A docstring from paragraphs; the first is the summary."""
    text = [line.replace("\\", "\\\\").replace('"""', "'''") for line in paragraphs]
    if len(text) == 1 and "\n" not in text[0]:
        return [f'"""{text[0]}"""']
    lines = [f'"""{text[0]}']
    for paragraph in text[1:]:
        lines += ["", *paragraph.splitlines()]
    return [*lines, '"""']
