"""The trivial group: every position of the axis is distinct.

Such an axis takes no part in diagrams; derivation folds it into the channels.
"""

from __future__ import annotations

from dataclasses import dataclass

from .interface import Structure


@dataclass(frozen=True, slots=True)
class Pinned:
    """No symmetry."""

    @property
    def structure(self) -> Structure:
        return Structure.IDENTITY

    def notation(self, size: int) -> str:
        return "pinned"
