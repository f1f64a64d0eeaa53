"""The products of a layer: what each multiplies, in which order its dimensions are, where it goes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

from ..symmetry.folding import Operand
from ..symmetry.maps import Level, Maps, Product
from ..symmetry.ties import factors
from ..types import Axis
from .cost import cheaper_formulation, cheaper_tied_form
from .plan import Arranged, Formulation, Mix, Shape, Target, TiedProduct, TiedSize
from .pools import Pools
from .spread_names import SpreadNames
from .states import State, permutation, pooled, spreading


@dataclass(frozen=True, slots=True)
class Piece:
    """What a product gives to an output, by its number: the state it comes in, and how it is read."""

    output: int
    state: State
    source: Arranged


def mix(
    maps: Maps,
    level: Level,
    each: Product,
    pools: Pools,
    names: SpreadNames,
    formulation: Formulation | None,
) -> tuple[Mix, tuple[Piece, ...]]:
    """The product of a level, its dimensions in the order of its first pool; and where its parts go."""
    layout = _layout(maps, level, each)
    operands = _operands(maps, level, each, layout, pools)
    targets, pieces = _targets(maps, level, each, layout, names)
    input_widths = tuple(
        maps.columns(level, each, p)
        for p in each.pools
        for _ in range(maps.pool_count(level, each, p))
    )
    output_widths = [target.width for target in targets for _ in range(target.count or 1)]
    axes = tuple(_dimension(level, strand) for strand in layout)
    shape = Shape(axes, sum(output_widths))
    tied = _tied(maps, level, each, shape.positions)
    chosen = formulation or cheaper_formulation(input_widths, output_widths, shape.positions)
    is_sum = len(input_widths) > 1 and each.rank is None and tied is None and each.runs is None
    step = Mix(
        f"mix_{each.name}" if operands else f"bias_{each.name}",
        operands,
        targets,
        input_widths,
        each.bias,
        chosen if is_sum else "stack",
        shape,
        each.runs,
        each.rank,
        tied,
    )
    return step, pieces


def _tied(maps: Maps, level: Level, each: Product, positions: int) -> TiedProduct | None:
    """How a product with tied coefficients is computed."""
    if not each.pools or not maps.is_tied(level, each):
        return None
    written = [maps.outputs[level.spreads[s].tensor] for s in each.spreads]
    read = [maps.inputs[level.pools[p].tensor] for p in each.pools]
    blocks = tuple(tied_size(row, column) for row in written for column in read)
    return TiedProduct(cheaper_tied_form(blocks, positions), blocks)


def tied_size(written: Operand, read: Operand) -> TiedSize:
    """The block of a tied product between two tensors."""
    found = factors(written.tensor, read.tensor)
    rings = [each.ring for each in found if each.ring is not None and each.is_circulant]
    return TiedSize(
        written.features,
        read.features,
        prod(ring.positions for ring in rings),
        prod(ring.support or ring.positions for ring in rings),
        any(ring.support is not None for ring in rings),
    )


def _operands(
    maps: Maps, level: Level, each: Product, layout: Sequence[int], pools: Pools
) -> tuple[Arranged, ...]:
    """The pools that a product reads, their dimensions as laid out."""
    operands = []
    for p in each.pools:
        half = level.pools[p]
        read = maps.inputs[half.tensor]
        state = pooled(half, read.tensor)
        order = [state.kept.index(half.strands[strand]) for strand in layout]
        source = pools.variable(half.tensor, state)
        of_run = read.runs is not None and each.runs is not None
        without_first = maps.leaves_out(level, each, p)
        operands.append(
            Arranged(source, permutation(order), _count(each, read), of_run, without_first)
        )
    return tuple(operands)


def _targets(
    maps: Maps, level: Level, each: Product, layout: Sequence[int], names: SpreadNames
) -> tuple[tuple[Target, ...], tuple[Piece, ...]]:
    """The variables that a product is cut into, and for each what the output is given."""
    targets, pieces = [], []
    for s in each.spreads:
        half = level.spreads[s]
        written = maps.outputs[half.tensor]
        state = spreading(half, written.tensor)
        target = names.fresh(half.tensor, state)
        order = [layout.index(half.strands.index(block)) for block in state.kept]
        pieces.append(Piece(half.tensor, state, Arranged(target, permutation(order))))
        targets.append(Target(target, written.features, _count(each, written)))
    return tuple(targets), tuple(pieces)


def _count(each: Product, operand: Operand) -> int | None:
    """How many tensors of an operand a product takes or gives; None for just the one."""
    return operand.runs.count if operand.runs and not each.runs else None


def _layout(maps: Maps, level: Level, each: Product) -> tuple[int, ...]:
    """The order of the strands along the level's dimensions: as the first pool has them."""
    if not each.pools:
        return ()
    first = level.pools[each.pools[0]]
    kept = pooled(first, maps.inputs[first.tensor].tensor).kept
    return tuple(first.strands.index(block) for block in kept)


def _dimension(level: Level, strand: int) -> Axis:
    axis = level.strands[strand].dimension
    assert axis is not None, "a strand that is laid out has a dimension"
    return axis
