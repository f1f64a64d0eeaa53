"""Invariant tensors and commutants by brute force, from the matrices of generators alone.

The space of all tensors is cut down in two steps. Signed permutations of its entries (generators
that are such matrices, and the exchanges that sym and alt ask for) tie entries together, diagonal
generators make entries zero: this leaves orbits, found exactly by merging labels. All other
generators are linear equations on the orbits: solved modulo a large prime where they have whole
numbers (the dimension) and in float64, with a clear gap, for a basis.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import reduce

import numpy as np
from numpy.typing import NDArray

from .linear_algebra import PRIME, rank_modulo
from .representations import Square, Tensor, dual_tensor, indices, size, sizes, swaps

Ints = NDArray[np.int64]
Matrix = NDArray[np.float64]

SPARE_ROWS = 8
"""Random combinations of the equations beyond the unknowns; each misses rank with chance 1/PRIME."""


@dataclass(frozen=True, slots=True, eq=False)
class Step:
    """One generator on a tensor: for each index its (left, right), or None where it does nothing.

    The equation is (⊗ left - ⊗ right) x = 0; for a Lie-algebra element `right` is not there and it
    is sum over indices of (1 ⊗ ... left ... ⊗ 1) x = 0.
    """

    matrices: tuple[tuple[Square, Square] | None, ...]
    lie: bool

    @property
    def whole(self) -> bool:
        return all(each[0].dtype == np.int64 for each in self.matrices if each)

    @property
    def scale(self) -> float:
        """What makes the equation one of unit size, so that its gap can be judged."""
        sides = [np.abs(pair[0 if self.lie else 1]).max() for pair in self.matrices if pair]
        return float(max(sides) if self.lie else math.prod(map(float, sides)))


def steps(tensor: Tensor) -> Iterator[Step]:
    """Every generator of every mover."""
    axes = list(indices(tensor))
    for mover in dict.fromkeys(axis.mover for axis in axes):
        own = [axis if axis.mover == mover else None for axis in axes]
        moved = [axis for axis in own if axis]
        assert len({(len(a.elements), len(a.algebra)) for a in moved}) == 1, mover
        for k in range(len(moved[0].elements)):
            yield Step(tuple(axis.elements[k] if axis else None for axis in own), lie=False)
        for k in range(len(moved[0].algebra)):
            lefts = tuple((axis.algebra[k],) * 2 if axis else None for axis in own)
            yield Step(lefts, lie=True)


# --- What the compiler is held against -----------------------------------------------------------


def invariants(tensor: Tensor) -> int:
    """The dimension of the invariant tensors.

    Exact for whole-numbered generators: a prime and random combinations of equations can only lose
    rank, which the float64 nullspace of `invariant_basis` would not.
    """
    orbits, equations = _orbits(tensor)
    if not equations or not orbits.count:
        return orbits.count
    if not all(step.whole for step in equations):
        return len(_kernel(orbits, equations, sizes(tensor)))
    rng = np.random.default_rng(0)
    shape = (orbits.count + SPARE_ROWS, *sizes(tensor))
    rows = np.zeros((shape[0], orbits.count), dtype=np.int64)
    for step in equations:
        y = rng.integers(0, PRIME, shape)
        rows = (rows + orbits.sums(_transposed(step, y))) % PRIME
    return orbits.count - rank_modulo(rows)


def invariant_basis(tensor: Tensor) -> Matrix:
    """Orthonormal rows, (dimension, size), that span the invariant tensors, in float64."""
    orbits, equations = _orbits(tensor)
    return orbits.lift(_kernel(orbits, equations, sizes(tensor)))


def commutant_dimension(source: Tensor, target: Tensor) -> int:
    """The dimension of the linear maps X with rho_target(g) X = X rho_source(g)."""
    return invariants((*target, *dual_tensor(source)))


def commutant(source: Tensor, target: Tensor) -> Matrix:
    """An orthonormal basis of them, (dimension, rows, columns).

    For a power in the source they are maps on all tensors that see only its part.
    """
    basis = invariant_basis((*target, *dual_tensor(source)))
    return basis.reshape(len(basis), size(target), size(source))


def _kernel(orbits: Orbits, equations: Sequence[Step], shape: tuple[int, ...]) -> Matrix:
    """Orthonormal rows of coefficients, by orthonormal orbit, that solve the equations."""
    unknowns = orbits.count
    unit = orbits.lift(np.eye(unknowns)).reshape(unknowns, *shape)
    triangle = np.zeros((0, unknowns))
    for step in equations:
        image = _applied(step, unit).reshape(unknowns, math.prod(shape)) / step.scale
        triangle = np.linalg.qr(np.concatenate([triangle, image.T]), mode="r")
    return kernel(triangle)


def kernel(matrix: Matrix, *, zero: float = 1e-10, positive: float = 1e-5) -> Matrix:
    """Orthonormal rows spanning the nullspace, of a matrix of rows of about unit size.

    Raises AssertionError when a singular value lies between `zero` and `positive`: too close to call.
    """
    if not matrix.size:
        return np.eye(matrix.shape[1])
    _, values, rows = np.linalg.svd(matrix)
    unclear = values[(values > zero) & (values < positive)]
    assert unclear.size == 0, f"no clear gap between kernel and range: {unclear}"
    found: Matrix = rows[np.count_nonzero(values >= positive) :]
    return found


# --- Orbits --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, eq=False)
class Orbits:
    """Entries tied together up to sign: `entries` orbit by orbit, `starts` where each begins."""

    size: int
    entries: Ints
    signs: Ints
    starts: Ints

    @property
    def count(self) -> int:
        return len(self.starts)

    def sums(self, y: Ints) -> Ints:
        """(k, ...) -> (k, orbits): the signed sums of entries modulo the prime."""
        own = y.reshape(len(y), -1)[:, self.entries] * self.signs
        return np.add.reduceat(own, self.starts, axis=1) % PRIME

    def lift(self, coefficients: Matrix) -> Matrix:
        """(k, orbits) -> (k, size): each orbit's entries at unit length."""
        lengths = np.diff(np.append(self.starts, len(self.entries)))
        own = np.repeat(coefficients / np.sqrt(lengths), lengths, axis=1) * self.signs
        lifted = np.zeros((len(coefficients), self.size))
        lifted[:, self.entries] = own
        return lifted


