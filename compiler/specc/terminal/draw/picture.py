"""A model as it is drawn: the runs of a repeat that are alike folded into the first of them.

It knows what is seen and nothing of how; `terminal`, `dot` and `mermaid` draw it.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import networkx as nx

from ...graph import Node, Region, Typed
from ...planning.rolling import roll
from ...types import Type


@dataclass(frozen=True, slots=True)
class Value:
    """A value, or where runs are folded, that value of every run.

    In `path` a `*` stands for the number of the run. `reads` are the values that it is made of;
    `reads_again` those of the run before, in every run but the first.
    """

    number: int
    node: Node
    type: Type
    path: str
    reads: tuple[int, ...]
    reads_again: tuple[int, ...]

    @property
    def name(self) -> str:
        """What the spec calls it; a value without a name goes by its number."""
        return _called(self.node)


@dataclass(frozen=True, slots=True)
class Frame:
    """Values that belong together, from number `first` to `last` (excluded)."""

    title: str
    detail: str
    first: int
    last: int
    inner: tuple[Frame, ...] = ()

    def held(self, values: Sequence[Value]) -> list[Value]:
        """The values inside, out of those around."""
        return [value for value in values if self.first <= value.number < self.last]


@dataclass(frozen=True, slots=True)
class Picture:
    """A model as it is drawn. Values are in the order of the text, each after those that it reads."""

    name: str
    inputs: tuple[int, ...]
    values: tuple[Value, ...]
    outputs: tuple[int, ...]
    output_types: tuple[Type, ...]
    frames: tuple[Frame, ...]

    def networkx(self) -> nx.DiGraph[Hashable]:
        """What is made of what, without what goes from one run into the next."""
        graph: nx.DiGraph[Hashable] = nx.DiGraph(name=self.name)
        graph.add_nodes_from(value.number for value in self.values)
        graph.add_edges_from((read, each.number) for each in self.values for read in each.reads)
        return graph


def picture(typed: Typed) -> Picture:
    """The picture of a model."""
    graph = typed.graph
    folding = _fold(typed)
    first_of = folding.first_of
    paths: dict[int, list[str]] = {}
    reads: dict[int, dict[int, None]] = {}
    again: dict[int, dict[int, None]] = {}
    carried: dict[int, dict[str, None]] = {}
    for node in graph.nodes:
        number = first_of[node.number]
        paths.setdefault(number, []).append(node.path)
        for source in node.inputs:
            repeat = folding.repeat_between(source, node.number)
            read = first_of[source]
            (reads if repeat is None else again).setdefault(number, {})[read] = None
            if repeat is not None:
                carried.setdefault(repeat, {})[_called(graph.nodes[read])] = None
    values = tuple(
        Value(
            number,
            graph.nodes[number],
            typed.types[number],
            _pattern(alike),
            tuple(sorted(reads.get(number, ()))),
            tuple(sorted(again.get(number, ()))),
        )
        for number, alike in sorted(paths.items())
    )
    outputs = tuple(first_of[number] for number in graph.outputs)
    frames = tuple(_frames(graph.regions, folding.repeats, carried))
    return Picture(typed.name, graph.inputs, values, outputs, graph.output_types, frames)


def unframed(values: Sequence[Value], frames: Sequence[Frame]) -> list[Value]:
    """The values that are in none of the frames."""
    inside = {value.number for frame in frames for value in frame.held(values)}
    return [value for value in values if value.number not in inside]


def _called(node: Node) -> str:
    return node.label or f"%{node.number}"


def _pattern(paths: Sequence[str]) -> str:
    """One path for many: `blocks.*.up` for `blocks.0.up`, `blocks.1.up`."""
    columns = zip(*(path.split(".") for path in paths), strict=True)
    return ".".join(column[0] if len(set(column)) == 1 else "*" for column in columns)


# --- Folding -------------------------------------------------------------------------------------

_Runs = tuple[tuple[int, int], ...]
"""The runs that a node is in, from the outermost: the first node of the repeat, the run's number."""


