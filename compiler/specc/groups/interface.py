"""What the rest of the compiler asks of a group that acts on an axis.

There are two mechanisms. The maps that commute with a *diagram group* are spanned by diagrams: set
partitions of the output and input indices, and a group says which blocks they may have. A *tied*
group is given by generators; its axes count as positions that are told apart, and the coefficients of
maps between them are tied to each other, by orbits or by a basis of the solutions. No stage after
derivation knows which group it was.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from enum import Enum
from fractions import Fraction
from typing import Protocol, runtime_checkable

Kinds = tuple[int, ...]
"""By which of its representations a group acts on each index of a block; 0 is the defining one."""


class Structure(Enum):
    """What the matrices of a representation look like; it decides which functions may act pointwise."""

    IDENTITY = "identity"
    PERMUTATION = "permutation"
    SIGNED = "signed permutation"
    POSITIVE = "positive monomial"
    MONOMIAL = "monomial"
    OTHER = "other"


@runtime_checkable
class Group(Protocol):
    """A group as it acts on an axis."""

    @property
    def structure(self) -> Structure:
        """What its matrices look like."""
        ...

    def notation(self, size: int) -> str:
        """The group on `size` positions as a spec writes it: `S(32)`."""
        ...


class Diagrams(ABC):
    """A group whose invariant maps are spanned by diagrams.

    Seen from one side of a map a block is either whole there (reduced, or broadcast), or goes through
    to the other side as a strand.
    """

    __slots__ = ()

    @property
    @abstractmethod
    def structure(self) -> Structure:
        """What its matrices look like."""

    @abstractmethod
    def notation(self, size: int) -> str:
        """The group on `size` positions as a spec writes it: `S(32)`."""

    @abstractmethod
    def closes(self, kinds: Kinds) -> bool:
        """Whether a block of such indices may lie on one side of a map as a whole."""

    @abstractmethod
    def passes(self, kinds: Kinds) -> int | None:
        """What the two halves of a block must agree in; None where such a half cannot go through."""

    @abstractmethod
    def count(self, size: int, kinds: Kinds) -> int:
        """The number of independent invariants of a tensor with indices of these kinds."""

    def word(self, kind: int) -> str:
        """What tells a strand of a kind from the usual one, in names."""
        return ""

    @property
    def kind(self) -> int:
        """Which of its representations acts on the axis."""
        return 0

    def facing(self, kind: int) -> int:
        """The kind that an index of the input counts as among those of the output."""
        return kind

    @property
    def base(self) -> Diagrams:
        """The same group by its defining representation."""
        return self

    @property
    def largest(self) -> int | None:
        """The most indices that one block may have in all; None for any number."""
        return None

    @property
    def determinants(self) -> Kinds:
        """The kinds, as they count in the output, of which as many indices as there are positions have
        an invariant determinant."""
        return ()

    def most_determinants(self, size: int, outputs: Kinds, inputs: Kinds) -> int:
        """How many determinants a diagram on these indices may have."""
        return 0

    @property
    def form(self) -> Form | None:
        """The invariant form that pairs two indices; None where it is the identity."""
        return None

    @property
    def contracts_with(self) -> tuple[Fraction | float, ...]:
        """The vector that a block of a single index is contracted with; empty where it is averaged."""
        return ()

    def most_blocks(self, size: int) -> int | None:
        """With more blocks than this on `size` positions a diagram depends on others and is left out.

        None where `independent` says which diagrams are a basis.
        """
        return size

    def independent(self, size: int) -> Monotone | None:
        """Which pairings are a basis on `size` positions; None where blocks are counted."""
        return None

    def by_rank(self, size: int, kinds: Kinds) -> bool:
        """Whether there is no such rule for indices of these kinds, and independence is computed."""
        return False


@dataclass(frozen=True, slots=True)
class Form:
    """An invariant bilinear form: `diag(1, ..., 1, -1, ..., -1)` with `negative` of the latter, or
    with None the symplectic `[[0, 1], [-1, 0]]`."""

    negative: int | None

    def matrix(self, size: int) -> tuple[tuple[int, ...], ...]:
        """Its entries."""
        half = size // 2
        if self.negative is None:
            return tuple(
                tuple((j - i == half) - (i - j == half) for j in range(size)) for i in range(size)
            )
        signs = [1] * (size - self.negative) + [-1] * self.negative
        return tuple(tuple(signs[i] * (i == j) for j in range(size)) for i in range(size))


@dataclass(frozen=True, slots=True)
class Monotone:
    """Which pairings are a basis: those that, read as involutions, have no monotone subsequence
    (`increasing` or decreasing) longer than `longest`.

    With `two_sorts` indices are of two sorts, and a pairing is read as a permutation of one against the
    other.
    """

    increasing: bool
    longest: int
    two_sorts: bool = False
