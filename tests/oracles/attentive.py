"""Small networks with attention and experts in plain PyTorch, the specs of the same, and their groups by hand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from .attention import PlainAttention, PlainExperts
from .stored import Network, by_lines


@dataclass(frozen=True, slots=True)
class Slots:
    """Positions `start` to `start + length` along a dimension of a tensor, in some of its rows or in all."""

    tensor: str
    dim: int
    start: int
    length: int
    rows: tuple[int, int] | None = None


Place = tuple[Slots, ...]
"""What one permutation moves."""


@dataclass(frozen=True, slots=True)
class Attentive(Network):
    """With the order of its group, and where to look for a larger one.

    `places` are independent candidates: a group element permutes each in its own way.
    """

    order: int
    inputs: tuple[tuple[int, ...], ...] = field(default=((3, 2),), kw_only=True)
    places: tuple[Place, ...] = field(default=(), kw_only=True)


class Alone(nn.Module):
    """One layer, called as the spec calls it."""

    def __init__(self, name: str, layer: nn.Module) -> None:
        super().__init__()
        self.name = name
        self.add_module(name, layer)

    def forward(self, *inputs: Tensor) -> Tensor:
        return self.get_submodule(self.name)(*inputs)  # type: ignore[no-any-return]


class Stream(nn.Module):
    """A stream of width 3 with a layer that adds to it, behind a norm or not."""

    def __init__(self, layer: nn.Module, norm: nn.Module | None = None) -> None:
        super().__init__()
        self.start = nn.Linear(2, 3)
        if norm is not None:
            self.norm = norm
        self.add = layer
        self.head = nn.Linear(3, 2)

    def forward(self, x: Tensor) -> Tensor:
        h = self.start(x)
        h = h + self.add(self.norm(h) if hasattr(self, "norm") else h)
        return self.head(h)  # type: ignore[no-any-return]


class Transformer(nn.Module):
    """Attention, then experts, on one stream."""

    def __init__(self) -> None:
        super().__init__()
        self.start = nn.Linear(2, 3)
        self.mixed = PlainAttention(3, 4, 2, 1, bias=False)
        self.ffn = PlainExperts(3, 2, 3, 2, nn.GELU(), bias=False)
        self.head = nn.Linear(3, 2)

    def forward(self, x: Tensor) -> Tensor:
        h = self.start(x)
        h = h + self.mixed(h)
        return self.head(h + self.ffn(h))  # type: ignore[no-any-return]


class Crossed(nn.Module):
    """Attention of one stream to another, by one matrix for all projections.

    The first is made by one layer, or by two, of `cut` channels and of the others.
    """

    def __init__(self, cut: int = 0) -> None:
        super().__init__()
        if cut:
            self.left, self.right = nn.Linear(2, cut), nn.Linear(2, 3 - cut)
        else:
            self.start = nn.Linear(2, 3)
        self.other = nn.Linear(2, 3)
        self.core = PlainAttention(3, 2, head_size=1, fused=True, bias=False)
        self.head = nn.Linear(3, 2)

    def forward(self, x: Tensor, memory: Tensor) -> Tensor:
        if hasattr(self, "start"):
            stream = self.start(x)
        else:
            stream = torch.cat([self.left(x), self.right(x)], -1)
        return self.head(self.core(stream, self.other(memory)))  # type: ignore[no-any-return]


class Shared(nn.Module):
    """One attention layer twice on a stream that it adds to."""

    def __init__(self) -> None:
        super().__init__()
        self.start = nn.Linear(2, 3)
        self.core = PlainAttention(3, 2, head_size=1, bias=False)
        self.head = nn.Linear(3, 2)

    def forward(self, x: Tensor) -> Tensor:
        h = self.start(x)
        for _ in range(2):
            h = self.core(h)
        return self.head(h)  # type: ignore[no-any-return]


def _alone(call: str) -> str:
    return f"axis token = 3 model Net(x: [token; 2]) -> [token; 2] {{ return {call} }}"


def _stream(call: str) -> str:
    return (
        "axis token = 3 model Net(x: [token; 2]) -> [token; 2] {"
        f" start = linear(x, 3)  {call}  head = linear(start + add, 2)  return head }}"
    )


FUSED = """
    attention.in_proj_weight: (head key) + (head key) + (head value), in
    attention.in_proj_bias: (head key) + (head key) + (head value)
    attention.out_proj.weight: out, (head value)
    attention.out_proj.bias: out
