"""Calls of `attention` and `experts`, with the modules of torch that they are; programs for other evaluators."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from oracles.attention import PlainAttention
from oracles.values import randomise
from torch import Tensor, nn

import specc
from specc_runtime import Model

PINNED = "axis token = 5  axis source = 4  axis y = 2  axis x = 3"

AXES = f"""
    {PINNED}
    axis node = S(4)  axis guest = S(4, masked)
    axis cloud = S(3)  axis member = S(2) in cloud
    axis club = S(3, masked)  axis fan = S(4, masked) in club
"""


def model(body: str, inputs: str = "x: [token; 8]", result: str = "[token; 8]") -> str:
    return f"{AXES} model M({inputs}) -> {result} {{ return {body} }}"


def make(text: str, dtype: torch.dtype = torch.float64) -> Model:
    """Model `M` with random parameters, in evaluation."""
    module = specc.load(text).M(dtype=dtype)
    assert isinstance(module, Model)
    randomise(module, torch.Generator().manual_seed(0))
    return module.eval()


def normal(*shape: int, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(shape, generator=generator, dtype=torch.float64)


class Packed(nn.Module):
    """`nn.MultiheadAttention` of x, to itself or to a memory."""

    def __init__(self, width: int, heads: int, causal: bool = False, **options: bool) -> None:
        super().__init__()
        self.attention = nn.MultiheadAttention(width, heads, batch_first=True, **options)
        self.causal = causal

    def forward(self, x: Tensor, memory: Tensor | None = None) -> Tensor:
        memory = x if memory is None else memory
        later = torch.ones(x.shape[1], memory.shape[1]).triu(1).bool() if self.causal else None
        result, _ = self.attention(x, memory, memory, need_weights=False, attn_mask=later)
        return result  # type: ignore[no-any-return]


class Grid(Packed):
    """The same on `(batch, y, x, width)`, flattened row-major or column by column."""

    columns = False

    def forward(self, x: Tensor, memory: Tensor | None = None) -> Tensor:
        arranged = x.transpose(1, 2) if self.columns else x
        flat = super().forward(arranged.flatten(1, 2))
        found: Tensor = flat.unflatten(1, arranged.shape[1:3])
        return found.transpose(1, 2) if self.columns else found


class Columns(Grid):
    columns = True


class Along(Packed):
    """On `(batch, token, other, width)`, along the tokens."""

    def forward(self, x: Tensor, memory: Tensor | None = None) -> Tensor:
        rows = x.transpose(1, 2).flatten(0, 1)
        found: Tensor = super().forward(rows).unflatten(0, (x.shape[0], -1))
        return found.transpose(1, 2)


def plain(width: int, heads: int, **options: int | bool | float | None) -> nn.Module:
    return nn.ModuleDict({"attention": PlainAttention(width, heads, **options)})  # type: ignore[arg-type]


@dataclass(frozen=True)
class Case:
    """A call, the module that it is, and the shapes of inputs beside `[token; 8]`."""

    call: str
    module: Callable[[], nn.Module]
    inputs: str = "x: [token; 8]"
    result: str = "[token; 8]"


TOKENS = "x: [token; 8], m: [source; 8]"
NARROW = "x: [token; 8], m: [source; 6]"

TORCH: Mapping[str, Case] = {
    "two heads": Case("attention(x, over = token, heads = 2)", lambda: Packed(8, 2)),
    "eight heads": Case("attention(x, over = token)", lambda: Packed(8, 8)),
    "one head": Case("attention(x, over = token, heads = 1)", lambda: Packed(8, 1)),
    "no bias": Case(
        "attention(x, over = token, heads = 2, bias = false)", lambda: Packed(8, 2, bias=False)
    ),
    "causal": Case(
        "attention(x, over = token, heads = 4, causal = true)", lambda: Packed(8, 4, causal=True)
    ),
    "dropout in evaluation": Case(
        "attention(x, over = token, heads = 4, dropout = 0.5)", lambda: Packed(8, 4)
    ),
    "a set": Case(
        "attention(x, over = node, heads = 4)",
        lambda: Packed(8, 4),
        "x: [node; 8]",
        "[node; 8]",
    ),
    "an image": Case(
        "attention(x, over = [y, x], heads = 4)",
        lambda: Grid(8, 4),
        "x: [y, x; 8]",
        "[y, x; 8]",
    ),
    "an image, causal": Case(
        "attention(x, over = [y, x], heads = 4, causal = true)",
        lambda: Grid(8, 4, causal=True),
        "x: [y, x; 8]",
        "[y, x; 8]",
    ),
    "an image column by column, causal": Case(
        "attention(x, over = [x, y], heads = 4, causal = true)",
        lambda: Columns(8, 4, causal=True),
        "x: [y, x; 8]",
        "[y, x; 8]",
    ),
    "another axis behind": Case(
        "attention(x, over = token, heads = 4, causal = true)",
        lambda: Along(8, 4, causal=True),
        "x: [token, y; 8]",
        "[token, y; 8]",
    ),
    "a memory": Case(
        "attention(x, over = token, heads = 4, memory = m)", lambda: Packed(8, 4), TOKENS
    ),
    "a memory, no bias": Case(
        "attention(x, over = token, heads = 4, memory = m, bias = false)",
        lambda: Packed(8, 4, bias=False),
        TOKENS,
    ),
    "a memory along the same axis, causal": Case(
        "attention(x, over = token, heads = 4, memory = m, causal = true)",
        lambda: Packed(8, 4, causal=True),
        "x: [token; 8], m: [token; 8]",
    ),
}

BY_HAND: Mapping[str, Case] = {
    "separate": Case(
        "attention(x, over = token, heads = 4, fused = false)", lambda: plain(8, 4)
    ),
    "separate, no bias, causal": Case(
        "attention(x, over = token, heads = 4, fused = false, bias = false, causal = true)",
        lambda: plain(8, 4, bias=False, causal=True),
    ),
    "large heads": Case(
        "attention(x, over = token, heads = 3, head_size = 5)",
        lambda: plain(8, 3, head_size=5, fused=True),
    ),
    "large heads, separate": Case(
        "attention(x, over = token, heads = 3, head_size = 5, fused = false)",
        lambda: plain(8, 3, head_size=5),
    ),
    "grouped queries": Case(
        "attention(x, over = token, heads = 4, kv_heads = 2, fused = false)",
        lambda: plain(8, 4, kv_heads=2),
    ),
    "grouped queries, fused": Case(
        "attention(x, over = token, heads = 4, kv_heads = 2)",
        lambda: plain(8, 4, kv_heads=2, fused=True),
    ),
    "one head of keys": Case(
        "attention(x, over = token, heads = 4, kv_heads = 1, fused = false, causal = true)",
        lambda: plain(8, 4, kv_heads=1, causal=True),
    ),
    "rotary": Case(
        "attention(x, over = token, heads = 2, rotary = true)",
        lambda: plain(8, 2, fused=True, rotary_base=10000.0),
    ),
    "as Llama has it": Case(
        "attention(x, over = token, heads = 4, kv_heads = 2, head_size = 4, causal = true,"
        " rotary = true, rotary_base = 500, bias = false, fused = false)",
        lambda: plain(
            8, 4, kv_heads=2, head_size=4, causal=True, rotary_base=500.0, bias=False
        ),
    ),
    "a narrow memory": Case(
        "attention(x, over = token, heads = 4, memory = m, fused = false)",
        lambda: plain(8, 4, memory_width=6),
        NARROW,
    ),
    "a narrow memory, grouped queries, rotary": Case(
        "attention(x, over = token, heads = 4, kv_heads = 2, memory = m, memory_over = source,"
        " fused = false, rotary = true)",
        lambda: plain(8, 4, kv_heads=2, memory_width=6, rotary_base=10000.0),
        NARROW,
    ),
    "a memory, grouped queries, fused": Case(
        "attention(x, over = token, heads = 4, kv_heads = 2, memory = m)",
        lambda: plain(8, 4, kv_heads=2, fused=True),
        TOKENS,
    ),
}  # fmt: skip

CASES = {**TORCH, **BY_HAND}


MASKED = {
    "a set": ("attention(x, over = guest, heads = 2)", "x: [guest; 4]", "[guest; 4]"),
    "beside another axis": (
        "attention(x, over = guest, heads = 2)",
        "x: [guest, token; 4]",
        "[guest, token; 4]",
    ),
    "in clubs": ("attention(x, over = fan, heads = 2)", "x: [club, fan; 4]", "[club, fan; 4]"),
    "clubs and fans": (
        "attention(x, over = [club, fan], heads = 2)",
        "x: [club, fan; 4]",
        "[club, fan; 4]",
    ),
    "guests and tokens": (
        "attention(x, over = [token, guest], heads = 2, kv_heads = 1)",
        "x: [guest, token; 4]",
        "[guest, token; 4]",
    ),
    "a memory": (
        "attention(x, over = token, heads = 2, memory = m)",
        "x: [token; 4], m: [guest; 4]",
        "[token; 4]",
    ),
    "a memory for every club": (
        "attention(x, over = token, heads = 2, memory = m)",
        "x: [token, club; 4], m: [club, fan; 4]",
        "[token, club; 4]",
    ),
    "a memory of two axes": (
        "attention(x, over = token, heads = 2, memory = m, memory_over = [guest, source])",
        "x: [token, node; 4], m: [source, node, guest; 4]",
        "[token, node; 4]",
    ),
}


EXPERTS = {
    "eight experts": "experts(x, 6, 8)",
    "two experts of sines": "experts(x, 6, 8, count = 2, act = sin)",
    "experts without biases": "experts(x, 6, 8, count = 3, act = relu, bias = false)",
    "one expert": "experts(x - 1, hidden = 6, channels = 8, count = 1)",
}

_MODELS: Mapping[str, tuple[str, ...]] = {
    **{name: (case.call, case.inputs, case.result) for name, case in CASES.items()},
    **{f"{name}, masked": texts for name, texts in MASKED.items()},
    **{name: (call,) for name, call in EXPERTS.items()},
    "experts without axes": ("experts(x, 6, 3)", "x: [; 4]", "[; 3]"),
    "experts beside masks": ("experts(x, 6, 3)", "x: [guest, token; 4]", "[guest, token; 3]"),
    "attention without channels": ("attention(x, over = y, heads = 1)", "x: [y]", "[y]"),
    "attention to an expression": (
        "attention(x - 1, over = token, heads = 2, memory = 2 * m - 1)",
        "x: [node, token; 4], m: [source, node; 4]",
        "[node, token; 4]",
    ),
}

PROGRAMS: Mapping[str, str] = {
    name: model(*texts).replace(AXES, PINNED) for name, texts in _MODELS.items()
}
"""Each has a model `M`; axes with a group are those of `test_reference`."""
