"""Shows mistakes: on a terminal as a marked place in the text, or as records for other programs.

error: expected `]`, but found `)`
 --> digits.spec:6:30
  |
6 | model Classifier(image: [; 64) -> [; 10] {
  |                              ^
  |                         - this `[` is not closed
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby

from pydantic import BaseModel, ConfigDict
from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from ..errors import Source, Span, SpecError, SpecErrors, leaves

TAB = "    "
"""How a tab is shown."""

_ERROR, _NOTE, _FRAME, _HINT = "bold red", "bold cyan", "blue", "bold green"


class Place(BaseModel):
    """A stretch of a file. Lines and columns count characters from 1; `end_column` is excluded."""

    model_config = ConfigDict(frozen=True)

    message: str
    file: str | None = None
    line: int | None = None
    column: int | None = None
    end_line: int | None = None
    end_column: int | None = None


class Diagnostic(Place):
    """A mistake as a record: what is wrong and where, a way out, and other places it speaks of."""

    hint: str | None = None
    notes: tuple[Place, ...] = ()


def as_records(error: SpecError | SpecErrors) -> list[Diagnostic]:
    """The mistakes as records."""
    return [
        Diagnostic(
            **_place(single.message, single.span).model_dump(),
            hint=single.hint,
            notes=tuple(_place(note.message, note.span) for note in single.notes),
        )
        for single in _singles(error)
    ]


def render(error: SpecError | SpecErrors, console: Console) -> None:
    """Prints the mistakes, the number of them last if there are several."""
    singles = list(_singles(error))
    for single in singles:
        for line in _report(single, console.width):
            _print(line, console)
        _print(Text(), console)
    if len(singles) > 1:
        _print(Text(f"{len(singles)} errors", _ERROR), console)


def _print(line: Text, console: Console) -> None:
    """Prints a line as it is: never wrapped, never highlighted, nothing a terminal cannot show."""
    if console.options.ascii_only:
        spans = line.spans
        line = Text(line.plain.encode("ascii", "replace").decode(), line.style, spans=spans)
    console.print(line, soft_wrap=True, highlight=False)


def _singles(error: SpecError | SpecErrors) -> Iterable[SpecError]:
    return leaves(error) if isinstance(error, SpecErrors) else (error,)


def _place(message: str, span: Span | None) -> Place:
    if span is None:
        return Place(message=message)
    end = Span(span.source, span.end, span.end)
    return Place(
        message=message,
        file=span.source.name,
        line=span.line,
        column=span.column,
        end_line=end.line,
        end_column=end.column,
    )


# --- Reports -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Mark:
    """A stretch of one line, from character `start` to `end`, underlined with `sign`."""

    source: Source
    line: int
    start: int
    end: int
    sign: str
    label: str
    style: str


def _report(error: SpecError, width: int) -> Iterator[Text]:
    """The lines of the report on one mistake."""
    yield Text.assemble(("error", _ERROR), (f": {error.message}", "bold"))
    gutter = 1
    if error.span is not None:
        marks = list(_marks(error.span, "^", "", _ERROR))
        for note in error.notes:
            marks += _marks(note.span, "-", note.message, _NOTE)
        gutter = len(str(max(mark.line for mark in marks)))
        yield _arrow(error.span.source, error.span.line, error.span.column, gutter)
        yield _framed("", gutter, Text())
        yield from _snippets(marks, error.span.source, gutter, width)
    if error.hint is not None:
        yield Text.assemble(" " * (gutter + 1), ("= ", _FRAME), ("hint", _HINT), f": {error.hint}")


def _snippets(marks: list[_Mark], main: Source, gutter: int, width: int) -> Iterator[Text]:
    """The marked lines, those of the main source first, each followed by its marks."""
    room = max(width - gutter - 4, 20)
    marks.sort(key=lambda mark: (mark.source != main, mark.source.name, mark.line))
    shown, last = main, marks[0].line
    for (source, line), on_line in groupby(marks, key=lambda mark: (mark.source, mark.line)):
        group = list(on_line)
        if source != shown:
            shown, last = source, line
            yield _arrow(source, line, group[0].start + 1, gutter)
        if line > last + 1:
            yield Text("...", _FRAME)
        last = line
        view = _view(_text_of(source, line), group, room)
        yield _framed(str(line), gutter, Text(view.text))
        for mark in group:
            yield _framed("", gutter, view.underline(mark))


def _arrow(source: Source, line: int, column: int, gutter: int) -> Text:
    return Text.assemble(" " * gutter, ("--> ", _FRAME), f"{source.name}:{line}:{column}")


def _framed(number: str, gutter: int, content: Text) -> Text:
    line = Text.assemble((f"{number:>{gutter}} | ", _FRAME), content)
    line.rstrip()
    return line


def _marks(span: Span, sign: str, label: str, style: str) -> Iterator[_Mark]:
    """The mark of a span, or, if it goes over several lines, those of its first and last."""
    source, line, start = span.source, span.line, span.column - 1
    end = Span(source, span.end, span.end)
    if end.line == line:
        yield _Mark(source, line, start, end.column - 1, sign, label, style)
        return
    yield _Mark(source, line, start, len(_text_of(source, line)), sign, "", style)
    last = _text_of(source, end.line)
    indent = len(last) - len(last.lstrip())
    yield _Mark(source, end.line, min(indent, end.column - 1), end.column - 1, sign, label, style)


def _text_of(source: Source, line: int) -> str:
    return source.text.split("\n", line)[line - 1].rstrip("\r")


# --- Lines ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _View:
    """A line as it is shown: `cells[i]` is the column of its character i, the last of its end."""

    text: str
    cells: tuple[int, ...]
    width: int

    def underline(self, mark: _Mark) -> Text:
        """Carets under the characters of a mark, at least one, and its label."""
        first, last = self._cell(mark.start), self._cell(mark.end)
        signs = mark.sign * max(last - first, 1)
        label = f" {mark.label}" if mark.label else ""
        return Text.assemble(" " * first, (signs + label, mark.style))

    def _cell(self, character: int) -> int:
        return max(0, min(self.cells[min(character, len(self.cells) - 1)], self.width))


def _view(line: str, marks: list[_Mark], room: int) -> _View:
    """A line, with what does not fit into `room` columns cut off around the first mark."""
    pieces = [_shown(character) for character in line]
    cells = [0]
    for piece in pieces:
        cells.append(cells[-1] + cell_len(piece))
    if cells[-1] <= room:
        return _View("".join(pieces), tuple(cells), room)
    first = min(mark.start for mark in marks)
    start = max(0, min(cells[min(first, len(line))] - room // 3, cells[-1] - room))
    kept = [i for i, cell in enumerate(cells[1:]) if cells[i] >= start and cell <= start + room]
    text = [pieces[i] for i in kept]
    if kept[0] > 0:
        text[0] = "…" * cell_len(text[0])
    if kept[-1] < len(pieces) - 1:
        text[-1] = "…" * cell_len(text[-1])
    offset = cells[kept[0]]
    return _View("".join(text), tuple(cell - offset for cell in cells), room)


def _shown(character: str) -> str:
    """A character as it can be shown: a tab as spaces, what is invisible as a box."""
    if character == "\t":
        return TAB
    return character if character.isprintable() else "\N{REPLACEMENT CHARACTER}"
