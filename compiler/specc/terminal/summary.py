"""What tracing found, for people: free groups, pins, the figure of the verification."""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Iterator, Sequence
from itertools import cycle
from typing import TypeVar

from rich.text import Text

from ..names import counted
from ..tracing.traced import Checked, FreeGroup, Pinned, Touched, TraceReport, listed
from .draw.palette import COLOURS
from .tabulate import columns, right

Row = TypeVar("Row")

_SHOWN = 4
"""So many of the dimensions that a group moves are named."""


def summary(report: TraceReport, width: int) -> list[Text]:
    """The lines: one for each group, those of repeated layers together."""
    free, pinned = len(report.groups), len(report.pins)
    counts = (
        counted(len(report.tensors), "tensor"),
        counted(free, "free group"),
        counted(pinned, "pinned axis", "pinned axes"),
    )
    lines = [Text.assemble((report.name, "bold"), f"  {', '.join(counts)}")]
    if report.groups:
        lines += [Text(), Text("free", "bold"), *columns(list(_free(report.groups)), width)]
    if report.pins:
        lines += [Text(), Text("pinned", "bold"), *columns(list(_pinned(report.pins)), width)]
    lines += [Text(), *_checked(report.verification)]
    if report.left_out:
        lines.append(Text(f"no weights, and left out: {listed(report.left_out)}", "dim"))
    return lines


def _free(groups: Sequence[FreeGroup]) -> Iterator[list[Text]]:
    yield [Text("axis", "dim"), Text("group", "dim"), Text("moves (tensor:dimension)", "dim")]
    colours = cycle(COLOURS)
    for alike in _alike(groups, _kind):
        first, colour = alike[0], next(colours)
        group = first.group.partition(" in ")[0]
        inside = "" if first.inside is None else f" in {_name([g.inside or '' for g in alike])}"
        yield [
            Text(_name([g.axis for g in alike]), colour),
            Text(f"{group}{inside}{_times(alike)}"),
            Text(", ".join(_moved([g.touches for g in alike]))),
        ]


def _kind(group: FreeGroup) -> Hashable:
    """What groups of repeated layers have in common: all but the numbers in names."""
    touches = tuple((_pattern(t.tensor), t.dimension) for t in group.touches)
    return _pattern(group.axis), group.size, _pattern(group.inside or ""), touches


def _moved(touches: Sequence[Sequence[Touched]]) -> Iterator[str]:
    """The dimensions that groups which are alike move, the first of them by name."""
    for each in list(zip(*touches, strict=True))[:_SHOWN]:
        yield f"{_name([touched.tensor for touched in each])}:{each[0].dimension}"
    if len(touches[0]) > _SHOWN:
        yield f"{len(touches[0]) - _SHOWN} more"


def _pinned(pins: Sequence[Pinned]) -> Iterator[list[Text]]:
    yield [Text("axis", "dim"), right("size", "dim"), Text("why", "dim")]
    for alike in _alike(pins, lambda p: (_pattern(p.axis), p.size, p.reason)):
        first = alike[0]
        place = _name([p.place for p in alike])
        way = f"; {first.remedy} would free it" if first.remedy else ""
        yield [
            Text(_name([p.axis for p in alike])),
            right(f"{first.size}{_times(alike)}"),
            Text.assemble(first.reason, (f"  {place}", "dim"), (way, "dim")),
        ]


def _checked(found: Checked | None) -> Iterator[Text]:
    if found is None:
        yield Text("not verified", "yellow")
        return
    figure = f"{found.elements} random elements change the outputs by {found.deviation:.1e}"
    yield Text.assemble(("verified", "green"), f": {figure} (at most {found.tolerance:.0e})")
    if found.unseen:
        unseen = counted(len(found.unseen), "tensor")
        yield Text(
            f"without influence on these outputs: {unseen}, {listed(found.unseen)}", "yellow"
        )


# --- Rows that differ in their numbers ----------------------------------------------------------------


def _alike(rows: Sequence[Row], key: Callable[[Row], Hashable]) -> list[list[Row]]:
    found: dict[Hashable, list[Row]] = {}
    for row in rows:
        found.setdefault(key(row), []).append(row)
    return list(found.values())


def _pattern(text: str) -> str:
    return re.sub(r"\d+", "*", text)


def _name(texts: Sequence[str]) -> str:
    """One name for several: numbers in which they differ are `*`."""
    parts = [re.split(r"(\d+)", text) for text in texts]
    if len({len(each) for each in parts}) > 1:
        return f"{texts[0]}, ..."
    return "".join(each[0] if len(set(each)) == 1 else "*" for each in zip(*parts, strict=True))


def _times(alike: Sequence[object]) -> str:
    return f" x {len(alike)}" if len(alike) > 1 else ""
