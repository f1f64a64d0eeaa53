"""Convolutional networks in plain PyTorch, their specs, and the symmetry of their weights stated by hand.

Each is a small case of how channels are tied, grouped, joined, flattened or pinned. Images come
channels first, as torch has them; nothing of the compiler is imported.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .stored import Network


class Chain(nn.Module):
    """Named layers in a row, with a function between; their names are those of the state_dict."""

    def __init__(self, act: Callable[[Tensor], Tensor] = torch.tanh, **layers: nn.Module) -> None:
        super().__init__()
        self.act = act
        for name, layer in layers.items():
            self.add_module(name, layer)

    def forward(self, x: Tensor) -> Tensor:
        first, *others = self.children()
        x = first(x)
        for layer in others:
            x = layer(self.act(x))
        return x


class Mean(nn.Module):
    """A linear layer on the means over all positions."""

    def __init__(self, width: int, results: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(results, width))
        self.bias = nn.Parameter(torch.empty(results))

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(x.flatten(2).mean(2), self.weight, self.bias)


class Normal(nn.Sequential):
    """A convolution and a norm, under the names that a statement with both gives them."""

    def __init__(self, conv: nn.Module, **norm: nn.Module) -> None:
        super().__init__()
        self.add_module("conv", conv)
        for name, layer in norm.items():
            self.add_module(name, layer)


class Residual(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv1d(2, 4, 2)
        self.a, self.b = nn.Conv1d(4, 5, 3, padding=1), nn.Conv1d(5, 4, 1, bias=False)
        self.head = Mean(4, 2)

    def forward(self, x: Tensor) -> Tensor:
        h = self.stem(x)
        return self.head(h + self.b(torch.tanh(self.a(h))))  # type: ignore[no-any-return]


class Dense(nn.Module):
    """Every layer reads the input and all layers before it."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Conv1d(2, 3, 1), nn.Conv1d(5, 4, 2, padding="same")
        self.head = Mean(9, 2)

    def forward(self, x: Tensor) -> Tensor:
        a = torch.tanh(self.a(x))
        b = torch.tanh(self.b(torch.cat([x, a], 1)))
        return self.head(torch.cat([x, a, b], 1))  # type: ignore[no-any-return]


