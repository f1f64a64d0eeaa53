"""U(n) and SU(n) as they act on the real and imaginary parts of complex vectors.

A + iB acts on n real parts, followed by n imaginary parts, as [[A, -B], [B, A]]. This is another
specification than the group on complex vectors. There maps are linear over the complex numbers; here
they are linear over the real ones, so that more of them commute with the group.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

from .tied import Matrices, Matrix


def real_unitary(size: int, special: bool) -> Matrices:
    """The group on 2 `size` real dimensions, by matrices that generate its Lie algebra.

    They are the turns of neighbouring coordinates, and i at each coordinate, or for SU(n) i and -i at
    neighbouring ones: brackets of these are all of u(n) and su(n).
    """
    found = [*_turns(size), *_phases(size, special)]
    zero = tuple((Fraction(0),) * (2 * size) for _ in range(2 * size))
    name = f"{'SU' if special else 'U'}({size}, real)"
    return Matrices(name, tuple(found) or (zero,), lie=True)


def _turns(size: int) -> Iterator[Matrix]:
    for k in range(size - 1):
        yield _antisymmetric(2 * size, [(k, k + 1, 1), (size + k, size + k + 1, 1)])


def _phases(size: int, special: bool) -> Iterator[Matrix]:
    for k in range(size - special):
        entries = [(k, size + k, 1)]
        yield _antisymmetric(2 * size, entries + [(k + 1, size + k + 1, -1)] * special)


def _antisymmetric(size: int, entries: list[tuple[int, int, int]]) -> Matrix:
    """The matrix with -value at (i, j) and value at (j, i) for each of some entries."""
    rows = [[Fraction(0)] * size for _ in range(size)]
    for i, j, value in entries:
        rows[i][j], rows[j][i] = Fraction(-value), Fraction(value)
    return tuple(map(tuple, rows))
