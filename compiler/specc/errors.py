"""What went wrong and where: source texts, spans in them and the one error type of the language.

Every stage raises `SpecError` or collects several into `SpecErrors`; `diagnostics` draws them.
`assert` is for our own bugs, never for a user's.
"""

from __future__ import annotations

import difflib
import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Source:
    """A specification's text. `name` is how messages call it; `path` is its file, if it has one."""

    name: str
    text: str = field(repr=False)
    path: Path | None = None


@lru_cache(maxsize=4)
def _line_ends(text: str) -> list[int]:
    """Where the lines of a text end."""
    return [match.start() for match in re.finditer("\n", text)]


@dataclass(frozen=True, slots=True)
class Span:
    """The characters `start` to `end` (excluded) of a source."""

    source: Source
    start: int
    end: int

    @property
    def line(self) -> int:
        """Line of the first character, counting from 1."""
        return bisect_left(_line_ends(self.source.text), self.start) + 1

    @property
    def column(self) -> int:
        """Column of the first character, counting from 1."""
        return self.start - (self.source.text.rfind("\n", 0, self.start) + 1) + 1

    @property
    def text(self) -> str:
        return self.source.text[self.start : self.end]

    def to(self, other: Span) -> Span:
        """From the start of this span to the end of another."""
        return Span(self.source, self.start, other.end)


@dataclass(frozen=True, slots=True)
class Note:
    """A second place that a message speaks of, and what is to be seen there."""

    message: str
    span: Span


class SpecError(Exception):
    """One mistake in a specification: what is wrong, where, and a way out where there is a likely one."""

    def __init__(
        self,
        message: str,
        span: Span | None = None,
        hint: str | None = None,
        notes: tuple[Note, ...] = (),
    ) -> None:
        super().__init__(message)
        self.message = message
        self.span = span
        self.hint = hint
        self.notes = notes

    def __str__(self) -> str:
        place = ""
        if self.span is not None:
            place = f"{self.span.source.name}:{self.span.line}:{self.span.column}: "
        return place + self.message + (f" ({self.hint})" if self.hint else "")


class Consequence(SpecError):
    """Not a mistake of its own: it stands on one that is reported already, and is never shown."""


class SpecErrors(ExceptionGroup[SpecError]):
    """All independent mistakes of one run, in the order of the text."""

    def __str__(self) -> str:
        return "\n".join(str(error) for error in self.exceptions)


MOST_MISTAKES = 50
"""After so many a stage ends: people have enough to do."""


class Errors:
    """Collects independent mistakes; `raise_if_any` ends the stage with all of them.

    So does one too many. A consequence is not kept, but ends the stage too: what stands on a mistake has no meaning.
    The mistake of a block is told once, however often the block is used.
    """

    def __init__(self) -> None:
        self._found: dict[tuple[str, Span | None], SpecError] = {}
        self._consequences = False

    def __bool__(self) -> bool:
        return bool(self._found)

    def add(self, error: SpecError) -> None:
        self._found.setdefault((error.message, error.span), error)

    def extend(self, errors: Iterable[SpecError]) -> None:
        for error in errors:
            self.add(error)

    @contextmanager
    def collect(self) -> Iterator[None]:
        """Keeps a mistake raised inside and goes on after the block."""
        try:
            yield
        except Consequence:
            self._consequences = True
        except SpecError as error:
            self.add(error)
        except SpecErrors as group:
            self.extend(leaves(group))
        if len(self._found) >= MOST_MISTAKES:
            self.raise_if_any()

    def raise_if_any(self) -> None:
        if not self._found:
            if self._consequences:
                raise Consequence("stands on a mistake reported elsewhere")
            return
        in_text_order = sorted(self._found.values(), key=_position)[:MOST_MISTAKES]
        if len(in_text_order) == 1:
            raise in_text_order[0]
        raise SpecErrors(f"{len(in_text_order)} errors", in_text_order)


def leaves(group: SpecErrors) -> Iterator[SpecError]:
    """The mistakes of a group; `Errors` never nests groups."""
    for error in group.exceptions:
        if isinstance(error, SpecError):
            yield error


def _position(error: SpecError) -> tuple[str, int]:
    return (error.span.source.name, error.span.start) if error.span else ("", 0)


def nearest(name: str, known: Iterable[str]) -> str | None:
    """A hint "did you mean ...?" with the known name closest to a misspelt one, if any is close."""
    close = difflib.get_close_matches(name, sorted(set(known)), n=1, cutoff=0.6)
    return f"did you mean `{close[0]}`?" if close else None
