"""Which positions the maps of a layer with a `support` may connect, from distances on rings."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from ..groups import Cyclic, Dihedral
from ..symmetry.folding import Operand


def reached(sides: Sequence[Sequence[Operand]]) -> Tensor:
    """Of the maps to the first side from the second, which entries need not be zero: a matrix.

    Of invariants, which have one side, all entries.
    """
    outputs, *inputs = sides
    if not inputs:
        return torch.ones(sum(o.tensor.positions for o in outputs), dtype=torch.bool)
    rows = [torch.cat([_near(written, read) for read in inputs[0]], 1) for written in outputs]
    return torch.cat(rows)


def _near(written: Operand, read: Operand) -> Tensor:
    """Whether two positions are at most support // 2 steps apart on each ring that both stand on."""
    axes = (*written.tensor.axes, *read.tensor.axes)
    near = torch.ones([axis.size for axis in axes], dtype=torch.bool)
    for i, axis in enumerate(written.tensor.axes):
        support = axis.group.support if isinstance(axis.group, Cyclic | Dihedral) else None
        for j, other in enumerate(axes[len(written.tensor.axes) :], len(written.tensor.axes)):
            if support is not None and other.mover == axis.mover:
                steps = (_positions(j, other.size, near) - _positions(i, axis.size, near)).abs()
                near &= torch.minimum(steps, axis.size - steps) <= support // 2
    return near.reshape(written.tensor.positions, read.tensor.positions)


def _positions(dim: int, size: int, like: Tensor) -> Tensor:
    """0, 1, ... along one dimension."""
    shape = [1] * like.dim()
    shape[dim] = size
    return torch.arange(size).reshape(shape)
