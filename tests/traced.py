"""The symmetry that tracing found for the weights of a module, in the oracles' terms."""

from __future__ import annotations

from collections.abc import Sequence

from oracles.action import Axis
from oracles.stored import Part, StateSpace, Stored

from specc import types
from specc.groups import Pinned
from specc.symmetry.weight_space import Weights


def state_space(weights: Weights) -> StateSpace:
    """All tensors with the axes that move their positions."""
    plain = (types.stored(n, [[(axis,)] for axis in t.axes]) for n, t in weights.space.tensors)
    kept = weights.space.stored or tuple(plain)
    return StateSpace(tuple(Stored(each.name, _blocks(each.pieces)) for each in kept))


def _blocks(pieces: Sequence[types.Piece]) -> tuple[tuple[tuple[Part, ...], ...], ...]:
    """A block for each part along the first dimension, with what stands along the others there."""
    rows: dict[object, list[types.Piece]] = {}
    for piece in pieces:
        rows.setdefault(piece.bounds[:1], []).append(piece)
    dims = range(len(pieces[0].dims))
    return tuple(tuple(_parts(each, dim) for dim in dims) for each in rows.values())


def _parts(pieces: Sequence[types.Piece], dim: int) -> tuple[Part, ...]:
    """The parts along a dimension of one block."""
    found: dict[tuple[int, int], types.Part] = {}
    for piece in pieces:
        part = found.setdefault(piece.bounds[dim], piece.dims[dim])
        assert part == piece.dims[dim], (
            f"{piece.name}: a block has the same columns in all its rows"
        )
    return tuple(tuple(map(_axis, part)) for part in found.values())


def _axis(axis: types.Axis) -> Axis:
    parent = None if axis.parent is None else _axis(axis.parent)
    return Axis(axis.name, axis.size, isinstance(axis.group, Pinned), parent)
