"""Means that one layer takes of what another made: they are taken with the product that makes it.

A kernel adds the rows of a result up while they are in the cache; the layer that reads it then starts
without reading it for its means.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import NamedTuple

from ..graph import Typed
from ..operations import Equivariant
from .plan import Fold, LayerPlan, MixSpread, Pooled, Unfold

RECTIFIER = "F.relu"
"""The activation that kernels apply; what others make is a tensor of its own."""


class Reader(NamedTuple):
    """A layer, by its node, and at which of its arguments it reads."""

    node: int
    place: int


def layers_ahead(typed: Typed, epilogues: Mapping[int, str]) -> dict[int, list[Reader]]:
    """For each layer those that read its results as its products leave them."""
    nodes = typed.graph.nodes
    found: dict[int, list[Reader]] = {}
    for node in nodes:
        if not isinstance(node.operation, Equivariant):
            continue
        for place, number in enumerate(node.inputs):
            made = nodes[number]
            if not isinstance(made.operation, Equivariant):
                if not made.inputs or epilogues.get(made.inputs[0]) != RECTIFIER:
                    continue
                number = made.inputs[0]
            found.setdefault(number, []).append(Reader(node.number, place))
    return found


def means_read(plan: LayerPlan, place: int) -> dict[str, tuple[int, ...]]:
    """The dimensions over which a layer takes means of its argument, by the names of the tensors."""
    argument = plan.arguments[place].name
    named = {
        step.target: step.key
        for step in plan.pools
        if isinstance(step, Fold) and step.argument == argument
    }
    return {
        named[step.source]: tuple(mean.dim for mean in step.means)
        for step in plan.pools
        if isinstance(step, Pooled) and step.source in named
    }


def taking_means(plan: LayerPlan, wanted: Mapping[str, tuple[int, ...]]) -> LayerPlan:
    """The plan with these means, by names of outputs, taken by the products that are done last there."""
    products: dict[str, MixSpread] = {}
    for step in plan.spreads:
        if isinstance(step, MixSpread) and step.last:
            products[step.target] = step
        elif isinstance(step, Unfold) and step.source in products:
            products[step.target] = products[step.source]
    found: dict[str, tuple[int, ...]] = {}
    for result in plan.results:
        masked = any(axis.masked for axis in result.operand.tensor.axes)
        if result.activated and not masked:
            product = products[result.source]
            asked = wanted.get(result.operand.name, ())
            found[product.target] = (
                *product.means,
                *(dim for dim in asked if dim not in product.means),
            )
    return replace(
        plan,
        spreads=tuple(
            replace(step, means=found.get(step.target, ()))
            if isinstance(step, MixSpread) and step.last
            else step
            for step in plan.spreads
        ),
    )
