"""Convolutions and pooling of `(batch, *axes, channels)`: torch's, along some of the axes.

The axes that a window does not slide along count as batch. Channels are brought before the axes for
torch and back after; both are views, and torch computes in its channels-last memory format.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor, nn
from torch.nn import functional as F


def as_rows(x: Tensor, over: Sequence[int]) -> Tensor:
    """`(batch, *axes, channels)` as torch has it: `(rows, channels, *over)`, other axes in the rows."""
    others = other_dims(x, over)
    rows: Tensor = x.permute(0, *others, -1, *over).flatten(0, len(others))
    return rows


def from_rows(rows: Tensor, x: Tensor, over: Sequence[int]) -> Tensor:
    """What was made of `as_rows(x, over)`, with its dimensions in the order that `x` has them."""
    others = other_dims(x, over)
    apart: Tensor = rows.unflatten(0, [x.shape[dim] for dim in (0, *others)])
    order = (0, *others, x.dim() - 1, *over)
    return apart.permute([order.index(dim) for dim in range(x.dim())])


def other_dims(x: Tensor, over: Sequence[int]) -> tuple[int, ...]:
    """The dimensions of axes beside those of `over`."""
    return tuple(dim for dim in range(1, x.dim() - 1) if dim not in over)


class Along(nn.Module):
    """Makes a convolution of torch one along dimensions `over`, by default the first after the batch."""

    kernel_size: tuple[int, ...]

    def __init__(self, *sizes: Any, over: Sequence[int] | None = None, **options: Any) -> None:
        super().__init__(*sizes, **options)
        self.over = tuple(over or range(1, 1 + len(self.kernel_size)))

    def forward(self, x: Tensor) -> Tensor:
        rows: Tensor = super().forward(as_rows(x, self.over))
        return from_rows(rows, x, self.over)


class Conv1d(Along, nn.Conv1d):
    """`nn.Conv1d` along a dimension of `(batch, *axes, channels)`."""


class Conv2d(Along, nn.Conv2d):
    """`nn.Conv2d` along two dimensions of `(batch, *axes, channels)`."""


class Conv3d(Along, nn.Conv3d):
    """`nn.Conv3d` along three dimensions of `(batch, *axes, channels)`."""


class ConvTranspose1d(Along, nn.ConvTranspose1d):  # type: ignore[misc]
    """`nn.ConvTranspose1d` along a dimension of `(batch, *axes, channels)`."""


class ConvTranspose2d(Along, nn.ConvTranspose2d):  # type: ignore[misc]
    """`nn.ConvTranspose2d` along two dimensions of `(batch, *axes, channels)`."""


class ConvTranspose3d(Along, nn.ConvTranspose3d):  # type: ignore[misc]
    """`nn.ConvTranspose3d` along three dimensions of `(batch, *axes, channels)`."""


Sizes = int | tuple[int, ...]

MAX_POOLS = (F.max_pool1d, F.max_pool2d, F.max_pool3d)
AVG_POOLS = (F.avg_pool1d, F.avg_pool2d, F.avg_pool3d)


def max_pool(
    x: Tensor, over: Sequence[int], kernel: Sizes, stride: Sizes | None = None, padding: Sizes = 0
) -> Tensor:
    """The largest in each window that slides along dimensions `over` of `(batch, *axes, channels)`."""
    pool = MAX_POOLS[len(over) - 1]
    return from_rows(pool(as_rows(x, over), kernel, stride, padding), x, over)


def avg_pool(
    x: Tensor, over: Sequence[int], kernel: Sizes, stride: Sizes | None = None, padding: Sizes = 0
) -> Tensor:
    """The mean of each window that slides along dimensions `over`; zeros of the padding count."""
    pool = AVG_POOLS[len(over) - 1]
    return from_rows(pool(as_rows(x, over), kernel, stride or kernel, padding), x, over)


def pixel_shuffle(x: Tensor, over: Sequence[int], factor: int) -> Tensor:
    """`nn.PixelShuffle` along two dimensions: channels become positions within each pixel."""
    return from_rows(F.pixel_shuffle(as_rows(x, over), factor), x, over)
