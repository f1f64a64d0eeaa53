"""Derives every linear map between two collections of tensors that commutes with their groups.

The result is a list of levels. On each, pools of the inputs meet spreads of the outputs in a few
products; every pair of a product is one map, and together they are a basis of the commutant.
Nothing after this pass knows which groups there were.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from math import prod

from ..names import counted
from ..types import Tensor
from .diagrams import Half, Slot, Strand, pinned_indices, pools, spreads, strand_key


@dataclass(frozen=True, slots=True)
class Operand:
    """A tensor that a layer reads or writes; `name` is its key in a collection, or empty."""

    name: str
    tensor: Tensor

    @property
    def pinned_positions(self) -> int:
        return prod(self.tensor.axes[i].size for i in pinned_indices(self.tensor))

    @property
    def features(self) -> int:
        """What counts as channels: pinned positions times channels."""
        return self.pinned_positions * self.tensor.width

    def __str__(self) -> str:
        return f"{self.name or 'value'}: {self.tensor}"


@dataclass(frozen=True, slots=True)
class Product:
    """One matrix product: all its pools (numbers within the level) meet all its spreads."""

    name: str
    pools: tuple[int, ...]
    spreads: tuple[int, ...]
    bias: bool


@dataclass(frozen=True, slots=True)
class Level:
    """The maps through one multiset of strands. `strands` holds them with those inside, in preorder."""

    name: str
    roots: tuple[Strand, ...]
    pools: tuple[Half, ...]
    spreads: tuple[Half, ...]
    products: tuple[Product, ...]

    @property
    def strands(self) -> tuple[Strand, ...]:
        return tuple(each for root in self.roots for each in root.preorder())

    def __str__(self) -> str:
        strands = ", ".join(strand.axis.name for strand in self.strands)
        pools, spreads = counted(len(self.pools), "pool"), counted(len(self.spreads), "spread")
        return f"level ({strands}): {pools}, {spreads}"


@dataclass(frozen=True, slots=True)
class Maps:
    """All equivariant maps from `inputs` to `outputs`, level by level, finest first."""

    inputs: tuple[Operand, ...]
    outputs: tuple[Operand, ...]
    levels: tuple[Level, ...]

    @property
    def dimension(self) -> int:
        """Independent linear maps at one channel in and out; pinned positions count."""
        return sum(
            self.inputs[level.pools[p].tensor].pinned_positions
            * self.outputs[level.spreads[s].tensor].pinned_positions
            for level in self.levels
            for each in level.products
            for p in each.pools
            for s in each.spreads
        )

    @property
    def bias_dimension(self) -> int:
        """Independent invariant vectors of the outputs at one channel."""
        return sum(
            self.outputs[level.spreads[s].tensor].pinned_positions
            for level in self.levels
            for each in level.products
            if each.bias
            for s in each.spreads
        )

    def pool_width(self, level: Level, each: Product) -> int:
        return sum(self.inputs[level.pools[p].tensor].features for p in each.pools)

    def spread_width(self, level: Level, each: Product) -> int:
        return sum(self.outputs[level.spreads[s].tensor].features for s in each.spreads)

    @property
    def parameters(self) -> int:
        return sum(
            self.spread_width(level, each) * (self.pool_width(level, each) + each.bias)
            for level in self.levels
            for each in level.products
        )

    def __str__(self) -> str:
        return "\n".join([counted(self.dimension, "map"), *map(str, self.levels)])


@cache
def derive(inputs: tuple[Operand, ...], outputs: tuple[Operand, ...], bias: bool = True) -> Maps:
    """Every map between the two collections, and with `bias` every invariant of the outputs."""
    order = _axis_order(inputs + outputs)
    names = short_names(tuple(order))
    input_halves: dict[tuple[Strand, ...], list[Half]] = {}
    output_halves: dict[tuple[Strand, ...], list[Half]] = {}
    for number, operand in enumerate(inputs):
        for roots, half in pools(operand.tensor, number, order):
            input_halves.setdefault(roots, []).append(half)
    for number, operand in enumerate(outputs):
        for roots, half in spreads(operand.tensor, number, order):
            output_halves.setdefault(roots, []).append(half)
    levels = []
    for roots in sorted(output_halves, key=lambda roots: _level_key(roots, order)):
        level = _level(roots, input_halves.get(roots, []), output_halves[roots], bias, names)
        if level.products:
            levels.append(level)
    return Maps(inputs, outputs, tuple(levels))


def _axis_order(operands: tuple[Operand, ...]) -> dict[str, int]:
    """Numbers the axes by first appearance, so that names never decide anything."""
    names = dict.fromkeys(axis.name for each in operands for axis in each.tensor.axes)
    return {name: number for number, name in enumerate(names)}


def short_names(names: tuple[str, ...]) -> dict[str, str]:
    """Identifiers for axes: `hidden` for `Classifier.hidden` where that is clear, else `classifier_hidden`."""
    short = {name: name.rpartition(".")[2].lower() for name in names}
    taken = list(short.values())
    return {
        name: each if taken.count(each) == 1 else name.replace(".", "_").lower()
        for name, each in short.items()
    }


def _level_key(roots: tuple[Strand, ...], order: dict[str, int]) -> tuple[object, ...]:
    strands = sum(1 for root in roots for _ in root.preorder())
    return (-strands, tuple(strand_key(root, order) for root in roots))


def _level(
    roots: tuple[Strand, ...],
    pools: list[Half],
    spreads: list[Half],
    bias: bool,
    names: dict[str, str],
) -> Level:
    """Joins the halves of a level: spreads that admit the same pools share a product.

    A pair is left out where its whole blocks and the strands beside them are more than the basis
    allows; then the level has several products, each with all of its own pairs, so that there is one
    parameter for each map and no mask.
    """
    name = "_".join(root.name(names) for root in roots) or "scalar"
    has_bias = bias and not roots
    taken = _taken(roots)
    partners: dict[tuple[int, ...], list[int]] = {}
    for number, spread in enumerate(spreads):
        admitted = tuple(i for i, pool in enumerate(pools) if _admits(pool, spread, taken))
        if admitted or has_bias:
            partners.setdefault(admitted, []).append(number)
    products = tuple(
        Product(name if number == 0 else f"{name}_{number + 1}", admitted, tuple(group), has_bias)
        for number, (admitted, group) in enumerate(partners.items())
    )
    return Level(name, roots, tuple(pools), tuple(spreads), products)


def _taken(roots: tuple[Strand, ...]) -> dict[Slot, int]:
    """How many strands of a level share each slot."""
    taken: dict[Slot, int] = {}
    number = 0

    def visit(strands: tuple[Strand, ...], enclosing: int | None) -> None:
        nonlocal number
        for strand in strands:
            slot = Slot(enclosing, strand.axis)
            taken[slot] = taken.get(slot, 0) + 1
            number += 1
            visit(strand.inner, number - 1)

    visit(roots, None)
    return taken


def _admits(pool: Half, spread: Half, taken: dict[Slot, int]) -> bool:
    """Whether the joint diagram has no more blocks in any slot than its basis allows."""
    outside = dict(spread.load)
    return all(
        whole + outside.get(slot, 0) + taken.get(slot, 0)
        <= slot.axis.group.most_blocks(slot.axis.size)
        for slot, whole in pool.load
    )
