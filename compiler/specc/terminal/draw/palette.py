"""Which colour stands for which axis, and types and groups written in those colours."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from rich.text import Text

from ...types import Axis, Collection, Tensor, Type, axes_of

ELLIPSIS = "…"

COLOURS = ("cyan", "magenta", "green", "yellow", "blue", "red")
_MOST_GROUPS = 4
_WEB_COLOURS = ("#0e7490", "#a21caf", "#15803d", "#a16207", "#1d4ed8", "#b91c1c")

Palette = Mapping[str, int]
"""For each axis that anything moves its place among the colours."""


def palette(types: Iterable[Type]) -> Palette:
    """Gives out the colours, in order of first appearance; the seventh axis has the first again."""
    moved = dict.fromkeys(axis.name for kind in types for axis in axes_of(kind) if not axis.pinned)
    return {name: place % len(COLOURS) for place, name in enumerate(moved)}


def style(axis: Axis, colours: Palette) -> str:
    """How an axis looks on a terminal: dim where it is pinned."""
    return "dim" if axis.pinned else COLOURS[colours[axis.name]]


def web_colour(kind: Type, colours: Palette) -> str | None:
    """The colour of the first axis of a type that is moved; None where none is."""
    for axis in axes_of(kind):
        if not axis.pinned:
            return _WEB_COLOURS[colours[axis.name]]
    return None


# --- Types ---------------------------------------------------------------------------------------


def type_text(kind: Type, colours: Palette, room: int | None = None) -> Text:
    """A type with its axes coloured, shortened to `room` columns where it is longer.

    First the models in the names of axes go, then axes from the second on, then what is left over.
    """
    written = [Text(str(kind))]
    if isinstance(kind, Tensor):
        full = [(axis.name, style(axis, colours)) for axis in kind.axes]
        short = [(name.rpartition(".")[2], colour) for name, colour in full]
        some = [*short[:1], (ELLIPSIS, "dim")]
        written = [_tensor_text(names, kind) for names in (full, short, some)]
    for text in written:
        if room is None or text.cell_len <= room:
            return text
    assert room is not None
    return _cut_collection(str(kind), room) if isinstance(kind, Collection) else cut(text, room)


def types_text(kinds: Sequence[Type], colours: Palette) -> Text:
    """Types side by side."""
    return Text(", ").join(type_text(kind, colours) for kind in kinds)


def _tensor_text(names: Sequence[tuple[str, str]], tensor: Tensor) -> Text:
    axes = Text(", ").join(Text(name, colour) for name, colour in names)
    channels = "" if tensor.channels is None else f"; {tensor.channels}"
    return Text.assemble("[", axes, f"{channels}]")


def _cut_collection(text: str, room: int) -> Text:
    """`weights(Classif…; 32)`: the name gives way, the channels stay."""
    head, separator, tail = text.partition("; ")
    if not separator and text.endswith(")"):
        head, tail = text[:-1], ")"
    end = separator + tail
    kept = room - len(end) - 1
    return Text(head[:kept] + ELLIPSIS + end) if kept >= 4 else cut(Text(text), room)


def cut(text: Text, room: int | None) -> Text:
    """A text with its end cut off where there is no room for it."""
    if room is None or text.cell_len <= room:
        return text
    shortened = text.copy()
    shortened.truncate(room, overflow="ellipsis")
    return shortened


def cut_start(text: Text, room: int | None) -> Text:
    """A text with its start cut off: of a path, the end says most."""
    if room is None or text.cell_len <= room:
        return text
    return Text(ELLIPSIS, text.style) + text[len(text) - max(room - 1, 0) :]


# --- Groups --------------------------------------------------------------------------------------


def moved_axes(kind: Type) -> list[Axis]:
    """The axes of a type that are not pinned, each name once, and one for all that share a named group."""
    found: dict[str, Axis] = {}
    for axis in axes_of(kind):
        if not axis.pinned:
            found.setdefault(axis.shared or axis.name, axis)
    return list(found.values())


def group_text(kind: Type, colours: Palette, room: int | None = None) -> Text:
    """The groups that act on a type, one for each axis: `S(32) S(10)`, with `+3` for those left out.

    A named group stands once, however many axes it moves alike. In little room `S(8)` stands for `S(8, masked)` and `S(8) in cloud`.
    """
    axes = moved_axes(kind)
    most = min(len(axes), _MOST_GROUPS)
    text = _groups(axes, most, colours, [axis.shared or axis.symmetry for axis in axes])
    if room is None or text.cell_len <= room:
        return text
    short = [axis.shared or _shortened(axis.symmetry) for axis in axes]
    for count in range(most, 0, -1):
        text = _groups(axes, count, colours, short)
        if text.cell_len <= room:
            return text
    return cut(text, room)


def _shortened(notation: str) -> str:
    first = re.split("[ ,]", notation)[0]
    return f"{first})" if first.count("(") > first.count(")") else first


def _groups(axes: Sequence[Axis], count: int, colours: Palette, notations: Sequence[str]) -> Text:
    shown = zip(axes[:count], notations, strict=False)
    parts = [Text(notation, style(axis, colours)) for axis, notation in shown]
    if count < len(axes):
        parts.append(Text(f"+{len(axes) - count}", "dim"))
    return Text(" ").join(parts)
