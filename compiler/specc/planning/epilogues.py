"""Activations that a layer applies where it writes its results, instead of in a pass of their own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from ..graph import Node, Region, Typed
from ..operations import Equivariant
from ..operations.pointwise import Pointwise
from ..symmetry.diagrams import free_indices
from ..types import tensors_of
from .lifetimes import is_read_once


def epilogues(
    typed: Typed, uses: Mapping[int, Sequence[int]], level: Mapping[int, tuple[int, ...]]
) -> dict[int, str]:
    """For each layer that only an activation reads, just as often, the code of that activation.

    In a repeat this holds of a layer in all runs or in none: one line does what they do.
    """
    found: dict[int, str] = {}
    for node in typed.graph.nodes:
        reader = _activation(typed, node)
        if reader is not None and is_read_once(node.inputs[0], uses, level):
            found[node.inputs[0]] = reader
    groups = list(_alike(typed.graph.regions))
    while torn := [
        n for group in groups if not found.keys() >= group for n in group & found.keys()
    ]:
        for number in torn:
            found.pop(number, None)
    return found


def _alike(regions: Sequence[Region]) -> Iterator[set[int]]:
    """The values that correspond to each other in the runs of a repeat."""
    for region in regions:
        yield from _alike(region.inner)
        lengths = {run.last - run.first for run in region.inner}
        if region.kind == "repeat" and len(lengths) == 1:
            for place in range(*lengths):
                yield {run.first + place for run in region.inner}


def _activation(typed: Typed, node: Node) -> str | None:
    """The function that a node applies to the results of a layer, if that is all it does.

    Invariants are small: what follows them stays a line of its own.
    """
    if not isinstance(node.operation, Pointwise):
        return None
    (source,) = node.inputs
    layer = typed.graph.nodes[source]
    if not isinstance(layer.operation, Equivariant):
        return None
    tensors = [tensor for _, tensor in tensors_of(typed.type(layer))]
    moved = any(free_indices(tensor) for tensor in tensors)
    points = any(tensor.points for tensor in tensors)
    return node.operation.callable if moved and not points else None
