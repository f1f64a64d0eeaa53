"""Attention and experts in plain PyTorch, written from their definitions; nothing of the compiler."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class PlainAttention(nn.Module):
    """Head by head on `(batch, positions, width)`, with a projection each or all rows in one matrix.

    Head h reads keys and values of head h // (heads / kv_heads).
    """

    def __init__(
        self,
        width: int,
        heads: int,
        kv_heads: int | None = None,
        head_size: int | None = None,
        memory_width: int | None = None,
        *,
        fused: bool = False,
        bias: bool = True,
        causal: bool = False,
        rotary_base: float | None = None,
    ) -> None:
        super().__init__()
        self.heads, self.kv_heads = heads, kv_heads or heads
        self.size = head_size or width // heads
        self.causal, self.rotary_base = causal, rotary_base
        memory_width = memory_width or width
        rows, kv_rows = self.heads * self.size, self.kv_heads * self.size
        self.rows = (rows, kv_rows, kv_rows)
        if fused:
            self.in_proj_weight = nn.Parameter(torch.empty(sum(self.rows), width))
            if bias:
                self.in_proj_bias = nn.Parameter(torch.empty(sum(self.rows)))
        else:
            self.q_proj = nn.Linear(width, rows, bias=bias)
            self.k_proj = nn.Linear(memory_width, kv_rows, bias=bias)
            self.v_proj = nn.Linear(memory_width, kv_rows, bias=bias)
        self.out_proj = nn.Linear(rows, width, bias=bias)

    def forward(self, x: Tensor, memory: Tensor | None = None) -> Tensor:
        memory = x if memory is None else memory
        queries, keys, values = self._projected(x, memory)
        found = []
        for head in range(self.heads):
            q, of_keys = self._of(queries, head), head // (self.heads // self.kv_heads)
            k, v = self._of(keys, of_keys), self._of(values, of_keys)
            if self.rotary_base is not None:
                q, k = turned(q, self.rotary_base), turned(k, self.rotary_base)
            scores = torch.einsum("bqs,bks->bqk", q, k) * self.size**-0.5
            if self.causal:
                later = torch.ones(scores.shape[1:]).triu(1).bool()
                scores = scores.masked_fill(later, -torch.inf)
            found.append(torch.softmax(scores, dim=2) @ v)
        return self.out_proj(torch.cat(found, dim=2))  # type: ignore[no-any-return]

    def _projected(self, x: Tensor, memory: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        if hasattr(self, "q_proj"):
            return self.q_proj(x), self.k_proj(memory), self.v_proj(memory)
        weights = self.in_proj_weight.split(self.rows)
        biases: tuple[Tensor | None, ...] = (None, None, None)
        if hasattr(self, "in_proj_bias"):
            biases = self.in_proj_bias.split(self.rows)
        q, k, v = (
            nn.functional.linear(read, weight, bias)
            for read, weight, bias in zip((x, memory, memory), weights, biases, strict=True)
        )
        return q, k, v

    def _of(self, rows: Tensor, head: int) -> Tensor:
        return rows[:, :, head * self.size : (head + 1) * self.size]


def turned(x: Tensor, base: float) -> Tensor:
    """Rotary positions as Llama has them: x cos + rotate_half(x) sin."""
    size = x.shape[-1]
    inverse_frequency = 1.0 / base ** (torch.arange(0, size, 2, dtype=x.dtype) / size)
    angle = torch.outer(torch.arange(x.shape[-2], dtype=x.dtype), inverse_frequency)
    angle = torch.cat((angle, angle), dim=-1)
    halves = torch.cat((-x[..., size // 2 :], x[..., : size // 2]), dim=-1)
    return x * angle.cos() + halves * angle.sin()


class PlainExperts(nn.Module):
    """Expert by expert, each by the softmax of the router."""

    def __init__(
        self, width: int, hidden: int, out: int, count: int, act: nn.Module, bias: bool = True
    ) -> None:
        super().__init__()
        self.act = act
        self.up_weight = nn.Parameter(torch.empty(count, hidden, width))
        self.up_bias = nn.Parameter(torch.empty(count, hidden)) if bias else None
        self.down_weight = nn.Parameter(torch.empty(count, out, hidden))
        self.down_bias = nn.Parameter(torch.empty(count, out)) if bias else None
        self.router = nn.Linear(width, count, bias=bias)

    def forward(self, x: Tensor) -> Tensor:
        share = torch.softmax(self.router(x), dim=-1)
        parts = []
        for e in range(len(self.up_weight)):
            up = x @ self.up_weight[e].T
            up = self.act(up if self.up_bias is None else up + self.up_bias[e])
            down = up @ self.down_weight[e].T
            down = down if self.down_bias is None else down + self.down_bias[e]
            parts.append(share[..., e : e + 1] * down)
        return torch.stack(parts).sum(dim=0)
