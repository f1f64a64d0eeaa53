"""Decides how a layer is computed: which reduction comes from which, what is stacked, what is added where.

Coarse pools are made from fine ones, and coarse spreads are added to finer ones before anything
touches a full-size tensor, so that each tensor is read once for its pools and once for its product.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..names import Variables
from ..symmetry.folding import Operand
from ..symmetry.maps import Maps
from .batch import batch_mixes, batch_pools, batch_spreads
from .centres import Centres
from .fuse import fuse_pools, fuse_spreads
from .mixes import mix
from .plan import (
    Argument,
    Arranged,
    Copy,
    Formulation,
    LayerPlan,
    MixSpread,
    PointSource,
    Result,
    Shift,
    SpreadStep,
)
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
    names = Variables(frozenset({"activation"}))
    for argument in arguments:
        names.claim(argument.name)
    if any(operand.runs for operand in (*maps.inputs, *maps.outputs)):
        names.claim("i")
    pools = Pools(maps, names)
    sources = [_source(operand, arguments) for operand in maps.inputs]
    bases = [
        names.claim(operand.name.replace("{}.", "")) if key else source
        for operand, (source, key) in zip(maps.inputs, sources, strict=True)
    ]
    points = [
        PointSource(f'{source}["{key}"]' if key else source, operand.tensor)
        for operand, (source, key) in zip(maps.inputs, sources, strict=True)
    ]
    centres = Centres(maps, points, names)
    shifts = centres.subtracted({n: base for n, base in enumerate(bases) if pools.reads(n)})
    shifted = {shift.target for shift in shifts}
    for number, (source, key) in enumerate(sources):
        base = bases[number]
        if base in shifted:
            source, key = base, ""
        pools.add_tensor(number, source, key, base)
    mixes = []
    pieces: dict[int, dict[State, list[Arranged]]] = {n: {} for n in range(len(maps.outputs))}
    spread_names = SpreadNames(maps, names)
    owners: dict[str, int] = {}
    for level in maps.levels:
        for each in level.products:
            step, made = mix(maps, level, each, pools, spread_names, formulation)
            mixes.append(step)
            for piece in made:
                pieces[piece.output].setdefault(piece.state, []).append(piece.source)
                owners[piece.source.source] = piece.output
    spreads: list[Sequence[SpreadStep]] = []
    moved: list[Shift | Copy] = []
    variables = []
    for number, operand in enumerate(maps.outputs):
        steps, variable = spread(number, operand, pieces[number], spread_names)
        spreads.append(steps)
        base = spread_names.bases[number]
        moved += centres.added(number, variable, base)
        variables.append(variable or base)
    fused, outputs = fuse_spreads(mixes, pools.steps, spreads, owners)
    joined = tuple(step for steps in outputs for step in steps)
    reductions, stacked = batch_pools(fuse_pools(pools.steps, fused, joined), joined)
    products = batch_mixes(fused, stacked)
    return LayerPlan(
        maps,
        tuple(arguments),
        (*centres.means, *shifts),
        reductions,
        products,
        batch_spreads(joined, products),
        tuple(moved),
        tuple(
            Result(operand, variable, any(isinstance(s, MixSpread) and s.last for s in steps))
            for operand, variable, steps in zip(maps.outputs, variables, outputs, strict=True)
        ),
    )


def _source(operand: Operand, arguments: Sequence[Argument]) -> tuple[str, str]:
    """The argument that holds an input, and its key there."""
    if len(arguments) == 1:
        return arguments[0].name, operand.name
    argument, _, key = operand.name.partition(".")
    return argument, key
