"""Cyclic and dihedral groups on the positions of a ring: how many maps there are, and how far they reach.

A map that commutes with C(n) is known from where one of its indices is 0; one that commutes with D(n)
is the same there at p and at -p. So the maps are counted without listing pairs of positions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from ..groups import Cyclic, Dihedral
from ..types import Axis, Tensor

Ring = Cyclic | Dihedral


def ring(axes: Sequence[Axis]) -> Ring | None:
    """The group that moves all of these axes, each as it moves the positions of a ring."""
    groups = {(axis.group, axis.size) for axis in axes}
    if len(groups) != 1:
        return None
    group = axes[0].group
    return group if isinstance(group, Cyclic | Dihedral) else None


def ring_maps(group: Ring, size: int, indices: int, support: int | None) -> int:
    """The independent maps between so many indices; within a window, those of its offsets."""
    reflected = isinstance(group, Dihedral)
    if support is not None:
        return (support + 1) // 2 if reflected else support
    kernel = size ** (indices - 1)
    fixed = (2 - size % 2) ** (indices - 1)
    return int((kernel + fixed) // 2 if reflected else kernel)


def within(tensor: Tensor, supports: Mapping[str, int]) -> Tensor:
    """The tensor with axes along which maps reach no further, by what moves them."""
    return replace(tensor, axes=tuple(_within(axis, supports) for axis in tensor.axes))


def _within(axis: Axis, supports: Mapping[str, int]) -> Axis:
    support = supports.get(axis.mover)
    if support is None or not isinstance(axis.group, Cyclic | Dihedral):
        return axis
    return replace(axis, group=replace(axis.group, support=support))
