"""The irreducible representations of SO(3) and O(3).

Spin l acts on the 2 l + 1 real spherical harmonics of degree l in e3nn's order and normalisation: the
polar axis is y, and m runs from -l to l. Spin 1 is the vector (x, y, z). O(3) is SO(3) and -1, which
acts as a parity. How many maps there are between products of spins follows from the Clebsch-Gordan
series, without matrices.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from math import prod, sqrt

from .interface import Structure
from .tied import Matrix, Represented, Tied

EVEN, ODD = 1, -1
"""What -1 acts as."""


@dataclass(frozen=True, slots=True)
class Spin(Tied):
    """Spin `degree`; with a `parity` of O(3), else of SO(3)."""

    degree: int
    parity: int | None = None

    @property
    def size(self) -> int:
        return 2 * self.degree + 1

    @property
    def structure(self) -> Structure:
        if self.degree:
            return Structure.OTHER
        return Structure.SIGNED if self.parity == ODD else Structure.PERMUTATION

    @property
    def written(self) -> str:
        """As an axis over a named group has it: `spin 2`, with a parity that is not the usual one."""
        usual = self.parity is None or self.parity == (-1) ** self.degree
        parity = "" if usual else f" {'even' if self.parity == EVEN else 'odd'}"
        return f"spin {self.degree}{parity}"

    def notation(self, size: int) -> str:
        if self.parity is None:
            return f"SO(3) spin {self.degree}"
        return f"O(3) spin {self.degree} {'even' if self.parity == EVEN else 'odd'}"

    def action(self, size: int) -> Represented:
        if self.parity is None:
            return Represented((), rotations(self.degree))
        value = float(self.parity)
        minus = tuple(tuple(value * (i == j) for j in range(size)) for i in range(size))
        return Represented((minus,), rotations(self.degree))

    def expression(self, size: int) -> str:
        parity = "" if self.parity is None else f", parity={self.parity}"
        return f"spin({self.degree}{parity})"


def rotations(degree: int) -> tuple[Matrix, ...]:
    """The derivatives of rotations about x, y and z at the identity, all antisymmetric.

    The harmonics with the azimuth's cosine of m at position l + m, those with its sine at l - m, the
    rotation about y takes the one to m times the other. Those about x and z are the sum and difference
    of the ladder operators, with coefficients sqrt((l - m) (l + m + 1)) / 2 from m to m + 1, and
    sqrt(2) times that from 0, whose harmonic stands alone.
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


def count_couplings(spins: Sequence[Spin]) -> int:
    """The invariants of a tensor with these indices: how often spin 0 even is in their product.

    Spins j and l make each spin from |j - l| to j + l once (the Clebsch-Gordan series), and parities
    multiply.
    """
    if prod(each.parity or EVEN for each in spins) == ODD:
        return 0
    found = Counter({0: 1})
    for each in spins:
        made: Counter[int] = Counter()
        for degree, number in found.items():
            for total in range(abs(degree - each.degree), degree + each.degree + 1):
                made[total] += number
        found = made
    return found[0]
