"""Normalisation by statistics over positions, of `(batch, *axes, channels)`: torch's, for any axes."""

from __future__ import annotations

from torch import Tensor, nn


class BatchNorm(nn.BatchNorm1d):
    """`nn.BatchNorm1d`, `2d`, `3d`: statistics of each channel over the batch and all axes."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.flatten(0, -2)).view_as(x)


class GroupNorm(nn.GroupNorm):
    """`nn.GroupNorm`: statistics over the channels of a group and all axes."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.movedim(-1, 1)).movedim(1, -1)


class InstanceNorm(nn.InstanceNorm1d):
    """`nn.InstanceNorm1d`, `2d`, `3d`: statistics of each channel over all axes."""

    def forward(self, x: Tensor) -> Tensor:
        rows = x.flatten(1, -2).movedim(-1, 1)
        return super().forward(rows).movedim(1, -1).reshape(x.shape)
