"""Groups acting on a state_dict whose dimensions are products and sums of axes.

A dimension is written `hidden`, `(head key)` for axes flattened row-major, `(head key) + (head value)`
for parts one after the other, `(head (key + value))` for such parts in each head. Where these have other columns each they are written as blocks,
`(head key), hidden; (head key), memory`. Positions move as `action` says: those of an axis that lives in another
separately in each position of that one, which stands earlier in the tensor. Nothing of the compiler
is imported. A network says whether it is the same function after such a move.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.func import functional_call

from .action import Axis, Element, Matrix, Positions, generators, order, random_element
from .counting import Count, orbit_labels
from .values import randomise

State = dict[str, torch.Tensor]
Entry = tuple[int, tuple[int, ...], tuple[int, ...]]


def declared(text: str) -> dict[str, Axis]:
    """`head = S(2)  key = S(3) in head  x = 4`, outer axes first."""
    axes: dict[str, Axis] = {}
    for name, group, size, outer in re.findall(r"([\w.]+) = (S\()?(\d+)\)?(?: in ([\w.]+))?", text):
        axes[name] = Axis(name, int(size), not group, axes[outer] if outer else None)
    return axes


@dataclass(frozen=True, slots=True)
class Part:
    """Axes flattened row-major, and in each of their positions the parts `within`, if there are any."""

    axes: tuple[Axis, ...]
    within: tuple[Part, ...] = ()


Parts = tuple[Part, ...]
"""What stands along a dimension, one after the other."""


def chosen(parts: Parts) -> list[tuple[Axis, ...]]:
    """The axes of each innermost part."""
    return [
        part.axes + below
        for part in parts
        for below in (chosen(part.within) if part.within else [()])
    ]


def positions(parts: Parts) -> Iterator[tuple[int, tuple[int, ...]]]:
    """Each position along a dimension: the number of the innermost part that it is in, its index on each axis."""
    before = 0
    for part in parts:
        for outer in product(*(range(axis.size) for axis in part.axes)):
            for number, inner in positions(part.within) if part.within else [(0, ())]:
                yield before + number, outer + inner
        before += len(chosen((part,)))


@dataclass(frozen=True, slots=True)
class Stored:
    """A tensor of blocks one after the other along its first dimension, each by the parts along its dimensions."""

    name: str
    blocks: tuple[tuple[Parts, ...], ...]

    @property
    def shape(self) -> tuple[int, ...]:
        sizes = [[len(list(positions(parts))) for parts in dims] for dims in self.blocks]
        (columns,) = {tuple(each[1:]) for each in sizes}
        return (sum(each[0] for each in sizes), *columns) if sizes[0] else ()

    @property
    def size(self) -> int:
        return math.prod(self.shape)

    def entries(self) -> list[Entry]:
        """Each entry, row-major: its block, the part that it is in along each dimension, its index on each axis."""
        return [(k, *entry) for k, dims in enumerate(self.blocks) for entry in _entries(dims)]

    def axes_at(self, block: int, parts: tuple[int, ...]) -> list[Axis]:
        """The axes of these innermost parts of a block, in order."""
        along = zip(self.blocks[block], parts, strict=True)
        return [axis for dim, part in along for axis in chosen(dim)[part]]

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


def _dims(text: str, axes: Mapping[str, Axis]) -> tuple[Parts, ...]:
    dims = filter(None, map(str.strip, text.split(",")))
    return tuple(_parts(re.findall(r"[\w.]+|[()+]", dim), axes) for dim in dims)


def _parts(tokens: list[str], axes: Mapping[str, Axis]) -> Parts:
    """Parts with `+` between, up to the closing bracket; the tokens are used up."""
    parts: Parts = ()
    along: tuple[Axis, ...] = ()
    within: Parts = ()
    while True:
        token = tokens.pop(0) if tokens else ")"
        if token == "(":
            within = _parts(tokens, axes)
        elif token not in ("+", ")"):
            along += _named(token, axes)
        else:
            parts += (Part(along, within),) if along or not within else within
            along, within = (), ()
            if token == ")":
                return parts


def _named(token: str, axes: Mapping[str, Axis]) -> tuple[Axis, ...]:
    return () if token == "1" else (axes[token],)


def _entries(dims: Sequence[Parts]) -> Iterator[tuple[tuple[int, ...], tuple[int, ...]]]:
    """Each entry, row-major: the part that it is in along each dimension, and its index on each axis."""
    for choice in product(*(list(positions(parts)) for parts in dims)):
        yield tuple(n for n, _ in choice), tuple(i for _, index in choice for i in index)


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
            axis: None
            for tensor in self.tensors
            for dims in tensor.blocks
            for parts in dims
            for part in chosen(parts)
            for axis in part
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
    labels, biases = pair_labels(space, elements), entry_labels(space, elements)
    return Count(len(set(labels)), len(set(biases)))


def entry_labels(space: StateSpace, elements: Sequence[Element]) -> list[int]:
    """For each entry of the space the first entry of its orbit."""
    return orbit_labels(space.size, [space.destinations(element) for element in elements])


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


def assert_same_group(
    one: StateSpace,
    other: StateSpace,
    labels: Callable[[StateSpace, Sequence[Element]], list[int]] = pair_labels,
) -> None:
    """Both are of the same tensors, their groups of one order, and these have the same orbits: on pairs of
    entries, or on what else `labels` says."""
    assert [t.name for t in one.tensors] == [t.name for t in other.tensors]
    assert order(one.axes) == order(other.axes)
    orbits = [labels(space, generators(space.axes)) for space in (one, other)]
    assert orbits[0] == orbits[1], "of one order, with other orbits"


# --- Networks ------------------------------------------------------------------------------------


def by_lines(text: str) -> dict[str, str]:
    """`name: dimensions` in each line, as a dict."""
    rows = (line.strip().split(": ") for line in text.strip().splitlines())
    return dict(rows)


@dataclass(frozen=True, slots=True)
class Network:
    """A network in plain PyTorch, the spec of the same as model `Net`, and its state_dict in axes by hand.

    `state` says what is written along the dimensions of each tensor. `inputs` are the shapes of one input
    each; `words` says below which number the first holds indices. Random weights have deviation `scale`.
    """

    make: Callable[[], nn.Module]
    spec: str
    axes: str
    state: Mapping[str, str]
    inputs: tuple[tuple[int, ...], ...] = field(kw_only=True)
    words: int | None = field(default=None, kw_only=True)
    scale: float = field(default=1.0, kw_only=True)

    @property
    def space(self) -> StateSpace:
        """The state_dict with what moves by hand."""
        axes = declared(self.axes)
        return StateSpace(tuple(stored(name, text, axes) for name, text in self.state.items()))

    def random(self, seed: int = 0) -> nn.Module:
        """In float64 and evaluation, with generic weights and running statistics."""
        module = self.make().double().eval()
        randomise(module, torch.Generator().manual_seed(seed))
        with torch.no_grad():
            for parameter in module.parameters():
                parameter.mul_(self.scale)
        return module

    def random_inputs(self, batch: int = 6) -> tuple[Tensor, ...]:
        """`(batch, *shape)` each."""
        generator = torch.Generator().manual_seed(1)
        shapes = [(batch, *shape) for shape in self.inputs]
        found = [torch.randn(s, generator=generator, dtype=torch.float64) for s in shapes]
        if self.words is not None:
            found[0] = torch.randint(self.words, shapes[0], generator=generator)
        return tuple(found)

    def as_declared(self, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """What the spec's model takes where torch's takes these."""
        return inputs


def state_of(module: nn.Module) -> State:
    """What of the state_dict is a weight: integers count batches."""
    state = module.state_dict()
    return {n: tensor.detach() for n, tensor in state.items() if tensor.is_floating_point()}


def assert_leaves_unchanged(network: Network) -> None:
    """The network computes the same after generators of the group by hand and after random elements."""
    axes, rng = network.space.axes, np.random.default_rng(0)
    elements = [*generators(axes), *(random_element(axes, rng) for _ in range(10))]
    assert_unchanged(network.random(), network.random_inputs(), network.space, elements)


def assert_unchanged(
    module: nn.Module, inputs: tuple[Tensor, ...], space: StateSpace, elements: Iterable[Element]
) -> None:
    """The space is of the module's weights, and the module computes the same after every element."""
    state = state_of(module)
    assert {t.name: t.shape for t in space.tensors} == {n: t.shape for n, t in state.items()}
    with torch.no_grad():
        expected = module(*inputs)
        for element in elements:
            found = functional_call(module, space.moved(state, element), inputs)
            torch.testing.assert_close(found, expected, rtol=1e-11, atol=1e-11)
