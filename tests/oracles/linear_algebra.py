"""The commutant by brute force: the nullspace of its defining equations, and ranks with a clear gap.

Knows nothing of permutations: any list of representation matrices will do.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from .action import Hom, Matrix, generators, representation

PRIME = 2**31 - 1
"""Products of two residues fit an int64."""


def nullspace(gram: Matrix, *, zero: float = 1e-9, positive: float = 1e-4) -> Matrix:
    """Orthonormal rows spanning the kernel of A, given gram = A^T A.

    Raises AssertionError when an eigenvalue lies between `zero` and `positive`: too close to call.
    """
    values, vectors = np.linalg.eigh(gram)
    unclear = values[(values > zero) & (values < positive)]
    assert unclear.size == 0, f"no clear gap between kernel and range: {unclear}"
    kernel: Matrix = vectors[:, values <= zero].T
    return kernel


@cache
def commutant(hom: Hom) -> Matrix:
    """A basis, (dimension, rows, columns), of the X with rho_out(g) X = X rho_in(g) for all g.

    Each generator g contributes the equation A_g vec(X) = 0, A_g = rho_out ⊗ 1 - 1 ⊗ rho_in^T;
    the sum of the A_g^T A_g is multiplied out here, which spares their products.
    """
    rows, columns = hom.target.size, hom.source.size
    gram = np.zeros((rows * columns, rows * columns))
    for g in generators(hom.axes):
        out, into = representation(g, hom.target), representation(g, hom.source)
        gram += np.kron(out.T @ out, np.eye(columns)) + np.kron(np.eye(rows), into @ into.T)
        gram -= np.kron(out, into) + np.kron(out.T, into.T)
    return nullspace(gram).reshape(-1, rows, columns)


@cache
def invariants(hom: Hom) -> Matrix:
    """A basis, (dimension, rows), of the vectors b of the target with rho_out(g) b = b for all g."""
    gram = np.zeros((hom.target.size, hom.target.size))
    for g in generators(hom.axes):
        difference = representation(g, hom.target) - np.eye(hom.target.size)
        gram += difference.T @ difference
    return nullspace(gram)


def exact_commutant_dimension(hom: Hom) -> int:
    """The commutant's dimension without rounding: elimination modulo a large prime.

    Reduction modulo a prime can only lose rank, so this is never below the true dimension, and
    the float nullspace with a clear gap confirms it.
    """
    rows, columns = hom.target.size, hom.source.size
    equations = [np.zeros((0, rows * columns), dtype=np.int64)]
    for g in generators(hom.axes):
        left = np.kron(representation(g, hom.target), np.eye(columns))
        right = np.kron(np.eye(rows), representation(g, hom.source).T)
        equations.append(np.rint(left - right).astype(np.int64))
    return rows * columns - rank_modulo(np.concatenate(equations))


def rank_modulo(matrix: NDArray[np.int64], prime: int = PRIME) -> int:
    """Rank over the integers modulo a prime, by Gaussian elimination."""
    left, rank = matrix % prime, 0
    for column in range(left.shape[1]):
        found = np.flatnonzero(left[rank:, column])
        if found.size == 0:
            continue
        left[[rank, rank + found[0]]] = left[[rank + found[0], rank]]
        left[rank] = left[rank] * pow(int(left[rank, column]), -1, prime) % prime
        below = rank + 1 + np.flatnonzero(left[rank + 1 :, column])
        left[below] = (left[below] - left[below, column, None] * left[rank]) % prime
        rank += 1
    return rank


def rank(matrix: Matrix, *, zero: float = 1e-11, positive: float = 1e-7) -> int:
    """Rank in float64 by singular values, relative to the largest.

    Raises AssertionError when one lies between `zero` and `positive`: too close to call.
    """
    values = np.linalg.svd(matrix, compute_uv=False) if matrix.size else np.zeros(0)
    if values.size == 0 or values[0] == 0:
        return 0
    relative = values / values[0]
    unclear = relative[(relative > zero) & (relative < positive)]
    assert unclear.size == 0, f"no clear gap in the singular values: {unclear}"
    return int((relative >= positive).sum())


def residual(vectors: Matrix, orthonormal: Matrix) -> float:
    """How far the rows of `vectors` are from the span of the `orthonormal` rows, at most."""
    outside = vectors - vectors @ orthonormal.T @ orthonormal
    return float(np.abs(outside).max(initial=0.0))
