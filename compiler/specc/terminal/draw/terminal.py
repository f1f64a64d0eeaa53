"""A model in a terminal: lanes on the left, then a row for each value with its name, type, groups,
operation and the path of its parameters.

Nothing here prints: `draw` makes the lines, and fits them into a width.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import assert_never

from rich.text import Text

from ...graph import Typed
from ...types import Axis, Type, axes_of
from .lanes import lay_out
from .palette import Palette, cut, cut_start, group_text, palette, style, type_text, types_text
from .picture import Frame, Picture, Value, picture

_HEADINGS = ("value", "type", "symmetry", "operation", "path")
_EASY = (8, 18, 13, 15, 8)
"""To how many columns each field may shrink as long as there is another way."""
_LEAST = (6, 12, 5, 8, 4)
"""To how many columns each field may shrink where there is no other way."""
_GAP = 2
_MOST_LEGEND_LINES = 3
_DOTS = "●○◆"


@dataclass(frozen=True, slots=True)
class _Returned:
    """The last row: what the model returns."""

    types: tuple[Type, ...]


@dataclass(frozen=True, slots=True)
class _Row:
    """A line of the drawing: lanes, the frames that it is in, and what stands beside them."""

    lanes: str
    frames: str
    content: Value | Frame | _Returned


def draw(typed: Typed, width: int | None = None) -> list[Text]:
    """The lines of the drawing, made to fit into a width; lanes are never cut for other columns."""
    shown = picture(typed)
    types = [*(value.type for value in shown.values), *shown.output_types]
    colours = palette(types)
    rows = list(_rows(shown))
    edges = _edges(rows)
    margin = max(edge.cell_len for edge in edges)
    widths = needed = _widths([_fields(row.content, colours) for row in rows])
    if width is not None:
        fitted = _fit(needed, width - margin)
        taken = _widths([_fields(row.content, colours, fitted) for row in rows])
        widths = _hand_back(taken, needed, width - margin)
    headings = _line(Text(" " * margin), [Text(each, "dim") for each in _HEADINGS], widths)
    lines = [*_signature(shown, colours, width), Text(), headings]
    for row, edge in zip(rows, edges, strict=True):
        edge.pad_right(margin - edge.cell_len)
        lines.append(_line(edge, _fields(row.content, colours, widths), widths))
    lines += _legend(types, colours, width)
    return [line if width is None else cut(line, width) for line in lines]


# --- Rows ----------------------------------------------------------------------------------------


def _rows(shown: Picture) -> Iterator[_Row]:
    """A row for each value and one for what is returned, with the titles of frames between."""
    graph = shown.networkx()
    graph.add_node("return")
    graph.add_edges_from((number, "return") for number in shown.outputs)
    *beside, beside_return = lay_out(graph)
    chains = [tuple(_around(value.number, shown.frames)) for value in shown.values]
    above: tuple[Frame, ...] = ()
    lanes_above = ""
    for value, row, chain, below in zip(
        shown.values, beside, chains, [*chains[1:], ()], strict=True
    ):
        for depth in range(_shared(above, chain), len(chain)):
            yield _Row(lanes_above, "┊ " * depth + "╭ ", chain[depth])
        ending = len(chain) - _shared(chain, below)
        bars = "┊ " * (len(chain) - ending) + "╰ " * ending
        yield _Row(row.cells("●" if value.node.inputs else "○"), bars, value)
        above, lanes_above = chain, row.cells_below()
    yield _Row(beside_return.cells("◆"), "", _Returned(shown.output_types))


def _around(number: int, frames: Sequence[Frame]) -> Iterator[Frame]:
    """The frames that a value is in, the outermost first."""
    for frame in frames:
        if frame.first <= number < frame.last:
            yield frame
            yield from _around(number, frame.inner)
            return


def _shared(first: Sequence[Frame], second: Sequence[Frame]) -> int:
    """How many frames, from the outermost on, two values are both in."""
    count = 0
    while count < min(len(first), len(second)) and first[count] == second[count]:
        count += 1
    return count


def _edges(rows: Sequence[_Row]) -> list[Text]:
    """The left side of each row: lanes, then frames, which all start in one column."""
    width = max(len(row.lanes) for row in rows)
    edges = []
    for row in rows:
        edge = Text.assemble((row.lanes.ljust(width) + row.frames, "dim"))
        for place, sign in enumerate(row.lanes):
            if sign in _DOTS:
                edge.stylize("not dim bold", place, place + 1)
        edges.append(edge)
    return edges


# --- Fields --------------------------------------------------------------------------------------


def _fields(
    content: Value | Frame | _Returned, colours: Palette, widths: Sequence[int] | None = None
) -> list[Text]:
    """The fields of a row, each shortened to its width in a way of its own."""
    name, kind, groups, operation, path = widths or (None, None, None, None, None)
    match content:
        case Value():
            called = Text(content.name, "bold" if content.node.label else "dim")
            return [
                cut(called, name),
                type_text(content.type, colours, kind),
                group_text(content.type, colours, groups),
                _operation(content, operation),
                cut_start(Text(content.path, "dim"), path),
            ]
        case Frame():
            detail = f"  {content.detail}" if content.detail else ""
            return [Text.assemble((content.title, "italic"), (detail, "dim"))]
        case _Returned():
            return [Text("return", "bold"), types_text(content.types, colours)]
        case _:
            assert_never(content)


def _operation(value: Value, room: int | None) -> Text:
    """`linear{channels = 32}`, its attributes less bright; `linear{32}` where there is less room."""
    written = str(value.node.operation)
    if room is not None and len(written) > room:
        written = re.sub(r"\w+ = ", "", written)
    word, brace, attributes = written.partition("{")
    return cut(Text.assemble(word, (brace + attributes, "dim")), room)


def _widths(rows: Sequence[Sequence[Text]]) -> list[int]:
    """What each column needs. The last field of a row with fewer fields goes over all that follow."""
    widths = list(map(len, _HEADINGS))
    for fields in rows:
        whole = len(fields) == len(_HEADINGS)
        for column, field in enumerate(fields if whole else fields[:-1]):
            widths[column] = max(widths[column], field.cell_len)
    return widths


def _fit(widths: Sequence[int], room: int) -> list[int]:
    """Widths that fit into a room, if there are any: the widest column gives way first."""
    fitted = list(widths)
    for limits in (_EASY, _LEAST):
        while sum(fitted) + _GAP * (len(fitted) - 1) > room:
            wide = [i for i, limit in enumerate(limits) if fitted[i] > limit]
            if not wide:
                break
            fitted[max(wide, key=fitted.__getitem__)] -= 1
    return fitted


def _hand_back(taken: Sequence[int], needed: Sequence[int], room: int) -> list[int]:
    """Widths with what shortened fields have left over given to the fields that say most."""
    widths = list(taken)
    for column in map(_HEADINGS.index, ("type", "operation", "path", "value", "symmetry")):
        spare = room - sum(widths) - _GAP * (len(widths) - 1)
        widths[column] += max(0, min(spare, needed[column] - widths[column]))
    return widths


def _line(edge: Text, fields: Sequence[Text], widths: Sequence[int]) -> Text:
    line = edge.copy()
    for column, field in enumerate(fields):
        line.append_text(field)
        if column + 1 < len(fields):
            line.append(" " * (widths[column] - field.cell_len + _GAP))
    line.rstrip()
    return line


# --- Above and below -----------------------------------------------------------------------------


def _signature(shown: Picture, colours: Palette, width: int | None) -> list[Text]:
    """`Accuracy(w: weights(Classifier)) -> [; 1]`, an input a line where one line is too short."""
    by_number = {value.number: value for value in shown.values}
    inputs = [
        Text.assemble(value.name, ": ", type_text(value.type, colours))
        for value in map(by_number.__getitem__, shown.inputs)
    ]
    outputs = types_text(shown.output_types, colours)
    name = Text(shown.name, "bold")
    line = Text.assemble(name, "(", Text(", ").join(inputs), ") -> ", outputs)
    if width is None or line.cell_len <= width:
        return [line]
    each = [Text.assemble("    ", given, ",") for given in inputs]
    return [Text.assemble(name, "("), *each, Text.assemble(") -> ", outputs)]


def _legend(types: Sequence[Type], colours: Palette, width: int | None) -> list[Text]:
    """Which group moves which axis, and last the axes that nothing moves."""
    axes: dict[str, Axis] = {}
    for axis in (axis for kind in types for axis in axes_of(kind)):
        if axis.name not in axes or (axes[axis.name].pinned and not axis.pinned):
            axes[axis.name] = axis
    moved = [axis for axis in axes.values() if not axis.pinned]
    fixed = [axis for axis in axes.values() if axis.pinned and axis.size > 1]
    entries = [
        Text.assemble(
            f"{axis.name} ",
            (axis.called, style(axis, colours)),
            (" coded" if axis.coded else "", "dim"),
        )
        for axis in moved
    ]
    entries += [Text(f"{axis.name} {axis.size} pinned", "dim") for axis in fixed]
    return [Text(), *_flow(entries, width)] if entries else []


def _flow(entries: Sequence[Text], width: int | None) -> list[Text]:
    """Entries side by side in a few lines, with `and 12 more` where they are too many."""
    lines: list[Text] = []
    for place, entry in enumerate(entries):
        more = Text(f"   and {len(entries) - place} more", "dim")
        last = len(lines) == _MOST_LEGEND_LINES and place + 1 < len(entries)
        needed = entry.cell_len + 3 + (more.cell_len if last else 0)
        if lines and (width is None or lines[-1].cell_len + needed <= width):
            lines[-1].append("   ").append_text(entry)
        elif len(lines) < _MOST_LEGEND_LINES:
            lines.append(entry.copy())
        else:
            lines[-1].append_text(more)
            break
    return lines
