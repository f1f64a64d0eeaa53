"""Groups given by generators: their axes are told apart, and coefficients are tied to each other.

Finite permutation groups tie by orbits, matrix groups by a basis of the maps that commute with the
generators.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import prod
from typing import Any

from .interface import Structure

Cycles = tuple[tuple[int, ...], ...]
"""A permutation as a product of cycles; positions count from 1, as in a spec."""

Matrix = tuple[tuple[Fraction | float, ...], ...]


@dataclass(frozen=True, slots=True)
class Permuted:
    """What each generator does to positions: `images[g][i]` is where `i` goes, with the sign `signs[g][i]`."""

    images: tuple[tuple[int, ...], ...]
    signs: tuple[tuple[int, ...], ...]

    @property
    def size(self) -> int:
        return len(self.images[0])

    @property
    def is_signed(self) -> bool:
        return any(-1 in signs for signs in self.signs)

    def dual(self) -> Permuted:
        """The inverse transpose of a signed permutation is itself."""
        return self


@dataclass(frozen=True, slots=True)
class Represented:
    """The matrices of generators, and of a basis of a Lie algebra."""

    generators: tuple[Matrix, ...]
    algebra: tuple[Matrix, ...]

    @property
    def size(self) -> int:
        return len((*self.generators, *self.algebra)[0])


Action = Permuted | Represented
"""How the generators of one group act on one index; those of several indices correspond."""


class Tied(ABC):
    """A group given by generators, as it acts on an axis."""

    __slots__ = ()

    @property
    @abstractmethod
    def structure(self) -> Structure:
        """What its matrices look like."""

    @abstractmethod
    def notation(self, size: int) -> str:
        """The group on `size` positions as a spec writes it: `C(12)`."""

    @abstractmethod
    def action(self, size: int) -> Action:
        """Its generators."""

    @abstractmethod
    def expression(self, size: int) -> str:
        """The same in generated code: `cyclic(12)`."""


def permuted(*images: Sequence[int]) -> Permuted:
    """Permutations without signs."""
    return Permuted(tuple(map(tuple, images)), tuple((1,) * len(each) for each in images))


@dataclass(frozen=True, slots=True)
class Cyclic(Tied):
    """The rotations of a ring of positions. With a `support` the maps of a layer reach so many offsets,
    those next to 0, and no others."""

    support: int | None = None

    @property
    def structure(self) -> Structure:
        return Structure.PERMUTATION

    def notation(self, size: int) -> str:
        return f"C({size})"

    def action(self, size: int) -> Permuted:
        return permuted([(i + 1) % size for i in range(size)])

    def expression(self, size: int) -> str:
        return f"cyclic({size})"


@dataclass(frozen=True, slots=True)
class Dihedral(Tied):
    """The rotations and reflections of a ring of positions, of order twice their number; `support` as
    for `Cyclic`."""

    support: int | None = None

    @property
    def structure(self) -> Structure:
        return Structure.PERMUTATION

    def notation(self, size: int) -> str:
        return f"D({size})"

    def action(self, size: int) -> Permuted:
        turned, reflected = (
            [(i + 1) % size for i in range(size)],
            [-i % size for i in range(size)],
        )
        return permuted(turned, reflected)

    def expression(self, size: int) -> str:
        return f"dihedral({size})"


@dataclass(frozen=True, slots=True)
class Permutations(Tied):
    """A group of permutations by generators in cycle notation; `name` is how a spec calls it."""

    name: str
    generators: tuple[Cycles, ...]

    @property
    def structure(self) -> Structure:
        return Structure.PERMUTATION

    def notation(self, size: int) -> str:
        return self.name

    @property
    def written(self) -> str:
        """The generators as a spec writes them."""
        return f"<{', '.join(map(_cycles, self.generators))}>"

    def action(self, size: int) -> Permuted:
        return permuted(*(_images(each, size) for each in self.generators))

    def expression(self, size: int) -> str:
        generators = ", ".join(f'"{_cycles(each)}"' for each in self.generators)
        return f"permutations({generators}, degree={size})"


def _cycles(cycles: Cycles) -> str:
    return "".join(f"({' '.join(map(str, cycle))})" for cycle in cycles)


def _images(cycles: Cycles, size: int) -> list[int]:
    """Where a product of cycles takes each position; they are disjoint."""
    images = list(range(size))
    for cycle in cycles:
        for here, there in zip(cycle, (*cycle[1:], *cycle[:1]), strict=True):
            images[here - 1] = there - 1
    return images


@dataclass(frozen=True, slots=True)
class Matrices(Tied):
    """A group of matrices by generators, or by a basis of its Lie algebra; `name` is how a spec calls it.

    With `dual` it acts by the inverse transpose; `unsigned` signed permutations act without the signs.
    """

    name: str
    matrices: tuple[Matrix, ...]
    lie: bool
    dual: bool = False
    unsigned: bool = False

    @property
    def structure(self) -> Structure:
        action = self.action(len(self.matrices[0]))
        if isinstance(action, Represented):
            return self._scaling
        return Structure.SIGNED if action.is_signed else Structure.PERMUTATION

    @property
    def _scaling(self) -> Structure:
        """What elements look like of which some are no signed permutations; what a diagonal algebra
        generates scales by positive numbers."""
        if self.lie:
            return Structure.POSITIVE if all(map(_is_diagonal, self.matrices)) else Structure.OTHER
        if not all(map(_is_monomial, self.matrices)):
            return Structure.OTHER
        entries = [value for matrix in self.matrices for row in matrix for value in row]
        is_positive = self.unsigned or min(entries) >= 0
        return Structure.POSITIVE if is_positive else Structure.MONOMIAL

    def notation(self, size: int) -> str:
        return f"{self.name} without signs" if self.unsigned else self.name

    def action(self, size: int) -> Action:
        if self.lie:
            negative = tuple(negative_transpose(each) for each in self.matrices)
            return Represented((), negative if self.dual else self.matrices)
        found = [_signed_permutation(matrix) for matrix in self.matrices]
        monomial = [each for each in found if each is not None]
        if len(monomial) < len(found):
            shown = tuple(map(_absolute, self.matrices)) if self.unsigned else self.matrices
            moved = tuple(transposed(inverse(each)) for each in shown)
            return Represented(moved if self.dual else shown, ())
        images = tuple(image for image, _ in monomial)
        return (
            permuted(*images) if self.unsigned else Permuted(images, tuple(s for _, s in monomial))
        )

    def expression(self, size: int) -> str:
        shown = [_absolute(each) if self.unsigned else each for each in self.matrices]
        matrices = ", ".join(map(_matrix, shown))
        text = f"matrices({matrices}{', lie=True' if self.lie else ''})"
        return f"dual({text})" if self.dual else text


def _signed_permutation(matrix: Matrix) -> tuple[tuple[int, ...], tuple[int, ...]] | None:
    """Where a signed permutation matrix takes each position, and with which sign; None for another."""
    columns = list(zip(*matrix, strict=True))
    filled = [[(i, value) for i, value in enumerate(column) if value != 0] for column in columns]
    if any(len(each) != 1 or abs(each[0][1]) != 1 for each in filled):
        return None
    images = tuple(each[0][0] for each in filled)
    if len(set(images)) < len(images):
        return None
    return images, tuple(int(each[0][1]) for each in filled)


def _is_monomial(matrix: Matrix) -> bool:
    """Whether each row and each column has one entry that is not zero."""
    lines = (*matrix, *zip(*matrix, strict=True))
    return all(sum(value != 0 for value in line) == 1 for line in lines)


def _is_diagonal(matrix: Matrix) -> bool:
    return all(value == 0 for i, row in enumerate(matrix) for j, value in enumerate(row) if i != j)


def _absolute(matrix: Matrix) -> Matrix:
    return tuple(tuple(value if value > 0 else -value for value in row) for row in matrix)


def negative_transpose(matrix: Matrix) -> Matrix:
    """What the dual of a Lie-algebra element is."""
    return tuple(tuple(-value for value in row) for row in transposed(matrix))


def transposed(matrix: Matrix) -> Matrix:
    """Columns for rows."""
    return tuple(zip(*matrix, strict=True))


def inverse(matrix: Matrix) -> Matrix:
    """The inverse by elimination; exact where the entries are. Raises `ZeroDivisionError`."""
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


def represented_expression(action: Represented) -> str:
    """Generators and an algebra in generated code."""
    parts = [
        f"matrices({', '.join(map(_matrix, each))}{', lie=True' if lie else ''})"
        for each, lie in ((action.generators, False), (action.algebra, True))
        if each
    ]
    return parts[0] if len(parts) == 1 else f"combined({', '.join(parts)})"


def _matrix(matrix: Matrix) -> str:
    rows = (f"[{', '.join(map(_entry, row))}]" for row in matrix)
    return f"[{', '.join(rows)}]"


def _entry(value: Fraction | float) -> str:
    return str(value) if isinstance(value, Fraction) else repr(value)


@dataclass(frozen=True, slots=True)
class Alternating(Tied):
    """The even permutations. On more positions than indices meet, and one more, they have no maps
    beyond those of all permutations."""

    @property
    def structure(self) -> Structure:
        return Structure.PERMUTATION

    def notation(self, size: int) -> str:
        return f"A({size})"

    def action(self, size: int) -> Permuted:
        threes: list[Cycles] = [((i, i + 1, i + 2),) for i in range(1, size - 1)]
        return permuted(*(_images(each, size) for each in threes or [()]))

    def expression(self, size: int) -> str:
        return f"alternating({size})"


@dataclass(frozen=True, slots=True)
class Joint(Tied):
    """A group that acts on the positions of several axes together, row-major: `axis y` is the axis
    number `place` of those, which follow each other in every tensor."""

    name: str
    group: Tied
    axes: tuple[str, ...]
    sizes: tuple[int, ...]
    place: int

    @property
    def structure(self) -> Structure:
        return self.group.structure

    def notation(self, size: int) -> str:
        return f"{self.name} on ({', '.join(self.axes)})"

    def action(self, size: int) -> Action:
        return self.group.action(prod(self.sizes))

    def expression(self, size: int) -> str:
        return self.group.expression(prod(self.sizes))
