"""The hyperoctahedral groups B(n): signed permutations of n positions.

An invariant is a sum over set partitions whose blocks all have an even number of indices that change
sign; at most n blocks make a basis, as for S(n). The absolute values of what a group of signed
permutations moves are permuted without signs: `abs(s)`, an index of kind 1.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from .interface import Diagrams, Kinds, Structure
from .partitions import count_partitions

UNSIGNED = 1
"""The kind of an index that is permuted without signs."""


@dataclass(frozen=True, slots=True)
class Signed(Diagrams):
    """Signed permutations; `unsigned` where only the positions are permuted."""

    unsigned: bool = False

    @property
    def structure(self) -> Structure:
        return Structure.PERMUTATION if self.unsigned else Structure.SIGNED

    def notation(self, size: int) -> str:
        return f"B({size}) without signs" if self.unsigned else f"B({size})"

    @property
    def kind(self) -> int:
        return UNSIGNED if self.unsigned else 0

    @property
    def base(self) -> Signed:
        return replace(self, unsigned=False)

    def closes(self, kinds: Kinds) -> bool:
        return self.passes(kinds) == 0

    def passes(self, kinds: Kinds) -> int | None:
        return sum(kind != UNSIGNED for kind in kinds) % 2

    def word(self, kind: int) -> str:
        return "" if kind else "even"

    def count(self, size: int, kinds: Kinds) -> int:
        return count_partitions(kinds, size, self.closes)
