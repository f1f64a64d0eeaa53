"""Maps of points over E(n): of the maps that commute with the linear part, those that translations allow.

Let t run over translations, T t the inputs with t at all points, and S t the outputs likewise. An affine
map x -> L x + b commutes with E(n) if L and b commute with the linear part and L T = S. With C the mean
of the points, so that C T = 1, all of them are

    L = M (1 - T C) + S C,

inputs taken from the mean and outputs moved back by it, for any M that commutes with the linear part.
Two M that differ by K C, with K any map from R^n to the outputs, give the same L: of M one column for
each K is redundant. K C reads the mean over all positions, and all channels, of the points. So of the
pools that are such means, one channel of one tensor is left out, and what is left is a basis.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ..types import Axis
from .derive import Centre, Level, Maps, Product
from .diagrams import Half
from .folding import Operand


def affine(maps: Maps) -> Maps:
    """The maps that commute with translations too, without redundant parameters."""
    centres = centres_of(maps.inputs, maps.outputs)
    if not centres:
        return maps
    levels = tuple(_without_means(level, maps, centres) for level in maps.levels)
    return replace(maps, levels=tuple(each for each in levels if each.products), centres=centres)


def centres_of(inputs: Sequence[Operand], outputs: Sequence[Operand]) -> tuple[Centre, ...]:
    """For each group with points among the inputs, which tensors its translations move."""
    read: dict[str, list[int]] = {}
    for number, operand in enumerate(inputs):
        if operand.tensor.points:
            read.setdefault(coordinate_axis(operand).mover, []).append(number)
    return tuple(
        Centre(
            tuple(numbers),
            tuple(
                number
                for number, operand in enumerate(outputs)
                if operand.tensor.points and coordinate_axis(operand).mover == mover
            ),
        )
        for mover, numbers in read.items()
    )


def coordinate_axis(operand: Operand) -> Axis:
    """The axis along which a tensor of points has its coordinates."""
    index = operand.tensor.coordinates
    assert index is not None, "a tensor of points"
    return operand.tensor.axes[index]


def _without_means(level: Level, maps: Maps, centres: Sequence[Centre]) -> Level:
    """A level whose products read one channel less of each mean that the others determine."""
    first = {centre.inputs[0] for centre in centres}
    means = tuple(
        number
        for number, pool in enumerate(level.pools)
        if pool.tensor in first and _is_mean(pool, maps.inputs[pool.tensor])
    )
    products = tuple(_without(each, means, level, maps) for each in level.products)
    return replace(level, products=tuple(p for p in products if p.pools or p.bias))


def _is_mean(pool: Half, operand: Operand) -> bool:
    """Whether a pool keeps nothing of a tensor but its mean over all positions."""
    blocks = (*pool.strands, *pool.whole)
    others = (block for block in pool.strands if block != (operand.tensor.coordinates,))
    return all(len(block) == 1 for block in blocks) and not any(others)


def _without(each: Product, means: Sequence[int], level: Level, maps: Maps) -> Product:
    """A product without the first column of each mean, and without a mean that has no other."""
    dropped = tuple(p for p in each.pools if p in means)
    empty = tuple(p for p in dropped if maps.inputs[level.pools[p].tensor].features == 1)
    return replace(
        each,
        pools=tuple(p for p in each.pools if p not in empty),
        dropped=tuple(p for p in dropped if p not in empty),
    )
