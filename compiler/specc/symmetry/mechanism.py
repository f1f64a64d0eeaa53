"""Which mechanism treats a group in one layer: diagrams wherever they suffice, else generators.

A group may act on the tensors of a layer in ways that no diagrams describe; then all its axes there are
treated by generators. Another has no more maps on few indices than a larger group that has diagrams.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cache

from ..groups import ODD, Alternating, Group, Orthogonal, Spin, Stabiliser, Symmetric
from ..types import Axis, Tensor
from .folding import Operand

Operands = tuple[Operand, ...]


@cache
def mechanism(inputs: Operands, outputs: Operands) -> tuple[Operands, Operands]:
    """The same tensors, each axis with the group by which the layer treats it; the maps are the same."""
    movers: dict[str, dict[Axis, None]] = {}
    for operand in (*inputs, *outputs):
        for axis in operand.tensor.axes:
            if not axis.pinned and isinstance(axis.group, Orthogonal | Alternating | Spin):
                movers.setdefault(axis.mover, {})[axis] = None
    changed: dict[Axis, Axis] = {}
    for mover, axes in movers.items():
        most = _most_indices(mover, inputs) + _most_indices(mover, outputs)
        for axis in axes:
            group = treated(axis, tuple(axes), most)
            if group != axis.group:
                changed[axis] = replace(axis, group=group)
    if not changed:
        return inputs, outputs
    first, second = (
        tuple(replace(each, tensor=_replaced(each.tensor, changed)) for each in side)
        for side in (inputs, outputs)
    )
    return first, second


def treated(axis: Axis, together: Sequence[Axis], most: int | None = None) -> Group:
    """The group by which an axis is treated beside others that one group element moves with it.

    A vector beside spins is the spin 1. Of A(n), with at most `most` indices on an input and an output
    in all, the maps are those of S(n) where n >= most + 2, and of SO(n) those of O(n) where n > most.
    """
    match axis.group:
        case Orthogonal(special=special) if any(isinstance(a.group, Spin) for a in together):
            return Spin(1, None if special else ODD)
        case Orthogonal(special=True, fixed=fixed) as group if most is not None:
            if axis.size - bool(fixed) > most:
                return replace(group, special=False)
            return Stabiliser(replace(group, fixed=()), fixed) if fixed else group
        case Alternating() if most is not None and axis.size >= most + 2:
            return Symmetric()
        case group:
            return group


def _most_indices(mover: str, operands: Operands) -> int:
    """The most indices that a tensor has of one mover."""
    numbers = ([axis.mover for axis in each.tensor.axes if not axis.pinned] for each in operands)
    return max((movers.count(mover) for movers in numbers), default=0)


def _replaced(tensor: Tensor, changed: dict[Axis, Axis]) -> Tensor:
    return replace(tensor, axes=tuple(changed.get(axis, axis) for axis in tensor.axes))
