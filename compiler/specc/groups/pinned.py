"""The trivial group: every position of the axis is distinct.

Such an axis takes no part in diagrams; derivation folds it into the channels. The methods are those
of the group on one position, which has a single diagram.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Pinned:
    """No symmetry."""

    def notation(self, size: int) -> str:
        return "pinned"

    def closes(self, indices: int) -> bool:
        return True

    def parity(self, indices: int) -> int:
        return 0

    def most_blocks(self, size: int) -> int:
        return 1
