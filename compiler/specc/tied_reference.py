"""The matrices of tied products for the slow meaning of a layer, block by block.

Bases come from the runtime, which its own tests hold against definitions; here they are put together
from the types alone, without plans or emitted code.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from .groups import Permuted
from .symmetry.derive import Level, Maps, Product, maps_between
from .symmetry.folding import Operand
from .symmetry.ties import action_of, factors
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

    sides = [written.tensor.axes, read.tensor.axes if read else ()]
    made, places = [], []
    for factor in factors(written.tensor, read.tensor if read else None):
        outputs, inputs = (
            [_action(axes[place]) for place in of_side]
            for axes, of_side in zip(sides, (factor.outputs, factor.inputs), strict=True)
        )
        made.append(TiedFactor(outputs, inputs, factor.swaps, factor.support))
        places += [(0, place) for place in factor.outputs] + [(1, p) for p in factor.inputs]
    return TiedBlock(made, [places.index(place) for place in sorted(places)])


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
