"""How tensors are kept where dimensions hold several axes: flattened, or one after the other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from math import prod

from .axes import Axis


@dataclass(frozen=True, slots=True)
class Part:
    """A stretch of a dimension: axes flattened row-major, and in each of their positions the parts `within`.

    `(head key)` has two axes, `(head (query + key))` one and two parts within.
    """

    axes: tuple[Axis, ...]
    within: Dimension = ()

    @property
    def size(self) -> int:
        return prod(axis.size for axis in self.axes) * (size_of(self.within) if self.within else 1)

    def __str__(self) -> str:
        names = [axis.name for axis in self.axes]
        names += [dimension_text(self.within)] if self.within else []
        return f"({' '.join(names)})" if len(names) > 1 else names[0] if names else "1"


Dimension = tuple[Part, ...]
"""Parts one after the other."""


def size_of(dimension: Dimension) -> int:
    """The number of positions along a dimension."""
    return sum(part.size for part in dimension)


def dimension_text(dimension: Dimension) -> str:
    """As a spec writes it: `hidden`, `(head key)`, `(c1 + c2)`."""
    written = " + ".join(map(str, dimension))
    return written if len(dimension) == 1 else f"({written})"


def sizes_text(dimension: Dimension) -> str:
    """The sizes of the axes, as `specc_runtime.storage` reads them: `(4 8)+16`, `(4 (8+8))`."""
    return "+".join(map(_part_sizes, dimension))


def _part_sizes(part: Part) -> str:
    sizes = [str(axis.size) for axis in part.axes]
    sizes += [f"({sizes_text(part.within)})"] if part.within else []
    return sizes[0] if len(part.axes) == 1 and not part.within else f"({' '.join(sizes)})"


@dataclass(frozen=True, slots=True)
class Strided:
    """Axes in one place of a dimension: where the first position stands, and how far apart those of each axis."""

    axes: tuple[Axis, ...]
    start: int
    strides: tuple[int, ...]


def strided(dimension: Dimension, start: int = 0) -> Iterator[Strided]:
    """The innermost parts of a dimension that starts there, in order, each with all axes that it stands in."""
    for part in dimension:
        inner = size_of(part.within) if part.within else 1
        below = [
            inner * prod(axis.size for axis in part.axes[n:]) for n in range(len(part.axes) + 1)
        ]
        strides = tuple(below[1:])
        if not part.within:
            yield Strided(part.axes, start, strides)
        for each in strided(part.within, start):
            yield Strided(part.axes + each.axes, each.start, strides + each.strides)
        start += below[0]


@dataclass(frozen=True, slots=True)
class Piece:
    """A tensor of plain axes inside a stored tensor: what stands along each dimension."""

    name: str
    dims: tuple[Strided, ...]

    @property
    def axes(self) -> tuple[Axis, ...]:
        return tuple(axis for each in self.dims for axis in each.axes)


@dataclass(frozen=True, slots=True)
class Stored:
    """A tensor as a model is given it, which may be more than one tensor of plain axes.

    It is blocks one after the other along the first dimension, each of parts along its dimensions; blocks
    are of parts of one size along all dimensions but the first. Every choice of innermost parts is a piece, a
    tensor of the collection: `name.0`, `name.1`, ... where a dimension has several. Pieces are in
    row-major order.
    """

    name: str
    blocks: tuple[tuple[Dimension, ...], ...]
    pieces: tuple[Piece, ...]

    @property
    def is_plain(self) -> bool:
        (first, *others) = self.pieces
        return not others and all(len(each.axes) == 1 for each in first.dims)

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(size_of(ways[0]) for ways in self.dims)

    @property
    def dims(self) -> tuple[tuple[Dimension, ...], ...]:
        """Each dimension: the first whole, of the others the different ones that blocks have."""
        if not self.blocks[0]:
            return ()
        rows = tuple(part for dims in self.blocks for part in dims[0])
        columns = zip(*(dims[1:] for dims in self.blocks), strict=True)
        return ((rows,), *(tuple(dict.fromkeys(each)) for each in columns))

    def notation(self) -> tuple[str, ...]:
        """Each dimension as a spec writes it; `a | b` where it is not the same in all blocks."""
        return tuple(" | ".join(map(dimension_text, ways)) for ways in self.dims)


def stored(name: str, blocks: Sequence[Sequence[Dimension]]) -> Stored:
    """A tensor by its blocks, each by the parts along its dimensions."""
    pieces: list[tuple[Strided, ...]] = []
    start = 0
    for dims in blocks:
        starts = (start, *(0 for _ in dims[1:]))
        pieces += product(*(strided(dim, at) for dim, at in zip(dims, starts, strict=False)))
        start += size_of(dims[0]) if dims else 0
    places = [sorted({piece[dim].start for piece in pieces}) for dim in range(len(blocks[0]))]
    named = []
    for piece in pieces:
        several = zip(piece, places, strict=True)
        numbers = [str(starts.index(each.start)) for each, starts in several if len(starts) > 1]
        named.append(Piece(".".join([name, *numbers]), piece))
    return Stored(name, tuple(map(tuple, blocks)), tuple(named))