class Unet(nn.Module):
    """Down and up again, with a skip that is joined along channels."""

    def __init__(self) -> None:
        super().__init__()
        self.down = nn.Conv2d(2, 3, 3, padding=1)
        self.deep = nn.Conv2d(3, 4, 1)
        self.up = nn.ConvTranspose2d(4, 5, 2, stride=2)
        self.out = nn.Conv2d(8, 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        skip = torch.tanh(self.down(x))
        h = torch.tanh(self.deep(F.max_pool2d(skip, 2)))
        h = torch.tanh(self.up(h))
        return self.out(torch.cat([skip, h], 1)).flatten(1)  # type: ignore[no-any-return]


class JoinedGroups(nn.Module):
    """A convolution in groups, of which two are of one value and four of another."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Conv1d(1, 6, 1, bias=False), nn.Conv1d(1, 12, 1, bias=False)
        self.c, self.head = nn.Conv1d(18, 30, 1, groups=6, bias=False), Mean(30, 1)

    def forward(self, x: Tensor) -> Tensor:
        joined = torch.cat([torch.tanh(self.a(x)), torch.cos(self.b(x))], 1)
        return self.head(torch.tanh(self.c(joined)))  # type: ignore[no-any-return]


class JoinedNorm(nn.Module):
    """A group norm of two values joined; one of its groups may be of both."""

    def __init__(self, first: int = 6, second: int = 9, groups: int = 5) -> None:
        super().__init__()
        self.a = nn.Conv1d(2, first, 1, bias=False)
        self.b = nn.Conv1d(2, second, 1, bias=False)
        width = first + second
        self.norm, self.head = nn.GroupNorm(groups, width, affine=False), Mean(width, 1)

    def forward(self, x: Tensor) -> Tensor:
        joined = torch.cat([self.a(x), torch.cos(self.b(x))], 1)
        return self.head(torch.tanh(self.norm(joined)))  # type: ignore[no-any-return]


class Twice(nn.Module):
    """A value joined with itself."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.head = nn.Conv1d(2, 4, 2), Mean(8, 2)

    def forward(self, x: Tensor) -> Tensor:
        a = self.a(x)
        return self.head(torch.cat([torch.tanh(a), torch.cos(a)], 1))  # type: ignore[no-any-return]


class Halves(nn.Module):
    """Channels split in three: two multiply each other, the third goes on alone."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.head = nn.Conv1d(2, 8, 2), Mean(5, 2)

    def forward(self, x: Tensor) -> Tensor:
        p, q, r = self.a(x).split([3, 3, 2], 1)
        return self.head(torch.cat([p * torch.sigmoid(q), torch.tanh(r)], 1))  # type: ignore[no-any-return]


class Excite(nn.Module):
    """Squeeze and excitation: every channel is scaled by a function of all means."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.down, self.up = nn.Conv1d(2, 4, 2), nn.Linear(4, 3), nn.Linear(3, 4)
        self.head = Mean(4, 2)

    def forward(self, x: Tensor) -> Tensor:
        h = torch.tanh(self.a(x))
        scale = torch.sigmoid(self.up(torch.relu(self.down(h.mean(2)))))
        return self.head(torch.tanh(h * scale.unsqueeze(2)))  # type: ignore[no-any-return]


class Scales(nn.Module):
    """Res2Net: a part of the channels passes, the others go through a convolution each, in a row."""

    def __init__(self) -> None:
        super().__init__()
        self.a = nn.Conv1d(2, 9, 1, bias=False)
        self.c1, self.c2 = (nn.Conv1d(3, 3, 2, padding="same", bias=False) for _ in range(2))
        self.head = Mean(9, 2)

    def forward(self, x: Tensor) -> Tensor:
        p, q, r = self.a(x).split(3, 1)
        q = torch.tanh(self.c1(q))
        r = torch.tanh(self.c2(r + q))
        return self.head(torch.cat([torch.sin(p), q, r], 1))  # type: ignore[no-any-return]


class Shuffled(nn.Module):
    """Channels become positions within each pixel."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Conv2d(2, 12, 1), nn.Conv2d(3, 1, 3, stride=3)

    def forward(self, x: Tensor) -> Tensor:
        return self.b(torch.tanh(F.pixel_shuffle(self.a(x), 2))).flatten(1)  # type: ignore[no-any-return]


class Flat(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.a, self.fc = nn.Conv2d(2, 3, 3, stride=2, padding=1), nn.Linear(12, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(torch.tanh(self.a(x)).flatten(1))  # type: ignore[no-any-return]


class FlatGroups(nn.Module):
    """Groups of channels, flattened."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Conv1d(3, 8, 1), nn.Conv1d(8, 6, 2, groups=2)
        self.fc = nn.Linear(18, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(torch.tanh(self.b(torch.tanh(self.a(x)))).flatten(1))  # type: ignore[no-any-return]


@dataclass(frozen=True, slots=True)
class Convolutional(Network):
    """`inputs` are channels first, as torch has them; a spec has them last."""

    inputs: tuple[tuple[int, ...], ...] = field(default=((2, 5),), kw_only=True)

    def as_declared(self, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        return tuple(images.movedim(1, -1) for images in inputs)


def _batch_norm(width: str, name: str) -> dict[str, str]:
    parts = ("weight", "bias", "running_mean", "running_var")
    return {f"{name}.{part}": width for part in parts}


def _net(body: str, axes: str = "axis x = 5", given: str = "[x; 2]", results: int = 2) -> str:
    return f"{axes} model Net(image: {given}) -> [; {results}] {{ {body} }}"


_PLANE = "axis y = 4 axis x = 4"

CONVOLUTIONAL: Mapping[str, Convolutional] = {
    "convolutions": Convolutional(
        lambda: Chain(a=nn.Conv2d(2, 3, (3, 2)), b=nn.Conv2d(3, 4, 2, bias=False), head=Mean(4, 2)),
        _net(
            """a = conv(image, 3, over = [y, x], kernel = [3, 2])
            b = conv(tanh(a), 4, over = [y, x], kernel = 2, bias = false)
            head = linear(mean[y, x](tanh(b)), 2) return head""",
            _PLANE,
            "[y, x; 2]",
        ),
        "i = 2  a = S(3)  b = S(4)  o = 2  ky = 3  kx = 2  ly = 2  lx = 2",
        {
            "a.weight": "a, i, ky, kx",
            "a.bias": "a",
            "b.weight": "b, a, ly, lx",
            "head.weight": "o, b",
            "head.bias": "o",
        },
        inputs=((2, 4, 4),),
    ),
    "batch norm": Convolutional(
        lambda: Chain(
            a=Normal(nn.Conv1d(2, 3, 2, bias=False), batch_norm=nn.BatchNorm1d(3)), head=Mean(3, 2)
        ),
        _net(
            """a = batch_norm(conv(image, 3, over = x, kernel = 2, bias = false))
            head = linear(mean[x](tanh(a)), 2) return head"""
        ),
        "i = 2  a = S(3)  o = 2  k = 2",
        {
            "a.conv.weight": "a, i, k",
            **_batch_norm("a", "a.batch_norm"),
            "head.weight": "o, a",
            "head.bias": "o",
        },
    ),
    "instance norm": Convolutional(
        lambda: Chain(
            a=Normal(
                nn.Conv1d(2, 3, 2, bias=False),
                instance_norm=nn.InstanceNorm1d(3, affine=True, track_running_stats=True),
            ),
            head=Mean(3, 2),
        ),
        _net(
            """a = instance_norm(conv(image, 3, over = x, kernel = 2, bias = false), affine = true, track = true)
            head = linear(mean[x](tanh(a)), 2) return head"""
        ),
        "i = 2  a = S(3)  o = 2  k = 2",
        {
            "a.conv.weight": "a, i, k",
            **_batch_norm("a", "a.instance_norm"),
            "head.weight": "o, a",
            "head.bias": "o",
        },
    ),
    "group norm": Convolutional(
        lambda: Chain(
            a=Normal(nn.Conv1d(2, 6, 2, bias=False), group_norm=nn.GroupNorm(2, 6)), head=Mean(6, 2)
        ),
        _net(
            """a = group_norm(conv(image, 6, over = x, kernel = 2, bias = false), 2)
            head = linear(mean[x](tanh(a)), 2) return head"""
        ),
        "i = 2  g = S(2)  a = S(3) in g  o = 2  k = 2",
        {
            "a.conv.weight": "(g a), i, k",
            "a.group_norm.weight": "(g a)",
            "a.group_norm.bias": "(g a)",
            "head.weight": "o, (g a)",
            "head.bias": "o",
        },
    ),
    "groups": Convolutional(
        lambda: Chain(
            a=nn.Conv1d(2, 8, 1), b=nn.Conv1d(8, 6, 3, padding=1, groups=2), head=Mean(6, 2)
        ),
        _net(
            """a = conv(image, 8, over = x, kernel = 1)
            b = conv(tanh(a), 6, over = x, kernel = 3, padding = 1, groups = 2)
            head = linear(mean[x](tanh(b)), 2) return head"""
        ),
        "i = 2  g = S(2)  a = S(4) in g  b = S(3) in g  o = 2  k = 3  j = 1",
        {
            "a.weight": "(g a), i, j",
            "a.bias": "(g a)",
            "b.weight": "(g b), a, k",
            "b.bias": "(g b)",
            "head.weight": "o, (g b)",
            "head.bias": "o",
        },
    ),
    "groups one after the other": Convolutional(
        lambda: Chain(
            a=nn.Conv1d(1, 10, 1),
            b=nn.Conv1d(10, 6, 3, groups=2, bias=False),
            c=nn.Conv1d(6, 8, 1, groups=2, bias=False),
            head=Mean(8, 1),
        ),
        _net(
            """a = conv(image, 10, over = x, kernel = 1)
            b = conv(tanh(a), 6, over = x, kernel = 3, groups = 2, bias = false)
            c = conv(tanh(b), 8, over = x, kernel = 1, groups = 2, bias = false)
            head = linear(mean[x](tanh(c)), 1) return head""",
            given="[x; 1]",
            results=1,
        ),
        "i = 1  g = S(2)  a = S(5) in g  b = S(3) in g  c = S(4) in g  o = 1  k = 3  l = 1  j = 1",
        {
            "a.weight": "(g a), i, j",
            "a.bias": "(g a)",
            "b.weight": "(g b), a, k",
            "c.weight": "(g c), b, l",
            "head.weight": "o, (g c)",
            "head.bias": "o",
        },
        inputs=((1, 5),),
    ),
    "groups within groups": Convolutional(
        lambda: Chain(
            a=nn.Conv1d(1, 10, 1, bias=False),
            b=nn.Conv1d(10, 24, 1, groups=2, bias=False),
            c=nn.Conv1d(24, 6, 1, groups=6, bias=False),
            head=Mean(6, 1),
        ),
        _net(
            """a = conv(image, 10, over = x, kernel = 1, bias = false)
            b = conv(tanh(a), 24, over = x, kernel = 1, groups = 2, bias = false)
            c = conv(tanh(b), 6, over = x, kernel = 1, groups = 6, bias = false)
            head = linear(mean[x](tanh(c)), 1) return head""",
            given="[x; 1]",
            results=1,
        ),
        "i = 1  g = S(2)  a = S(5) in g  h = S(3) in g  b = S(4) in h  o = 1  k = 1  l = 1  j = 1",
        {
            "a.weight": "(g a), i, j",
            "b.weight": "(g h b), a, k",
            "c.weight": "(g h), b, l",
            "head.weight": "o, (g h)",
            "head.bias": "o",
        },
        inputs=((1, 5),),
    ),
    "groups of joined channels": Convolutional(
        JoinedGroups,
        _net(
            """a = conv(image, 6, over = x, kernel = 1, bias = false)
            b = conv(image, 12, over = x, kernel = 1, bias = false)
            c = conv(concat(tanh(a), cos(b)), 30, over = x, kernel = 1, groups = 6, bias = false)
            head = linear(mean[x](tanh(c)), 1) return head""",
            given="[x; 1]",
            results=1,
        ),
        "i = 1  g = S(2)  a = S(3) in g  c = S(5) in g  h = S(4)  b = S(3) in h  d = S(5) in h  o = 1  j = 1  k = 1  l = 1",
        {
            "a.weight": "(g a), i, j",
            "b.weight": "(h b), i, k",
            "c.weight": "(g c), a, l; (h d), b, l",
            "head.weight": "o, ((g c) + (h d))",
            "head.bias": "o",
        },
        inputs=((1, 5),),
    ),
    "group norm of joined channels": Convolutional(
        JoinedNorm,
        _net(
            """a = conv(image, 6, over = x, kernel = 1, bias = false)
            b = conv(image, 9, over = x, kernel = 1, bias = false)
            n = group_norm(concat(a, cos(b)), 5, affine = false)
            head = linear(mean[x](tanh(n)), 1) return head"""
        ).replace("-> [; 2]", "-> [; 1]"),
        "i = 2  g = S(2)  a = S(3) in g  h = S(3)  b = S(3) in h  o = 1  j = 1  k = 1",
        {
            "a.weight": "(g a), i, j",
            "b.weight": "(h b), i, k",
            "head.weight": "o, ((g a) + (h b))",
            "head.bias": "o",
        },
    ),
    "group norm of unevenly joined channels": Convolutional(
        lambda: JoinedNorm(3, 5, 2),
        _net(
            """a = conv(image, 3, over = x, kernel = 1, bias = false)
            b = conv(image, 5, over = x, kernel = 1, bias = false)
            n = group_norm(concat(a, cos(b)), 2, affine = false)
            head = linear(mean[x](tanh(n)), 1) return head"""
        ).replace("-> [; 2]", "-> [; 1]"),
        "i = 2  a = S(3)  l = 1  b = S(4)  o = 1  j = 1  k = 1",
        {
            "a.weight": "a, i, j",
            "b.weight": "(l + b), i, k",
            "head.weight": "o, (a + l + b)",
            "head.bias": "o",
        },
    ),
    "group norms of two and of three": Convolutional(
        lambda: Chain(
            a=Normal(
                nn.Conv1d(2, 12, 1, bias=False),
                group_norm=nn.GroupNorm(2, 12, affine=False),
                group_norm_2=nn.GroupNorm(3, 12, affine=False),
            ),
            head=Mean(12, 1),
        ),
        _net(
            """a = group_norm(group_norm(conv(image, 12, over = x, kernel = 1, bias = false), 2, affine = false), 3, affine = false)
            head = linear(mean[x](tanh(a)), 1) return head"""
        ).replace("-> [; 2]", "-> [; 1]"),
        "i = 2  a = S(4)  b = S(2)  c = S(2)  d = S(4)  o = 1  j = 1",
        {
            "a.conv.weight": "(a + b + c + d), i, j",
            "head.weight": "o, (a + b + c + d)",
            "head.bias": "o",
        },
    ),
    "depthwise": Convolutional(
        lambda: Chain(
            a=nn.Conv1d(2, 4, 1),
            b=nn.Conv1d(4, 4, 3, padding=1, groups=4),
            c=nn.Conv1d(4, 3, 1),
            head=Mean(3, 2),
        ),
        _net(
            """a = conv(image, 4, over = x, kernel = 1)
            b = conv(tanh(a), 4, over = x, kernel = 3, padding = 1, groups = 4)
            c = conv(tanh(b), 3, over = x, kernel = 1)
            head = linear(mean[x](tanh(c)), 2) return head"""
        ),
        "i = 2  a = S(4)  c = S(3)  o = 2  k = 3  j = 1  l = 1  m = 1",
        {
            "a.weight": "a, i, j",
            "a.bias": "a",
            "b.weight": "a, m, k",
            "b.bias": "a",
            "c.weight": "c, a, l",
            "c.bias": "c",
            "head.weight": "o, c",
            "head.bias": "o",
        },
    ),
    "depthwise with two each": Convolutional(
        lambda: Chain(
            a=nn.Conv1d(2, 3, 1), b=nn.Conv1d(3, 6, 3, padding=1, groups=3), head=Mean(6, 2)
        ),
        _net(
            """a = conv(image, 3, over = x, kernel = 1)
            b = conv(tanh(a), 6, over = x, kernel = 3, padding = 1, groups = 3)
            head = linear(mean[x](tanh(b)), 2) return head"""
        ),
        "i = 2  a = S(3)  b = S(2) in a  o = 2  k = 3  j = 1  m = 1",
        {
            "a.weight": "a, i, j",
            "a.bias": "a",
            "b.weight": "(a b), m, k",
            "b.bias": "(a b)",
            "head.weight": "o, (a b)",
            "head.bias": "o",
        },
    ),
    "groups of the input": Convolutional(
        lambda: Chain(a=nn.Conv1d(2, 6, 2, groups=2), head=Mean(6, 2)),
        _net(
            """a = conv(image, 6, over = x, kernel = 2, groups = 2)
            head = linear(mean[x](tanh(a)), 2) return head"""
        ),
        "p = S(3)  q = S(3)  o = 2  k = 2  m = 1",
        {
            "a.weight": "(p + q), m, k",
            "a.bias": "(p + q)",
            "head.weight": "o, (p + q)",
            "head.bias": "o",
        },
    ),
    "transposed": Convolutional(
        lambda: Chain(
            a=nn.ConvTranspose1d(2, 4, 2, stride=2), b=nn.Conv1d(4, 3, 2), head=Mean(3, 2)
        ),
        _net(
            """a = conv_transpose(image, 4, over = x, kernel = 2, stride = 2)
            b = conv(tanh(a), 3, over = x, kernel = 2)
            head = linear(mean[x](tanh(b)), 2) return head"""
        ),
        "i = 2  a = S(4)  b = S(3)  o = 2  k = 2  l = 2",
        {
            "a.weight": "i, a, k",
            "a.bias": "a",
            "b.weight": "b, a, l",
            "b.bias": "b",
            "head.weight": "o, b",
            "head.bias": "o",
        },
    ),
    "transposed in groups": Convolutional(
        lambda: Chain(
            a=nn.Conv1d(2, 8, 1), b=nn.ConvTranspose1d(8, 6, 2, groups=2), head=Mean(6, 2)
        ),
        _net(
            """a = conv(image, 8, over = x, kernel = 1)
            b = conv_transpose(tanh(a), 6, over = x, kernel = 2, groups = 2)
            head = linear(mean[x](tanh(b)), 2) return head"""
        ),
        "i = 2  g = S(2)  a = S(4) in g  b = S(3) in g  o = 2  k = 2  j = 1",
        {
            "a.weight": "(g a), i, j",
            "a.bias": "(g a)",
            "b.weight": "(g a), b, k",
            "b.bias": "(g b)",
            "head.weight": "o, (g b)",
            "head.bias": "o",
        },
    ),
    "residual": Convolutional(
        Residual,
        _net(
            """stem = conv(image, 4, over = x, kernel = 2)
            a = conv(stem, 5, over = x, kernel = 3, padding = 1)
            b = conv(tanh(a), 4, over = x, kernel = 1, bias = false)
            head = linear(mean[x](stem + b), 2) return head"""
        ),
        "i = 2  h = S(4)  a = S(5)  o = 2  k = 2  l = 3  m = 1",
        {
            "stem.weight": "h, i, k",
            "stem.bias": "h",
            "a.weight": "a, h, l",
            "a.bias": "a",
            "b.weight": "h, a, m",
            "head.weight": "o, h",
            "head.bias": "o",
        },
    ),
    "dense": Convolutional(
        Dense,
        _net(
            """a = conv(image, 3, over = x, kernel = 1)  h = concat(image, tanh(a))
            b = conv(h, 4, over = x, kernel = 2, padding = same)
            head = linear(mean[x](concat(h, tanh(b))), 2) return head"""
        ),
        "i = 2  a = S(3)  b = S(4)  o = 2  k = 1  l = 2",
        {
            "a.weight": "a, i, k",
            "a.bias": "a",
            "b.weight": "b, (i + a), l",
            "b.bias": "b",
            "head.weight": "o, (i + a + b)",
            "head.bias": "o",
        },
    ),
    "unet": Convolutional(
        Unet,
        _net(
            """down = conv(image, 3, over = [y, x], kernel = 3, padding = 1)  skip = tanh(down)
            deep = conv(max_pool(skip, over = [y, x], kernel = 2), 4, over = [y, x], kernel = 1)
            up = conv_transpose(tanh(deep), 5, over = [y, x], kernel = 2, stride = 2)
            out = conv(concat(skip, tanh(up)), 1, over = [y, x], kernel = 1) return flatten(out)""",
            _PLANE,
            "[y, x; 2]",
            16,
        ),
        "i = 2  a = S(3)  b = S(4)  c = S(5)  p = 3  q = 3  r = 1  s = 1  t = 2  u = 2  v = 1  w = 1  o = 1",
        {
            "down.weight": "a, i, p, q",
            "down.bias": "a",
            "deep.weight": "b, a, r, s",
            "deep.bias": "b",
            "up.weight": "b, c, t, u",
            "up.bias": "c",
            "out.weight": "o, (a + c), v, w",
            "out.bias": "o",
        },
        inputs=((2, 4, 4),),
    ),
    "joined with itself": Convolutional(
        Twice,
        _net(
            """a = conv(image, 4, over = x, kernel = 2)
            head = linear(mean[x](concat(tanh(a), cos(a))), 2) return head"""
        ),
        "i = 2  a = S(4)  o = 2  k = 2",
        {
            "a.weight": "a, i, k",
            "a.bias": "a",
            "head.weight": "o, (a + a)",
            "head.bias": "o",
        },
    ),
    "halves": Convolutional(
        Halves,
        _net(
            """a = conv(image, 8, over = x, kernel = 2)  p, q, r = split(a, 3, 3, 2)
            head = linear(mean[x](concat(p * sigmoid(q), tanh(r))), 2) return head"""
        ),
        "i = 2  a = S(3)  r = S(2)  o = 2  k = 2",
        {
            "a.weight": "(a + a + r), i, k",
            "a.bias": "(a + a + r)",
            "head.weight": "o, (a + r)",
            "head.bias": "o",
        },
    ),
    "squeeze and excitation": Convolutional(
        Excite,
        _net(
            """a = conv(image, 4, over = x, kernel = 2)  h = tanh(a)
            down = linear(mean[x](h), 3)  up = linear(relu(down), 4)
            head = linear(mean[x](tanh(h * sigmoid(up))), 2) return head"""
        ),
        "i = 2  a = S(4)  b = S(3)  o = 2  k = 2",
        {
            "a.weight": "a, i, k",
            "a.bias": "a",
            "down.weight": "b, a",
            "down.bias": "b",
            "up.weight": "a, b",
            "up.bias": "a",
            "head.weight": "o, a",
            "head.bias": "o",
        },
    ),
    "scales": Convolutional(
        Scales,
        _net(
            """a = conv(image, 9, over = x, kernel = 1, bias = false)  p, q, r = split(a, 3, 3, 3)
            c1 = conv(q, 3, over = x, kernel = 2, padding = same, bias = false)  q = tanh(c1)
            c2 = conv(r + q, 3, over = x, kernel = 2, padding = same, bias = false)  r = tanh(c2)
            head = linear(mean[x](concat(sin(p), q, r)), 2) return head"""
        ),
        "i = 2  p = S(3)  q = S(3)  s = S(3)  r = S(3)  o = 2  j = 1  k = 2  l = 2",
        {
            "a.weight": "(p + q + s), i, j",
            "c1.weight": "s, q, k",
            "c2.weight": "r, s, l",
            "head.weight": "o, (p + s + r)",
            "head.bias": "o",
        },
    ),
    "pixel shuffle": Convolutional(
        Shuffled,
        _net(
            """a = conv(image, 12, over = [y, x], kernel = 1)
            b = conv(tanh(pixel_shuffle(a, over = [y, x])), 1, over = [y, x], kernel = 3, stride = 3)
            return flatten(b)""",
            _PLANE,
            "[y, x; 2]",
            4,
        ),
        "i = 2  a = S(3)  y = 2  x = 2  o = 1  j = 1  l = 1  p = 3  q = 3",
        {
            "a.weight": "(a y x), i, j, l",
            "a.bias": "(a y x)",
            "b.weight": "o, a, p, q",
            "b.bias": "o",
        },
        inputs=((2, 4, 4),),
    ),
    "flatten": Convolutional(
        Flat,
        _net(
            """a = conv(image, 3, over = [y, x], kernel = 3, stride = 2, padding = 1)
            fc = linear(flatten(tanh(a)), 2) return fc""",
            _PLANE,
            "[y, x; 2]",
        ),
        "i = 2  a = S(3)  y = 2  x = 2  o = 2  p = 3  q = 3",
        {
            "a.weight": "a, i, p, q",
            "a.bias": "a",
            "fc.weight": "o, (a y x)",
            "fc.bias": "o",
        },
        inputs=((2, 4, 4),),
    ),
    "flatten groups": Convolutional(
        FlatGroups,
        _net(
            """a = conv(image, 8, over = x, kernel = 1)
            b = conv(tanh(a), 6, over = x, kernel = 2, groups = 2)
            fc = linear(flatten(tanh(b)), 2) return fc""",
            "axis x = 4",
            "[x; 3]",
        ),
        "i = 3  g = S(2)  a = S(4) in g  b = S(3) in g  x = 3  o = 2  j = 1  k = 2",
        {
            "a.weight": "(g a), i, j",
            "a.bias": "(g a)",
            "b.weight": "(g b), a, k",
            "b.bias": "(g b)",
            "fc.weight": "o, (g b x)",
            "fc.bias": "o",
        },
        inputs=((3, 4),),
    ),
}
