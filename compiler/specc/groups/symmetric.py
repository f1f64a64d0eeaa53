"""The symmetric groups S(n): every set partition is a diagram, at most n blocks make a basis.

The maps that add over all tuples constant on a partition's blocks are unitriangular, by refinement,
over those of tuples with distinct values on distinct blocks; the latter vanish exactly when there
are more blocks than positions. Hence partitions into at most n blocks are a basis
(arXiv:1812.09902; for small n arXiv:2303.06208).
"""

from __future__ import annotations

from dataclasses import dataclass

from .interface import Diagrams, Kinds, Structure
from .partitions import count_partitions


@dataclass(frozen=True, slots=True)
class Symmetric(Diagrams):
    """Interchangeable positions; with `masked`, a mask says at run time which of them are there."""

    masked: bool = False

    @property
    def structure(self) -> Structure:
        return Structure.PERMUTATION

    def notation(self, size: int) -> str:
        return f"S({size}, masked)" if self.masked else f"S({size})"

    def closes(self, kinds: Kinds) -> bool:
        return True

    def passes(self, kinds: Kinds) -> int | None:
        return 0

    def count(self, size: int, kinds: Kinds) -> int:
        return count_partitions(kinds, size, self.closes)
