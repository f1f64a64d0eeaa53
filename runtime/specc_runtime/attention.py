"""Attention between positions, with its projections, and rotary positions.

Values are `(batch, *others, *attended, channels)`: the attended axes are flattened row-major into
positions, and the others count as batch.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class _Attention(nn.Module):
    """Softmax attention: what does not depend on how the projections are kept.

    Query head h reads key-value head h // (heads / kv_heads): grouped queries (arXiv:2305.13245) where
    there are fewer of the latter. `axes` and `memory_axes` count the attended axes of x and of the
    memory. With a `rotary_base` queries and keys are turned by their positions, see `rotated`.
    """

    def __init__(
        self,
        width: int,
        heads: int,
        *,
        kv_heads: int | None = None,
        head_size: int | None = None,
        memory_width: int | None = None,
        axes: int = 1,
        memory_axes: int | None = None,
        causal: bool = False,
        rotary_base: float | None = None,
        bias: bool = True,
        dropout: float = 0.0,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        self.heads, self.kv_heads = heads, kv_heads or heads
        self.head_size = head_size or width // heads
        self.axes, self.memory_axes = axes, memory_axes or axes
        self.causal, self.rotary_base, self.dropout = causal, rotary_base, dropout
        factory: dict[str, Any] = {"device": device, "dtype": dtype}
        self.add_projections(width, memory_width or width, bias, factory)
        self.out_proj = nn.Linear(heads * self.head_size, width, bias=bias, **factory)
        self.draw_projections()

    def add_projections(
        self, width: int, memory_width: int, bias: bool, factory: dict[str, Any]
    ) -> None:
        """Makes the parameters that project to queries, keys and values."""
        raise NotImplementedError

    def draw_projections(self) -> None:
        """Draws them as `nn.MultiheadAttention` does: `xavier_uniform_`, all biases zero."""
        raise NotImplementedError

    def project(self, x: Tensor, memory: Tensor | None) -> tuple[Tensor, Tensor, Tensor]:
        """Queries from x, keys and values from the memory or from x: `(..., positions, heads * size)`."""
        raise NotImplementedError

    def reset_parameters(self) -> None:
        for projection in self.children():
            assert isinstance(projection, nn.Linear)
            projection.reset_parameters()
        self.draw_projections()

    def forward(
        self, x: Tensor, memory: Tensor | None = None, mask: Tensor | None = None
    ) -> Tensor:
        """Attends from x to the memory or to itself; `mask` broadcasts to its positions and says
        which are there. Where none is there the value is zero, before `out_proj`.
        """
        axes = self.axes if memory is None else self.memory_axes
        if mask is not None:
            mask = mask.expand((x if memory is None else memory).shape[:-1]).flatten(-axes)
        positions = x.shape[-1 - self.axes : -1]
        x = x.flatten(-1 - self.axes, -2)
        memory = memory if memory is None else memory.flatten(-1 - axes, -2)
        queries, keys, values = (
            each.unflatten(-1, (-1, self.head_size)).transpose(-3, -2)
            for each in self.project(x, memory)
        )
        if self.rotary_base is not None:
            queries, keys = rotated(queries, self.rotary_base), rotated(keys, self.rotary_base)
        dropout = self.dropout if self.training else 0.0
        attended = attend(queries, keys, values, mask, self.causal, dropout)
        result: Tensor = self.out_proj(attended.transpose(-3, -2).flatten(-2))
        return result.unflatten(-2, positions)  # type: ignore[no-any-return]

    def extra_repr(self) -> str:
        groups = "" if self.kv_heads == self.heads else f", kv_heads={self.kv_heads}"
        rotary = "" if self.rotary_base is None else f", rotary_base={self.rotary_base}"
        causal = ", causal=True" if self.causal else ""
        return f"heads={self.heads}{groups}, head_size={self.head_size}{causal}{rotary}"


class FusedAttention(_Attention):
    """Attention with the parameters of `nn.MultiheadAttention`: one matrix for all projections.

    The rows of `in_proj_weight` are queries, keys and values one after the other, each by heads.
    """

    in_proj_bias: nn.Parameter | None

    def add_projections(
        self, width: int, memory_width: int, bias: bool, factory: dict[str, Any]
    ) -> None:
        assert memory_width == width, "one matrix reads x and the memory"
        kv_rows = self.kv_heads * self.head_size
        self.rows = [self.heads * self.head_size, kv_rows, kv_rows]
        weight = torch.empty(sum(self.rows), width, **factory)
        self.in_proj_weight = nn.Parameter(weight)
        self.in_proj_bias = nn.Parameter(weight.new_empty(sum(self.rows))) if bias else None

    def draw_projections(self) -> None:
        nn.init.xavier_uniform_(self.in_proj_weight)
        zero_(self.in_proj_bias, self.out_proj.bias)

    def project(self, x: Tensor, memory: Tensor | None) -> tuple[Tensor, Tensor, Tensor]:
        weight, bias = self.in_proj_weight, self.in_proj_bias
        if memory is None:
            queries, keys, values = F.linear(x, weight, bias).split(self.rows, -1)
            return queries, keys, values
        rows = [self.rows[0], 2 * self.rows[1]]
        of_x, of_memory = weight.split(rows)
        bias_x, bias_memory = (None, None) if bias is None else bias.split(rows)
        keys, values = F.linear(memory, of_memory, bias_memory).chunk(2, -1)
        return F.linear(x, of_x, bias_x), keys, values


class SeparateAttention(_Attention):
    """Attention with `q_proj`, `k_proj`, `v_proj`, an `nn.Linear` each."""

    def add_projections(
        self, width: int, memory_width: int, bias: bool, factory: dict[str, Any]
    ) -> None:
        rows, kv_rows = self.heads * self.head_size, self.kv_heads * self.head_size
        self.q_proj = nn.Linear(width, rows, bias=bias, **factory)
        self.k_proj = nn.Linear(memory_width, kv_rows, bias=bias, **factory)
        self.v_proj = nn.Linear(memory_width, kv_rows, bias=bias, **factory)

    def draw_projections(self) -> None:
        for projection in (self.q_proj, self.k_proj, self.v_proj):
            nn.init.xavier_uniform_(projection.weight)
        zero_(self.q_proj.bias, self.k_proj.bias, self.v_proj.bias, self.out_proj.bias)

    def project(self, x: Tensor, memory: Tensor | None) -> tuple[Tensor, Tensor, Tensor]:
        read = x if memory is None else memory
        return self.q_proj(x), self.k_proj(read), self.v_proj(read)


def attend(
    queries: Tensor,
    keys: Tensor,
    values: Tensor,
    mask: Tensor | None,
    causal: bool,
    dropout: float,
) -> Tensor:
    """Scaled dot-product attention on `(batch, *others, heads, positions, size)`.

    `mask` is `(batch, *others, keys)`, and there is none beside `causal`. Others of size one in keys and
    values go with any in the queries.
    """
    others, groups = queries.shape[:-3], queries.shape[-3] != keys.shape[-3]
    keys, values = (each.expand(*others, *each.shape[-3:]) for each in (keys, values))
    if mask is not None:
        mask = mask.expand(*others, mask.shape[-1]).flatten(0, -2)[:, None, None]
        mask = mask.expand(-1, -1, queries.shape[-2], -1)
    if (
        torch.compiler.is_compiling()
    ):  # a graph for all sizes: the kernel asks whether there are any
        torch._check(queries.shape[-2] > 0)
        torch._check(keys.shape[-2] > 0)
    attended = F.scaled_dot_product_attention(
        queries.flatten(0, -4),
        keys.flatten(0, -4),
        values.flatten(0, -4),
        mask,
        dropout,
        is_causal=causal,
        enable_gqa=groups,
    )
    return attended.unflatten(0, others)  # type: ignore[no-any-return]


def rotated(x: Tensor, base: float) -> Tensor:
    """Rotary positions (arXiv:2104.09864): the vector of position m, of size 2n, as n pairs, pair i
    rotated by the angle m * base^(-i / n). Pair i is the entries i and n + i, as Llama has them.
    """
    half = x.shape[-1] // 2
    dtype = torch.promote_types(x.dtype, torch.float32)
    position = torch.arange(x.shape[-2], device=x.device, dtype=dtype)
    frequency = base ** (-torch.arange(half, device=x.device, dtype=dtype) / half)
    angle = position[:, None] * frequency
    cos, sin = angle.cos(), angle.sin()
    first, second = x.chunk(2, -1)
    turned = torch.cat([first * cos - second * sin, second * cos + first * sin], -1)
    return turned.to(x.dtype)


def zero_(*biases: Tensor | None) -> None:
    """Sets the biases that there are to zero."""
    for bias in biases:
        if bias is not None:
            nn.init.zeros_(bias)
