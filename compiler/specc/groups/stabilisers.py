"""Subgroups of classical groups that leave a vector where it is, by generators.

Where no diagrams are at hand (O(n) has some, see `classical`): the Lie algebra of what takes the vector
to zero, and for orthogonal groups reflections along vectors orthogonal to it, one of each sign of the
form. The stabilisers in Sp(n) and SL(n) are connected, that in GL(n) is dense over the complex numbers
in a connected one, so that polynomial invariants need the algebra alone; O(p, q)'s and SO(p, q)'s have
the components that the reflections, or products of two, reach. The stabilisers in U(n) and SU(n) are
connected; over the complex numbers their algebra is that of the real matrices that take the vector, and
its linear form, to zero.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import combinations, combinations_with_replacement, product

from .classical import Linear, Orthogonal, Symplectic
from .interface import Form, Structure
from .tied import (
    Matrix,
    Represented,
    Tied,
    inverse,
    negative_transpose,
    represented_expression,
    transposed,
)

Number = Fraction | float
Vector = tuple[Number, ...]

TOLERANCE = 1e-9
"""What is nearer to zero counts as zero, where entries are no fractions."""


@dataclass(frozen=True, slots=True)
class Stabiliser(Tied):
    """The elements of a classical group that leave a vector where it is; with `dual` on linear forms."""

    group: Orthogonal | Symplectic | Linear
    vector: Vector
    dual: bool = False

    @property
    def unitary(self) -> bool:
        """Whether it acts on complex vectors."""
        return isinstance(self.group, Linear) and self.group.unitary

    @property
    def structure(self) -> Structure:
        return Structure.OTHER

    def notation(self, size: int) -> str:
        vector = ", ".join(map(str, self.vector))
        return f"{self.group.notation(size)} fixing ({vector})"

    def action(self, size: int) -> Represented:
        basis = list(_algebra(self.group, size))
        rows = [[_times(x, self.vector)[i] for x in basis] for i in range(size)]
        if self.unitary:
            rows += [[_times(transposed(x), self.vector)[i] for x in basis] for i in range(size)]
        algebra = tuple(_combined(basis, each) for each in _nullspace(rows, len(basis)))
        generators = tuple(self._reflections(size))
        if not algebra and not generators:
            generators = (_identity(size),)
        if not self.dual:
            return Represented(generators, algebra)
        return Represented(
            tuple(transposed(inverse(each)) for each in generators),
            tuple(map(negative_transpose, algebra)),
        )

    def expression(self, size: int) -> str:
        return represented_expression(self.action(size))

    def _reflections(self, size: int) -> Iterator[Matrix]:
        """Reflections that leave the vector, one of each sign of the form, or the product of both."""
        if not isinstance(self.group, Orthogonal):
            return
        form = Form(self.group.negative or 0).matrix(size)
        lowered = _times(form, self.vector)
        basis = _nullspace([list(lowered)], size)
        candidates = [*basis, *(_plus(a, b, s) for a, b in combinations(basis, 2) for s in (1, -1))]
        found = []
        for sign in (1, -1):
            along = (v for v in candidates if sign * _dot(v, _times(form, v)) > TOLERANCE)
            found += [_reflection(form, vector) for vector in list(along)[:1]]
        if not self.group.special:
            yield from found
        elif len(found) == 2:
            yield _multiplied(*found)


def _algebra(group: Orthogonal | Symplectic | Linear, size: int) -> Iterator[Matrix]:
    """A basis of the Lie algebra of a classical group."""
    match group:
        case Orthogonal():
            form = Form(group.negative or 0).matrix(size)
            for i, j in combinations(range(size), 2):
                yield _multiplied(form, _plus_matrix(_unit(size, i, j), _unit(size, j, i), -1))
        case Symplectic():
            form = Form(None).matrix(size)
            for i, j in combinations_with_replacement(range(size), 2):
                yield _multiplied(form, _plus_matrix(_unit(size, i, j), _unit(size, j, i), 1))
        case Linear(special=special):
            for i, j in product(range(size), repeat=2):
                if i != j or not special:
                    yield _unit(size, i, j)
                elif i + 1 < size:
                    yield _plus_matrix(_unit(size, i, i), _unit(size, i + 1, i + 1), -1)


def _unit(size: int, row: int, column: int) -> Matrix:
    return tuple(
        tuple(Fraction(i == row and j == column) for j in range(size)) for i in range(size)
    )


def _identity(size: int) -> Matrix:
    return tuple(tuple(Fraction(i == j) for j in range(size)) for i in range(size))


def _plus(first: Sequence[Number], second: Sequence[Number], sign: int) -> Vector:
    return tuple(a + sign * b for a, b in zip(first, second, strict=True))


def _plus_matrix(first: Matrix, second: Matrix, sign: int) -> Matrix:
    return tuple(_plus(a, b, sign) for a, b in zip(first, second, strict=True))


def _dot(first: Sequence[Number], second: Sequence[Number]) -> Number:
    total: Number = Fraction(0)
    for a, b in zip(first, second, strict=True):
        total = total + a * b
    return total


def _times(matrix: Sequence[Sequence[Number]], vector: Sequence[Number]) -> Vector:
    return tuple(_dot(row, vector) for row in matrix)


def _multiplied(first: Sequence[Sequence[Number]], second: Sequence[Sequence[Number]]) -> Matrix:
    columns = list(zip(*second, strict=True))
    return tuple(tuple(_dot(row, column) for column in columns) for row in first)


def _combined(basis: Sequence[Matrix], factors: Sequence[Number]) -> Matrix:
    size = len(basis[0])
    return tuple(
        tuple(_dot(factors, [x[i][j] for x in basis]) for j in range(size)) for i in range(size)
    )


def _reflection(form: Sequence[Sequence[Number]], vector: Vector) -> Matrix:
    """x - 2 <v, x> / <v, v> v."""
    lowered = _times(form, vector)
    norm = _dot(vector, lowered)
    return tuple(
        tuple(Fraction(i == j) - 2 * v * w / norm for j, w in enumerate(lowered))
        for i, v in enumerate(vector)
    )


def _nullspace(rows: Sequence[Sequence[Number]], columns: int) -> list[Vector]:
    """What all rows take to zero, by elimination; exact where the entries are."""
    left = [list(row) for row in rows]
    pivots: list[int] = []
    for column in range(columns):
        start = len(pivots)
        sizes = [abs(float(row[column])) for row in left[start:]]
        if max(sizes, default=0.0) <= TOLERANCE:
            continue
        best = start + sizes.index(max(sizes))
        left[start], left[best] = left[best], left[start]
        pivot = left[start][column]
        left[start] = [value / pivot for value in left[start]]
        for row in range(len(left)):
            if row != start:
                factor = left[row][column]
                left[row] = [a - factor * b for a, b in zip(left[row], left[start], strict=True)]
        pivots.append(column)
    found = []
    for free in (column for column in range(columns) if column not in pivots):
        vector: list[Number] = [Fraction(column == free) for column in range(columns)]
        for row, pivot_column in enumerate(pivots):
            vector[pivot_column] = -left[row][free]
        found.append(tuple(vector))
    return found
