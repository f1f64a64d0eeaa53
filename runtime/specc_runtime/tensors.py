"""Tensor functions that generated modules call: masked reductions, diagonals, joined channels.

Tensors are `(batch, *axes, channels)`.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F


def aligned_mask(mask: Tensor, x: Tensor, *dims: int) -> Tensor:
    """A boolean mask `(batch, *positions)` with its dimensions at `dims` of `x`, ones elsewhere."""
    shape = [1] * x.dim()
    shape[0] = mask.shape[0]
    for dim, size in zip(dims, mask.shape[1:], strict=True):
        shape[dim] = size
    return mask.reshape(shape)


def apply_mask(x: Tensor, mask: Tensor, *dims: int) -> Tensor:
    """Zero where the mask is false, whatever stood there."""
    return x.masked_fill(~aligned_mask(mask, x, *dims), 0)


def masked_sum(x: Tensor, mask: Tensor, *dims: int) -> Tensor:
    """The sum over the last of `dims`, of positions whose mask is true."""
    return apply_mask(x, mask, *dims).sum(dims[-1])


def masked_mean(x: Tensor, mask: Tensor, *dims: int) -> Tensor:
    """The mean over the last of `dims`, of positions whose mask is true; zero where none is."""
    count = aligned_mask(mask, x, *dims).sum(dims[-1]).clamp(min=1)
    return masked_sum(x, mask, *dims) / count


def masked_max(x: Tensor, mask: Tensor, *dims: int) -> Tensor:
    """The largest over the last of `dims`, of positions whose mask is true; zero where none is."""
    present = aligned_mask(mask, x, *dims)
    largest = x.masked_fill(~present, -torch.inf).amax(dims[-1])
    return largest.masked_fill(~present.any(dims[-1]), 0)


def masked_min(x: Tensor, mask: Tensor, *dims: int) -> Tensor:
    """The smallest over the last of `dims`, of positions whose mask is true; zero where none is."""
    return -masked_max(-x, mask, *dims)


def masked_softmax(x: Tensor, mask: Tensor, *dims: int) -> Tensor:
    """Softmax along the last of `dims` over positions whose mask is true; zero elsewhere."""
    present = aligned_mask(mask, x, *dims)
    lowest = torch.finfo(x.dtype).min
    return x.masked_fill(~present, lowest).softmax(dims[-1]).masked_fill(~present, 0)


def full_mask(x: Tensor, *dims: int) -> Tensor:
    """The mask of a batch in which every position along `dims` is there."""
    shape = (x.shape[0], *(x.shape[dim] for dim in dims))
    return torch.ones(shape, dtype=torch.bool, device=x.device)


def diagonal(x: Tensor, first: int, second: int) -> Tensor:
    """The entries at which two dimensions agree, as one dimension at the place of the first."""
    return torch.diagonal(x, dim1=first, dim2=second).movedim(-1, first)


def embed_diagonal(x: Tensor, dim: int, first: int, second: int) -> Tensor:
    """Dimension `dim` written where dimensions `first` and `second` of the result agree, zero elsewhere."""
    return torch.diag_embed(x.movedim(dim, -1), dim1=first, dim2=second)


def concat(*parts: Tensor) -> Tensor:
    """Channels one after the other; the other dimensions broadcast."""
    shape = torch.broadcast_shapes(*(part.shape[:-1] for part in parts))
    return torch.cat([part.expand(*shape, part.shape[-1]) for part in parts], -1)


def sections(x: Tensor, *widths: int | Sequence[int]) -> tuple[Tensor, ...]:
    """Cuts the last dimension into tensors; where `widths` has a list of equal ones, those parts stay
    together, with a dimension for them in front."""
    totals = [width if isinstance(width, int) else sum(width) for width in widths]
    parts = zip(x.split(totals, -1), widths, strict=True)
    return tuple(
        part if isinstance(width, int) else runs_first(part, len(width)) for part, width in parts
    )


def runs_first(x: Tensor, count: int) -> Tensor:
    """`(batch, ..., count * width)` seen as `(count, batch, ..., width)`."""
    apart: Tensor = x.unflatten(-1, (count, x.shape[-1] // count))
    return apart.movedim(-2, 0)


def accumulate(layer: nn.Linear, *parts: Tensor) -> Tensor:
    """`layer` of the parts joined along channels, one product for each part and no joined copy."""
    weights = layer.weight.split([part.shape[-1] for part in parts], 1)
    total = F.linear(parts[0], weights[0], layer.bias)
    for part, weight in zip(parts[1:], weights[1:], strict=True):
        total = total + F.linear(part, weight)
    return total
