"""What derivation asks of a group whose invariant maps are spanned by diagrams.

A diagram is a set partition of the output and input indices of one axis; a group is a filter on its
blocks. Seen from one side of a map, a block is either whole there (it is reduced, or broadcast), or
it goes through to the other side as a strand.
"""

from __future__ import annotations

from typing import Protocol, runtime_checkable


@runtime_checkable
class Group(Protocol):
    """A family of groups, one for each number of positions."""

    def notation(self, size: int) -> str:
        """The group on `size` positions as a spec writes it: `S(32)`."""
        ...

    def closes(self, indices: int) -> bool:
        """Whether a block of that many indices may lie on one side of a map as a whole."""
        ...

    def parity(self, indices: int) -> int:
        """What the two halves of a block must agree in: 0 where any half fits any other."""
        ...

    def most_blocks(self, size: int) -> int:
        """With more blocks than this on `size` positions a diagram depends on others and is left out."""
        ...
