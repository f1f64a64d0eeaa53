"""Counts the maps of a layer without listing them, so that one that would explode is refused at once.

For one axis, the number of partitions of m indices into at most n allowed blocks follows from the
block that holds the first index: choose its companions, count what lives inside it, go on with the
rest. Axes that live in others (wreath products) are counted inside each block of their parent.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from itertools import product
from math import comb, prod

from ..types import Axis, Tensor
from .diagrams import enclosing_index, free_indices
from .folding import Operand, Own, Runs, fold


@dataclass(frozen=True, slots=True)
class Index:
    """An index with those that live in it, sorted: indices that compare equal can be exchanged."""

    axis: Axis
    inner: tuple[Index, ...] = ()


@cache
def count_maps(inputs: tuple[Operand, ...], outputs: tuple[Operand, ...]) -> int:
    """Independent maps at one channel in and out, pinned positions included."""
    return _total(inputs, outputs, lambda each: each.pinned_positions)


@cache
def count_coefficients(inputs: tuple[Operand, ...], outputs: tuple[Operand, ...]) -> int:
    """Like `count_maps`, times the channels on both sides: the parameters of a layer without bias."""
    return _total(inputs, outputs, lambda each: each.features)


@cache
def is_reached(inputs: tuple[Operand, ...], output: Operand) -> bool:
    """Whether any map leads to a tensor."""
    target = _roots(output.tensor)
    return any(_diagrams(_roots(each.tensor) + target) for each in inputs)


@dataclass(frozen=True, slots=True)
class _Counted:
    """A tensor's indices, what it weighs, and the runs of a repeat that have one like it."""

    indices: tuple[Index, ...]
    weight: int
    runs: Runs | None

    @property
    def count(self) -> int:
        return self.runs.count if self.runs else 1

    @property
    def axes(self) -> set[str]:
        return {index.axis.name for index in self.indices}

    @property
    def alone(self) -> int:
        """The diagrams on this side alone, of all runs."""
        return self.count * self.weight * _diagrams(self.indices)


def _total(
    inputs: tuple[Operand, ...], outputs: tuple[Operand, ...], weight: Callable[[Operand], int]
) -> int:
    """The diagrams between all pairs of tensors, each pair times the weights of both.

    Two tensors that share no axis have the product of their own diagrams, so that only pairs that
    share one are looked at one by one; tensors of runs that are alike, once for all of them.
    """
    folded = fold(inputs, outputs)
    read = [_Counted(_roots(o.tensor), weight(o), o.runs) for o in folded.inputs]
    written = [_Counted(_roots(o.tensor), weight(o), o.runs) for o in folded.outputs]
    apart = sum(each.alone for each in read) * sum(each.alone for each in written)
    by_axis: dict[str, list[int]] = {}
    for number, target in enumerate(written):
        for name in target.axes:
            by_axis.setdefault(name, []).append(number)
    together = 0
    for source in read:
        for number in sorted({each for name in source.axes for each in by_axis.get(name, ())}):
            target = written[number]
            together += source.weight * target.weight * _joint(source, target, folded.own)
    return apart + together


def _joint(source: _Counted, target: _Counted, own: Mapping[str, Own]) -> int:
    """The diagrams between two tensors beyond the products of their own, over all pairs of runs."""
    apart = _diagrams(source.indices) * _diagrams(target.indices)
    here = _diagrams(source.indices + target.indices) - apart
    if source.runs is None or source.runs != target.runs:
        return source.count * target.count * here
    elsewhere = tuple(_renamed(index, own) for index in target.indices)
    there = _diagrams(source.indices + elsewhere) - apart
    return source.count * here + source.count * (source.count - 1) * there


def _renamed(index: Index, own: Mapping[str, Own]) -> Index:
    """The index in another run, where the run's own axes are others."""
    axis = index.axis
    if axis.name in own:
        axis = replace(axis, name=f"{axis.name}, in another run")
    return Index(axis, tuple(_renamed(inner, own) for inner in index.inner))


def _roots(tensor: Tensor) -> tuple[Index, ...]:
    """The indices of a tensor that live in no other, each with those that live in it."""
    inside: dict[int | None, list[int]] = {}
    for index in free_indices(tensor):
        inside.setdefault(enclosing_index(tensor, index), []).append(index)

    def below(parent: int | None) -> tuple[Index, ...]:
        found = [Index(tensor.axes[i], below(i)) for i in inside.get(parent, [])]
        return tuple(sorted(found, key=repr))

    return below(None)


def _diagrams(indices: tuple[Index, ...]) -> int:
    """The number of diagrams on indices that share a scope: axes multiply."""
    by_axis: dict[Axis, Counter[Index]] = {}
    for index in indices:
        by_axis.setdefault(index.axis, Counter())[index] += 1
    return prod(
        _partitions(axis, tuple(same.items()), axis.group.most_blocks(axis.size))
        for axis, same in by_axis.items()
    )


@cache
def _partitions(axis: Axis, kinds: tuple[tuple[Index, int], ...], most: int) -> int:
    """Partitions of indices (kinds with their numbers) into at most `most` allowed blocks."""
    if len(kinds) == 1 and not kinds[0][0].inner:
        return _leaf_partitions(axis, kinds[0][1], most)
    if not kinds:
        return 1
    if most == 0:
        return 0
    (first, number), *others = kinds
    remaining = [(first, number - 1), *others]
    total = 0
    for taken in product(*(range(count + 1) for _, count in remaining)):
        if not axis.group.closes(1 + sum(taken)):
            continue
        chosen = list(zip(remaining, taken, strict=True))
        ways = prod(comb(count, t) for (_, count), t in chosen)
        block = [first, *(kind for (kind, _), t in chosen for _ in range(t))]
        inside = _diagrams(tuple(each for index in block for each in index.inner))
        rest = tuple((kind, count - t) for (kind, count), t in chosen if count > t)
        total += ways * inside * _partitions(axis, rest, most - 1)
    return total


def _leaf_partitions(axis: Axis, indices: int, most: int) -> int:
    """The same for indices in which nothing lives: row by row, as for Stirling numbers."""
    exactly = [1] + [
        0
    ] * indices  # partitions of the first m indices into the present number of blocks
    total = exactly[indices]
    for _ in range(min(most, indices)):
        exactly = [
            sum(
                comb(m - 1, size - 1) * exactly[m - size]
                for size in range(1, m + 1)
                if axis.group.closes(size)
            )
            for m in range(indices + 1)
        ]
        total += exactly[indices]
    return total
