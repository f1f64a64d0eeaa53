"""Groups acting on a state_dict whose dimensions are products and sums of axes.

A dimension is written `hidden`, `(head key)` for axes flattened row-major, `(head key) + (head value)`
for parts one after the other. Where these have other columns each they are written as blocks,
`(head key), hidden; (head key), memory`. Positions move as `action` says: those of an axis that lives in another
separately in each position of that one, which stands earlier in the tensor. Nothing of the compiler
is imported.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
import torch
from numpy.typing import NDArray

from .action import Axis, Element, Matrix, Positions
from .counting import Count, orbit_labels

State = dict[str, torch.Tensor]
Part = tuple[Axis, ...]
Entry = tuple[int, tuple[int, ...], tuple[int, ...]]


def declared(text: str) -> dict[str, Axis]:
    """`head = S(2)  key = S(3) in head  x = 4`, outer axes first."""
    axes: dict[str, Axis] = {}
    for name, group, size, outer in re.findall(r"([\w.]+) = (S\()?(\d+)\)?(?: in ([\w.]+))?", text):
        axes[name] = Axis(name, int(size), not group, axes[outer] if outer else None)
    return axes


@dataclass(frozen=True, slots=True)
class Stored:
    """A tensor of blocks one after the other along its first dimension, each by the parts along its dimensions."""

    name: str
    blocks: tuple[tuple[tuple[Part, ...], ...], ...]

    @property
    def shape(self) -> tuple[int, ...]:
        sizes = [[sum(_size(part) for part in parts) for parts in dims] for dims in self.blocks]
        (columns,) = {tuple(each[1:]) for each in sizes}
        return (sum(each[0] for each in sizes), *columns) if sizes[0] else ()

    @property
    def size(self) -> int:
        return math.prod(self.shape)

    def entries(self) -> list[Entry]:
        """Each entry, row-major: its block, the part that it is in along each dimension, its index on each axis."""
        return [(k, *entry) for k, dims in enumerate(self.blocks) for entry in _entries(dims)]

    def axes_at(self, block: int, parts: tuple[int, ...]) -> list[Axis]:
        """The axes of these parts of a block, in order."""
        chosen = zip(self.blocks[block], parts, strict=True)
        return [axis for dim, part in chosen for axis in dim[part]]

    def destinations(self, element: Element) -> Positions:
        """Where each entry, row-major, goes."""
        entries = self.entries()
        place = {entry: number for number, entry in enumerate(entries)}
        images = np.empty(self.size, dtype=np.intp)
        for number, (block, parts, index) in enumerate(entries):
            moved = _moved(self.axes_at(block, parts), index, element)
            images[number] = place[block, parts, moved]
        return images


def stored(name: str, blocks: str, axes: Mapping[str, Axis]) -> Stored:
    """A tensor by its name and what is written along its dimensions, with commas between."""
    return Stored(name, tuple(_dims(block, axes) for block in blocks.split(";")))


def _dims(text: str, axes: Mapping[str, Axis]) -> tuple[tuple[Part, ...], ...]:
    dims = []
    for dim in filter(None, map(str.strip, text.split(","))):
        parts = [part.strip("()").split() for part in re.findall(r"\([^()+]*\)|[\w.]+", dim)]
        dims.append(tuple(tuple(axes[axis] for axis in part if axis != "1") for part in parts))
    return tuple(dims)


def _entries(
    dims: Sequence[Sequence[Part]],
) -> Iterator[tuple[tuple[int, ...], tuple[int, ...]]]:
    """Each entry, row-major: the part that it is in along each dimension, and its index on each axis."""
    along = [
        [
            (number, index)
            for number, part in enumerate(parts)
            for index in product(*(range(axis.size) for axis in part))
        ]
        for parts in dims
    ]
    for choice in product(*along):
        yield tuple(n for n, _ in choice), tuple(i for _, index in choice for i in index)


def _size(part: Part) -> int:
    return math.prod(axis.size for axis in part)


def _moved(axes: Sequence[Axis], index: Sequence[int], element: Element) -> tuple[int, ...]:
    """Where an index on some axes goes: each axis reads the nearest earlier index of those it lives in."""
    moved = []
    for place, axis in enumerate(axes):
        scope = []
        for outer in axis.lineage:
            before = [i for i in range(place + 1) if axes[i] == outer]
            scope.append(index[before[-1]])
        moved.append(int(element[axis.name][tuple(scope)]))
    return tuple(moved)


@dataclass(frozen=True, slots=True)
class StateSpace:
    """All tensors of a state_dict."""

    tensors: tuple[Stored, ...]

    @property
    def axes(self) -> tuple[Axis, ...]:
        """Every axis in it, parents first, each once."""
        found = {
            a: None for t in self.tensors for d in t.blocks for p in d for part in p for a in part
        }
        return tuple(sorted(found, key=lambda axis: len(axis.lineage)))

    @property
    def size(self) -> int:
        return sum(tensor.size for tensor in self.tensors)

    def destinations(self, element: Element) -> Positions:
        """Where each entry of all tensors, one after the other, goes."""
        offset, images = 0, []
        for tensor in self.tensors:
            images.append(offset + tensor.destinations(element))
            offset += tensor.size
        return np.concatenate(images)

    def flat(self, state: State, batch: int = 0) -> torch.Tensor:
        """The entries one after the other, behind `batch` dimensions."""
        return torch.cat([state[t.name].flatten(batch) for t in self.tensors], batch)

    def unflat(self, flat: torch.Tensor) -> State:
        """The inverse, for entries along the last dimension."""
        parts = flat.split([tensor.size for tensor in self.tensors], -1)
        return {
            tensor.name: part.unflatten(-1, tensor.shape) if tensor.shape else part.squeeze(-1)
            for tensor, part in zip(self.tensors, parts, strict=True)
        }

    def moved(self, state: State, element: Element, batch: int = 0) -> State:
        """The state with each entry at its destination."""
        flat = self.flat(state, batch)
        result = torch.empty_like(flat)
        result[..., torch.from_numpy(self.destinations(element))] = flat
        return self.unflat(result)


def count(space: StateSpace, elements: Sequence[Element]) -> Count:
    """The maps from a space to itself that commute with the elements, and the biases that they leave.

    Orbits of the group that the elements generate: on pairs of entries, and on entries.
    """
    labels = pair_labels(space, elements)
    images = [space.destinations(element) for element in elements]
    return Count(len(set(labels)), len(set(orbit_labels(space.size, images))))


def pair_labels(space: StateSpace, elements: Sequence[Element]) -> list[int]:
    """For each entry of a matrix from the space to itself, row-major, the first entry of its orbit."""
    images = []
    for element in elements:
        image = space.destinations(element)
        images.append((image[:, None] * space.size + image).ravel())
    return orbit_labels(space.size**2, images)


def orbit_means(matrices: Matrix, labels: Sequence[int]) -> Matrix:
    """`(n, entries)`: each entry replaced by the mean over its orbit."""
    _, orbit = np.unique(np.array(labels), return_inverse=True)
    sizes = np.bincount(orbit)
    sums = np.stack([np.bincount(orbit, weights=row) for row in matrices])
    means: NDArray[np.float64] = (sums / sizes)[:, orbit]
    return means
