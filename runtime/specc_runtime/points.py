"""Points over E(n): mixing channels with weights that sum to one."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F


def mix_points(x: Tensor, weight: Tensor) -> Tensor:
    """Channels mixed as displacements from their mean, so that the weights of each sum to one.

    `x` is `(..., channels)`, `weight` as `nn.Linear` has it; the result moves with the points.
    """
    center = x.mean(-1, keepdim=True)
    return center + F.linear(x - center, weight)


class PointLinear(nn.Linear):
    """`nn.Linear` on channels of points; only the differences within a row of the weight count."""

    def __init__(self, in_features: int, out_features: int, **factory: object) -> None:
        super().__init__(in_features, out_features, bias=False, **factory)

    def forward(self, x: Tensor) -> Tensor:
        """`(..., in_features)` to `(..., out_features)`."""
        return mix_points(x, self.weight)
