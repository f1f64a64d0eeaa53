"""Documents: text with places where a line may break, and their printer.

Wadler's pretty printing as code formatters do it: a group stands on one line if it fits, else its own
lines break and those of the groups inside are decided anew.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, assert_never


@dataclass(frozen=True, slots=True)
class Break:
    """A place for a new line; `flat` stands there where it is not used."""

    flat: Literal["", " "] = ""


@dataclass(frozen=True, slots=True)
class IfBroken:
    """Text that stands only where the group around it breaks."""

    text: str


@dataclass(frozen=True, slots=True)
class Group:
    """What breaks together, or not at all."""

    parts: tuple[Document, ...]


@dataclass(frozen=True, slots=True)
class Indent:
    """Breaks inside are followed by four more blanks."""

    parts: tuple[Document, ...]


Document = str | Break | IfBroken | Group | Indent


@dataclass(frozen=True, slots=True)
class _Pending:
    """What is still to be printed, its indentation, and whether the group around it is broken."""

    document: Document
    indent: int
    broken: bool


def bracketed(opening: str, parts: tuple[Document, ...], closing: str) -> Document:
    """What may stand on lines of its own between brackets."""
    if not parts:
        return opening + closing
    return Group((opening, Indent((Break(), *parts)), Break(), closing))


def joined(parts: list[Document]) -> tuple[Document, ...]:
    """Parts with commas between, and one at the end where several have lines of their own."""
    found: list[Document] = []
    for number, part in enumerate(parts):
        found += [",", Break(" "), part] if number else [part]
    return (*found, IfBroken(",")) if len(parts) > 1 else tuple(found)


def flat(document: Document) -> str:
    """The document on one line."""
    match document:
        case str():
            return document
        case Break(text):
            return text
        case IfBroken():
            return ""
        case Group(parts) | Indent(parts):
            return "".join(map(flat, parts))
        case _:
            assert_never(document)


def lines(document: Document, width: int, *, expand: bool = False) -> list[str]:
    """The document in lines of at most `width` columns where that can be; `expand` breaks all groups."""
    found, column = [""], 0
    pending = [_Pending(document, 0, True)]
    while pending:
        here = pending.pop()
        match here.document:
            case str(text):
                found[-1] += text
                column += len(text)
            case IfBroken(text):
                found[-1] += text if here.broken else ""
                column += len(text) if here.broken else 0
            case Break(text) if here.broken:
                found.append(" " * here.indent)
                column = here.indent
            case Break(text):
                found[-1] += text
                column += len(text)
            case Indent(parts):
                pending += _each(parts, here.indent + 4, here.broken)
            case Group(parts):
                inside = _each(parts, here.indent, False)
                broken = here.broken and (expand or not _fits(pending + inside, width - column))
                pending += _each(parts, here.indent, broken)
            case _:
                assert_never(here.document)
    return [line.rstrip() for line in found]


def _each(parts: tuple[Document, ...], indent: int, broken: bool) -> list[_Pending]:
    """Parts to be taken from the end of the list, the first one first."""
    return [_Pending(part, indent, broken) for part in reversed(parts)]


def _fits(pending: list[_Pending], room: int) -> bool:
    """Whether all fits up to the first place where the line may end."""
    pending = list(pending)
    while pending and room >= 0:
        here = pending.pop()
        match here.document:
            case str(text):
                room -= len(text)
            case IfBroken(text):
                room -= len(text) if here.broken else 0
            case Break() if here.broken:
                return True
            case Break(text):
                room -= len(text)
            case Indent(parts) | Group(parts):
                pending += _each(parts, here.indent, here.broken)
            case _:
                assert_never(here.document)
    return room >= 0
