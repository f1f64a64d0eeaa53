"""How many independent maps commute with groups that are given by generators.

For signed permutations these are orbits on tuples of positions: connected components of the graph
whose edges are the generators, found without listing the group; an orbit in which a sign contradicts
itself carries no invariant. For matrices it is the dimension of the space that all generators leave
fixed, exact where their entries are rational (Gaussian elimination modulo a prime), else by
singular values with a clear gap.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from functools import cache
from math import prod
from typing import TYPE_CHECKING, Any

from ..groups import Action, Permuted, Represented, Spin, Tied, count_couplings
from ..types import Axis

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]

PRIME = 2_147_483_629
"""Elimination is modulo this prime: products of two residues fit into 64 bits."""

GAP = 1e-6
"""Singular values below this part of the largest count as zero, others lie well above."""


def tied_axes(axes: Sequence[Axis]) -> tuple[Axis, ...]:
    """Those of the axes whose positions are tied."""
    return tuple(axis for axis in axes if axis.tied)


def count_tied(outputs: Sequence[Axis], inputs: Sequence[Axis]) -> int:
    """The independent maps between positions of tied axes: one factor for each group."""
    written, read = tied_axes(outputs), tied_axes(inputs)
    movers = dict.fromkeys(axis.mover for axis in (*written, *read))
    return prod(
        _count_of_mover(*([a for a in side if a.mover == mover] for side in (written, read)))
        for mover in movers
    )


def _count_of_mover(written: Sequence[Axis], read: Sequence[Axis]) -> int:
    """The independent maps between indices that one group moves; spins are their own duals."""
    spins = [axis.group for axis in (*written, *read) if isinstance(axis.group, Spin)]
    if len(spins) == len(written) + len(read):
        return count_couplings(spins)
    actions = [*map(action_of, written), *(_dual(action_of(axis)) for axis in read)]
    return count_invariants(tuple(actions))


def action_of(axis: Axis) -> Action:
    """How the generators of an axis's group act on it."""
    assert isinstance(axis.group, Tied)
    return axis.group.action(axis.size)


def _dual(action: Action) -> Action:
    """The action on linear forms: maps from a tensor are invariants with its dual."""
    if isinstance(action, Permuted):
        return action
    return Represented(
        tuple(_transposed(inverse(matrix)) for matrix in action.generators),
        tuple(
            tuple(tuple(-x for x in row) for row in _transposed(matrix))
            for matrix in action.algebra
        ),
    )


@cache
def count_invariants(actions: tuple[Action, ...]) -> int:
    """The independent invariants of a tensor with an index for each action of one group."""
    if not actions:
        return 1
    if all(isinstance(action, Permuted) for action in actions):
        return _count_orbits([action for action in actions if isinstance(action, Permuted)])
    return _count_fixed([as_matrices(action) for action in actions])


# --- Orbits -----------------------------------------------------------------------------------------


def _count_orbits(actions: Sequence[Permuted]) -> int:
    """Components of tuples with a sign; those that hold a tuple with both signs are no invariants."""
    import numpy as np
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    size = prod(action.size for action in actions)
    signed = any(action.is_signed for action in actions)
    starts: list[Array] = []
    ends: list[Array] = []
    for generator in range(len(actions[0].images)):
        image, sign = np.zeros(1, dtype=np.int64), np.ones(1, dtype=np.int64)
        for action in actions:
            moved = np.array(action.images[generator])
            image = (image[:, None] * action.size + moved).ravel()
            sign = (sign[:, None] * np.array(action.signs[generator])).ravel()
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


# --- What matrices leave fixed ------------------------------------------------------------------------


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


def _count_fixed(actions: Sequence[Represented]) -> int:
    entries = [
        value
        for action in actions
        for matrix in (*action.generators, *action.algebra)
        for row in matrix
        for value in row
    ]
    exact = all(isinstance(value, Fraction) for value in entries)
    constraints = _constraints(actions, exact)
    columns = constraints.shape[1]
    if exact:
        return int(columns) - len(independent_rows(constraints))
    return int(columns) - _float_rank(constraints)


