"""Tables of positions, the same for the whole batch: learned ones and the sinusoidal one."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Positions(nn.Module):
    """A learned table of a given shape, `(*axes, channels)`, drawn as `nn.Embedding` draws its own."""

    def __init__(
        self,
        *shape: int,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(shape, device=device, dtype=dtype))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        nn.init.normal_(self.weight)

    def forward(self, x: Tensor) -> Tensor:
        """The table for each element of the batch that x has."""
        return self.weight.expand(x.shape[0], *self.weight.shape)

    def extra_repr(self) -> str:
        return ", ".join(map(str, self.weight.shape))


class Sinusoidal(nn.Module):
    """The table of arXiv:1706.03762: sines and cosines of positions, with wave lengths up to 2 pi `base`.

    Channel 2i of position p is sin(p base^(-2i / channels)), channel 2i + 1 its cosine.
    """

    table: Tensor

    def __init__(
        self,
        positions: int,
        channels: int,
        base: float = 10000.0,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        self.base = base
        empty = torch.empty(positions, channels, device=device, dtype=dtype)
        self.register_buffer("table", empty, persistent=False)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Fills the table; it is no parameter, and not in the state_dict either."""
        positions, channels = self.table.shape
        pairs = torch.arange(channels, dtype=torch.float64) // 2
        angles = torch.arange(positions)[:, None] * self.base ** (-2 * pairs / channels)
        even = torch.arange(channels) % 2 == 0
        self.table.copy_(torch.where(even, angles.sin(), angles.cos()))

    def forward(self, x: Tensor) -> Tensor:
        """The table for each element of the batch that x has."""
        return self.table.expand(x.shape[0], *self.table.shape)

    def extra_repr(self) -> str:
        return f"{self.table.shape[0]}, {self.table.shape[1]}, base={self.base}"
