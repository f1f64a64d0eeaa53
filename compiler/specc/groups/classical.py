"""The classical matrix groups: O, SO, O(p, q), SO(p, q), Sp, GL, SL, U, SU.

By the first fundamental theorems (Weyl, *The Classical Groups*) every invariant is a sum of ways to
contract all indices in pairs: any two for an orthogonal or a symplectic group, with its form, a vector
with a dual for GL(n). SO(n) and SO(p, q) also have the determinant of n indices. In few dimensions
pairings depend on each other (the second theorems); those that, read as involutions, have no long
monotone subsequence are a basis, and they are counted by standard Young tableaux
(Robinson, Schensted; arXiv:2212.08630 uses the same categories).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from math import comb

from .interface import Diagrams, Form, Kinds, Monotone, Structure
from .partitions import integer_partitions, tableaux

DUAL = 1
"""The kind of an index that a group moves by the inverse transpose."""


@dataclass(frozen=True, slots=True)
class Orthogonal(Diagrams):
    """O(n), or with `negative` O(p, q), that keeps diag(1, ..., 1, -1, ..., -1); `special` is SO.

    With `affine` it is the linear part of E(n) or SE(n), whose translations move points alone. With
    `fixed` it has those elements alone that leave a vector where it is. Then a single index may be
    contracted with that, and pairings that are independent in one dimension less are a basis: a vector
    is its part along the fixed one and its rest.
    """

    special: bool = False
    negative: int | None = None
    affine: bool = False
    fixed: tuple[Fraction | float, ...] = ()

    @property
    def structure(self) -> Structure:
        return Structure.OTHER

    def notation(self, size: int) -> str:
        word = "SO" if self.special else "O"
        if self.affine:
            return f"{'SE' if self.special else 'E'}({size})"
        sizes = f"{size}" if self.negative is None else f"{size - self.negative}, {self.negative}"
        vector = f" fixing ({', '.join(map(str, self.fixed))})" if self.fixed else ""
        return f"{word}({sizes}){vector}"

    def closes(self, kinds: Kinds) -> bool:
        return len(kinds) == 2 or (len(kinds) == 1 and bool(self.fixed))

    def passes(self, kinds: Kinds) -> int | None:
        return 0 if len(kinds) == 1 else None

    @property
    def largest(self) -> int | None:
        return 2

    @property
    def determinants(self) -> Kinds:
        return (0,) if self.special else ()

    def most_determinants(self, size: int, outputs: Kinds, inputs: Kinds) -> int:
        return int(self.special and len(outputs) + len(inputs) >= size)

    @property
    def form(self) -> Form | None:
        return Form(self.negative) if self.negative else None

    def most_blocks(self, size: int) -> int | None:
        return None

    def independent(self, size: int) -> Monotone | None:
        return Monotone(increasing=True, longest=size - bool(self.fixed))

    @property
    def contracts_with(self) -> tuple[Fraction | float, ...]:
        return self.fixed

    def count(self, size: int, kinds: Kinds) -> int:
        """Tableaux of shapes with at most n rows, all of even length; for SO also n odd ones."""
        if self.fixed:
            rest = replace(self, fixed=())
            free = range(len(kinds) + 1)
            return sum(comb(len(kinds), m) * rest.count(size - 1, kinds[:m]) for m in free)
        shapes = integer_partitions(len(kinds), size)
        return sum(
            tableaux(shape)
            for shape in shapes
            if all(row % 2 == 0 for row in shape)
            or (self.special and len(shape) == size and all(row % 2 for row in shape))
        )


@dataclass(frozen=True, slots=True)
class Symplectic(Diagrams):
    """Sp(n) on n = 2k dimensions, that keeps [[0, 1], [-1, 0]]."""

    @property
    def structure(self) -> Structure:
        return Structure.OTHER

    def notation(self, size: int) -> str:
        return f"Sp({size})"

    def closes(self, kinds: Kinds) -> bool:
        return len(kinds) == 2

    def passes(self, kinds: Kinds) -> int | None:
        return 0 if len(kinds) == 1 else None

    @property
    def largest(self) -> int | None:
        return 2

    @property
    def form(self) -> Form | None:
        return Form(None)

    def most_blocks(self, size: int) -> int | None:
        return None

    def independent(self, size: int) -> Monotone | None:
        return Monotone(increasing=False, longest=size)

    def count(self, size: int, kinds: Kinds) -> int:
        """Tableaux of shapes with at most n rows, all columns of even length."""
        return sum(
            tableaux(shape)
            for shape in integer_partitions(len(kinds), size)
            if all(shape.count(length) % 2 == 0 for length in shape)
        )


@dataclass(frozen=True, slots=True)
class Linear(Diagrams):
    """GL(n) on vectors, or with `dual` on linear forms; `special` is SL.

    With `unitary` it is U(n) or SU(n) on complex vectors. These are Zariski dense in GL(n) and SL(n)
    over the complex numbers and have the same invariants; the dual is the complex conjugate.
    """

    dual: bool = False
    special: bool = False
    unitary: bool = False

    @property
    def structure(self) -> Structure:
        return Structure.OTHER

    def notation(self, size: int) -> str:
        words = ("U", "SU") if self.unitary else ("GL", "SL")
        return f"{words[self.special]}({size})"

    @property
    def kind(self) -> int:
        return DUAL if self.dual else 0

    @property
    def base(self) -> Linear:
        return replace(self, dual=False)

    def facing(self, kind: int) -> int:
        return DUAL - kind

    def word(self, kind: int) -> str:
        return "dual" if kind == DUAL else ""

    def closes(self, kinds: Kinds) -> bool:
        return sorted(kinds) == [0, DUAL]

    def passes(self, kinds: Kinds) -> int | None:
        return kinds[0] if len(kinds) == 1 else None

    @property
    def largest(self) -> int | None:
        return 2

    @property
    def determinants(self) -> Kinds:
        return (0, DUAL) if self.special else ()

    def most_determinants(self, size: int, outputs: Kinds, inputs: Kinds) -> int:
        """One for each n by which the vectors are more than the duals, or fewer."""
        kinds = [*outputs, *map(self.facing, inputs)]
        surplus = abs(kinds.count(0) - kinds.count(DUAL))
        return surplus // size if self.special and surplus % size == 0 else 0

    def most_blocks(self, size: int) -> int | None:
        return None

    def independent(self, size: int) -> Monotone | None:
        return Monotone(increasing=False, longest=size, two_sorts=True)

    def by_rank(self, size: int, kinds: Kinds) -> bool:
        return self.special and kinds.count(0) != kinds.count(DUAL)

    def count(self, size: int, kinds: Kinds) -> int:
        """Pairs of tableaux of one shape with at most n rows; for SL of shapes that differ by columns of
        length n."""
        vectors, duals = kinds.count(0), kinds.count(DUAL)
        surplus = vectors - duals
        if surplus % size if self.special else surplus:
            return 0
        columns = abs(surplus) // size
        return sum(
            tableaux(shape)
            * tableaux(
                tuple(
                    row + columns for row in (*shape, *[0] * (size - len(shape))) if row + columns
                )
            )
            for shape in integer_partitions(min(vectors, duals), size)
        )
