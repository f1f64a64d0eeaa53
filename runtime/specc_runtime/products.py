"""Layers that multiply what they read: bilinear ones and gated linear units. Channels come last."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn


class Bilinear(nn.Bilinear):
    """`nn.Bilinear` whose two inputs broadcast."""

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        rows = torch.einsum("...i,oij->...oj", x, self.weight)
        made = (rows @ y.unsqueeze(-1)).squeeze(-1)
        return made if self.bias is None else made + self.bias


class GatedLinearUnit(nn.Module):
    """act(gate(x)) * up(x), a gated linear unit of arXiv:2002.05202."""

    def __init__(self, width: int, channels: int, act: nn.Module, **options: Any) -> None:
        super().__init__()
        self.gate = nn.Linear(width, channels, **options)
        self.up = nn.Linear(width, channels, **options)
        self.act = act

    def forward(self, x: Tensor) -> Tensor:
        made: Tensor = self.act(self.gate(x)) * self.up(x)
        return made


class FusedGatedLinearUnit(nn.Linear):
    """The same with one matrix, as `F.glu` reads it: first up, then gate."""

    def __init__(self, width: int, channels: int, act: nn.Module, **options: Any) -> None:
        super().__init__(width, 2 * channels, **options)
        self.act = act

    def forward(self, x: Tensor) -> Tensor:
        up, gate = super().forward(x).chunk(2, -1)
        made: Tensor = self.act(gate) * up
        return made
