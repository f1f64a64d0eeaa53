"""How many tensors the generators of a group of matrices leave fixed.

With rational entries this is exact, by elimination modulo a prime: of what one constraint takes to zero
the next one leaves a part, those with few entries first, so that few eliminations are large. Else singular
values decide, with a clear gap.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import prod
from typing import TYPE_CHECKING, Any

from ..groups import Represented
from ..types import Swap
from .modular import SMALL_PRIME, nullspace, product, residue

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]

GAP = 1e-6
"""Singular values below this part of the largest count as zero, others lie well above."""


@dataclass(frozen=True, slots=True, eq=False)
class _Constraint:
    """What takes invariants to zero: products of matrices along each index, sums of one along each, or
    an exchange of indices with its sign; less the tensor itself for the first and the last."""

    matrices: tuple[Array, ...] = ()
    lie: bool = False
    swap: Swap | None = None


def count_fixed(actions: Sequence[Represented], swaps: Sequence[Swap]) -> int:
    """The independent tensors, with an index for each action, that all generators and exchanges keep."""
    entries = [
        value
        for action in actions
        for matrix in (*action.generators, *action.algebra)
        for row in matrix
        for value in row
    ]
    exact = all(isinstance(value, Fraction) for value in entries)
    sizes = [action.size for action in actions]
    constraints = list(_constraints(actions, swaps, exact))
    return _count_exactly(constraints, sizes) if exact else _count_nearly(constraints, sizes)


def _constraints(
    actions: Sequence[Represented], swaps: Sequence[Swap], exact: bool
) -> Iterator[_Constraint]:
    import numpy as np

    def array(matrix: Sequence[Sequence[Fraction | float]]) -> Array:
        if exact:
            return np.array([[residue(value) for value in row] for row in matrix], dtype=np.int64)
        return np.array([[float(value) for value in row] for row in matrix])

    for each in zip(*(action.generators for action in actions), strict=True):
        yield _Constraint(tuple(map(array, each)))
    for each in zip(*(action.algebra for action in actions), strict=True):
        yield _Constraint(tuple(map(array, each)), lie=True)
    for swap in swaps:
        yield _Constraint(swap=swap)


def _applied(constraint: _Constraint, tensors: Array, sizes: Sequence[int]) -> Array:
    """A constraint applied to each column of (positions, number); what is exact stays below 2^62."""
    import numpy as np

    def along(index: int, matrix: Array, values: Array) -> Array:
        made = np.moveaxis(np.tensordot(matrix, values, ([1], [index])), 0, index)
        return made % SMALL_PRIME if made.dtype == np.int64 else made

    shaped = tensors.reshape(*sizes, -1)
    if constraint.swap is not None:
        order, sign = constraint.swap
        return sign * shaped.transpose(*order, len(sizes)).reshape(tensors.shape) - tensors
    if constraint.lie:
        parts = (along(i, matrix, shaped) for i, matrix in enumerate(constraint.matrices))
        total: Array = sum(parts, np.zeros_like(shaped)).reshape(tensors.shape)
        return total
    moved = shaped
    for index, matrix in enumerate(constraint.matrices):
        moved = along(index, matrix, moved)
    return moved.reshape(tensors.shape) - tensors


def _count_exactly(constraints: Sequence[_Constraint], sizes: Sequence[int]) -> int:
    import numpy as np

    tensors = np.eye(prod(sizes), dtype=np.int64)
    for constraint in sorted(constraints, key=_filled):
        apart = _applied(constraint, tensors, sizes) % SMALL_PRIME
        if apart.any():
            tensors = product(tensors, nullspace(apart))
    return int(tensors.shape[1])


def _filled(constraint: _Constraint) -> int:
    """How many entries of the matrices are not zero."""
    return sum(int((matrix != 0).sum()) for matrix in constraint.matrices)


def _count_nearly(constraints: Sequence[_Constraint], sizes: Sequence[int]) -> int:
    import numpy as np

    identity = np.eye(prod(sizes))
    rows = np.concatenate([_applied(each, identity, sizes) for each in constraints])
    values = np.linalg.svd(rows, compute_uv=False)
    rank = (values > GAP * max(1.0, float(values[0]))).sum()
    return len(identity) - int(rank)
