"""Groups on the positions of a ring or a torus: how many maps there are, and how far they reach.

A map that commutes with C(n) is known from where one of its indices is 0; one that commutes with D(n)
is the same there at p and at -p. Any other group of permutations that is transitive and abelian has
one element for each position, as C(n) has: its positions are those of a torus, and it shifts them. So
the maps are counted without listing pairs of positions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import combinations

from ..groups import Cyclic, Dihedral, Permuted, Tied
from ..types import Axis, Tensor

Images = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Ring:
    """Positions that a group shifts: in a ring those of C(n), `reflected` those of D(n), else on a torus.

    With a `support` maps reach so many offsets.
    """

    positions: int
    reflected: bool = False
    support: int | None = None


def ring(axes: Sequence[Axis]) -> Ring | None:
    """The positions of these axes, if one group shifts all of them alike."""
    groups = {(axis.group, axis.size) for axis in axes}
    group, size = axes[0].group, axes[0].size
    if len(groups) != 1 or not isinstance(group, Tied):
        return None
    if isinstance(group, Cyclic | Dihedral):
        return Ring(size, isinstance(group, Dihedral), group.support)
    return _torus(group, size)


@cache
def _torus(group: Tied, size: int) -> Ring | None:
    """The positions of a group that is transitive and abelian."""
    action = group.action(size)
    if not isinstance(action, Permuted) or action.is_signed or not _commute(action.images):
        return None
    return Ring(action.size) if _is_transitive(action) else None


def _commute(moves: Sequence[Images]) -> bool:
    return all(
        all(first[q] == second[p] for p, q in zip(first, second, strict=True))
        for first, second in combinations(moves, 2)
    )


def _is_transitive(action: Permuted) -> bool:
    reached, waiting = {0}, [0]
    while waiting:
        here = waiting.pop()
        found = {images[here] for images in action.images} - reached
        reached |= found
        waiting += found
    return len(reached) == action.size


def ring_maps(ring: Ring, indices: int) -> int:
    """The independent maps between so many indices; within a window, those of its offsets."""
    if ring.support is not None:
        return (ring.support + 1) // 2 if ring.reflected else ring.support
    kernel = ring.positions ** (indices - 1)
    fixed = (2 - ring.positions % 2) ** (indices - 1)
    return int((kernel + fixed) // 2 if ring.reflected else kernel)


def within(tensor: Tensor, supports: Mapping[str, int]) -> Tensor:
    """The tensor with axes along which maps reach no further, by what moves them."""
    return replace(tensor, axes=tuple(_within(axis, supports) for axis in tensor.axes))


def _within(axis: Axis, supports: Mapping[str, int]) -> Axis:
    support = supports.get(axis.mover)
    if support is None or not isinstance(axis.group, Cyclic | Dihedral):
        return axis
    return replace(axis, group=replace(axis.group, support=support))
