"""A mixture of experts with a soft router."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class SoftExperts(nn.Module):
    """y = sum over e of p_e (down_e act(up_e x)), where p = softmax(router x): `(..., in)` -> `(..., out)`."""

    up_bias: nn.Parameter | None
    down_bias: nn.Parameter | None

    def __init__(
        self,
        in_channels: int,
        hidden: int,
        out_channels: int,
        count: int,
        act: Callable[[Tensor], Tensor],
        *,
        bias: bool = True,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()

        def empty(*shape: int) -> nn.Parameter:
            return nn.Parameter(torch.empty(*shape, device=device, dtype=dtype))

        self.act = act
        self.up_weight = empty(count, hidden, in_channels)
        self.up_bias = empty(count, hidden) if bias else None
        self.down_weight = empty(count, out_channels, hidden)
        self.down_bias = empty(count, out_channels) if bias else None
        self.router = nn.Linear(in_channels, count, bias=bias, device=device, dtype=dtype)
        self._draw_experts()

    def _draw_experts(self) -> None:
        """Draws each expert as `nn.Linear` draws its layers: uniformly, up to fan-in ** -0.5."""
        for weight, bias in (
            (self.up_weight, self.up_bias),
            (self.down_weight, self.down_bias),
        ):
            bound = weight.shape[-1] ** -0.5
            nn.init.uniform_(weight, -bound, bound)
            if bias is not None:
                nn.init.uniform_(bias, -bound, bound)

    def reset_parameters(self) -> None:
        self.router.reset_parameters()
        self._draw_experts()

    def forward(self, x: Tensor) -> Tensor:
        """All experts at once: one product up and one down, over experts and their hidden positions."""
        share = self.router(x).softmax(-1)  # (..., expert)
        up_bias = None if self.up_bias is None else self.up_bias.flatten()
        hidden = F.linear(x, self.up_weight.flatten(0, 1), up_bias)
        hidden = self.act(hidden).unflatten(-1, self.up_weight.shape[:2])  # (..., expert, hidden)
        weighted = (share.unsqueeze(-1) * hidden).flatten(-2)
        y = F.linear(weighted, self.down_weight.transpose(0, 1).flatten(1))
        return y if self.down_bias is None else y + share @ self.down_bias
