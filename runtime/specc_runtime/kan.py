"""Layers with a learned function on every edge, a sum of B-splines (arXiv:2404.19756)."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F


def b_splines(x: Tensor, grid: int, degree: int) -> Tensor:
    """All B-splines of a degree on a grid of `grid` equal steps over [-1, 1] that goes on outside.

    `(..., grid + degree)`. Spline k is not zero between the knots k and k + degree + 1, where knot
    `degree` is at -1; the recursion is that of Cox and de Boor, in units of a step.
    """
    place = (x.unsqueeze(-1) + 1) * (grid / 2) + degree
    knots = torch.arange(grid + 2 * degree, device=x.device, dtype=x.dtype)
    splines = ((knots <= place) & (place < knots + 1)).to(x.dtype)
    for order in range(1, degree + 1):
        since = place - knots[:-order]
        rising, falling = splines[..., :-1], splines[..., 1:]
        splines = (since * rising + (order + 1 - since) * falling) / order
    return splines


class KanLayer(nn.Module):
    """y_o = sum over i of base_oi silu(x_i) + sum over k of spline_oik B_k(x_i)."""

    def __init__(
        self,
        width: int,
        channels: int,
        grid: int = 5,
        degree: int = 3,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        self.grid, self.degree = grid, degree
        base = torch.empty(channels, width, device=device, dtype=dtype)
        self.base_weight = nn.Parameter(base)
        self.spline_weight = nn.Parameter(base.new_empty(channels, width, grid + degree))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """The base as `nn.Linear` draws its weight, and little of the splines."""
        width = self.base_weight.shape[1]
        nn.init.kaiming_uniform_(self.base_weight, a=math.sqrt(5))
        nn.init.normal_(self.spline_weight, std=0.1 / math.sqrt(width))

    def forward(self, x: Tensor) -> Tensor:
        splines = b_splines(x, self.grid, self.degree).flatten(-2)
        return F.linear(F.silu(x), self.base_weight) + F.linear(
            splines, self.spline_weight.flatten(1)
        )

    def extra_repr(self) -> str:
        channels, width = self.base_weight.shape
        return f"{width}, {channels}, grid={self.grid}, degree={self.degree}"