def _orbits(tensor: Tensor) -> tuple[Orbits, list[Step]]:
    """The orbits under everything that is a signed permutation or diagonal, and what is left."""
    shape = sizes(tensor)
    moves = [_exchange(shape, blocks, sign) for blocks, sign in swaps(tensor)]
    zero = np.zeros(math.prod(shape), dtype=bool)
    left: list[Step] = []
    for step in steps(tensor):
        if (move := _signed_move(step, shape)) is not None:
            moves.append(move)
        elif (nonzero := _diagonal(step, shape)) is not None:
            zero |= nonzero
        else:
            left.append(step)
    return _merged(moves, zero), left


def _merged(moves: Sequence[tuple[Ints, Ints]], zero: NDArray[np.bool_]) -> Orbits:
    """Orbits of entries under x[image] = sign x, without those that contain a zero or x = -x.

    Labels are merged on two copies of the entries, the second standing for their negatives.
    """
    count = len(zero)
    doubled = []
    for image, sign in moves:
        same, other = image + count * (sign < 0), image + count * (sign > 0)
        doubled.append(np.concatenate([same, other]))
    label = np.arange(2 * count)
    while True:
        before = label
        for image in doubled:
            low = np.minimum(label, label[image])
            label = low.copy()
            label[image] = np.minimum(low[image], low)
        label = label[label]
        if np.array_equal(label, before):
            break
    plus, minus = label[:count], label[count:]
    root = np.minimum(plus, minus)
    dead = np.zeros(count, dtype=bool)
    dead[root[zero | (plus == minus)]] = True
    entries = np.flatnonzero(~dead[root])
    entries = entries[np.argsort(root[entries], kind="stable")]
    signs = np.where(plus[entries] < minus[entries], 1, -1)
    starts = np.flatnonzero(np.diff(root[entries], prepend=-1))
    return Orbits(count, entries, signs, starts)


