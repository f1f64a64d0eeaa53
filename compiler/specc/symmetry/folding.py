"""Finds the runs of a repeat among the tensors of a layer: blocks that are alike but for their number.

`blocks.0.*`, `blocks.1.*`, ... are alike when renaming the axes that each has for itself makes them
equal. Then one run stands for all: its pools and spreads are made once for each run, and a level
through its own axes has a product for each. What a layer computes does not depend on this; how long
its derivation, its plan and its module are does.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import groupby
from math import prod

from ..types import Axis, Tensor
from .diagrams import folded_indices


@dataclass(frozen=True, slots=True)
class Runs:
    """The runs `path.first` to `path.{first + count - 1}`."""

    path: str
    first: int
    count: int

    def named(self, run: int) -> str:
        """The path of a run, counted from 0: `blocks.3`."""
        return f"{self.path}.{self.first + run}" if self.path else str(self.first + run)


@dataclass(frozen=True, slots=True)
class Operand:
    """A tensor that a layer reads or writes; `name` is its key in a collection, or empty.

    With `runs` it stands for a tensor of each run: `name` has `{}` for the number, `tensor` is that of
    the first.
    """

    name: str
    tensor: Tensor
    runs: Runs | None = None

    @property
    def count(self) -> int:
        """How many tensors it stands for."""
        return self.runs.count if self.runs else 1

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the tensors it stands for."""
        if self.runs is None:
            return (self.name,)
        first = self.runs.first
        return tuple(self.name.format(run) for run in range(first, first + self.runs.count))

    @property
    def folded_positions(self) -> int:
        """The positions that count as channels: those of pinned and of tied axes."""
        return prod(self.tensor.axes[i].size for i in folded_indices(self.tensor))

    @property
    def pinned_positions(self) -> int:
        """Those of pinned axes alone, which no group moves."""
        return prod(axis.size for axis in self.tensor.axes if axis.pinned)

    @property
    def features(self) -> int:
        """What counts as channels: positions that are told apart times channels."""
        return self.folded_positions * self.tensor.width

    def __str__(self) -> str:
        return f"{self.name or 'value'}: {self.tensor}"


@dataclass(frozen=True, slots=True)
class Own:
    """An axis that the `run`-th of `runs` has for itself."""

    runs: Runs
    run: int


@dataclass(frozen=True, slots=True)
class Folded:
    """The operands of a layer, one run for all that are alike; `own` are the axes of runs, by name."""

    inputs: tuple[Operand, ...]
    outputs: tuple[Operand, ...]
    own: Mapping[str, Own]


@dataclass(frozen=True, slots=True)
class _Entry:
    """An operand with its side (0 reads, 1 is written), and its name around one of its numbers."""

    side: int
    operand: Operand
    path: str
    number: int
    template: str


@cache
def fold(inputs: tuple[Operand, ...], outputs: tuple[Operand, ...]) -> Folded:
    """One run for all that are alike, in the order of the first; outermost repeats first.

    Where coefficients are tied, or indices exchanged, or tensors hold points, nothing is folded.
    """
    read_or_written = [each.tensor for each in (*inputs, *outputs)]
    if any(
        each.exchanges or each.points or any(axis.tied for axis in each.axes)
        for each in read_or_written
    ):
        return Folded(inputs, outputs, {})
    operands = [*((0, each) for each in inputs), *((1, each) for each in outputs)]
    homes = _homes(operands)
    folded: dict[tuple[int, Operand], Operand | None] = {}  # None: another run stands for it
    own: dict[str, Own] = {}
    for depth in range(_most_numbers(operands)):
        entries = [
            entry
            for side, operand in operands
            if (side, operand) not in folded and (entry := _entry(side, operand, depth))
        ]
        for stretch in _stretches(entries, homes):
            runs = Runs(stretch[0][0].path, stretch[0][0].number, len(stretch))
            for run, tensors in enumerate(stretch):
                for each in tensors:
                    stands = replace(each.operand, name=each.template, runs=runs)
                    folded[each.side, each.operand] = stands if run == 0 else None
                own |= {name: Own(runs, run) for name in _own_axes(tensors, homes)}
    kept = [(side, folded.get((side, operand), operand)) for side, operand in operands]
    sides = [tuple(each for side, each in kept if side == s and each is not None) for s in (0, 1)]
    return Folded(sides[0], sides[1], own)


