"""Which pairings of few dimensions are a basis, by monotone subsequences.

A joint diagram of a classical group pairs the indices of input and output. In n dimensions pairings
depend on each other once there are many; those that, read as involutions, have no increasing
(O, SO) or decreasing (Sp) subsequence longer than n are a basis, with the n indices of a determinant as
fixed points; for GL(n) pairings are permutations of the vectors against the duals, without a long
decreasing subsequence.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence

from ..groups import Monotone
from ..types import Axis, Tensor
from .diagrams import Half, Strand


def is_independent(
    roots: Sequence[Strand],
    pool: Half | None,
    spread: Half,
    read: Tensor | None,
    written: Tensor,
) -> bool:
    """Whether the diagram of a pool and a spread belongs to the basis; without a pool, the invariant."""
    axes = [*(read.axes if read else ()), *written.axes]
    for axis in {a.moved: None for a in axes if not (a.pinned or a.tied)}:
        rule = axis.diagrams.independent(axis.size)
        if rule is None:
            continue
        partner = dict(_pairs(roots, axis, pool, spread, read, written))
        start = len(read.axes) if read else 0
        first = [
            partner[index]
            for index in sorted(partner)
            if not rule.two_sorts or (axes[index].diagrams.kind == 0) == (index >= start)
        ]
        if _longest(first, rule) > rule.longest:
            return False
    return True


def _pairs(
    roots: Sequence[Strand],
    axis: Axis,
    pool: Half | None,
    spread: Half,
    read: Tensor | None,
    written: Tensor,
) -> Iterator[tuple[int, int]]:
    """Each index of a mover with its partner, inputs numbered before outputs; one of a determinant with itself."""
    start = len(read.axes) if read else 0
    strands = [strand for root in roots for strand in root.preorder()]
    sides = [(spread, start, written)]
    if pool is not None and read is not None:
        sides.append((pool, 0, read))
        for number, strand in enumerate(strands):
            if strand.axis == axis and strand.wedge is None:
                ((first,), (second,)) = pool.strands[number], spread.strands[number]
                yield first, start + second
                yield start + second, first
    for half, offset, tensor in sides:
        for wedge in half.wedges:
            for index in wedge:
                if tensor.axes[index].moved == axis:
                    yield offset + index, offset + index
        for block in half.whole:
            if tensor.axes[block[0]].moved == axis:
                first, second = block
                yield offset + first, offset + second
                yield offset + second, offset + first


def _longest(sequence: Sequence[int], rule: Monotone) -> int:
    """The length of the longest increasing, or decreasing, subsequence (patience sorting)."""
    tops: list[int] = []
    for value in sequence if rule.increasing else [-each for each in sequence]:
        place = bisect_left(tops, value)
        tops[place : place + 1] = [value]
    return len(tops)
