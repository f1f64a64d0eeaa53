"""Types of values: axes with the groups that act on them, tensors, collections of tensors.

Every type is frozen, compares by meaning and prints as the language writes it: `[node, node; 32]`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import product
from math import prod

from .groups import Group, Pinned, Symmetric


@dataclass(frozen=True, slots=True)
class Axis:
    """A named axis with `size` positions. Axes of one name are moved by one and the same group element.

    `parent` is the axis that this one lives in (a wreath product): the positions of `member` are
    permuted separately in each position of its `cloud`. `coded` says that learned codes stand for the
    positions of an axis that is pinned where it was declared.
    """

    name: str
    size: int
    group: Group
    parent: Axis | None = None
    coded: bool = False

    @property
    def pinned(self) -> bool:
        """Whether its positions are all distinct; so is an axis with a single position."""
        return isinstance(self.group, Pinned) or self.size == 1

    @property
    def masked(self) -> bool:
        """Whether a mask says at run time which positions are there."""
        return isinstance(self.group, Symmetric) and self.group.masked

    @property
    def symmetry(self) -> str:
        """The group as written in a spec: `S(32)`, `S(8) in head`, `pinned`."""
        inside = f" in {self.parent.name}" if self.parent else ""
        return self.group.notation(self.size) + inside

    def pin(self) -> Axis:
        """The same axis, asked for less symmetry: every position is distinct."""
        return replace(self, group=Pinned(), parent=None, coded=False)

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True, slots=True)
class Tensor:
    """`[a, b; c]`: at run time `(batch, a, b, c)`; with `channels` None `(batch, a, b)`, which counts as one.

    `[a; index 64]` holds integers from 0 to `index` - 1 and has no channels.
    """

    axes: tuple[Axis, ...]
    channels: int | None
    index: int | None = None

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
        names = ", ".join(axis.name for axis in self.axes)
        if self.index is not None:
            return f"[{names}; index {self.index}]"
        return f"[{names}]" if self.channels is None else f"[{names}; {self.channels}]"


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


@dataclass(frozen=True, slots=True)
class Collection:
    """Named tensors that the groups move together: a space, the weights of a model, a tuple of values.

    `label` is how the type is written (`weights(Classifier)`); `stored` says how inputs and results of
    the type are kept, where that is not tensor by tensor. Neither takes part in equality.
    """

    tensors: tuple[tuple[str, Tensor], ...]
    label: str = field(compare=False)
    stored: tuple[Stored, ...] = field(default=(), compare=False)

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(name for name, _ in self.tensors)

    def with_channels(self, channels: int | None) -> Collection:
        tensors = tuple((n, t.with_channels(channels)) for n, t in self.tensors)
        return Collection(tensors, self.label, self.stored)

    def __str__(self) -> str:
        channels = {tensor.channels for _, tensor in self.tensors}
        if len(channels) != 1 or channels == {None}:
            return self.label
        (count,) = channels
        if self.label.endswith(")"):
            return f"{self.label[:-1]}; {count})"
        return f"{self.label}(; {count})"


Type = Tensor | Collection


def tensors_of(value: Type) -> tuple[tuple[str, Tensor], ...]:
    """The tensors of a type with their names; a single tensor's name is empty."""
    match value:
        case Tensor():
            return (("", value),)
        case Collection():
            return value.tensors


def tensor_named(value: Type, name: str) -> Tensor:
    """The tensor of a collection by its name; a single tensor answers to any."""
    return value if isinstance(value, Tensor) else dict(value.tensors)[name]


def axes_of(value: Type) -> tuple[Axis, ...]:
    """Every axis of a type once, in order of first appearance."""
    return tuple(dict.fromkeys(axis for _, tensor in tensors_of(value) for axis in tensor.axes))


def map_tensors(value: Type, change: Callable[[Tensor], Tensor]) -> Type:
    """The type with `change` applied to each of its tensors."""
    match value:
        case Tensor():
            return change(value)
        case Collection():
            tensors = tuple((n, change(t)) for n, t in value.tensors)
            return Collection(tensors, value.label, value.stored)
