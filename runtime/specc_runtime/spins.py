"""The irreducible representations of SO(3) and O(3), on real spherical harmonics.

Spin l acts on the 2 l + 1 harmonics of degree l in e3nn's order and normalisation: the polar axis is
y, and m runs from -l to l. Spin 1 is the vector (x, y, z) itself.
"""

from __future__ import annotations

from functools import cache
from math import sqrt

from .actions import Action, Entries, SignedPermutation


@cache
def spin(l: int, parity: int | None = None) -> Action:  # noqa: E741 (the symbol in every text)
    """The representation of SO(3) on 2 l + 1 positions; with a parity that of O(3).

    The algebra is that of the rotations about x, y and z. O(3) is SO(3) and -1, the one generator,
    which acts as the parity: 1 (even) or -1 (odd). Raises `ValueError` for another parity, and for a
    degree below 0.
    """
    if l < 0 or parity not in (None, 1, -1):
        raise ValueError(f"spin {l} with parity {parity} is no representation of O(3)")
    size = 2 * l + 1
    algebra = _rotations(l)
    if parity is None:
        return Action(size, algebra=algebra)
    return Action(size, (SignedPermutation(tuple(range(size)), (parity,) * size),), algebra)


def _rotations(degree: int) -> tuple[Entries, ...]:
    """The derivatives of rotations about x, y and z at the identity, all antisymmetric.

    The harmonics with the azimuth's cosine of m at position l + m, those with its sine at l - m, the
    rotation about y takes the one to m times the other. Those about x and z are the sum and difference
    of the ladder operators, with coefficients sqrt((l - m) (l + m + 1)) / 2 from m to m + 1, and
    sqrt(2) times that from 0, whose harmonic stands alone. So all entries are square roots of
    rational numbers.
    """
    size = 2 * degree + 1
    x, y, z = ([[0.0] * size for _ in range(size)] for _ in range(3))

    def entry(matrix: list[list[float]], row: int, column: int, value: float) -> None:
        matrix[degree + row][degree + column] = value
        matrix[degree + column][degree + row] = -value

    for m in range(1, degree + 1):
        entry(y, -m, m, m)
    for m in range(degree):
        ladder = sqrt((degree - m) * (degree + m + 1) / (4 if m else 2))
        entry(x, m + 1, m, ladder)
        entry(z, m, -m - 1, ladder)
        if m:
            entry(x, -m - 1, -m, ladder)
            entry(z, m + 1, -m, ladder)
    return tuple(tuple(map(tuple, each)) for each in (x, y, z))
