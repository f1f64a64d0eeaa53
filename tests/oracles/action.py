"""Groups acting on tensors, straight from the definition.

An axis is permuted by S(n), held still (*pinned*), or permuted within each position of a parent
axis (a wreath product). One group element moves every axis of one name in every tensor at once.
Nothing here knows about diagrams, and nothing of the compiler is imported.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import permutations, product

import numpy as np
from numpy.typing import NDArray

Positions = NDArray[np.intp]
Matrix = NDArray[np.float64]

Element = Mapping[str, Positions]
"""Axis name -> images of its positions; for an axis within others, one row of images per parent.

For `member in cloud`, `element["member"][i, j]` is where member j of cloud i goes inside the cloud
`element["cloud"][i]`.
"""


@dataclass(frozen=True, slots=True)
class Axis:
    """`axis name = S(size)`, `axis name = size` or `axis name = S(size) in parent`."""

    name: str
    size: int
    pinned: bool = False
    parent: Axis | None = None

    @property
    def lineage(self) -> tuple[Axis, ...]:
        """The axis and its ancestors, the outermost first."""
        return (*(self.parent.lineage if self.parent else ()), self)

    def __str__(self) -> str:
        group = f"{self.size}" if self.pinned else f"S({self.size})"
        return f"axis {self.name} = {group}" + (f" in {self.parent.name}" if self.parent else "")


@dataclass(frozen=True, slots=True)
class Tensor:
    """`name: [axes; channels]`; without channels there is no channel dimension."""

    name: str
    axes: tuple[Axis, ...]
    channels: int | None = None

    def __post_init__(self) -> None:
        for k, axis in enumerate(self.axes):
            depth = len(axis.lineage)
            assert self.axes[max(0, k + 1 - depth) : k + 1] == axis.lineage, (
                f"{axis.name} must directly follow {' '.join(a.name for a in axis.lineage[:-1])}"
            )

    @property
    def shape(self) -> tuple[int, ...]:
        channels = () if self.channels is None else (self.channels,)
        return (*(axis.size for axis in self.axes), *channels)

    @property
    def type(self) -> str:
        channels = "" if self.channels is None else f"; {self.channels}"
        return f"[{', '.join(axis.name for axis in self.axes)}{channels}]"

    def __str__(self) -> str:
        return f"{self.name}: {self.type}"


@dataclass(frozen=True, slots=True)
class Space:
    """A direct sum of tensors: a named collection, or one bare tensor when the name is None."""

    name: str | None
    tensors: tuple[Tensor, ...]

    def __post_init__(self) -> None:
        assert self.name is not None or len(self.tensors) == 1, "a bare space is one tensor"

    @property
    def type(self) -> str:
        return self.tensors[0].type if self.name is None else self.name

    @property
    def one_channel(self) -> Space:
        """The same without channel dimensions."""
        return Space(self.name, tuple(Tensor(t.name, t.axes) for t in self.tensors))

    @property
    def size(self) -> int:
        return sum(math.prod(tensor.shape) for tensor in self.tensors)

    def __str__(self) -> str:
        if self.name is None:
            return self.type
        return f"space {self.name} {{ {'  '.join(map(str, self.tensors))} }}"


@dataclass(frozen=True, slots=True)
class Hom:
    """The linear maps from the direct sum of `sources` to `target` that commute with the group."""

    sources: tuple[Space, ...]
    target: Space

    @property
    def source(self) -> Space:
        """All sources as one collection, in order."""
        return Space("source", tuple(t for space in self.sources for t in space.tensors))

    @property
    def axes(self) -> tuple[Axis, ...]:
        """Every axis in it, parents first, each once."""
        tensors = (*self.source.tensors, *self.target.tensors)
        found = {axis: None for tensor in tensors for axis in tensor.axes}
        return tuple(sorted(found, key=lambda axis: len(axis.lineage)))

    @property
    def one_channel(self) -> Hom:
        """The same without channel dimensions."""
        return Hom(tuple(s.one_channel for s in self.sources), self.target.one_channel)

    @property
    def spec(self) -> str:
        """A model `M` whose one layer, `layer`, is this space of maps."""
        return self.model("return equivariant(INPUT, OUTPUT, name = layer)")

    def model(self, body: str) -> str:
        """A model `M` from sources to target; INPUT and OUTPUT in `body` are its value and type."""
        spaces = {space: None for space in (*self.sources, self.target) if space.name is not None}
        names = [f"x{k}" for k in range(1, len(self.sources) + 1)]
        inputs = ", ".join(f"{n}: {s.type}" for n, s in zip(names, self.sources, strict=True))
        value = names[0] if len(names) == 1 else f"({', '.join(names)})"
        body = body.replace("INPUT", value).replace("OUTPUT", self.target.type)
        model = f"model M({inputs}) -> {self.target.type} {{ {body} }}"
        return "\n".join((*map(str, self.axes), *map(str, spaces), model))

    def __str__(self) -> str:
        out, into = (" + ".join(t.type for t in s.tensors) for s in (self.target, self.source))
        return "  ".join((f"{into} -> {out}", *(str(axis)[len("axis ") :] for axis in self.axes)))


def identity(axes: tuple[Axis, ...]) -> dict[str, Positions]:
    """The group element that moves nothing."""
    shapes = {axis.name: tuple(a.size for a in axis.lineage) for axis in axes}
    return {name: np.indices(shape)[-1].astype(np.intp) for name, shape in shapes.items()}


def generators(axes: tuple[Axis, ...]) -> list[Element]:
    """Adjacent transpositions: of an axis, or of an inner axis within its first parent position.

    Transposing positions of an outer axis carries along whatever lies within them, so these
    generate the whole wreath product by conjugation.
    """
    found: list[Element] = []
    for axis in axes:
        first = (0,) * (len(axis.lineage) - 1)
        for k in range(0 if axis.pinned else axis.size - 1):
            element = identity(axes)
            element[axis.name][first][[k, k + 1]] = [k + 1, k]
            found.append(element)
    return found


def elements(axes: tuple[Axis, ...]) -> Iterator[Element]:
    """Every element of the group, each once: a permutation per axis and parent position."""
    start = identity(axes)
    rows = [(axis, row) for axis in axes for row in range(start[axis.name].size // axis.size)]
    for images in product(*(_row_images(axis) for axis, _ in rows)):
        element = identity(axes)
        for (axis, row), image in zip(rows, images, strict=True):
            element[axis.name].reshape(-1, axis.size)[row] = image
        yield element


def order(axes: tuple[Axis, ...]) -> int:
    """The number of elements: for each permuted axis size! in each position of its parents."""
    return math.prod(
        math.factorial(axis.size) ** math.prod(a.size for a in axis.lineage[:-1])
        for axis in axes
        if not axis.pinned
    )


def _row_images(axis: Axis) -> list[tuple[int, ...]]:
    still = tuple(range(axis.size))
    return [still] if axis.pinned else list(permutations(still))


def random_element(axes: tuple[Axis, ...], rng: np.random.Generator) -> Element:
    """A uniformly random element of the group."""
    element = identity(axes)
    for axis in axes:
        if not axis.pinned:
            element[axis.name] = rng.permuted(element[axis.name], axis=-1)
    return element


def destinations(element: Element, space: Space) -> Positions:
    """Where each flat position (tensors in order, row-major, channels last) of `space` goes."""
    offset, moved = 0, []
    for tensor in space.tensors:
        moved.append(offset + _tensor_destinations(element, tensor))
        offset += math.prod(tensor.shape)
    return np.concatenate(moved)


def _tensor_destinations(element: Element, tensor: Tensor) -> Positions:
    if not tensor.shape:
        return np.zeros(1, dtype=np.intp)
    index = np.indices(tensor.shape)
    image = list(index)  # channels, last, stay where they are
    for k, axis in enumerate(tensor.axes):
        image[k] = element[axis.name][tuple(index[k + 1 - len(axis.lineage) : k + 1])]
    flat: Positions = np.ravel_multi_index(tuple(image), tensor.shape).ravel()
    return flat


def representation(element: Element, space: Space) -> Matrix:
    """rho(g), (size, size): the entry at each position moves to its destination."""
    matrix = np.zeros((space.size, space.size))
    matrix[destinations(element, space), np.arange(space.size)] = 1.0
    return matrix
