"""Decides how a layer is computed: which reduction comes from which, what is stacked, what is added where.

Coarse pools are made from fine ones, and coarse spreads are added to finer ones before anything
touches a full-size tensor, so that each tensor is read once for its pools and once for its product.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..names import Variables
from ..symmetry.derive import Maps
from ..symmetry.folding import Operand
from .mixes import mix
from .plan import Argument, Arranged, Formulation, LayerPlan, Result, SpreadStep
from .pools import Pools
from .spread_names import SpreadNames
from .spreads import spread
from .states import State


def schedule(
    maps: Maps, arguments: Sequence[Argument], formulation: Formulation | None = None
) -> LayerPlan:
    """The plan of a layer.

    `arguments` are its inputs, all whose tensors are `maps.inputs` in order; `formulation` is taken
    for every product where it is given, else the cheaper one is.
    """
    names = Variables()
    for argument in arguments:
        names.claim(argument.name)
    if any(operand.runs for operand in (*maps.inputs, *maps.outputs)):
        names.claim("i")
    pools = Pools(maps, names)
    for number, operand in enumerate(maps.inputs):
        source, key = _source(operand, arguments)
        base = names.claim(operand.name.replace("{}.", "")) if key else source
        pools.add_tensor(number, source, key, base)
    mixes = []
    pieces: dict[int, dict[State, list[Arranged]]] = {n: {} for n in range(len(maps.outputs))}
    spread_names = SpreadNames(maps, names)
    for level in maps.levels:
        for each in level.products:
            step, made = mix(maps, level, each, pools, spread_names, formulation)
            mixes.append(step)
            for piece in made:
                pieces[piece.output].setdefault(piece.state, []).append(piece.source)
    spreads: list[SpreadStep] = []
    results = []
    for number, operand in enumerate(maps.outputs):
        steps, variable = spread(number, operand, pieces[number], spread_names)
        spreads += steps
        results.append(Result(operand, variable))
    return LayerPlan(
        maps,
        tuple(arguments),
        tuple(pools.steps),
        tuple(mixes),
        tuple(spreads),
        tuple(results),
    )


def _source(operand: Operand, arguments: Sequence[Argument]) -> tuple[str, str]:
    """The argument that holds an input, and its key there."""
    if len(arguments) == 1:
        return arguments[0].name, operand.name
    argument, _, key = operand.name.partition(".")
    return argument, key
