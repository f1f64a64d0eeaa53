"""What verification draws at random, and how it compares numbers. All draws are from a generator."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor, nn

from ..operations.masks import mask_axes
from ..symmetry.exchanges import generated
from ..types import Axis
from ..types import Tensor as TensorType


def randomise(module: nn.Module, generator: torch.Generator) -> None:
    """Draws every parameter anew, also what is zero at first; weights to the scale of their inputs."""
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.normal_(generator=generator)
            if parameter.dim() > 1:
                parameter.mul_(parameter.shape[-1] ** -0.5)


def random_tensor(
    batch: int,
    axes: Sequence[Axis],
    channels: int | None,
    generator: torch.Generator,
    dtype: torch.dtype = torch.float64,
) -> Tensor:
    """A tensor `(batch, *axes, channels)` of independent normal numbers."""
    shape = [batch, *(axis.size for axis in axes), *([] if channels is None else [channels])]
    return torch.randn(shape, generator=generator, dtype=dtype)


def random_value(tensor: TensorType, batch: int, generator: torch.Generator) -> Tensor:
    """A tensor of a type: of independent normal numbers, or of indices."""
    if tensor.index is None:
        dtype = torch.complex128 if tensor.complex else torch.float64
        drawn = random_tensor(batch, tensor.axes, tensor.channels, generator, dtype)
        return averaged(drawn, tensor)
    shape = (batch, *(axis.size for axis in tensor.axes))
    return torch.randint(tensor.index, shape, generator=generator)


def averaged(x: Tensor, tensor: TensorType) -> Tensor:
    """`(batch, *axes, ...)` as symmetric as its type says: the mean over all exchanges of indices."""
    if not tensor.swaps:
        return x
    elements = generated(tensor.swaps, len(tensor.axes))
    after = range(1 + len(tensor.axes), x.dim())
    total = sum(s * x.permute(0, *(1 + i for i in order), *after) for order, s in elements)
    assert isinstance(total, Tensor)
    return total / len(elements)


def random_mask(batch: int, axis: Axis, generator: torch.Generator) -> Tensor:
    """A mask of about two thirds of the positions, and of one at least wherever there are any."""
    shape = (batch, *(each.size for each in mask_axes(axis)))
    mask = torch.rand(shape, generator=generator) < 2 / 3
    one = torch.randint(axis.size, shape[:-1], generator=generator)
    return mask.scatter(-1, one.unsqueeze(-1), True)


def gap(found: Iterable[Tensor], wanted: Iterable[Tensor]) -> float:
    """The largest difference relative to the largest number wanted; infinite where only one is finite.

    Numbers that are not finite are as wanted where they are the same.
    """
    worst, scale = 0.0, 0.0
    for x, y in zip(found, wanted, strict=True):
        if x.shape != y.shape:
            return torch.inf
        same = (x == y) | (x.isnan() & y.isnan())
        difference = (x - y).abs().masked_fill(same, 0.0).nan_to_num(nan=torch.inf)
        worst = max(worst, float(difference.max())) if difference.numel() else worst
        finite = y[y.isfinite()].abs()
        scale = max(scale, float(finite.max())) if finite.numel() else scale
    return worst / scale if scale > 0 else worst
