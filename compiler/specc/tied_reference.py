"""The matrices of tied products for the slow meaning of a layer, block by block.

Bases come from the runtime, which its own tests hold against definitions; here they are put together
from the types alone, without plans or emitted code.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from .groups import Permuted
from .symmetry.derive import Level, Maps, Product, maps_between
from .symmetry.folding import Operand
from .symmetry.ties import action_of
from .types import Axis

if TYPE_CHECKING:
    from specc_runtime.actions import Action
    from specc_runtime.tied_blocks import TiedBlock

Array = Any


def tied_matrices(
    maps: Maps, level: Level, each: Product, parameters: Mapping[str, Array]
) -> dict[tuple[int, int], Array]:
    """For each spread and pool of a product, by number, the matrix between their features."""
    from specc_runtime.tied_blocks import assemble

    single = maps.tied_shapes(level, each).single
    numbers = iter(range(len(each.spreads) * len(each.pools)))
    found = {}
    for s in each.spreads:
        for p in each.pools:
            written = maps.outputs[level.spreads[s].tensor]
            read = maps.inputs[level.pools[p].tensor]
            if maps_between(written, read):
                end = "weight" if single else f"weights.{next(numbers)}"
                weight = parameters[f"mix_{each.name}.{end}"]
                found[s, p] = assemble(weight, _block(written, read))
    return found


def tied_biases(
    maps: Maps, level: Level, each: Product, parameters: Mapping[str, Array]
) -> dict[int, Array]:
    """For each spread of a product with a bias, by number, the vector that is added to its features."""
    from specc_runtime.tied_blocks import assemble

    single = maps.tied_shapes(level, each).single
    numbers = iter(range(len(each.spreads)))
    found = {}
    for s in each.spreads:
        written = maps.outputs[level.spreads[s].tensor]
        if each.bias and maps_between(written, None):
            end = "bias" if single else f"biases.{next(numbers)}"
            bias = parameters[f"mix_{each.name}.{end}"]
            found[s] = assemble(bias.unsqueeze(-1), _block(written, None)).flatten()
    return found


def _block(written: Operand, read: Operand | None) -> TiedBlock:
    from specc_runtime.tied_blocks import TiedBlock, TiedFactor

    sides = [list(_told_apart(written)), list(_told_apart(read)) if read else []]
    movers = dict.fromkeys(_mover(axis) for side in sides for axis in side)
    factors = [
        TiedFactor(*([_action(axis) for axis in side if _mover(axis) == mover] for side in sides))
        for mover in movers
    ]
    places = [
        (number, place)
        for mover in movers
        for number, side in enumerate(sides)
        for place, axis in enumerate(side)
        if _mover(axis) == mover
    ]
    return TiedBlock(factors, [places.index(place) for place in sorted(places)])


def _told_apart(operand: Operand) -> Iterator[Axis]:
    yield from (axis for axis in operand.tensor.axes if axis.pinned or axis.tied)


def _mover(axis: Axis) -> str | None:
    return axis.mover if axis.tied else None


def _action(axis: Axis) -> Action:
    from specc_runtime.actions import Action, SignedPermutation

    if not axis.tied:
        return Action(axis.size)
    action = action_of(axis)
    if isinstance(action, Permuted):
        moves = zip(action.images, action.signs, strict=True)
        return Action(action.size, tuple(SignedPermutation(*each) for each in moves))
    matrices = [
        tuple(tuple(tuple(map(float, row)) for row in matrix) for matrix in each)
        for each in (action.generators, action.algebra)
    ]
    return Action(action.size, *matrices)
