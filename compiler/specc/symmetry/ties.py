"""How many independent maps commute with groups that are given by generators.

For signed permutations these are orbits on tuples of positions: connected components of the graph
whose edges are the generators, found without listing the group; an orbit in which a sign contradicts
itself carries no invariant. For matrices it is the dimension of the space that all generators leave
fixed, see `fixed`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cache
from math import prod
from typing import TYPE_CHECKING, Any

from ..groups import Action, Permuted, Represented, Tied
from ..groups.tied import inverse, transposed
from ..types import Axis, Swap, Tensor
from .fixed import count_fixed
from .rings import Ring, ring, ring_maps

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]


@dataclass(frozen=True, slots=True)
class Factor:
    """The indices of one group among those of a map that are told apart, by their places in the output
    and the input, where several that are moved jointly count as their first; `mover` is None for
    pinned ones. `swaps` exchange them, outputs before inputs. `ring` has the positions that the group
    shifts, where it shifts all indices alike and none are exchanged."""

    mover: str | None
    outputs: tuple[int, ...]
    inputs: tuple[int, ...]
    swaps: tuple[Swap, ...]
    ring: Ring | None = None

    @property
    def is_circulant(self) -> bool:
        """Whether maps are correlations along a ring or a torus."""
        return self.ring is not None and bool(self.outputs and self.inputs)


def factors(written: Tensor, read: Tensor | None) -> tuple[Factor, ...]:
    """The groups that tie the coefficients of a map, and its pinned indices, in order of appearance."""
    outputs = written.axes
    inputs = read.axes if read else ()
    places = [
        (side, place, axis.mover if axis.tied else None)
        for side, axes in enumerate((outputs, inputs))
        for place, axis in enumerate(axes)
        if axis.pinned or (axis.tied and not (axis.joint and axis.joint.place))
    ]
    found = []
    for mover in dict.fromkeys(mover for _, _, mover in places):
        same = [(side, place) for side, place, each in places if each == mover]
        swaps = [
            swap
            for side, tensor in enumerate((written, read))
            if tensor is not None
            for order, sign in tensor.swaps
            if (swap := _local(same, side, order, sign)) is not None
        ]
        sides = [tuple(place for side, place in same if side == number) for number in (0, 1)]
        axes = [(outputs, inputs)[side][place] for side, place in same]
        shifted = ring(axes) if mover is not None and not swaps else None
        if shifted and not all(sides):
            shifted = replace(shifted, support=None)
        found.append(Factor(mover, sides[0], sides[1], tuple(swaps), shifted))
    return tuple(found)


def _local(
    same: Sequence[tuple[int, int]], side: int, order: Sequence[int], sign: int
) -> Swap | None:
    """An exchange of one tensor's indices, as one of those of a factor; None where it moves none."""
    if all(order[place] == place for number, place in same if number == side):
        return None
    images = [same.index((side, order[p])) if n == side else same.index((n, p)) for n, p in same]
    return tuple(images), sign


def is_tied(written: Tensor, read: Tensor | None) -> bool:
    """Whether coefficients of maps between two tensors are tied."""
    return any(factor.mover is not None or factor.swaps for factor in factors(written, read))


def count_between(written: Tensor, read: Tensor | None) -> int:
    """The independent maps between positions that are told apart; invariants without `read`."""
    total = 1
    for factor in factors(written, read):
        outputs = [written.axes[place] for place in factor.outputs]
        inputs = [read.axes[place] for place in factor.inputs] if read else []
        if factor.mover is None and not factor.swaps:
            total *= prod(axis.size for axis in (*outputs, *inputs))
            continue
        if factor.ring is not None:
            total *= ring_maps(factor.ring, len(outputs) + len(inputs))
            continue
        actions = [action_of(axis) for axis in outputs]
        actions += [_dual(action_of(axis)) for axis in inputs]
        total *= count_invariants(tuple(actions), factor.swaps)
    return total


