"""Tensors by their axes, and exchanges of indices that leave them as they are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from math import prod

from .axes import Axis

Swap = tuple[tuple[int, ...], int]
"""An exchange of indices, and the sign that a tensor changes by: index i of it goes to `order[i]`."""


@dataclass(frozen=True, slots=True)
class Exchange:
    """`sym(a, b)`, or with sign -1 `alt(a, b)`: parts, indices or exchanges themselves, that may be
    exchanged."""

    sign: int
    parts: tuple[int | Exchange, ...]

    @property
    def indices(self) -> tuple[int, ...]:
        """All indices in it, in order."""
        return tuple(i for part in self.parts for i in part_indices(part))

    def swaps(self) -> Iterator[tuple[dict[int, int], int]]:
        """Generators, innermost first: which index goes where, and the sign."""
        for part in self.parts:
            if isinstance(part, Exchange):
                yield from part.swaps()
        for first, second in pairwise(self.parts):
            pairs = list(zip(part_indices(first), part_indices(second), strict=True))
            yield {i: j for pair in pairs for i, j in (pair, pair[::-1])}, self.sign

    def written(self, names: Sequence[str]) -> str:
        """As a type has it: `sym(v, v)`."""
        parts = (p.written(names) if isinstance(p, Exchange) else names[p] for p in self.parts)
        return f"{'sym' if self.sign > 0 else 'alt'}({', '.join(parts)})"


def part_indices(part: int | Exchange) -> tuple[int, ...]:
    """The indices of a part of an exchange."""
    return part.indices if isinstance(part, Exchange) else (part,)


@dataclass(frozen=True, slots=True)
class Tensor:
    """`[a, b; c]`: at run time `(batch, a, b, c)`; with `channels` None `(batch, a, b)`, which counts as one.

    `[a; index 64]` holds integers from 0 to `index` - 1 and has no channels. `exchanges` are those of
    indices that leave it as it is, up to a sign: `[sym(v, v)]`. Over E(n) a tensor is of displacements,
    on which the group acts by its linear part, or of `points`, which translations move too. Numbers are
    `complex` where a unitary group moves them or where it is said.
    """

    axes: tuple[Axis, ...]
    channels: int | None
    index: int | None = None
    exchanges: tuple[Exchange, ...] = ()
    points: bool = False
    complex: bool = False

    def __post_init__(self) -> None:
        """What a unitary group moves is complex, whether or not it is said."""
        if not self.complex and any(axis.unitary for axis in self.axes):
            object.__setattr__(self, "complex", True)

    def conjugate(self) -> Tensor:
        """The type of the complex conjugates: what a unitary group moves, its dual moves then."""
        axes = tuple(axis.dual() if axis.unitary else axis for axis in self.axes)
        return replace(self, axes=axes)

    @property
    def coordinates(self) -> int | None:
        """Which index holds the coordinates of points; None where there are none."""
        if not self.points:
            return None
        return next(i for i, axis in enumerate(self.axes) if axis.affine)

    @property
    def swaps(self) -> tuple[Swap, ...]:
        """Generators of the exchanges of all indices."""
        return tuple(
            (tuple(moved.get(i, i) for i in range(len(self.axes))), sign)
            for exchange in self.exchanges
            for moved, sign in exchange.swaps()
        )

    @property
    def width(self) -> int:
        """The number of channels, one where there is no channel dimension."""
        return 1 if self.channels is None else self.channels

    @property
    def bare(self) -> bool:
        """Whether it comes without a channel dimension, and gets one inside; indices have none."""
        return self.channels is None and self.index is None

    @property
    def positions(self) -> int:
        return prod(axis.size for axis in self.axes)

    def with_channels(self, channels: int | None) -> Tensor:
        return replace(self, channels=channels)

    def __str__(self) -> str:
        names = ", ".join(self._entries())
        if self.index is not None:
            return f"[{names}; index {self.index}]"
        written = f"[{names}]" if self.channels is None else f"[{names}; {self.channels}]"
        moved_alone = not self.points and any(axis.affine for axis in self.axes)
        if moved_alone:
            return f"{written} displacement"
        said = self.complex and not any(axis.unitary for axis in self.axes)
        return f"{written} complex" if said else written

    def _entries(self) -> Iterator[str]:
        """The axes as a type has them."""
        exchanged = {each.indices[0]: each for each in self.exchanges}
        inside = {i for each in self.exchanges for i in each.indices}
        axes = [axis.name for axis in self.axes]
        for place, name in enumerate(axes):
            if place in exchanged:
                yield exchanged[place].written(axes)
            elif place not in inside:
                yield name
