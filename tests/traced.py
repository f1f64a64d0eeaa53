"""The symmetry that tracing found for the weights of a module, in the oracles' terms."""

from __future__ import annotations

from oracles.action import Axis
from oracles.stored import Part, Parts, StateSpace, Stored

from specc import types
from specc.groups import Pinned
from specc.symmetry.weight_space import Weights
from specc.tracing.written import tensors_of


def state_space(weights: Weights) -> StateSpace:
    """All tensors with the axes that move their positions."""
    return StateSpace(
        tuple(
            Stored(each.name, tuple(tuple(map(_parts, dims)) for dims in each.blocks))
            for each in tensors_of(weights.space)
        )
    )


def _parts(dimension: types.Dimension) -> Parts:
    return tuple(Part(tuple(map(_axis, part.axes)), _parts(part.within)) for part in dimension)


def _axis(axis: types.Axis) -> Axis:
    parent = None if axis.parent is None else _axis(axis.parent)
    return Axis(axis.name, axis.size, isinstance(axis.group, Pinned), parent)
