"""Linear algebra modulo a prime, for exact ranks: of a matrix of whole numbers the rank modulo a prime is
its own but for primes that divide all its largest minors.

A smaller prime serves large matrices: products of residues, one of them in halves, add up exactly in
float64, where libraries multiply matrices fast.
"""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]

PRIME = 2_147_483_629
"""Products of two residues fit into 64 bits."""

SMALL_PRIME = 67_108_859
"""2^26 - 5: sums of 2^14 products of a residue and half of one are exact in float64."""

HALF = 2**13

BLOCK = 64
"""So many rows are eliminated among themselves before the others."""


def residue(value: Fraction | float) -> int:
    """A fraction modulo the small prime."""
    assert isinstance(value, Fraction), "only fractions are exact"
    return value.numerator % SMALL_PRIME * pow(value.denominator, -1, SMALL_PRIME) % SMALL_PRIME


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


def product(first: Array, second: Array) -> Array:
    """The product of two matrices modulo the small prime."""
    import numpy as np

    high, low = np.divmod(first, HALF)
    right = second.astype(np.float64)
    parts = [(half.astype(np.float64) @ right).astype(np.int64) for half in (high, low)]
    made: Array = (parts[0] % SMALL_PRIME * HALF + parts[1]) % SMALL_PRIME
    return made


def nullspace(rows: Array) -> Array:
    """Columns that span what a matrix (rows, n) takes to zero, modulo the small prime: (n, dimension).

    Columns that no row joins are apart, and are eliminated on their own.
    """
    import numpy as np
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    places, columns = rows.nonzero()
    nodes = sum(rows.shape)
    edges = coo_array(
        (np.ones(len(places), dtype=np.int8), (places, len(rows) + columns)), (nodes,) * 2
    )
    _, labels = connected_components(edges, directed=False)
    found = []
    for label in np.unique(labels[len(rows) :]):
        of_rows, of_columns = (
            np.flatnonzero(each == label) for each in np.split(labels, [len(rows)])
        )
        null = _connected_nullspace(rows[np.ix_(of_rows, of_columns)])
        part = np.zeros((rows.shape[1], null.shape[1]), dtype=np.int64)
        part[of_columns] = null
        found.append(part)
    return np.concatenate(found, 1)


def _connected_nullspace(rows: Array) -> Array:
    import numpy as np

    width = rows.shape[1]
    echelon = np.zeros((width, width), dtype=np.int64)
    pivots: list[int] = []
    for start in range(0, len(rows), BLOCK):
        block = rows[start : start + BLOCK] % SMALL_PRIME
        if pivots:
            above = echelon[: len(pivots)]
            block = (block - product(block[:, pivots], above)) % SMALL_PRIME
        new, found = _reduced(block)
        if pivots and found:
            above[:] = (above - product(above[:, found], new)) % SMALL_PRIME
        echelon[len(pivots) : len(pivots) + len(found)] = new
        pivots += found
        if len(pivots) == width:
            break
    is_free = np.ones(width, dtype=bool)
    is_free[pivots] = False
    free = np.flatnonzero(is_free)
    basis = np.zeros((width, len(free)), dtype=np.int64)
    basis[free, np.arange(len(free))] = 1
    basis[pivots] = -echelon[: len(pivots), free] % SMALL_PRIME
    return basis


def _reduced(rows: Array) -> tuple[Array, list[int]]:
    """The reduced echelon form of a few rows, without those that are zero, and its pivots."""
    rows = rows.copy()
    kept: list[int] = []
    pivots: list[int] = []
    for number in range(len(rows)):
        filled = rows[number].nonzero()[0]
        if not len(filled):
            continue
        pivot = int(filled[0])
        inverse = pow(int(rows[number, pivot]), -1, SMALL_PRIME)
        rows[number] = rows[number] * inverse % SMALL_PRIME
        factors = rows[:, pivot].copy()
        factors[number] = 0
        others = factors.nonzero()[0]
        rows[others] = (rows[others] - factors[others, None] * rows[number]) % SMALL_PRIME
        kept.append(number)
        pivots.append(pivot)
    return rows[kept], pivots