@dataclass(frozen=True, slots=True)
class _Folding:
    """`first_of`: for each node the one that it is drawn as, that of the first run.

    `runs` are the folded runs that a node is in, `repeats` the repeats that are folded, both by the
    number of the repeat's first node.
    """

    first_of: list[int]
    runs: dict[int, _Runs]
    repeats: frozenset[int]

    def repeat_between(self, source: int, reader: int) -> int | None:
        """The repeat one run of which reads what the run before it has made."""
        pairs = zip(self.runs.get(source, ()), self.runs.get(reader, ()), strict=False)
        for (repeat, run), (other, later) in pairs:
            if repeat != other:
                return None
            if run != later:
                return repeat
        return None


@dataclass(frozen=True, slots=True)
class _Stretch:
    """The body of a folded repeat: its nodes, and for each time that it runs how many nodes later
    that is, and in which runs."""

    repeat: Region
    times: tuple[tuple[int, _Runs], ...]


def _fold(typed: Typed) -> _Folding:
    count = len(typed.graph.nodes)
    folding = _Folding(list(range(count)), {}, frozenset())
    stretches = list(_stretches(typed, typed.graph.regions, ((0, ()),)))
    for stretch in stretches:  # those of inner repeats come later and have the last word
        body = stretch.repeat.inner[0]
        for offset, runs in stretch.times:
            for number in range(body.first, body.last):
                folding.first_of[number + offset] = number
                folding.runs[number + offset] = runs
    repeats = frozenset(stretch.repeat.first for stretch in stretches)
    return _Folding(folding.first_of, folding.runs, repeats)


def _stretches(
    typed: Typed, regions: Sequence[Region], times: tuple[tuple[int, _Runs], ...]
) -> Iterator[_Stretch]:
    for region in regions:
        if region.kind == "repeat" and region.inner and roll(typed, region) is not None:
            body = region.inner[0]
            here = tuple(
                (offset + run.first - body.first, (*runs, (region.first, number)))
                for offset, runs in times
                for number, run in enumerate(region.inner)
            )
            yield _Stretch(region, here)
            yield from _stretches(typed, body.inner, here)
        else:
            yield from _stretches(typed, region.inner, times)


# --- Frames --------------------------------------------------------------------------------------


def _frames(
    regions: Sequence[Region], folded: frozenset[int], carried: Mapping[int, Mapping[str, None]]
) -> Iterator[Frame]:
    """The frames of regions that are not empty."""
    for region in regions:
        if region.first == region.last:
            continue
        if region.kind == "repeat":
            yield _repeat(region, folded, carried)
        else:
            inner = tuple(_frames(region.inner, folded, carried))
            yield Frame(region.name, region.path, region.first, region.last, inner)


def _repeat(
    repeat: Region, folded: frozenset[int], carried: Mapping[int, Mapping[str, None]]
) -> Frame:
    """The frame of a repeat: its one body, or each run in a frame of its own if it is no loop."""
    count = len(repeat.inner)
    title = f"repeat {count}" + (f" as {repeat.name}" if repeat.name else "")
    if repeat.first in folded or count == 1:
        names = carried.get(repeat.first, {})
        detail = f"carries {', '.join(names)}" if names else ""
        body = repeat.inner[0]
        inner = tuple(_frames(body.inner, folded, carried))
        return _merged(Frame(title, detail, body.first, body.last, inner))
    runs = tuple(
        Frame(f"run {n}", "", run.first, run.last, tuple(_frames(run.inner, folded, carried)))
        for n, run in enumerate(repeat.inner, start=1)
        if run.first < run.last
    )
    return Frame(title, "unrolled", repeat.first, repeat.last, runs)


def _merged(frame: Frame) -> Frame:
    """A repeat of one block and nothing else in one frame: `repeat 2 as blocks of Layer`."""
    if len(frame.inner) != 1:
        return frame
    (only,) = frame.inner
    if (only.first, only.last) != (frame.first, frame.last) or only.title.startswith("repeat "):
        return frame
    title = f"{frame.title} of {only.title}"
    return Frame(title, frame.detail, frame.first, frame.last, only.inner)