def count_tied(outputs: Sequence[Axis], inputs: Sequence[Axis]) -> int:
    """The independent maps between positions of tied axes, whatever may be exchanged."""
    written, read = (
        Tensor(tuple(axis for axis in axes if axis.tied), 1) for axes in (outputs, inputs)
    )
    return count_between(written, read)


def action_of(axis: Axis) -> Action:
    """How the generators of an axis's group act on it; those of a pinned one do nothing."""
    if isinstance(axis.group, Tied):
        return axis.group.action(axis.size)
    return Permuted((tuple(range(axis.size)),), ((1,) * axis.size,))


def _dual(action: Action) -> Action:
    """The action on linear forms: maps from a tensor are invariants with its dual."""
    if isinstance(action, Permuted):
        return action
    return Represented(
        tuple(transposed(inverse(matrix)) for matrix in action.generators),
        tuple(
            tuple(tuple(-x for x in row) for row in transposed(matrix)) for matrix in action.algebra
        ),
    )


@cache
def count_invariants(actions: tuple[Action, ...], swaps: tuple[Swap, ...] = ()) -> int:
    """The independent invariants of a tensor with an index for each action of one group, which
    exchanges of indices leave as it is up to their sign."""
    if not actions:
        return 1
    if all(isinstance(action, Permuted) for action in actions):
        return _count_orbits([each for each in actions if isinstance(each, Permuted)], swaps)
    return count_fixed([as_matrices(action) for action in actions], swaps)


# --- Orbits -----------------------------------------------------------------------------------------


def _count_orbits(actions: Sequence[Permuted], swaps: Sequence[Swap]) -> int:
    """Components of tuples with a sign; those that hold a tuple with both signs are no invariants."""
    import numpy as np
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    size = prod(action.size for action in actions)
    signed = any(action.is_signed for action in actions) or any(sign < 0 for _, sign in swaps)
    moves: list[tuple[Array, Array]] = []
    for generator in range(len(actions[0].images)):
        image, sign = np.zeros(1, dtype=np.int64), np.ones(1, dtype=np.int64)
        for action in actions:
            moved = np.array(action.images[generator])
            image = (image[:, None] * action.size + moved).ravel()
            sign = (sign[:, None] * np.array(action.signs[generator])).ravel()
        moves.append((image, sign))
    moves += [
        (_exchanged(actions, order), np.full(size, each, dtype=np.int64)) for order, each in swaps
    ]
    starts: list[Array] = []
    ends: list[Array] = []
    for image, sign in moves:
        here = np.arange(size)
        flips = np.where(sign < 0, size, 0)
        starts += [here, here + size] if signed else [here]
        ends += [image + flips, image + size - flips] if signed else [image]
    nodes = 2 * size if signed else size
    edges = (np.concatenate(starts), np.concatenate(ends))
    graph = coo_array((np.ones(len(edges[0]), dtype=np.int8), edges), shape=(nodes, nodes))
    number, labels = connected_components(graph, directed=False)
    if not signed:
        return int(number)
    contradicted = np.unique(labels[:size][labels[:size] == labels[size:]])
    return (int(number) - len(contradicted)) // 2


def _exchanged(actions: Sequence[Action], order: Sequence[int]) -> Array:
    """Where an exchange of indices takes each tuple of positions."""
    import numpy as np

    sizes = [action.size for action in actions]
    return np.arange(prod(sizes)).reshape(sizes).transpose(order).ravel()


def as_matrices(action: Action) -> Represented:
    """Its generators and algebra as matrices."""
    if isinstance(action, Represented):
        return action
    matrices = []
    for images, signs in zip(action.images, action.signs, strict=True):
        rows = [[Fraction(0)] * action.size for _ in images]
        for i, (image, sign) in enumerate(zip(images, signs, strict=True)):
            rows[image][i] = Fraction(sign)
        matrices.append(tuple(map(tuple, rows)))
    return Represented(tuple(matrices), ())
