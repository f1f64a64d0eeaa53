"""Dividing positive scales out of the weights of networks with positively homogeneous activations."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


def normalise_scale(
    tensors: dict[str, Tensor],
    norm: Sequence[tuple[str, int]],
    rows: Sequence[tuple[str, int]] = (),
    columns: Sequence[tuple[str, int]] = (),
) -> dict[str, Tensor]:
    """Weights of the same function in which each position of one hidden axis has norm one.

    `tensors` are `(batch, *axes, channels)`. `norm`, `rows` and `columns` say where the axis stands: the name of
    a tensor and which of its axes. For position i, n_i is the Euclidean norm of its entries in all tensors of
    `norm`, over their other axes and channels. Entries in `norm` and `rows` are divided by n_i, those in
    `columns` are multiplied by it. A position with n_i = 0 stays as it is. Gradients are finite.

    So relu networks whose positions differ by scales, rows by s_i > 0 and columns by 1 / s_i, become equal.
    """
    squares = torch.stack([_squares(tensors[name], dim + 1) for name, dim in norm]).sum(0)
    scale = torch.where(squares > 0, squares, 1).sqrt()
    result = dict(tensors)
    for name, dim in (*norm, *rows):
        result[name] = result[name] / _along(scale, result[name], dim + 1)
    for name, dim in columns:
        result[name] = result[name] * _along(scale, result[name], dim + 1)
    return result


def _squares(tensor: Tensor, dim: int) -> Tensor:
    """The sum of squares at each position of a dimension: `(batch, positions)`."""
    others = [d for d in range(1, tensor.ndim) if d != dim]
    return tensor.square().sum(others)


def _along(scale: Tensor, tensor: Tensor, dim: int) -> Tensor:
    """`(batch, positions)` shaped to multiply a tensor along a dimension."""
    shape = [1] * tensor.ndim
    shape[0], shape[dim] = scale.shape
    return scale.view(shape)
