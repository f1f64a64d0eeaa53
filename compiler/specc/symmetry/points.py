"""Maps of points over E(n): of the maps that commute with the linear part, those that translations allow.

Let t run over translations, T t the inputs with t at all points, and S t the outputs likewise. An affine
map x -> L x + b commutes with E(n) if L and b commute with the linear part and L T = S. With C the mean
of the points, so that C T = 1, all of them are

    L = M (1 - T C) + S C,

inputs taken from the mean and outputs moved back by it, for any M that commutes with the linear part.
Two M that differ by K C, with K any map from R^n to the outputs, give the same L: of M one column for
each K is redundant. K C reads the mean over all positions, and all channels, of the points. So of the
pools that are such means, one channel of one tensor is left out, and what is left is a basis. (Where
coefficients are tied by a group given by generators, the redundant ones are kept.)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import product

from ..types import Axis
from .diagrams import Half
from .folding import Operand
from .maps import Centre, Level, Maps, Product


def affine(maps: Maps) -> Maps:
    """The maps that commute with translations too, without redundant parameters."""
    centres = centres_of(maps.inputs, maps.outputs)
    if not centres:
        return maps
    redundant: set[_Pair] = set()
    for centre in centres:
        redundant |= _redundant(maps, centre.inputs[0])
    levels = tuple(
        _without(level, {pair for pair in redundant if pair.level == number}, maps)
        for number, level in enumerate(maps.levels)
    )
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


@dataclass(frozen=True, slots=True)
class _Pair:
    """A pool that meets a spread, by their numbers in a level."""

    level: int
    pool: int
    spread: int


def _redundant(maps: Maps, first: int) -> set[_Pair]:
    """For each map K from R^n to the outputs a pair of which the first channel of a tensor is left out.

    K is a diagram of the output indices, one of which, or some by a determinant, go through. It is the
    pair of the mean with the spread of K; where that is no pair of the basis, because there are few
    positions, it is a sum of pairs that join its blocks, and one with as many blocks as there may be
    has coefficient one (it occurs in no K but those of finer diagrams, so that all can be solved for).
    """
    best: dict[object, tuple[int, _Pair]] = {}
    for number, level in enumerate(maps.levels):
        for each in level.products:
            for p, s in product(each.pools, each.spreads):
                pool, spread = level.pools[p], level.spreads[s]
                if pool.tensor != first or not _is_candidate(maps, pool, spread):
                    continue
                blocks = len(pool.whole) + len(spread.whole) + len(level.strands)
                key = _output_diagram(pool, spread, maps.inputs[first])
                if key not in best or blocks > best[key][0]:
                    best[key] = blocks, _Pair(number, p, s)
    return {pair for _, pair in best.values()}


def _is_candidate(maps: Maps, pool: Half, spread: Half) -> bool:
    """Whether a pair may be the one; where indices are exchanged, pairs stand for several diagrams."""
    read, written = maps.inputs[pool.tensor], maps.outputs[spread.tensor]
    exchanged = read.tensor.exchanges or written.tensor.exchanges
    return not exchanged or _is_mean(pool, read)


def _output_diagram(pool: Half, spread: Half, read: Operand) -> object:
    """The output indices of a diagram, how they are joined, and which go on from the coordinates."""
    blocks = tuple(sorted(block for block in (*spread.strands, *spread.whole) if block))
    through = [
        out
        for out, block in zip(spread.strands, pool.strands, strict=True)
        if block == (read.tensor.coordinates,)
    ]
    return spread.tensor, blocks, tuple(through), spread.wedges


def _is_mean(pool: Half, operand: Operand) -> bool:
    """Whether a pool keeps nothing of a tensor but its mean over all positions."""
    kept = {block for block in pool.strands if block}
    blocks = (*kept, *pool.whole)
    return kept <= {(operand.tensor.coordinates,)} and all(len(block) == 1 for block in blocks)


def _without(level: Level, redundant: set[_Pair], maps: Maps) -> Level:
    """A level without the first column of redundant pairs, and without those that have no other.

    Spreads that read the same of all pools share a product.
    """
    gone = {(pair.pool, pair.spread) for pair in redundant}
    products: list[Product] = []
    for each in level.products:
        groups: dict[tuple[tuple[int, ...], tuple[int, ...]], list[int]] = {}
        for s in each.spreads:
            dropped = [p for p in each.pools if (p, s) in gone]
            empty = [p for p in dropped if maps.inputs[level.pools[p].tensor].features == 1]
            pools = tuple(p for p in each.pools if p not in empty)
            groups.setdefault((pools, tuple(p for p in dropped if p not in empty)), []).append(s)
        products += [
            replace(each, pools=pools, dropped=dropped, spreads=tuple(spreads))
            for (pools, dropped), spreads in groups.items()
            if pools or each.bias
        ]
    names = (level.name if n == 0 else f"{level.name}_{n + 1}" for n in range(len(products)))
    named = (replace(each, name=name) for each, name in zip(products, names, strict=True))
    return replace(level, products=tuple(named))
