"""Normalisation by statistics over positions, of `(batch, *axes, channels)`: torch's, for any axes."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class BatchNorm(nn.BatchNorm1d):
    """`nn.BatchNorm1d`, `2d`, `3d`: statistics of each channel over the batch and all axes."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.flatten(0, -2)).view_as(x)


class GroupNorm(nn.GroupNorm):
    """`nn.GroupNorm`: statistics over the channels of a group and all axes."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(by_channel(x)).movedim(1, -1).reshape(x.shape)


class InstanceNorm(nn.InstanceNorm1d):
    """`nn.InstanceNorm1d`, `2d`, `3d`: statistics of each channel over all axes.

    These are statistics of groups of one channel. Torch's own function folds the batch into the
    channels, and so has no graph for every batch size.
    """

    def forward(self, x: Tensor) -> Tensor:
        weight, bias, eps = self.weight, self.bias, self.eps
        if self.track_running_stats and not self.training:
            mean, variance = self.running_mean, self.running_var
            return F.batch_norm(x.flatten(0, -2), mean, variance, weight, bias, eps=eps).view_as(x)
        rows = by_channel(x)
        if self.track_running_stats:
            self.track(rows)
        normal = F.group_norm(rows, self.num_features, weight, bias, eps)
        return normal.movedim(1, -1).reshape(x.shape)

    @torch.no_grad()
    def track(self, rows: Tensor) -> None:
        """Moves the running statistics towards the means over a batch `(batch, channels, positions)`."""
        assert self.running_mean is not None and self.running_var is not None
        momentum = self.momentum or 0.0
        variance, mean = torch.var_mean(rows, -1)
        self.running_mean.mul_(1 - momentum).add_(momentum * mean.mean(0))
        self.running_var.mul_(1 - momentum).add_(momentum * variance.mean(0))


def by_channel(x: Tensor) -> Tensor:
    """`(batch, *axes, channels)` as `(batch, channels, positions)`."""
    return x.flatten(1, -2).movedim(-1, 1) if x.dim() > 2 else x