def _constraints(actions: Sequence[Represented], exact: bool) -> Array:
    """The rows that an invariant is orthogonal to: g x - x for generators, X x for an algebra."""
    import numpy as np

    def array(matrix: Sequence[Sequence[Fraction | float]]) -> Array:
        if exact:
            return np.array([[_residue(value) for value in row] for row in matrix], dtype=np.int64)
        return np.array([[float(value) for value in row] for row in matrix])

    def product(first: Array, second: Array) -> Array:
        made = np.kron(first, second)
        return made % PRIME if exact else made

    size = prod(action.size for action in actions)
    identity = np.eye(size, dtype=np.int64 if exact else np.float64)
    rows = []
    for each in zip(*(action.generators for action in actions), strict=True):
        joint = np.ones((1, 1), dtype=identity.dtype)
        for matrix in each:
            joint = product(joint, array(matrix))
        rows.append(joint - identity)
    for each in zip(*(action.algebra for action in actions), strict=True):
        total = np.zeros_like(identity)
        for place, matrix in enumerate(each):
            before = prod(action.size for action in actions[:place])
            after = prod(action.size for action in actions[place + 1 :])
            inner = np.kron(np.eye(before, dtype=identity.dtype), array(matrix))
            total = total + np.kron(inner, np.eye(after, dtype=identity.dtype))
        rows.append(total)
    stacked = np.concatenate(rows)
    return stacked % PRIME if exact else stacked


def _residue(value: Fraction | float) -> int:
    assert isinstance(value, Fraction)
    return value.numerator % PRIME * pow(value.denominator, -1, PRIME) % PRIME


def independent_rows(rows: Array) -> tuple[int, ...]:
    """The first rows that are independent modulo the prime, in order."""
    import numpy as np

    left = np.array(rows, dtype=np.int64) % PRIME
    found = []
    for number in range(len(left)):
        filled = np.flatnonzero(left[number])
        if not len(filled):
            continue
        found.append(number)
        pivot = filled[0]
        inverse = pow(int(left[number, pivot]), -1, PRIME)
        scaled = left[number] * inverse % PRIME
        below = number + 1 + np.flatnonzero(left[number + 1 :, pivot])
        left[below] = (left[below] - left[below, pivot][:, None] * scaled % PRIME) % PRIME
    return tuple(found)


def _float_rank(matrix: Array) -> int:
    import numpy as np

    values = np.linalg.svd(matrix.astype(np.float64), compute_uv=False)
    return int((values > GAP * max(1.0, float(values[0]))).sum())


def _transposed(
    matrix: Sequence[Sequence[Fraction | float]],
) -> tuple[tuple[Fraction | float, ...], ...]:
    return tuple(zip(*matrix, strict=True))


def inverse(
    matrix: Sequence[Sequence[Fraction | float]],
) -> tuple[tuple[Fraction | float, ...], ...]:
    """The inverse by elimination; exact where the entries are."""
    size = len(matrix)
    rows: list[list[Any]] = [
        [*row, *(Fraction(i == j) for j in range(size))] for i, row in enumerate(matrix)
    ]
    for column in range(size):
        best = max(range(column, size), key=lambda row: abs(rows[row][column]))
        rows[column], rows[best] = rows[best], rows[column]
        pivot = rows[column][column]
        if pivot == 0:
            raise ZeroDivisionError("the matrix is not invertible")
        rows[column] = [value / pivot for value in rows[column]]
        for row in range(size):
            if row != column and rows[row][column] != 0:
                factor = rows[row][column]
                rows[row] = [a - factor * b for a, b in zip(rows[row], rows[column], strict=True)]
    return tuple(tuple(row[size:]) for row in rows)
