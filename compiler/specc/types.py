"""Types of values: axes with the groups that act on them, tensors, collections of tensors.

Every type is frozen, compares by meaning and prints as the language writes it: `[node, node; 32]`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise, product
from math import prod

from .groups import (
    Diagrams,
    Group,
    Joint,
    Linear,
    Orthogonal,
    Pinned,
    Spin,
    Stabiliser,
    Structure,
    Symmetric,
    Tied,
    absolute,
    absolute_name,
    dual,
    dual_name,
)


@dataclass(frozen=True, slots=True)
class Axis:
    """A named axis with `size` positions. Axes of one name are moved by one and the same group element.

    `parent` is the axis that this one lives in (a wreath product): the positions of `member` are
    permuted separately in each position of its `cloud`. `coded` says that learned codes stand for the
    positions of an axis that is pinned where it was declared. `element` names the group element where
    axes of several names share one.
    """

    name: str
    size: int
    group: Group
    parent: Axis | None = None
    coded: bool = False
    element: str = ""

    @property
    def mover(self) -> str:
        """What moves it: axes with one mover are moved by one and the same group element."""
        return self.element or self.name

    @property
    def tied(self) -> bool:
        """Whether its group is given by generators, so that its positions count as channels of a layer
        whose coefficients are tied."""
        return isinstance(self.group, Tied) and not self.pinned

    @property
    def joint(self) -> Joint | None:
        """The group that moves it together with others, if one does."""
        return self.group if isinstance(self.group, Joint) else None

    @property
    def fixed(self) -> bool:
        """Whether a module knows how many positions it has: others may be as many as an input brings.

        Beside a vector of a named O(3) may stand spins, which are those of three dimensions.
        """
        if self.pinned or not isinstance(self.group, Diagrams):
            return True
        if isinstance(self.group, Orthogonal) and self.element:
            return True
        group = self.group
        return group.form is not None or bool(group.determinants or group.contracts_with)

    @property
    def diagrams(self) -> Diagrams:
        """Its group, which is one of diagrams."""
        assert isinstance(self.group, Diagrams), f"{self.name} has diagrams"
        return self.group

    @property
    def moved(self) -> Axis:
        """The axis that stands for all with this mover."""
        if isinstance(self.group, Orthogonal):
            return replace(self, name=self.mover)  # its size is fixed by the element's name
        if isinstance(self.group, Diagrams):
            return replace(self, name=self.mover, group=self.group.base, element="")
        return replace(self, name=self.mover, element="")

    @property
    def pinned(self) -> bool:
        """Whether its positions are all distinct; so is a single position that no sign changes."""
        if isinstance(self.group, Pinned):
            return True
        if self.size > 1:
            return False
        special = isinstance(self.group, Orthogonal | Linear) and self.group.special
        return special or self.group.structure is Structure.PERMUTATION

    @property
    def affine(self) -> bool:
        """Whether its group has translations, so that there are points and displacements along it."""
        return isinstance(self.group, Orthogonal) and self.group.affine

    @property
    def unitary(self) -> bool:
        """Whether it holds coordinates of complex vectors, moved by a unitary group."""
        return isinstance(self.group, Linear | Stabiliser) and self.group.unitary

    @property
    def masked(self) -> bool:
        """Whether a mask says at run time which positions are there."""
        return isinstance(self.group, Symmetric) and self.group.masked

    @property
    def symmetry(self) -> str:
        """The group as written in a spec: `S(32)`, `S(8) in head`, `pinned`."""
        inside = f" in {self.parent.name}" if self.parent else ""
        return self.group.notation(self.size) + inside

    @property
    def shared(self) -> str:
        """Its group by the name under which axes share it, `P`, `P spin 2`; empty without such a name."""
        if not self.element or self.pinned or "(" in self.name:
            return ""
        spin = f" {self.group.written}" if isinstance(self.group, Spin) else ""
        return f"{self.element}{spin}"

    @property
    def called(self) -> str:
        """Its group with that name: `P = O(3)`, `P spin 2`, else as it is."""
        if self.joint or self.shared in ("", self.symmetry):
            return self.symmetry
        return self.shared if isinstance(self.group, Spin) else f"{self.shared} = {self.symmetry}"

    @property
    def structure(self) -> Structure:
        """What the matrices look like that move it."""
        return Structure.IDENTITY if self.pinned else self.group.structure

    @property
    def permuted(self) -> bool:
        """Whether its positions are at most permuted, so that every function commutes with its group."""
        return self.structure in (Structure.IDENTITY, Structure.PERMUTATION)

    def absolute(self) -> Axis:
        """`abs(s)`: the axis of what has lost the signs of a monomial matrix; another as it is."""
        if self.structure not in (Structure.SIGNED, Structure.MONOMIAL):
            return self
        group = absolute(self.group)
        return replace(self, name=absolute_name(self.name), group=group, element=self.mover)

    def dual(self) -> Axis:
        """`dual(v)`: the axis of linear forms; itself where its group keeps a form."""
        group = dual(self.group, self.size)
        if group == self.group:
            return self
        name = dual_name(self.name)
        return replace(
            self, name=name, group=group, element="" if name == self.mover else self.mover
        )

    def pin(self) -> Axis:
        """The same axis, asked for less symmetry: every position is distinct."""
        return replace(self, group=Pinned(), parent=None, coded=False, element="")

    def __str__(self) -> str:
        return self.name


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
class Scale:
    """Positive factors of the positions of an axis, that leave what the tensors stand for as it is.

    Dimensions of tensors are `multiplied` or `divided` by them. The norm of the `measured` ones at a
    position is multiplied by its factor alone, once those of earlier scales are one.
    """

    axis: str
    measured: tuple[tuple[str, int], ...]
    multiplied: tuple[tuple[str, int], ...]
    divided: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class Collection:
    """Named tensors that the groups move together: a space, the weights of a model, a tuple of values.

    `label` is how the type is written (`weights(Classifier)`); `stored` says how inputs and results of
    the type are kept, where that is not tensor by tensor. `scales` are to be divided out when a value
    comes in. None of the three takes part in equality.
    """

    tensors: tuple[tuple[str, Tensor], ...]
    label: str = field(compare=False)
    stored: tuple[Stored, ...] = field(default=(), compare=False)
    scales: tuple[Scale, ...] = field(default=(), compare=False)

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(name for name, _ in self.tensors)

    def with_channels(self, channels: int | None) -> Collection:
        tensors = tuple((n, t.with_channels(channels)) for n, t in self.tensors)
        return Collection(tensors, self.label, self.stored, self.scales)

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
            return replace(value, tensors=tensors)
