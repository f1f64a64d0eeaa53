"""Reductions along axes of which only some positions are there: their code and their meaning.

The mask of `axis node = S(n, masked)` is the boolean tensor `node_mask` of shape `(batch, node)`; an
axis that lives in another has one of shape `(batch, cloud, member)`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..types import Axis


def mask_name(axis: Axis) -> str:
    """The argument that holds the mask of an axis."""
    return f"{axis.name}_mask"


def mask_axes(axis: Axis) -> tuple[Axis, ...]:
    """The axes of a mask, outermost first."""
    return (*(mask_axes(axis.parent) if axis.parent else ()), axis)


def masked_reduction(kind: str, value: str, axes: Sequence[Axis], dim: int) -> str:
    """Code that reduces run-time dimension `dim` of `(batch, *axes, channels)`, what is there alone."""
    axis = axes[dim - 1]
    dims = [_nearest(axes, dim, each) for each in mask_axes(axis)]
    return f"masked_{kind}({value}, {mask_name(axis)}, {', '.join(map(str, dims))})"


def masked_reductions(kind: str, value: str, axes: Sequence[Axis], dims: Sequence[int]) -> str:
    """Code that reduces several dimensions, the last first, so that the places of the others stay."""
    remaining = list(axes)
    for dim in sorted(dims, reverse=True):
        if remaining[dim - 1].masked:
            value = masked_reduction(kind, value, remaining, dim)
        else:
            method = {"max": "amax", "min": "amin"}.get(kind, kind)
            value = f"{value}.{method}({dim})"
        del remaining[dim - 1]
    return value


def presence(value: Any, axes: Sequence[Axis], dim: int, masks: Mapping[str, Any]) -> Any | None:
    """The mask along dimension `dim` of `(batch, *axes, channels)`, with sizes of one elsewhere.

    None where everything is there: the axis has no mask, or `masks` does not hold it.
    """
    axis = axes[dim - 1]
    if not axis.masked or mask_name(axis) not in masks:
        return None
    mask = masks[mask_name(axis)]
    dims = [0, *(_nearest(axes, dim, each) for each in mask_axes(axis))]
    return mask.reshape([value.shape[d] if d in dims else 1 for d in range(value.ndim)])


def without_absent(value: Any, axes: Sequence[Axis], masks: Mapping[str, Any]) -> Any:
    """The value with zeros at positions that are not there."""
    for dim in range(1, len(axes) + 1):
        present = presence(value, axes, dim, masks)
        if present is not None:
            value = value.masked_fill(~present, 0)
    return value


def _nearest(axes: Sequence[Axis], dim: int, axis: Axis) -> int:
    """The dimension of `axis` that `dim` lives in: the nearest at or before it."""
    return next(d for d in range(dim, 0, -1) if axes[d - 1].name == axis.name)