_NUMBER = re.compile(r"(?:(?<=\.)|^)(\d+)(?=\.)")
_ARGUMENT = re.compile(r"x\d+\.")


def _most_numbers(operands: Sequence[tuple[int, Operand]]) -> int:
    return max((len(_NUMBER.findall(operand.name)) for _, operand in operands), default=0)


def _entry(side: int, operand: Operand, depth: int) -> _Entry | None:
    """The operand by the depth-th number in its name; the number of a piece, at the end, is none."""
    found = list(_NUMBER.finditer(operand.name))
    if depth >= len(found):
        return None
    number = found[depth]
    before, after = operand.name[: number.start()], operand.name[number.end() :]
    path = _ARGUMENT.sub("", before, count=1).rstrip(".")
    return _Entry(side, operand, path, int(number[0]), f"{before}{{}}{after}")


_Homes = Mapping[str, frozenset[tuple[int, str]]]
"""The tensors that each axis is in, by side and name."""


def _homes(operands: Sequence[tuple[int, Operand]]) -> _Homes:
    found: dict[str, set[tuple[int, str]]] = {}
    for side, operand in operands:
        for axis in operand.tensor.axes:
            found.setdefault(axis.name, set()).add((side, operand.name))
    return {name: frozenset(where) for name, where in found.items()}


def _stretches(entries: Sequence[_Entry], homes: _Homes) -> Iterator[list[list[_Entry]]]:
    """Runs in a row that are alike, each as its tensors."""
    lists: dict[str, dict[int, list[_Entry]]] = {}
    for entry in entries:
        lists.setdefault(entry.path, {}).setdefault(entry.number, []).append(entry)
    for numbered in lists.values():
        marked = [(n, _shape(numbered[n], homes)) for n in sorted(numbered)]
        alike = groupby(enumerate(marked), lambda each: (each[1][0] - each[0], each[1][1]))
        for (_, shape), members in alike:
            stretch = [numbered[number] for _, (number, _) in members]
            if shape is not None and len(stretch) > 1:
                yield stretch


def _own_axes(run: Sequence[_Entry], homes: _Homes) -> list[str]:
    """The axes that no tensor outside the run has."""
    inside = {(entry.side, entry.operand.name) for entry in run}
    axes = dict.fromkeys(axis.name for entry in run for axis in entry.operand.tensor.axes)
    return [name for name in axes if homes[name] <= inside]


def _shape(run: Sequence[_Entry], homes: _Homes) -> object | None:
    """What a run is, apart from the names of its own axes; None where an axis of its own is so short
    that not all pairs of a pool and a spread of the run are maps of the basis."""
    numbers = {name: number for number, name in enumerate(_own_axes(run, homes))}

    def anonymous(axis: Axis) -> object:
        parent = anonymous(axis.parent) if axis.parent else None
        name = numbers.get(axis.name, axis.name)
        return name, axis.size, axis.group, parent, axis.coded

    if any(_is_short(run, name) for name in numbers):
        return None
    return tuple(
        (e.side, e.template, e.operand.tensor.channels, *map(anonymous, e.operand.tensor.axes))
        for e in run
    )


def _is_short(run: Sequence[_Entry], name: str) -> bool:
    """Whether an axis has fewer positions than it may have blocks in a diagram between two tensors."""
    most = [0, 0]
    size = 0
    for entry in run:
        same = [axis for axis in entry.operand.tensor.axes if axis.name == name and not axis.pinned]
        most[entry.side] = max(most[entry.side], len(same))
        size = max([size, *(axis.size for axis in same)])
    return size < sum(most)
