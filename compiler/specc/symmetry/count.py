"""Counts the maps of a layer without listing them, so that one that would explode is refused at once.

For one axis, the number of partitions of m indices into at most n allowed blocks follows from the
block that holds the first index: choose its companions, count what lives inside it, go on with the
rest. Axes that live in others (wreath products) are counted inside each block of their parent.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import product
from math import comb, prod

from ..types import Axis, Tensor
from .diagrams import enclosing_index
from .folding import Operand, Own, Runs, fold
from .mechanism import mechanism
from .ties import count_tied


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
    return _total(inputs, outputs, lambda each: each.pinned_positions * each.tensor.width)


@cache
def is_reached(inputs: tuple[Operand, ...], output: Operand) -> bool:
    """Whether any map leads to a tensor; to points one does, wherever there are any."""
    read, (written,) = mechanism(inputs, (output,))
    target = _roots(written.tensor)
    maps = sum(_diagrams(target, _roots(each.tensor)) * each.features for each in read)
    means = sum(_diagrams(target, _roots(each.tensor)) for each in _means(read))
    return output.tensor.points or maps > means


def _means(inputs: tuple[Operand, ...]) -> list[Operand]:
    """For each group with translations the mean of the points among tensors, which maps do not read."""
    found: dict[str, Operand] = {}
    for operand in inputs:
        index = operand.tensor.coordinates
        if index is not None:
            axis = operand.tensor.axes[index]
            found.setdefault(axis.mover, Operand("", Tensor((axis,), 1)))
    return list(found.values())


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
        return {index.axis.mover for index in self.indices}


def _total(
    inputs: tuple[Operand, ...], outputs: tuple[Operand, ...], weight: Callable[[Operand], int]
) -> int:
    """The diagrams between all pairs of tensors, each pair times the weights of both.

    Two tensors that share no axis have the product of their own diagrams, so that only pairs that
    share one are looked at one by one; tensors of runs that are alike, once for all of them.
    """
    folded = fold(*mechanism(inputs, outputs))
    read = [_Counted(_roots(o.tensor), weight(o), o.runs) for o in folded.inputs]
    read += [_Counted(_roots(o.tensor), -1, None) for o in _means(folded.inputs)]
    written = [_Counted(_roots(o.tensor), weight(o), o.runs) for o in folded.outputs]
    apart = sum(each.count * each.weight * _diagrams((), each.indices) for each in read) * sum(
        each.count * each.weight * _diagrams(each.indices, ()) for each in written
    )
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
    apart = _diagrams((), source.indices) * _diagrams(target.indices, ())
    here = _diagrams(target.indices, source.indices) - apart
    if source.runs is None or source.runs != target.runs:
        return source.count * target.count * here
    elsewhere = tuple(_renamed(index, own) for index in target.indices)
    there = _diagrams(elsewhere, source.indices) - apart
    return source.count * here + source.count * (source.count - 1) * there


def _renamed(index: Index, own: Mapping[str, Own]) -> Index:
    """The index in another run, where the run's own axes are others."""
    axis = index.axis
    if axis.name in own:
        axis = replace(axis, name=f"{axis.name}, in another run", element="")
    return Index(axis, tuple(_renamed(inner, own) for inner in index.inner))


def _roots(tensor: Tensor) -> tuple[Index, ...]:
    """The indices of a tensor that live in no other, each with those that live in it."""
    inside: dict[int | None, list[int]] = {}
    for index, axis in enumerate(tensor.axes):
        if not axis.pinned:
            inside.setdefault(enclosing_index(tensor, index), []).append(index)

    def below(parent: int | None) -> tuple[Index, ...]:
        found = [Index(tensor.axes[i], below(i)) for i in inside.get(parent, [])]
        return tuple(sorted(found, key=repr))

    return below(None)


def _diagrams(written: tuple[Index, ...], read: tuple[Index, ...]) -> int:
    """The independent maps between indices that share a scope: movers multiply."""
    joint: dict[str, tuple[list[Index], list[Index]]] = {}
    tied: tuple[list[Axis], list[Axis]] = ([], [])
    for side, indices in enumerate((written, read)):
        for index in indices:
            if index.axis.tied:
                tied[side].append(index.axis)
            else:
                joint.setdefault(index.axis.mover, ([], []))[side].append(index)
    return count_tied(*tied) * prod(_of_mover(*sides) for sides in joint.values())


def _of_mover(written: Sequence[Index], read: Sequence[Index]) -> int:
    """The diagrams on indices of one mover."""
    axis = (*written, *read)[0].axis
    group = axis.diagrams
    if any(index.inner for index in (*written, *read)):
        return _nested(axis, tuple(sorted(Counter((*written, *read)).items(), key=repr)), axis.size)
    kinds = [index.axis.diagrams.kind for index in written]
    kinds += [group.facing(index.axis.diagrams.kind) for index in read]
    return group.count(axis.size, tuple(sorted(kinds)))


@cache
def _nested(axis: Axis, sorts: tuple[tuple[Index, int], ...], most: int) -> int:
    """Partitions of indices (sorts with their numbers) into at most `most` blocks, and inside each
    block the diagrams on what lives there."""
    if not sorts:
        return 1
    if most == 0:
        return 0
    (first, number), *others = sorts
    remaining = [(first, number - 1), *others]
    total = 0
    for taken in product(*(range(count + 1) for _, count in remaining)):
        chosen = list(zip(remaining, taken, strict=True))
        block = [first, *(sort for (sort, _), t in chosen for _ in range(t))]
        if not axis.diagrams.closes(tuple(index.axis.diagrams.kind for index in block)):
            continue
        ways = prod(comb(count, t) for (_, count), t in chosen)
        inside = _diagrams(tuple(each for index in block for each in index.inner), ())
        rest = tuple((sort, count - t) for (sort, count), t in chosen if count > t)
        total += ways * inside * _nested(axis, rest, most - 1)
    return total