"""
SEPARATE = """
    attention.q_proj.weight: (head key), in
    attention.q_proj.bias: (head key)
    attention.k_proj.weight: (head key), from
    attention.k_proj.bias: (head key)
    attention.v_proj.weight: (head value), from
    attention.v_proj.bias: (head value)
    attention.out_proj.weight: out, (head value)
    attention.out_proj.bias: out
"""
GROUPED = """
    attention.q_proj.weight: (head group key), in
    attention.k_proj.weight: (head key), in
    attention.v_proj.weight: (head value), in
    attention.out_proj.weight: out, (head group value)
"""
EXPERTS = """
    experts.up_weight: expert, hidden, in
    experts.up_bias: expert, hidden
    experts.down_weight: expert, out, hidden
    experts.down_bias: expert, out
    experts.router.weight: expert, in
    experts.router.bias: expert
"""


def _fused_places(name: str, rows: int, bias: bool = True) -> tuple[Place, ...]:
    """Rows of queries, of keys, of values, and columns of `out_proj`."""
    places: list[Place] = []
    for part in range(3):
        place = [Slots(f"{name}.in_proj_weight", 0, part * rows, rows)]
        place += [Slots(f"{name}.in_proj_bias", 0, part * rows, rows)] if bias else []
        places.append(tuple(place))
    return (*places, (Slots(f"{name}.out_proj.weight", 1, 0, rows),))


def _separate_places(name: str, rows: int, kv_rows: int, bias: bool) -> tuple[Place, ...]:
    places: list[Place] = []
    for letter, count in zip("qkv", (rows, kv_rows, kv_rows), strict=True):
        place = [Slots(f"{name}.{letter}_proj.weight", 0, 0, count)]
        place += [Slots(f"{name}.{letter}_proj.bias", 0, 0, count)] if bias else []
        places.append(tuple(place))
    return (*places, (Slots(f"{name}.out_proj.weight", 1, 0, rows),))


def _stream_places(*dimensions: tuple[str, int]) -> tuple[Place, ...]:
    """The stream where it is made, and where it is read and added to."""
    made: Place = (Slots("start.weight", 0, 0, 3), Slots("start.bias", 0, 0, 3))
    return (made, (Slots("head.weight", 1, 0, 3),), *((Slots(n, d, 0, 3),) for n, d in dimensions))


ATTENTIVE: Mapping[str, Attentive] = {
    "packed, heads of one": Attentive(
        lambda: Alone("attention", PlainAttention(2, 2, fused=True)),
        _alone("attention(x, over = token, heads = 2)"),
        "head = S(2)  in = 2  out = 2",
        by_lines(FUSED.replace(" key)", ")").replace(" value)", ")")),
        2,
        places=_fused_places("attention", 2),
    ),
    "packed": Attentive(
        lambda: Alone("attention", PlainAttention(2, 2, head_size=2, fused=True)),
        _alone("attention(x, over = token, heads = 2, head_size = 2)"),
        "head = S(2)  key = S(2) in head  value = S(2) in head  in = 2  out = 2",
        by_lines(FUSED),
        2 * 4 * 4,
        places=_fused_places("attention", 4),
    ),
    "causal": Attentive(
        lambda: Alone("attention", PlainAttention(2, 2, head_size=2, fused=True, causal=True)),
        _alone("attention(x, over = token, heads = 2, head_size = 2, causal = true)"),
        "head = S(2)  key = S(2) in head  value = S(2) in head  in = 2  out = 2",
        by_lines(FUSED),
        2 * 4 * 4,
        places=_fused_places("attention", 4),
    ),
    "one head": Attentive(
        lambda: Alone("attention", PlainAttention(2, 1, head_size=3, fused=True)),
        _alone("attention(x, over = token, heads = 1, head_size = 3)"),
        "key = S(3)  value = S(3)  in = 2  out = 2",
        by_lines(FUSED.replace("(head key)", "key").replace("(head value)", "value")),
        6 * 6,
        places=_fused_places("attention", 3),
    ),
    "rotary": Attentive(
        lambda: Alone("attention", PlainAttention(2, 2, head_size=2, fused=True, rotary_base=9.0)),
        _alone("attention(x, over = token, heads = 2, head_size = 2, rotary = true, rotary_base = 9)"),
        "head = S(2)  key = 2  value = S(2) in head  in = 2  out = 2",
        by_lines(FUSED),
        2 * 4,
        places=_fused_places("attention", 4),
    ),
    "rotary, one head": Attentive(
        lambda: Alone("attention", PlainAttention(2, 1, head_size=4, fused=True, rotary_base=9.0)),
        _alone("attention(x, over = token, heads = 1, head_size = 4, rotary = true, rotary_base = 9)"),
        "key = 4  value = S(4)  in = 2  out = 2",
        by_lines(FUSED.replace("(head key)", "key").replace("(head value)", "value")),
        24,
        places=_fused_places("attention", 4),
    ),
    "separate, with a memory": Attentive(
        lambda: Alone("attention", PlainAttention(2, 2, head_size=2, memory_width=3)),
        "axis token = 3 axis source = 4 model Net(x: [token; 2], m: [source; 3]) -> [token; 2] {"
        " return attention(x, over = token, heads = 2, head_size = 2, memory = m, fused = false) }",
        "head = S(2)  key = S(2) in head  value = S(2) in head  in = 2  from = 3  out = 2",
        by_lines(SEPARATE),
        2 * 4 * 4,
        inputs=((3, 2), (4, 3)),
        places=_separate_places("attention", 4, 4, True),
    ),
    "packed, with a memory": Attentive(
        Crossed,
        "axis token = 3 axis source = 4 model Net(x: [token; 2], m: [source; 2]) -> [token; 2] {"
        " start = linear(x, 3)  other = linear(m, 3)"
        " core = attention(start, over = token, heads = 2, head_size = 1, memory = other, bias = false)"
        " head = linear(core, 2)  return head }",
        "stream = S(3)  memory = S(3)  sum = S(3)  head = S(2)  in = 2  out = 2",
        by_lines("""
        start.weight: stream, in
        start.bias: stream
        other.weight: memory, in
        other.bias: memory
        core.in_proj_weight: head, stream; head + head, memory
        core.out_proj.weight: sum, head
        head.weight: out, sum
        head.bias: out
        """),
        6 * 6 * 6 * 2,
        inputs=((3, 2), (4, 2)),
        places=(
            (Slots("start.weight", 0, 0, 3), Slots("start.bias", 0, 0, 3)),
            (Slots("other.weight", 0, 0, 3), Slots("other.bias", 0, 0, 3)),
            (Slots("core.in_proj_weight", 1, 0, 3, rows=(0, 2)),),
            (Slots("core.in_proj_weight", 1, 0, 3, rows=(2, 6)),),
            *_fused_places("core", 2, bias=False)[:3],
            (Slots("core.out_proj.weight", 1, 0, 2),),
            (Slots("head.weight", 1, 0, 3), Slots("core.out_proj.weight", 0, 0, 3)),
        ),
    ),
    "packed, with a memory that is cut elsewhere": Attentive(
        lambda: Crossed(cut=2),
        "axis token = 3 axis source = 4 model Net(x: [token; 2], m: [source; 2]) -> [token; 2] {"
        " left = linear(x, 2)  right = linear(x, 1)  other = linear(m, 3)"
        " core = attention(concat(left, right), over = token, heads = 2, head_size = 1, memory = other, bias = false)"
        " head = linear(core, 2)  return head }",
        "left = S(2)  right = 1  sum = S(3)  head = S(2)  in = 2  out = 2",
        by_lines("""
        left.weight: left, in
        left.bias: left
        right.weight: right, in
        right.bias: right
        other.weight: left + right, in
        other.bias: left + right
        core.in_proj_weight: head + head + head, left + right
        core.out_proj.weight: sum, head
        head.weight: out, sum
        head.bias: out
        """),
        2 * 6 * 2,
        inputs=((3, 2), (4, 2)),
    ),
    "grouped queries of one": Attentive(
        lambda: Alone("attention", PlainAttention(2, 4, 2, 1, bias=False)),
        _alone("attention(x, over = token, heads = 4, kv_heads = 2, head_size = 1, bias = false, fused = false)"),
        "head = S(2)  group = S(2) in head  in = 2  out = 2",
        by_lines(GROUPED.replace(" key)", ")").replace(" value)", ")")),
        2 * 4,
        places=_separate_places("attention", 4, 2, False),
    ),
    "one head of keys": Attentive(
        lambda: Alone("attention", PlainAttention(2, 2, 1, 2, bias=False)),
        _alone("attention(x, over = token, heads = 2, kv_heads = 1, head_size = 2, bias = false, fused = false)"),
        "group = S(2)  key = S(2)  value = S(2)  in = 2  out = 2",
        by_lines(GROUPED.replace("head ", "")),
        2 * 2 * 2,
        places=_separate_places("attention", 4, 2, False),
    ),
    "grouped queries": Attentive(
        lambda: Alone("attention", PlainAttention(2, 4, 2, 2, bias=False)),
        _alone("attention(x, over = token, heads = 4, kv_heads = 2, head_size = 2, bias = false, fused = false)"),
        "head = S(2)  group = S(2) in head  key = S(2) in head  value = S(2) in head  in = 2  out = 2",
        by_lines(GROUPED),
        2 * 4 * 4 * 4,
    ),
    "grouped queries, packed": Attentive(
        lambda: Alone("attention", PlainAttention(2, 4, 2, 2, fused=True)),
        _alone("attention(x, over = token, heads = 4, kv_heads = 2, head_size = 2)"),
        "head = S(2)  group = S(2) in head  key = S(2) in head  value = S(2) in head  in = 2  out = 2",
        by_lines(FUSED.replace("(head key) + (head key)", "(head group key) + (head key)").replace(
            "out, (head value)", "out, (head group value)"
        )),
        2 * 4 * 4 * 4,
    ),
    "a stream": Attentive(
        lambda: Stream(PlainAttention(3, 1, head_size=2, fused=True)),
        _stream("add = attention(start, over = token, heads = 1, head_size = 2)"),
        "stream = S(3)  key = S(2)  value = S(2)  in = 2  out = 2",
        by_lines("""
        start.weight: stream, in
        start.bias: stream
        add.in_proj_weight: key + key + value, stream
        add.in_proj_bias: key + key + value
        add.out_proj.weight: stream, value
        add.out_proj.bias: stream
        head.weight: out, stream
        head.bias: out
        """),
        6 * 2 * 2,
        places=(
            *_fused_places("add", 2),
            *_stream_places(("add.in_proj_weight", 1)),
            (Slots("add.out_proj.weight", 0, 0, 3), Slots("add.out_proj.bias", 0, 0, 3)),
        ),
    ),
    "a stream behind a norm": Attentive(
        lambda: Stream(PlainAttention(3, 2, head_size=1, fused=True, causal=True), nn.LayerNorm(3)),
        _stream(
            "norm = layer_norm(start)"
            "  add = attention(norm, over = token, heads = 2, head_size = 1, causal = true)"
        ),
        "stream = S(3)  head = S(2)  in = 2  out = 2",
        by_lines("""
        start.weight: stream, in
        start.bias: stream
        norm.weight: stream
        norm.bias: stream
        add.in_proj_weight: head + head + head, stream
        add.in_proj_bias: head + head + head
        add.out_proj.weight: stream, head
        add.out_proj.bias: stream
        head.weight: out, stream
        head.bias: out
        """),
        6 * 2,
        places=(
            *_fused_places("add", 2),
            *_stream_places(("add.in_proj_weight", 1)),
            (Slots("norm.weight", 0, 0, 3), Slots("norm.bias", 0, 0, 3)),
            (Slots("add.out_proj.weight", 0, 0, 3), Slots("add.out_proj.bias", 0, 0, 3)),
        ),
    ),
    "one layer twice": Attentive(
        Shared,
        "axis token = 3 model Net(x: [token; 2]) -> [token; 2] {"
        " start = linear(x, 3)"
        " a = attention(start, over = token, heads = 2, head_size = 1, bias = false, fused = false, name = core)"
        " b = attention(a, over = token, heads = 2, head_size = 1, bias = false, fused = false, name = core)"
        " head = linear(b, 2) return head }",
        "stream = S(3)  head = S(2)  in = 2  out = 2",
        by_lines("""
        start.weight: stream, in
        start.bias: stream
        core.q_proj.weight: head, stream
        core.k_proj.weight: head, stream
        core.v_proj.weight: head, stream
        core.out_proj.weight: stream, head
        head.weight: out, stream
        head.bias: out
        """),
        6 * 2,
        places=(
            *_separate_places("core", 2, 2, False),
            *_stream_places(("core.q_proj.weight", 1), ("core.out_proj.weight", 0)),
            (Slots("core.k_proj.weight", 1, 0, 3), Slots("core.v_proj.weight", 1, 0, 3)),
        ),
    ),
    "experts": Attentive(
        lambda: Alone("experts", PlainExperts(2, 3, 2, 2, nn.GELU())),
        _alone("experts(x, 3, 2, count = 2)"),
        "expert = S(2)  hidden = S(3) in expert  in = 2  out = 2",
        by_lines(EXPERTS),
        2 * 36,
    ),
    "experts without biases": Attentive(
        lambda: Alone("experts", PlainExperts(2, 2, 2, 3, nn.Tanh(), bias=False)),
        _alone("experts(x, 2, 2, count = 3, act = tanh, bias = false)"),
        "expert = S(3)  hidden = S(2) in expert  in = 2  out = 2",
        by_lines("\n".join(line for line in EXPERTS.splitlines() if "bias" not in line)),
        6 * 8,
    ),
    "one expert": Attentive(
        lambda: Alone("experts", PlainExperts(2, 3, 2, 1, nn.GELU())),
        _alone("experts(x, 3, 2, count = 1)"),
        "expert = 1  hidden = S(3)  in = 2  out = 2",
        by_lines(EXPERTS),
        6,
    ),
    "attention and experts": Attentive(
        Transformer,
        "axis token = 3 model Net(x: [token; 2]) -> [token; 2] {"
        " start = linear(x, 3)"
        " mixed = attention(start, over = token, heads = 4, kv_heads = 2, head_size = 1, bias = false, fused = false)"
        " h = start + mixed"
        " ffn = experts(h, 2, 3, count = 2, bias = false)"
        " head = linear(h + ffn, 2) return head }",
        "stream = S(3)  head = S(2)  group = S(2) in head  expert = S(2)  hidden = S(2) in expert"
        "  in = 2  out = 2",
        by_lines("""
        start.weight: stream, in
        start.bias: stream
        mixed.q_proj.weight: (head group), stream
        mixed.k_proj.weight: head, stream
        mixed.v_proj.weight: head, stream
        mixed.out_proj.weight: stream, (head group)
        ffn.up_weight: expert, hidden, stream
        ffn.down_weight: expert, stream, hidden
        ffn.router.weight: expert, stream
        head.weight: out, stream
        head.bias: out
        """),
        6 * (2 * 4) * (2 * 4),
    ),
}  # fmt: skip
