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
from ..types import Axis, Swap, Tensor
from .diagrams import Half, Strand
from .exchanges import Joined, independent_diagrams


def is_independent(
    roots: Sequence[Strand],
    pool: Half | None,
    spread: Half,
    read: Tensor | None,
    written: Tensor,
) -> bool:
    """Whether the diagram of a pool and a spread belongs to the basis; without a pool, the invariant."""
    axes = [*(read.axes if read else ()), *written.axes]
    start = len(read.axes) if read else 0
    swaps = joint_swaps(read, written)
    for axis in {a.moved: None for a in axes if not (a.pinned or a.tied)}:
        same = [i for i, each in enumerate(axes) if each.moved == axis]
        group = axis.diagrams
        kinds = tuple(
            axes[i].diagrams.kind if i >= start else group.facing(axes[i].diagrams.kind)
            for i in same
        )
        exchanged = any(order[i] != i for order, _ in swaps for i in same)
        if exchanged or group.by_rank(axis.size, kinds):
            local = tuple(
                (tuple(same.index(order[i]) for i in same), sign)
                for order, sign in swaps
                if any(order[i] != i for i in same)
            )
            diagram = _joint(roots, axis, pool, spread, read, written, same)
            if diagram not in independent_diagrams(group, axis.size, kinds, local):
                return False
            continue
        rule = axis.diagrams.independent(axis.size)
        if rule is None:
            continue
        partner = dict(_pairs(roots, axis, pool, spread, read, written))
        first = [
            partner[index]
            for index in sorted(partner)
            if not rule.two_sorts or (axes[index].diagrams.kind == 0) == (index >= start)
        ]
        if _longest(first, rule) > rule.longest:
            return False
    return True


def joint_swaps(read: Tensor | None, written: Tensor) -> tuple[Swap, ...]:
    """The exchanges of joint indices, inputs before outputs."""
    inputs = len(read.axes) if read else 0
    outputs = len(written.axes)
    of_inputs = read.swaps if read else ()
    found = [((*order, *range(inputs, inputs + outputs)), sign) for order, sign in of_inputs]
    found += [
        ((*range(inputs), *(inputs + i for i in order)), sign) for order, sign in written.swaps
    ]
    return tuple(found)


def _joint(
    roots: Sequence[Strand],
    axis: Axis,
    pool: Half | None,
    spread: Half,
    read: Tensor | None,
    written: Tensor,
    same: Sequence[int],
) -> Joined:
    """The joint diagram of one mover, its indices numbered from 0."""
    start = len(read.axes) if read else 0
    strands = [strand for root in roots for strand in root.preorder()]
    blocks: list[tuple[bool, Sequence[int]]] = []
    for number, strand in enumerate(strands):
        if strand.axis == axis:
            inner = pool.strands[number] if pool else ()
            outer = [start + i for i in spread.strands[number]]
            blocks.append((strand.wedge is not None, [*inner, *outer]))
    if pool is not None and read is not None:
        blocks += [(False, block) for block in pool.whole if read.axes[block[0]].moved == axis]
    blocks += [
        (False, [start + i for i in block])
        for block in spread.whole
        if written.axes[block[0]].moved == axis
    ]
    return frozenset((wedge, frozenset(map(same.index, block))) for wedge, block in blocks)


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
            if len(block) == 2 and tensor.axes[block[0]].moved == axis:
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