def _exchange(shape: tuple[int, ...], blocks: tuple[int, int, int], sign: int) -> tuple[Ints, Ints]:
    """The exchange of two runs of indices, as images and signs of flat entries."""
    a, b, length = blocks
    order = list(range(len(shape)))
    order[a : a + length], order[b : b + length] = order[b : b + length], order[a : a + length]
    flat = np.arange(math.prod(shape)).reshape(shape).transpose(order).ravel()
    return flat, np.full(flat.shape, sign)


def _signed_move(step: Step, shape: tuple[int, ...]) -> tuple[Ints, Ints] | None:
    """Images and signs of flat entries under a generator that only permutes and negates them."""
    if step.lie or not all(_signed(m) for pair in step.matrices if pair for m in pair):
        return None
    image, sign = np.zeros(1, dtype=np.int64), np.ones(1, dtype=np.int64)
    for length, pair in zip(shape, step.matrices, strict=True):
        matrix = pair[1].T @ pair[0] if pair else np.eye(length, dtype=np.int64)
        rows = np.abs(matrix).argmax(axis=0)
        image = np.add.outer(image * length, rows).ravel()
        sign = np.multiply.outer(sign, matrix[rows, np.arange(length)]).ravel()
    return image, sign


def _signed(matrix: Square) -> bool:
    ones = np.abs(matrix)
    return matrix.dtype == np.int64 and bool(
        (ones <= 1).all() and (ones.sum(0) == 1).all() and (ones.sum(1) == 1).all()
    )


def _diagonal(step: Step, shape: tuple[int, ...]) -> NDArray[np.bool_] | None:
    """The entries that a generator multiplies by something other than 0 (in the algebra) or 1."""
    pairs = [pair for pair in step.matrices if pair]
    if not step.whole or any(np.any(m != np.diag(np.diag(m))) for pair in pairs for m in pair):
        return None
    combine, neutral = (np.add, 0) if step.lie else (np.multiply, 1)
    found = []
    for side in range(2):
        factors = [
            np.diag(pair[side]) if pair else np.full(length, neutral)
            for length, pair in zip(shape, step.matrices, strict=True)
        ]
        start = np.full(1, neutral, dtype=np.int64)
        found.append(reduce(lambda all, own: combine.outer(all, own).ravel(), factors, start))
    nonzero: NDArray[np.bool_] = found[0] != (0 if step.lie else found[1])
    return nonzero


# --- Equations -----------------------------------------------------------------------------------


def _transposed(step: Step, y: Ints) -> Ints:
    """(k, *shape) -> the same: the transposed equation applied to each, modulo the prime."""
    matrices = [pair and (pair[0].T, pair[1].T) for pair in step.matrices]
    return _equation(matrices, step.lie, y, PRIME)


def _applied(step: Step, x: Matrix) -> Matrix:
    return _equation(step.matrices, step.lie, x, None)


def _equation(
    matrices: Sequence[tuple[Square, Square] | None], lie: bool, x: Square, prime: int | None
) -> Square:
    terms = [(k + 1, pair) for k, pair in enumerate(matrices) if pair]
    if lie:
        total = np.zeros_like(x)
        for k, pair in terms:
            total = total + _along(k, pair[0], x, prime)
        return total % prime if prime else total
    left = reduce(lambda value, term: _along(term[0], term[1][0], value, prime), terms, x)
    right = reduce(lambda value, term: _along(term[0], term[1][1], value, prime), terms, x)
    return (left - right) % prime if prime else left - right


def _along(index: int, matrix: Square, x: Square, prime: int | None) -> Square:
    """The matrix on one index; entry by entry, for generators are sparse."""
    if np.array_equal(matrix, np.eye(len(matrix))):
        return x
    assert prime is None or np.abs(matrix).sum(1).max() < 2**31, "sums of products fit an int64"
    given = np.moveaxis(x, index, 0)
    result = np.zeros(given.shape, dtype=np.result_type(x, matrix))
    for i, j in np.argwhere(matrix):
        result[i] += matrix[i, j] * given[j]
    if prime:
        result %= prime
    return np.moveaxis(result, 0, index)
