"""Small networks on which symmetry of weights is easily got wrong, and all that they have, stated by hand.

Each is plain PyTorch as people write it. The group is the largest that leaves the function of inputs to
outputs unchanged among those that permute positions of the dimensions of the state_dict: products and sums of
symmetric groups, one living in another. Sizes that mean different things differ wherever that is possible.
Nothing of the compiler is imported.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils import parametrizations, spectral_norm, weight_norm

from .sequential import cell
from .stored import Entry, Network, StateSpace, Stored, by_lines, declared, stored

Rearrangement = Callable[[Tensor], Tensor]
"""From positions in the order of the notation to the order in which they are stored."""


@dataclass(frozen=True, slots=True)
class Rearranged(Stored):
    """A tensor whose entries stand in another order than the notation can say."""

    order: Rearrangement

    def entries(self) -> list[Entry]:
        plain = Stored.entries(self)
        numbers = torch.arange(self.size).reshape(self.shape)
        return [plain[number] for number in self.order(numbers).flatten().tolist()]


@dataclass(frozen=True, slots=True)
class Adversarial(Network):
    """`order` is for tensors that the notation cannot write as they are stored.

    `batch` is how many inputs it takes for every weight to matter. `degenerate` says why swaps are no test
    of maximality: weights that the function does not depend on.
    """

    inputs: tuple[tuple[int, ...], ...] = field(default=((2,),), kw_only=True)
    scale: float = field(default=0.7, kw_only=True)
    order: Mapping[str, Rearrangement] = field(default_factory=dict, kw_only=True)
    batch: int = field(default=6, kw_only=True)
    degenerate: str = field(default="", kw_only=True)

    @property
    def space(self) -> StateSpace:
        axes = declared(self.axes)
        plain = (stored(name, text, axes) for name, text in self.state.items())
        return StateSpace(
            tuple(
                Rearranged(each.name, each.blocks, self.order[each.name])
                if each.name in self.order
                else each
                for each in plain
            )
        )


class Wired(nn.Module):
    """Layers and parameters by their names, and what is done with them; a tuple is a parameter's shape."""

    def __init__(
        self, says: Callable[..., Tensor], **parts: nn.Module | Tensor | tuple[int, ...]
    ) -> None:
        super().__init__()
        self.says = says
        for name, part in parts.items():
            own = nn.Parameter(torch.empty(part)) if isinstance(part, tuple) else part
            setattr(self, name, own)

    def forward(self, *inputs: Tensor) -> Tensor:
        return self.says(self, *inputs)


def constant(values: object) -> Tensor:
    """Numbers that are no part of the state_dict."""
    return nn.Buffer(torch.tensor(values), persistent=False)


def _net(make: Callable[[], nn.Module], axes: str, state: str, **options: Any) -> Adversarial:
    """Blank lines in `state` say nothing; a comma alone is a tensor of no dimension."""
    lines = "\n".join(filter(str.strip, state.splitlines()))
    return Adversarial(make, "", axes, by_lines(lines), **options)


# --- The order of positions -----------------------------------------------------------------------------


def _hidden(says: Callable[[Tensor], Tensor], width: int, made: int | None = None) -> nn.Module:
    """Two layers, with what is done in between."""
    first, last = nn.Linear(2, width), nn.Linear(made or width, 3)
    return Wired(lambda m, x: m.head(says(m.a(x))), a=first, head=last)


HIDDEN = """
    a.weight: a, i
    a.bias: a
    head.weight: o, a
    head.bias: o
"""


def _written(h: Tensor) -> Tensor:
    h = torch.tanh(h)
    h[:, :2] += 1
    return torch.relu_(h)


def _grouped_sort(h: Tensor) -> Tensor:
    return h.unflatten(1, (3, 2)).sort(2).values.flatten(1)  # type: ignore[no-any-return]


def _two_ways(h: Tensor) -> Tensor:
    """Softmax over three pairs, and over two triples."""
    pairs, triples = h.unflatten(1, (3, 2)).softmax(2), h.unflatten(1, (2, 3)).softmax(2)
    return pairs.flatten(1) + torch.sin(triples.flatten(1))  # type: ignore[no-any-return]


def _put(h: Tensor, index: Tensor) -> Tensor:
    made = h.clone()
    made[:, index] += torch.sin(h[:, :2])
    return made


ORDER: Mapping[str, Adversarial] = {
    "plain": _net(lambda: _hidden(torch.tanh, 4), "i = 2  a = S(4)  o = 3", HIDDEN),
    "flip": _net(
        # Of a reversal and a shift together nothing is left.
        lambda: _hidden(lambda h: torch.tanh(h) * h.flip(1) + torch.sin(h.roll(1, 1)), 5),
        "i = 2  a = 5  o = 3",
        HIDDEN,
    ),
    "flip alone": _net(
        lambda: _hidden(lambda h: torch.tanh(h).flip(1), 4),
        "i = 2  a = S(4)  o = 3",
        HIDDEN,
        order={"head.weight": lambda t: t.flip(1)},
    ),
    "roll": _net(
        # Shifts of all positions are left, which are no symmetric group.
        lambda: _hidden(lambda h: torch.tanh(h) + torch.sin(h.roll(1, 1)), 3),
        "i = 2  a = 3  o = 3",
        HIDDEN,
    ),
    "cumsum": _net(
        lambda: _hidden(lambda h: torch.tanh(torch.tanh(h).cumsum(1)), 4),
        "i = 2  a = 4  o = 3",
        HIDDEN,
    ),
    "sorted": _net(
        lambda: _hidden(lambda h: torch.tanh(h).sort(1).values, 4),
        "i = 2  a = S(4)  rank = 4  o = 3",
        HIDDEN.replace("o, a", "o, rank"),
    ),
    "sorted in pairs": _net(
        lambda: _hidden(_grouped_sort, 6),
        "i = 2  g = S(3)  a = S(2) in g  rank = 2  o = 3",
        HIDDEN.replace("o, a", "o, (g rank)").replace(": a", ": (g a)"),
    ),
    "largest": _net(
        lambda: _hidden(lambda h: h.topk(3, 1).values, 5, 3),
        "i = 2  a = S(5)  rank = 3  o = 3",
        HIDDEN.replace("o, a", "o, rank"),
    ),
    "maxout": _net(
        lambda: _hidden(lambda h: h.unflatten(1, (4, 3)).amax(2), 12, 4),
        "i = 2  a = S(4)  piece = S(3) in a  o = 3",
        HIDDEN.replace(": a", ": (a piece)"),
        batch=24,
    ),
    "maxout, pieces first": _net(
        lambda: _hidden(lambda h: h.unflatten(1, (3, 4)).amax(1), 12, 4),
        "i = 2  a = S(4)  piece = S(3) in a  o = 3",
        HIDDEN.replace(": a", ": (a piece)"),
        order={
            "a.weight": lambda t: t.unflatten(0, (4, 3)).transpose(0, 1).flatten(0, 1),
            "a.bias": lambda t: t.unflatten(0, (4, 3)).T.flatten(),
        },
        batch=24,
    ),
    "softmax over hidden": _net(
        lambda: _hidden(lambda h: h.softmax(1), 4), "i = 2  a = S(4)  o = 3", HIDDEN
    ),
    "crelu": _net(
        lambda: _hidden(lambda h: torch.cat([torch.relu(h), torch.relu(-h)], 1), 4, 8),
        "i = 2  a = S(4)  o = 3",
        HIDDEN.replace("o, a", "o, a + a"),
    ),
    "concat with itself": _net(
        lambda: _hidden(lambda h: torch.sin(torch.cat([torch.tanh(h), h], 1)), 4, 8),
        "i = 2  a = S(4)  o = 3",
        HIDDEN.replace("o, a", "o, a + a"),
    ),
    "glu": _net(
        lambda: _hidden(lambda h: F.glu(h, 1), 8, 4),
        "i = 2  a = S(4)  o = 3",
        HIDDEN.replace(": a", ": a + a"),
    ),
    "interleaved gates": _net(
        lambda: _hidden(lambda h: h[:, ::2] * torch.sigmoid(h[:, 1::2]), 8, 4),
        "i = 2  a = S(4)  two = 2  o = 3",
        HIDDEN.replace(": a", ": (a two)"),
    ),
    "unequal parts": _net(
        lambda: _hidden(
            lambda h: torch.cat([h[:, :3].softmax(1), torch.tanh(h.split([3, 4], 1)[1])], 1), 7
        ),
        "i = 2  a = S(3)  b = S(4)  o = 3",
        HIDDEN.replace("o, a", "o, a + b").replace(": a", ": a + b"),
    ),
    "a slice written in place": _net(
        lambda: _hidden(_written, 5),
        "i = 2  a = S(2)  b = S(3)  o = 3",
        HIDDEN.replace("o, a", "o, a + b").replace(": a", ": a + b"),
    ),
    "a grid of softmaxes": _net(
        lambda: _hidden(lambda h: h.unflatten(1, (3, 4)).softmax(2).flatten(1), 12),
        "i = 2  g = S(3)  a = S(4) in g  o = 3",
        HIDDEN.replace("o, a", "o, (g a)").replace(": a", ": (g a)"),
    ),
    "a grid, transposed": _net(
        lambda: _hidden(lambda h: h.unflatten(1, (3, 2)).softmax(2).transpose(1, 2).flatten(1), 6),
        "i = 2  g = S(3)  a = S(2) in g  o = 3",
        HIDDEN.replace("o, a", "o, (g a)").replace(": a", ": (g a)"),
        order={"head.weight": lambda t: t.unflatten(1, (3, 2)).transpose(1, 2).flatten(1)},
    ),
    "two grids of one layer": _net(
        # Cells of the two grids: pairs 0 1 and 4 5, and the two between; both ends are exchanged at once.
        lambda: _hidden(_two_ways, 6),
        "i = 2  end = S(2)  a = S(2) in end  o = 3",
        HIDDEN.replace("o, a", "o, (end a) + end").replace(": a", ": (end a) + end"),
        order={
            "a.weight": lambda t: t[[0, 1, 4, 5, 2, 3]],
            "a.bias": lambda t: t[[0, 1, 4, 5, 2, 3]],
            "head.weight": lambda t: t[:, [0, 1, 4, 5, 2, 3]],
        },
    ),
    "a fixed index": _net(
        lambda: Wired(
            lambda m, x: m.head(torch.tanh(m.a(x)) + torch.sin(m.a(x))[:, m.index]),
            a=nn.Linear(2, 3),
            head=nn.Linear(3, 2),
            index=nn.Buffer(torch.tensor([1, 2, 2])),
        ),
        "i = 2  a = 3  o = 2",
        HIDDEN,
    ),
    "added at a fixed index": _net(
        lambda: Wired(
            lambda m, x: m.head(_put(m.a(x), m.index)),
            a=nn.Linear(2, 3),
            head=nn.Linear(3, 2),
            index=constant([1, 2]),
        ),
        "i = 2  a = 3  o = 2",
        HIDDEN,
    ),
    "a learned index": _net(
        lambda: Wired(
            lambda m, x: m.head(
                torch.tanh(m.a(x)).gather(1, m.score(x).argmax(1, keepdim=True)).expand(-1, 3)
                * torch.tanh(m.b(x))
            ),
            score=nn.Linear(2, 4),
            a=nn.Linear(2, 4),
            b=nn.Linear(2, 3),
            head=nn.Linear(3, 2),
        ),
        "i = 2  a = S(4)  b = S(3)  o = 2",
        """
        score.weight: a, i
        score.bias: a
        a.weight: a, i
        a.bias: a
        b.weight: b, i
        b.bias: b
        head.weight: o, b
        head.bias: o
        """,
        batch=24,
    ),
    "a learned index, by number of the batch": _net(
        lambda: Wired(
            lambda m, x: m.head(
                torch.tanh(m.a(x)).unflatten(1, (4, 3))[torch.arange(len(x)), m.score(x).argmax(1)]
            ),
            score=nn.Linear(2, 4),
            a=nn.Linear(2, 12),
            head=nn.Linear(3, 2),
        ),
        "i = 2  a = S(4)  b = S(3)  o = 2",
        """
        score.weight: a, i
        score.bias: a
        a.weight: (a b), i
        a.bias: (a b)
        head.weight: o, b
        head.bias: o
        """,
        batch=24,
    ),
}


# --- Channels --------------------------------------------------------------------------------------------


def _shuffle(x: Tensor, groups: int) -> Tensor:
    batch, channels, *places = x.shape
    x = x.view(batch, groups, channels // groups, *places)
    return torch.transpose(x, 1, 2).contiguous().view(batch, channels, *places)


def _shuffled(shuffle: Callable[[Tensor], Tensor]) -> nn.Module:
    """Two groups of four channels, shuffled to four groups of two."""
    return Wired(
        lambda m, x: m.head(torch.tanh(m.c(shuffle(torch.tanh(m.b(torch.tanh(m.a(x))))))).mean(2)),
        a=nn.Conv1d(1, 6, 1),
        b=nn.Conv1d(6, 8, 2, groups=2, bias=False),
        c=nn.Conv1d(8, 4, 1, groups=4, bias=False),
        head=nn.Linear(4, 1),
    )


SHUFFLED = """
    a.weight: (g a), i, j
    a.bias: (g a)
    b.weight: (g m), a, k
    c.weight: m, g, l
    head.weight: o, m
    head.bias: o
"""


class Block(nn.Module):
    """A basic block of a ResNet that halves positions, with a projection."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv1d(1, 2, 1)
        self.conv1 = nn.Conv1d(2, 4, 3, stride=2, padding=1, bias=False)
        self.bn1 = nn.BatchNorm1d(4)
        self.conv2 = nn.Conv1d(4, 3, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm1d(3)
        self.downsample = nn.Sequential(nn.Conv1d(2, 3, 1, stride=2, bias=False), nn.BatchNorm1d(3))
        self.fc = nn.Linear(3, 1)

    def forward(self, x: Tensor) -> Tensor:
        x = torch.relu(self.stem(x))
        h = torch.relu(self.bn1(self.conv1(x)))
        h = torch.relu(self.bn2(self.conv2(h)) + self.downsample(x))
        return self.fc(F.adaptive_avg_pool1d(h, 1).flatten(1))  # type: ignore[no-any-return]


class Excite(nn.Module):
    """Squeeze and excitation by convolutions of one position."""

    def __init__(self) -> None:
        super().__init__()
        self.a = nn.Conv2d(1, 4, 2)
        self.down, self.up = nn.Conv2d(4, 3, 1), nn.Conv2d(3, 4, 1)
        self.head = nn.Linear(4, 2)

    def forward(self, x: Tensor) -> Tensor:
        h = torch.relu(self.a(x))
        scale = torch.sigmoid(self.up(torch.relu(self.down(h.mean((2, 3), keepdim=True)))))
        return self.head(torch.tanh(h * scale).mean((2, 3)))  # type: ignore[no-any-return]


class Unet(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.down, self.deep = nn.Conv1d(1, 3, 2), nn.Conv1d(3, 4, 1)
        self.up, self.out = nn.ConvTranspose1d(4, 2, 2, stride=2), nn.Conv1d(5, 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        skip = torch.tanh(self.down(x))
        h = torch.tanh(self.deep(F.max_pool1d(skip, 4)))
        h = F.interpolate(torch.tanh(self.up(h)), scale_factor=2)
        return self.out(torch.cat([h, skip], 1))  # type: ignore[no-any-return]


def _dense(m: Any, x: Tensor) -> Tensor:
    features = [x]
    for layer in (m.a, m.b):
        features.append(torch.tanh(layer(torch.cat(features, 1))))
    joined: Tensor = m.head(torch.cat(features, 1).mean(2))
    return joined


def _norm(path: str, width: str) -> str:
    parts = ("weight", "bias", "running_mean", "running_var")
    return "\n".join(f"{path}.{part}: {width}" for part in parts)


CHANNELS: Mapping[str, Adversarial] = {
    "group norm": _net(
        lambda: Wired(
            lambda m, x: m.head(torch.tanh(m.norm(m.a(x)))),
            a=nn.Linear(2, 8),
            norm=nn.GroupNorm(2, 8),
            head=nn.Linear(8, 3),
        ),
        "i = 2  g = S(2)  a = S(4) in g  o = 3",
        """
        a.weight: (g a), i
        a.bias: (g a)
        norm.weight: (g a)
        norm.bias: (g a)
        head.weight: o, (g a)
        head.bias: o
        """,
    ),
    "instance norm": _net(
        lambda: Wired(
            lambda m, x: m.head(torch.tanh(m.norm(m.a(x))).mean(2)),
            a=nn.Conv1d(1, 4, 2, bias=False),
            norm=nn.InstanceNorm1d(4, affine=True),
            head=nn.Linear(4, 3),
        ),
        "i = 1  a = S(4)  k = 2  o = 3",
        """
        a.weight: a, i, k
        norm.weight: a
        norm.bias: a
        head.weight: o, a
        head.bias: o
        """,
        inputs=((1, 5),),
    ),
    "batch norm": _net(
        lambda: Wired(
            lambda m, x: m.head(torch.tanh(m.norm(m.a(x)))),
            a=nn.Linear(2, 4, bias=False),
            norm=nn.BatchNorm1d(4),
            head=nn.Linear(4, 3),
        ),
        "i = 2  a = S(4)  o = 3",
        f"""
        a.weight: a, i
        {_norm("norm", "a")}
        head.weight: o, a
        head.bias: o
        """,
    ),
    "pixel shuffle": _net(
        lambda: Wired(
            lambda m, x: m.b(torch.tanh(F.pixel_shuffle(m.a(x), 2))).flatten(1),
            a=nn.Conv2d(1, 12, 1),
            b=nn.Conv2d(3, 1, 3, stride=2),
        ),
        "i = 1  c = S(3)  row = 2  column = 2  ka = 1  o = 1  ky = 3  kx = 3",
        """
        a.weight: (c row column), i, ka, ka
        a.bias: (c row column)
        b.weight: o, c, ky, kx
        b.bias: o
        """,
        inputs=((1, 2, 2),),
    ),
    "channel shuffle": _net(
        lambda: _shuffled(lambda h: F.channel_shuffle(h, 2)),
        "i = 1  g = S(2)  a = S(3) in g  m = S(4)  j = 1  k = 2  l = 1  o = 1",
        SHUFFLED,
        inputs=((1, 5),),
    ),
    "channel shuffle, by views": _net(
        lambda: _shuffled(lambda h: _shuffle(h, 2)),
        "i = 1  g = S(2)  a = S(3) in g  m = S(4)  j = 1  k = 2  l = 1  o = 1",
        SHUFFLED,
        inputs=((1, 5),),
    ),
    "grouped convolution": _net(
        lambda: Wired(
            lambda m, x: m.head(torch.tanh(m.b(torch.tanh(m.a(x)))).mean(2)),
            a=nn.Conv1d(1, 6, 2),
            b=nn.Conv1d(6, 8, 1, groups=2),
            head=nn.Linear(8, 1),
        ),
        "i = 1  g = S(2)  a = S(3) in g  b = S(4) in g  k = 2  l = 1  o = 1",
        """
        a.weight: (g a), i, k
        a.bias: (g a)
        b.weight: (g b), a, l
        b.bias: (g b)
        head.weight: o, (g b)
        head.bias: o
        """,
        inputs=((1, 5),),
    ),
    "depthwise separable": _net(
        lambda: Wired(
            lambda m, x: m.head(torch.tanh(m.c(torch.tanh(m.b(torch.tanh(m.a(x)))))).mean(2)),
            a=nn.Conv1d(1, 3, 1),
            b=nn.Conv1d(3, 6, 2, groups=3),
            c=nn.Conv1d(6, 4, 1),
            head=nn.Linear(4, 1),
        ),
        "i = 1  a = S(3)  b = S(2) in a  c = S(4)  j = 1  k = 2  o = 1",
        """
        a.weight: a, i, j
        a.bias: a
        b.weight: (a b), j, k
        b.bias: (a b)
        c.weight: c, (a b), j
        c.bias: c
        head.weight: o, c
        head.bias: o
        """,
        inputs=((1, 5),),
    ),
    "depthwise": _net(
        lambda: Wired(
            lambda m, x: m.head(torch.tanh(m.b(torch.tanh(m.a(x)))).mean(2)),
            a=nn.Conv1d(1, 4, 1),
            b=nn.Conv1d(4, 4, 3, padding=1, groups=4),
            head=nn.Linear(4, 2),
        ),
        "i = 1  a = S(4)  j = 1  k = 3  o = 2",
        """
        a.weight: a, i, j
        a.bias: a
        b.weight: a, j, k
        b.bias: a
        head.weight: o, a
        head.bias: o
        """,
        inputs=((1, 5),),
    ),
    "convolution, flattened": _net(
        lambda: Wired(
            lambda m, x: m.head(torch.tanh(m.a(x)).flatten(1)),
            a=nn.Conv2d(1, 4, 2),
            head=nn.Linear(24, 1),
        ),
        "i = 1  a = S(4)  ky = 2  kx = 2  y = 2  x = 3  o = 1",
        """
        a.weight: a, i, ky, kx
        a.bias: a
        head.weight: o, (a y x)
        head.bias: o
        """,
        inputs=((1, 3, 4),),
    ),
    "global average": _net(
        lambda: nn.Sequential(
            nn.Conv2d(1, 4, 2), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 3)
        ),
        "i = 1  a = S(4)  ky = 2  kx = 2  o = 3",
        """
        0.weight: a, i, ky, kx
        0.bias: a
        4.weight: o, a
        4.bias: o
        """,
        inputs=((1, 3, 4),),
    ),
    "basic block": _net(
        Block,
        "i = 1  a = S(2)  b = S(4)  c = S(3)  j = 1  k = 3  o = 1",
        f"""
        stem.weight: a, i, j
        stem.bias: a
        conv1.weight: b, a, k
        {_norm("bn1", "b")}
        conv2.weight: c, b, k
        {_norm("bn2", "c")}
        downsample.0.weight: c, a, j
        {_norm("downsample.1", "c")}
        fc.weight: o, c
        fc.bias: o
        """,
        inputs=((1, 6),),
    ),
    "shortcut padded with zeros": _net(
        lambda: Wired(
            lambda m, x: m.head(
                torch.tanh(m.b(m.a(x)) + F.pad(m.a(x)[:, :, ::2], (0, 0, 0, 2))).mean(2)
            ),
            a=nn.Conv1d(1, 3, 1),
            b=nn.Conv1d(3, 5, 3, stride=2, padding=1),
            head=nn.Linear(5, 1),
        ),
        "i = 1  a = S(3)  b = S(2)  j = 1  k = 3  o = 1",
        """
        a.weight: a, i, j
        a.bias: a
        b.weight: a + b, a, k
        b.bias: a + b
        head.weight: o, a + b
        head.bias: o
        """,
        inputs=((1, 5),),
    ),
    "dense join": _net(
        lambda: Wired(_dense, a=nn.Conv1d(2, 3, 1), b=nn.Conv1d(5, 4, 1), head=nn.Linear(9, 1)),
        "i = 2  a = S(3)  b = S(4)  j = 1  o = 1",
        """
        a.weight: a, i, j
        a.bias: a
        b.weight: b, i + a, j
        b.bias: b
        head.weight: o, i + a + b
        head.bias: o
        """,
        inputs=((2, 5),),
    ),
    "u-net": _net(
        Unet,
        "i = 1  a = S(3)  b = S(4)  c = S(2)  k = 2  o = 1  j = 1",
        """
        down.weight: a, i, k
        down.bias: a
        deep.weight: b, a, j
        deep.bias: b
        up.weight: b, c, k
        up.bias: c
        out.weight: o, c + a, j
        out.bias: o
        """,
        inputs=((1, 9),),
    ),
    "squeeze and excite": _net(
        Excite,
        "i = 1  a = S(4)  b = S(3)  k = 2  j = 1  o = 2",
        """
        a.weight: a, i, k, k
        a.bias: a
        down.weight: b, a, j, j
        down.bias: b
        up.weight: a, b, j, j
        up.bias: a
        head.weight: o, a
        head.bias: o
        """,
        inputs=((1, 3, 3),),
    ),
    "transposed convolution in groups": _net(
        lambda: Wired(
            lambda m, x: m.head(torch.tanh(m.b(torch.tanh(m.a(x)))).mean(2)),
            a=nn.Conv1d(1, 6, 1),
            b=nn.ConvTranspose1d(6, 8, 2, groups=2),
            head=nn.Linear(8, 1),
        ),
        "i = 1  g = S(2)  a = S(3) in g  b = S(4) in g  j = 1  k = 2  o = 1",
        """
        a.weight: (g a), i, j
        a.bias: (g a)
        b.weight: (g a), b, k
        b.bias: (g b)
        head.weight: o, (g b)
        head.bias: o
        """,
        inputs=((1, 3),),
    ),
    "windows, unfolded and folded": _net(
        lambda: Wired(
            lambda m, x: m.b(
                F.fold(
                    torch.tanh(m.mix(F.unfold(torch.tanh(m.a(x)), (1, 2)).mT)).mT, (1, 4), (1, 3)
                )
            ).flatten(1),
            a=nn.Conv2d(1, 4, 1),
            mix=nn.Linear(8, 6, bias=False),
            b=nn.Conv2d(2, 1, (1, 2)),
        ),
        "i = 1  a = S(4)  b = S(2)  j = 1  k = 2  l = 3  o = 1",
        """
        a.weight: a, i, j, j
        a.bias: a
        mix.weight: (b l), (a k)
        b.weight: o, b, j, k
        b.bias: o
        """,
        inputs=((1, 1, 3),),
    ),
    "slopes of channels": _net(
        lambda: nn.Sequential(nn.Linear(2, 4), nn.PReLU(4), nn.Linear(4, 3)),
        "i = 2  a = S(4)  o = 3",
        """
        0.weight: a, i
        0.bias: a
        1.weight: a
        2.weight: o, a
        2.bias: o
        """,
    ),
    "token mixing": _net(
        lambda: Wired(
            lambda m, x: m.head(
                torch.tanh(m.stem(x) + m.up(F.gelu(m.down(m.stem(x).mT))).mT).mean(1)
            ),
            stem=nn.Linear(2, 3),
            down=nn.Linear(4, 5),
            up=nn.Linear(5, 4),
            head=nn.Linear(3, 1),
        ),
        "i = 2  c = S(3)  token = 4  mixed = S(5)  o = 1",
        """
        stem.weight: c, i
        stem.bias: c
        down.weight: mixed, token
        down.bias: mixed
        up.weight: token, mixed
        up.bias: token
        head.weight: o, c
        head.bias: o
        """,
        inputs=((4, 2),),
    ),
}


# --- Attention -------------------------------------------------------------------------------------------


def _attend(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """`(batch, head, token, key)`, heads side by side in the result."""
    scores = query @ key.mT / query.shape[-1] ** 0.5
    return (scores.softmax(-1) @ value).transpose(1, 2).flatten(2)  # type: ignore[no-any-return]


def _heads(h: Tensor, count: int) -> Tensor:
    return h.unflatten(2, (count, -1)).transpose(1, 2)  # type: ignore[no-any-return]


def _by_unbind(m: Any, x: Tensor) -> Tensor:
    batch, tokens, _ = x.shape
    qkv = m.qkv(x).reshape(batch, tokens, 3, 2, 3).permute(2, 0, 3, 1, 4)
    query, key, value = qkv.unbind(0)
    out: Tensor = m.proj(_attend(query, key, value))
    return out


def _by_chunk(m: Any, x: Tensor) -> Tensor:
    query, key, value = (_heads(part, 2) for part in m.qkv(x).chunk(3, -1))
    out: Tensor = m.proj(
        F.scaled_dot_product_attention(query, key, value).transpose(1, 2).flatten(2)
    )
    return out


def _heads_first(m: Any, x: Tensor) -> Tensor:
    """As GPT-NeoX has it: queries, keys and values of each head one after the other."""
    query, key, value = _heads(m.qkv(x), 2).chunk(3, -1)
    out: Tensor = m.proj(_attend(query, key, value))
    return out


def _fused(says: Callable[..., Tensor]) -> nn.Module:
    return Wired(says, qkv=nn.Linear(2, 18, bias=False), proj=nn.Linear(6, 2))


FUSED = """
    qkv.weight: (head key) + (head key) + (head value), in
    proj.weight: out, (head value)
    proj.bias: out
"""


def _grouped(repeat: Callable[[Tensor], Tensor]) -> nn.Module:
    """Six heads of queries, two of keys and values."""

    def says(m: Any, x: Tensor) -> Tensor:
        query, key, value = _heads(m.q(x), 6), _heads(m.k(x), 2), _heads(m.v(x), 2)
        out: Tensor = m.o(_attend(query, repeat(key), repeat(value)))
        return out

    sizes = {"q": (2, 12), "k": (2, 4), "v": (2, 4), "o": (12, 2)}
    return Wired(says, **{n: nn.Linear(*size, bias=False) for n, size in sizes.items()})


GROUPED = """
    q.weight: (head group key), in
    k.weight: (head key), in
    v.weight: (head value), in
    o.weight: out, (head group value)
"""


def _expanded(h: Tensor) -> Tensor:
    batch, heads, tokens, size = h.shape
    return h[:, :, None].expand(batch, heads, 3, tokens, size).reshape(batch, 6, tokens, size)


def _angles(tokens: int, count: int) -> Tensor:
    """`(token, frequency)`."""
    steps = torch.arange(tokens, dtype=torch.float64)
    return torch.outer(steps, 3.0 ** -torch.arange(count, dtype=torch.float64))


def _by_halves(h: Tensor) -> Tensor:
    angles = torch.cat([_angles(h.shape[2], h.shape[3] // 2)] * 2, -1)
    left, right = h.chunk(2, -1)
    return h * angles.cos() + torch.cat([-right, left], -1) * angles.sin()


def _by_pairs(h: Tensor) -> Tensor:
    angles = _angles(h.shape[2], h.shape[3] // 2)
    even, odd = h[..., ::2], h[..., 1::2]
    turned = (even * angles.cos() - odd * angles.sin(), even * angles.sin() + odd * angles.cos())
    return torch.stack(turned, -1).flatten(-2)


def _separate(says: Callable[..., Tensor], **more: Any) -> nn.Module:
    """Two heads of four keys and three values."""
    sizes = {"q": (2, 8), "k": (2, 8), "v": (2, 6), "o": (6, 2)}
    layers = {n: nn.Linear(*size, bias=False) for n, size in sizes.items()}
    return Wired(says, **layers, **more)


def _rotary(turn: Callable[[Tensor], Tensor]) -> nn.Module:
    def says(m: Any, x: Tensor) -> Tensor:
        query, key = turn(_heads(m.q(x), 2)), turn(_heads(m.k(x), 2))
        out: Tensor = m.o(_attend(query, key, _heads(m.v(x), 2)))
        return out

    return _separate(says)


SEPARATE = """
    q.weight: (head key), in
    k.weight: (head key), in
    v.weight: (head value), in
    o.weight: out, (head value)
"""


def _biased(bias: Callable[[Any], Tensor]) -> Callable[..., Tensor]:
    """Attention with something added to the scores, `(head, token, token)`."""

    def says(m: Any, x: Tensor) -> Tensor:
        query, key, value = _heads(m.q(x), 2), _heads(m.k(x), 2), _heads(m.v(x), 2)
        found = F.scaled_dot_product_attention(query, key, value, attn_mask=bias(m))
        out: Tensor = m.o(found.transpose(1, 2).flatten(2))
        return out

    return says


def _of_distance(m: Any) -> Tensor:
    """A learned bias for each distance of two of three tokens, as T5 and Swin have it."""
    steps = torch.arange(3)
    table: Tensor = m.table[steps[:, None] - steps + 2]
    return table.permute(2, 0, 1)


def _linear_in_distance(m: Any) -> Tensor:
    """ALiBi: each head has a slope of its own."""
    steps = torch.arange(3, dtype=torch.float64)
    slopes = torch.tensor([0.5, 0.25], dtype=torch.float64)
    return slopes[:, None, None] * (steps - steps[:, None])


class Encoder(nn.Module):
    """A layer of torch's on a stream."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Linear(2, 4)
        self.layer = nn.TransformerEncoderLayer(4, 2, 5, bias=False, batch_first=True)
        self.head = nn.Linear(4, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.layer(self.embed(x)))  # type: ignore[no-any-return]


def _latents(m: Any, x: Tensor) -> Tensor:
    query = m.query.expand(len(x), -1, -1)
    found = F.scaled_dot_product_attention(query, m.k(x), m.v(x))
    out: Tensor = m.head(torch.tanh(m.mix(found)).mean(1))
    return out


def _memory(m: Any, x: Tensor) -> Tensor:
    out: Tensor = (torch.tanh(m.a(x)) @ m.keys.T).softmax(-1) @ m.values
    return out


ATTENTION: Mapping[str, Adversarial] = {
    "fused qkv, unbound": _net(
        lambda: _fused(_by_unbind),
        "head = S(2)  key = S(3) in head  value = S(3) in head  in = 2  out = 2",
        FUSED,
        inputs=((4, 2),),
    ),
    "fused qkv, in chunks": _net(
        lambda: _fused(_by_chunk),
        "head = S(2)  key = S(3) in head  value = S(3) in head  in = 2  out = 2",
        FUSED,
        inputs=((4, 2),),
    ),
    "fused qkv, heads first": _net(
        lambda: _fused(_heads_first),
        "head = S(2)  key = S(3) in head  value = S(3) in head  in = 2  out = 2",
        FUSED,
        inputs=((4, 2),),
        order={"qkv.weight": lambda t: t.unflatten(0, (3, 2, 3)).transpose(0, 1).flatten(0, 2)},
    ),
    "multi-head attention": _net(
        lambda: Wired(
            lambda m, x: m.attention(x, x, x)[0],
            attention=nn.MultiheadAttention(4, 2, bias=False, batch_first=True),
        ),
        "head = S(2)  key = S(2) in head  value = S(2) in head  in = 4  out = 4",
        """
        attention.in_proj_weight: (head key) + (head key) + (head value), in
        attention.out_proj.weight: out, (head value)
        """,
        inputs=((3, 4),),
    ),
    "multi-head attention to a memory": _net(
        lambda: Wired(
            lambda m, x, y: m.attention(x, y, y)[0],
            attention=nn.MultiheadAttention(4, 2, bias=False, kdim=3, vdim=3, batch_first=True),
        ),
        "head = S(2)  key = S(2) in head  value = S(2) in head  in = 4  from = 3  out = 4",
        """
        attention.q_proj_weight: (head key), in
        attention.k_proj_weight: (head key), from
        attention.v_proj_weight: (head value), from
        attention.out_proj.weight: out, (head value)
        """,
        inputs=((3, 4), (5, 3)),
    ),
    "encoder layer": _net(
        Encoder,
        "c = S(4)  head = S(2)  key = S(2) in head  value = S(2) in head  ff = S(5)  i = 2  o = 1",
        """
        embed.weight: c, i
        embed.bias: c
        layer.self_attn.in_proj_weight: (head key) + (head key) + (head value), c
        layer.self_attn.out_proj.weight: c, (head value)
        layer.linear1.weight: ff, c
        layer.linear2.weight: c, ff
        layer.norm1.weight: c
        layer.norm2.weight: c
        head.weight: o, c
        head.bias: o
        """,
        inputs=((3, 2),),
    ),
    "grouped queries, repeated": _net(
        lambda: _grouped(lambda h: h.repeat_interleave(3, 1)),
        "head = S(2)  group = S(3) in head  key = S(2) in head  value = S(2) in head  in = 2  out = 2",
        GROUPED,
        inputs=((4, 2),),
    ),
    "grouped queries, expanded": _net(
        lambda: _grouped(_expanded),
        "head = S(2)  group = S(3) in head  key = S(2) in head  value = S(2) in head  in = 2  out = 2",
        GROUPED,
        inputs=((4, 2),),
    ),
    "rotary, halves": _net(
        lambda: _rotary(_by_halves),
        "head = S(2)  key = 4  value = S(3) in head  in = 2  out = 2",
        SEPARATE,
        inputs=((3, 2),),
    ),
    "rotary, pairs": _net(
        lambda: _rotary(_by_pairs),
        "head = S(2)  key = 4  value = S(3) in head  in = 2  out = 2",
        SEPARATE,
        inputs=((3, 2),),
    ),
    "bias of distances": _net(
        lambda: _separate(_biased(_of_distance), table=(5, 2)),
        "head = S(2)  key = S(4) in head  value = S(3) in head  distance = 5  in = 2  out = 2",
        "table: distance, head" + SEPARATE,
        inputs=((3, 2),),
    ),
    "slopes of heads": _net(
        lambda: _separate(_biased(_linear_in_distance)),
        "k0 = S(4)  k1 = S(4)  v0 = S(3)  v1 = S(3)  in = 2  out = 2",
        SEPARATE.replace("(head key)", "k0 + k1").replace("(head value)", "v0 + v1"),
        inputs=((3, 2),),
    ),
    "heads averaged": _net(
        lambda: Wired(
            lambda m, x: m.o(
                torch.tanh(
                    _attend(_heads(m.q(x), 2), _heads(m.k(x), 2), _heads(m.v(x), 2))
                    .unflatten(2, (2, 3))
                    .mean(2)
                )
            ),
            q=nn.Linear(2, 8, bias=False),
            k=nn.Linear(2, 8, bias=False),
            v=nn.Linear(2, 6, bias=False),
            o=nn.Linear(3, 2, bias=False),
        ),
        "head = S(2)  key = S(4) in head  value = S(3)  in = 2  out = 2",
        SEPARATE.replace("out, (head value)", "out, value"),
        inputs=((3, 2),),
    ),
    "latents, pooled": _net(
        lambda: Wired(
            _latents,
            query=(5, 4),
            k=nn.Linear(2, 4, bias=False),
            v=nn.Linear(2, 3),
            mix=nn.Linear(3, 6, bias=False),
            head=nn.Linear(6, 1),
        ),
        "latent = S(5)  key = S(4)  value = S(3)  mixed = S(6)  in = 2  out = 1",
        """
        query: latent, key
        k.weight: key, in
        v.weight: value, in
        v.bias: value
        mix.weight: mixed, value
        head.weight: out, mixed
        head.bias: out
        """,
        inputs=((3, 2),),
    ),
    "keys and values of a memory": _net(
        lambda: Wired(_memory, a=nn.Linear(2, 3), keys=(5, 3), values=(5, 2)),
        "a = S(3)  slot = S(5)  i = 2  o = 2",
        """
        keys: slot, a
        values: slot, o
        a.weight: a, i
        a.bias: a
        """,
    ),
}


# --- Experts ---------------------------------------------------------------------------------------------


def _experts(gates: Callable[[Any, Tensor], Tensor]) -> nn.Module:
    """Three experts of four hidden channels, by a gate for each, `(batch, expert)`."""

    def says(m: Any, x: Tensor) -> Tensor:
        hidden = torch.tanh(torch.einsum("bi,ehi->beh", x, m.up))
        made = torch.einsum("beh,eoh->beo", hidden, m.down)
        return (gates(m, x).unsqueeze(2) * made).sum(1)

    return Wired(says, up=(3, 4, 2), down=(3, 2, 4), router=nn.Linear(2, 3))


def _one_hot(m: Any, x: Tensor) -> Tensor:
    top, index = m.router(x).topk(2, -1)
    return (F.one_hot(index, 3) * top.softmax(-1).unsqueeze(-1)).sum(1)  # type: ignore[no-any-return]


def _scattered(m: Any, x: Tensor) -> Tensor:
    scores = m.router(x)
    top, index = scores.topk(2, -1)
    return torch.zeros_like(scores).scatter(1, index, top.softmax(-1))


EXPERTS = """
    up: expert, hidden, in
    down: expert, out, hidden
    router.weight: expert, in
    router.bias: expert
"""


def _products(m: Any, x: Tensor) -> Tensor:
    """A product of matrices for each expert, `(expert, batch, channels)`."""
    hidden = torch.tanh(torch.bmm(x.expand(3, -1, -1), m.up))
    return (torch.bmm(hidden, m.down) * m.router(x).softmax(1).T.unsqueeze(2)).sum(0)  # type: ignore[no-any-return]


def _weights_of_one(m: Any, x: Tensor) -> Tensor:
    """The weights of the expert that each input picks."""
    index = m.router(x).argmax(1)
    hidden = torch.tanh(torch.bmm(m.up[index], x.unsqueeze(2)))
    return torch.bmm(m.down[index], hidden).squeeze(2)


def _list_of_experts(m: Any, x: Tensor) -> Tensor:
    gates = m.router(x).softmax(1)
    made = [gates[:, k : k + 1] * expert(x) for k, expert in enumerate(m.experts)]
    return torch.stack(made).sum(0)


def _stacked(m: Any, x: Tensor) -> Tensor:
    hidden = torch.stack([torch.tanh(m.a(x)), torch.sin(m.b(x))], 1)
    out: Tensor = m.head(torch.tanh(m.mix(hidden).mean(1)))
    return out


MIXED: Mapping[str, Adversarial] = {
    "experts by one-hot numbers": _net(
        lambda: _experts(_one_hot),
        "expert = S(3)  hidden = S(4) in expert  in = 2  out = 2",
        EXPERTS,
        batch=16,
    ),
    "experts by scattered gates": _net(
        lambda: _experts(_scattered),
        "expert = S(3)  hidden = S(4) in expert  in = 2  out = 2",
        EXPERTS,
        batch=16,
    ),
    "soft experts": _net(
        lambda: _experts(lambda m, x: m.router(x).softmax(1)),
        "expert = S(3)  hidden = S(4) in expert  in = 2  out = 2",
        EXPERTS,
    ),
    "soft experts by products of matrices": _net(
        lambda: Wired(_products, up=(3, 2, 4), down=(3, 4, 2), router=nn.Linear(2, 3)),
        "expert = S(3)  hidden = S(4) in expert  in = 2  out = 2",
        """
        up: expert, in, hidden
        down: expert, hidden, out
        router.weight: expert, in
        router.bias: expert
        """,
    ),
    "the weights of one expert": _net(
        lambda: Wired(_weights_of_one, up=(3, 4, 2), down=(3, 2, 4), router=nn.Linear(2, 3)),
        "expert = S(3)  hidden = S(4) in expert  in = 2  out = 2",
        EXPERTS,
        batch=16,
    ),
    "a list of experts": _net(
        lambda: Wired(
            _list_of_experts,
            experts=nn.ModuleList(
                nn.Sequential(nn.Linear(2, n, bias=False), nn.Tanh(), nn.Linear(n, 1))
                for n in (3, 4)
            ),
            router=nn.Linear(2, 2),
        ),
        "a = S(3)  b = S(4)  expert = 2  i = 2  o = 1",
        """
        experts.0.0.weight: a, i
        experts.0.2.weight: o, a
        experts.0.2.bias: o
        experts.1.0.weight: b, i
        experts.1.2.weight: o, b
        experts.1.2.bias: o
        router.weight: expert, i
        router.bias: expert
        """,
    ),
    "an ensemble": _net(
        lambda: Wired(
            lambda m, x: torch.stack([member(x) for member in m.members]).mean(0),
            members=nn.ModuleList(
                nn.Sequential(nn.Linear(2, n), nn.Tanh(), nn.Linear(n, 2)) for n in (4, 4)
            ),
        ),
        "a = S(4)  b = S(4)  i = 2  o = 2",
        """
        members.0.0.weight: a, i
        members.0.0.bias: a
        members.0.2.weight: o, a
        members.0.2.bias: o
        members.1.0.weight: b, i
        members.1.0.bias: b
        members.1.2.weight: o, b
        members.1.2.bias: o
        """,
    ),
    "two layers stacked": _net(
        lambda: Wired(
            _stacked,
            a=nn.Linear(2, 4),
            b=nn.Linear(2, 4),
            mix=nn.Linear(4, 3, bias=False),
            head=nn.Linear(3, 1),
        ),
        "a = S(4)  b = S(3)  i = 2  o = 1",
        """
        a.weight: a, i
        a.bias: a
        b.weight: a, i
        b.bias: a
        mix.weight: b, a
        head.weight: o, b
        head.bias: o
        """,
    ),
    "two layers stacked and flattened": _net(
        lambda: Wired(
            lambda m, x: m.head(torch.tanh(torch.stack([m.a(x), m.b(x)], 1)).flatten(1)),
            a=nn.Linear(2, 4),
            b=nn.Linear(2, 4),
            head=nn.Linear(8, 1),
        ),
        "a = S(4)  b = S(4)  i = 2  o = 1",
        """
        a.weight: a, i
        a.bias: a
        b.weight: b, i
        b.bias: b
        head.weight: o, a + b
        head.bias: o
        """,
    ),
}


# --- Parameters ------------------------------------------------------------------------------------------


class Tied(nn.Module):
    """Words go in and scores of words come out, by one table."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(5, 3)
        self.fc = nn.Linear(3, 4)
        self.back = nn.Linear(4, 3)
        self.head = nn.Linear(3, 5, bias=False)
        self.head.weight = self.embed.weight

    def forward(self, words: Tensor) -> Tensor:
        h = self.embed(words)
        return self.head(h + self.back(torch.tanh(self.fc(h))))  # type: ignore[no-any-return]


def _normalised(m: Any, x: Tensor) -> Tensor:
    h = F.normalize(torch.tanh(m.a(x)), dim=-1)
    return F.linear(h, F.normalize(m.prototypes, dim=-1))


def _triangular(m: Any, x: Tensor) -> Tensor:
    h = torch.tanh(m.a(x))
    made = F.linear(h, m.mix.tril()) + F.linear(torch.sin(h), m.mix)
    out: Tensor = m.head(torch.tanh(made))
    return out


def _quadratic(m: Any, x: Tensor) -> Tensor:
    h = torch.tanh(m.a(x))
    return torch.einsum("bi,ij,bj->b", h, m.form, h).unsqueeze(1)


def _quantised(m: Any, x: Tensor) -> Tensor:
    h = torch.tanh(m.a(x))
    out: Tensor = m.head(torch.tanh(F.embedding(torch.cdist(h, m.codes).argmin(1), m.codes)))
    return out


def _modulated(m: Any, x: Tensor, z: Tensor) -> Tensor:
    scale, shift = m.film(z).chunk(2, -1)
    out: Tensor = m.head(torch.tanh(m.a(x) * scale + shift))
    return out


def _two_layers(first: str) -> str:
    return f"""
    {first}.weight: a, i
    {first}.bias: a
    head.weight: o, a
    head.bias: o
    """


PARAMETERS: Mapping[str, Adversarial] = {
    "x @ parameter": _net(
        lambda: Wired(lambda m, x: torch.tanh(x @ m.a) @ m.b, a=(2, 4), b=(4, 3)),
        "i = 2  a = S(4)  o = 3",
        """
        a: i, a
        b: a, o
        """,
    ),
    "F.linear of a parameter": _net(
        lambda: Wired(
            lambda m, x: F.linear(torch.tanh(F.linear(x, m.a, m.bias)), m.b),
            a=(4, 2),
            b=(3, 4),
            bias=(4,),
        ),
        "i = 2  a = S(4)  o = 3",
        """
        a: a, i
        b: o, a
        bias: a
        """,
    ),
    "a parameter, transposed": _net(
        lambda: Wired(lambda m, x: F.linear(torch.tanh(x @ m.a.T), m.b.t()), a=(4, 2), b=(4, 3)),
        "i = 2  a = S(4)  o = 3",
        """
        a: a, i
        b: a, o
        """,
    ),
    "einsum": _net(
        lambda: Wired(
            lambda m, x: torch.einsum(
                "...gh,ogh->...o", torch.tanh(torch.einsum("bi,igh->bgh", x, m.a)), m.b
            ),
            a=(2, 3, 4),
            b=(2, 3, 4),
        ),
        "i = 2  g = S(3)  h = S(4) in g  o = 2",
        """
        a: i, g, h
        b: o, g, h
        """,
    ),
    "a form of two arguments": _net(
        lambda: Wired(_quadratic, a=nn.Linear(2, 4), form=(4, 4)),
        "i = 2  a = S(4)",
        """
        form: a, a
        a.weight: a, i
        a.bias: a
        """,
    ),
    "bilinear": _net(
        lambda: Wired(
            lambda m, x: m.head(torch.tanh(m.both(torch.tanh(m.a(x)), torch.tanh(m.b(x))))),
            a=nn.Linear(2, 3),
            b=nn.Linear(2, 2),
            both=nn.Bilinear(3, 2, 4),
            head=nn.Linear(4, 1),
        ),
        "i = 2  a = S(3)  b = S(2)  c = S(4)  o = 1",
        """
        a.weight: a, i
        a.bias: a
        b.weight: b, i
        b.bias: b
        both.weight: c, a, b
        both.bias: c
        head.weight: o, c
        head.bias: o
        """,
    ),
    "outer product": _net(
        lambda: Wired(
            lambda m, x: m.head(torch.einsum("bi,bj->bij", m.a(x).tanh(), m.b(x).sin()).flatten(1)),
            a=nn.Linear(2, 3),
            b=nn.Linear(2, 4),
            head=nn.Linear(12, 1),
        ),
        "i = 2  a = S(3)  b = S(4)  o = 1",
        """
        a.weight: a, i
        a.bias: a
        b.weight: b, i
        b.bias: b
        head.weight: o, (a b)
        head.bias: o
        """,
    ),
    "tied embedding": _net(
        Tied,
        "word = 5  a = S(3)  b = S(4)",
        """
        embed.weight: word, a
        fc.weight: b, a
        fc.bias: b
        back.weight: a, b
        back.bias: a
        head.weight: word, a
        """,
        inputs=((2,),),
        words=5,
    ),
    "tied autoencoder": _net(
        lambda: Wired(
            lambda m, x: F.linear(torch.tanh(m.encode(x)), m.encode.weight.t(), m.bias),
            encode=nn.Linear(3, 4),
            bias=(3,),
        ),
        "i = 3  a = S(4)",
        """
        bias: i
        encode.weight: a, i
        encode.bias: a
        """,
        inputs=((3,),),
    ),
    "a layer called twice": _net(
        lambda: Wired(
            lambda m, x: m.head(torch.tanh(m.core(torch.tanh(m.core(m.a(x)))))),
            a=nn.Linear(2, 4),
            core=nn.Linear(4, 4),
            head=nn.Linear(4, 3),
        ),
        "i = 2  a = S(4)  o = 3",
        """
        a.weight: a, i
        a.bias: a
        core.weight: a, a
        core.bias: a
        head.weight: o, a
        head.bias: o
        """,
    ),
    "embeddings, summed": _net(
        lambda: Wired(
            lambda m, x: m.head(torch.tanh(m.embed(x).sum(1))),
            embed=nn.Embedding(5, 4),
            head=nn.Linear(4, 3),
        ),
        "word = 5  a = S(4)  o = 3",
        """
        embed.weight: word, a
        head.weight: o, a
        head.bias: o
        """,
        inputs=((2,),),
        words=5,
    ),
    "positional embedding": _net(
        lambda: Wired(
            lambda m, x: m.head(torch.tanh(m.a(x) + m.places).mean(1)),
            a=nn.Linear(2, 4),
            places=(1, 3, 4),
            head=nn.Linear(4, 1),
        ),
        "i = 2  a = S(4)  token = 3  one = 1  o = 1",
        """
        places: one, token, a
        a.weight: a, i
        a.bias: a
        head.weight: o, a
        head.bias: o
        """,
        inputs=((3, 2),),
    ),
    "a layer on each of a grid": _net(
        lambda: Wired(
            lambda m, x: m.head(
                torch.tanh(m.b(torch.tanh(m.a(x)).unflatten(1, (3, 4)))).flatten(1)
            ),
            a=nn.Linear(2, 12, bias=False),
            b=nn.Linear(4, 2),
            head=nn.Linear(6, 1),
        ),
        "i = 2  g = S(3)  a = S(4)  b = S(2)  o = 1",
        """
        a.weight: (g a), i
        b.weight: b, a
        b.bias: b
        head.weight: o, (g b)
        head.bias: o
        """,
    ),
    "tokens, flattened": _net(
        lambda: Wired(
            lambda m, x: m.head(torch.tanh(m.a(x)).flatten(1)),
            a=nn.Linear(2, 4),
            head=nn.Linear(12, 1),
        ),
        "i = 2  a = S(4)  token = 3  o = 1",
        """
        a.weight: a, i
        a.bias: a
        head.weight: o, (token a)
        head.bias: o
        """,
        inputs=((3, 2),),
    ),
    "concat then linear": _net(
        lambda: Wired(
            lambda m, x: m.head(torch.cat([torch.tanh(m.a(x)), torch.sin(m.b(x))], -1)),
            a=nn.Linear(2, 3),
            b=nn.Linear(2, 4),
            head=nn.Linear(7, 2),
        ),
        "i = 2  a = S(3)  b = S(4)  o = 2",
        """
        a.weight: a, i
        a.bias: a
        b.weight: b, i
        b.bias: b
        head.weight: o, a + b
        head.bias: o
        """,
    ),
    "weight norm": _net(
        lambda: nn.Sequential(
            weight_norm(nn.Linear(2, 4)), nn.Tanh(), weight_norm(nn.Linear(4, 3), dim=1)
        ),
        "i = 2  a = S(4)  o = 3  one = 1",
        """
        0.bias: a
        0.weight_g: a, one
        0.weight_v: a, i
        2.bias: o
        2.weight_g: one, a
        2.weight_v: o, a
        """,
    ),
    "weight norm as a parametrisation": _net(
        lambda: nn.Sequential(
            parametrizations.weight_norm(nn.Linear(2, 4)),
            nn.Tanh(),
            parametrizations.weight_norm(nn.Linear(4, 3), dim=None),  # type: ignore[arg-type]
        ),
        "i = 2  a = S(4)  o = 3  one = 1",
        """
        0.bias: a
        0.parametrizations.weight.original0: a, one
        0.parametrizations.weight.original1: a, i
        2.bias: o
        2.parametrizations.weight.original0: ,
        2.parametrizations.weight.original1: o, a
        """,
    ),
    "spectral norm": _net(
        lambda: nn.Sequential(
            spectral_norm(nn.Linear(2, 4)), nn.Tanh(), spectral_norm(nn.Linear(4, 3))
        ),
        "i = 2  a = S(4)  o = 3",
        """
        0.bias: a
        0.weight_orig: a, i
        0.weight_u: a
        0.weight_v: i
        2.bias: o
        2.weight_orig: o, a
        2.weight_u: o
        2.weight_v: a
        """,
    ),
    "spectral norm as a parametrisation": _net(
        lambda: nn.Sequential(
            parametrizations.spectral_norm(nn.Linear(2, 4)), nn.Tanh(), nn.Linear(4, 3)
        ),
        "i = 2  a = S(4)  o = 3",
        """
        0.bias: a
        0.parametrizations.weight.original: a, i
        0.parametrizations.weight.0._u: a
        0.parametrizations.weight.0._v: i
        2.weight: o, a
        2.bias: o
        """,
    ),
    "cosines of prototypes": _net(
        lambda: Wired(_normalised, a=nn.Linear(2, 4), prototypes=(3, 4)),
        "i = 2  a = S(4)  o = 3",
        """
        prototypes: o, a
        a.weight: a, i
        a.bias: a
        """,
    ),
    "cosine similarity": _net(
        lambda: Wired(
            lambda m, x: F.cosine_similarity(m.a(x).tanh().unsqueeze(1), m.prototypes, dim=-1),
            a=nn.Linear(2, 4),
            prototypes=(3, 4),
        ),
        "i = 2  a = S(4)  o = 3",
        """
        prototypes: o, a
        a.weight: a, i
        a.bias: a
        """,
    ),
    "distances to prototypes": _net(
        lambda: Wired(
            lambda m, x: m.head(torch.exp(-torch.cdist(torch.tanh(m.a(x)), m.prototypes))),
            a=nn.Linear(2, 3),
            prototypes=(5, 3),
            head=nn.Linear(5, 2),
        ),
        "i = 2  a = S(3)  k = S(5)  o = 2",
        """
        prototypes: k, a
        a.weight: a, i
        a.bias: a
        head.weight: o, k
        head.bias: o
        """,
    ),
    "nearest code": _net(
        lambda: Wired(_quantised, a=nn.Linear(2, 3), codes=(5, 3), head=nn.Linear(3, 2)),
        "i = 2  a = S(3)  k = S(5)  o = 2",
        """
        codes: k, a
        a.weight: a, i
        a.bias: a
        head.weight: o, a
        head.bias: o
        """,
        batch=24,
    ),
    "hypernetwork": _net(
        lambda: Wired(
            lambda m, x: m.head(torch.tanh(F.linear(x, m.make(m.z).view(4, 2)))),
            z=(3,),
            make=nn.Linear(3, 8),
            head=nn.Linear(4, 1),
        ),
        "i = 2  z = S(3)  a = S(4)  o = 1",
        """
        z: z
        make.weight: (a i), z
        make.bias: (a i)
        head.weight: o, a
        head.bias: o
        """,
    ),
    "hypernetwork of an input": _net(
        lambda: Wired(
            lambda m, x, z: m.head(
                torch.tanh(m.make(z).view(-1, 4, 2) @ x.unsqueeze(2)).squeeze(2)
            ),
            make=nn.Linear(3, 8),
            head=nn.Linear(4, 1),
        ),
        "i = 2  z = 3  a = S(4)  o = 1",
        """
        make.weight: (a i), z
        make.bias: (a i)
        head.weight: o, a
        head.bias: o
        """,
        inputs=((2,), (3,)),
    ),
    "modulated": _net(
        lambda: Wired(_modulated, a=nn.Linear(2, 4), film=nn.Linear(3, 8), head=nn.Linear(4, 1)),
        "i = 2  z = 3  a = S(4)  o = 1",
        """
        a.weight: a, i
        a.bias: a
        film.weight: a + a, z
        film.bias: a + a
        head.weight: o, a
        head.bias: o
        """,
        inputs=((2,), (3,)),
    ),
    "a parameter nothing reads": _net(
        lambda: Wired(
            lambda m, x: m.head(torch.tanh(m.a(x))),
            a=nn.Linear(2, 4),
            head=nn.Linear(4, 3),
            extra=(5, 3),
        ),
        "i = 2  a = S(4)  o = 3  row = S(5)  column = S(3) in row",
        f"""
        extra: row, column
        {_two_layers("a")}
        """,
    ),
    "a triangle of a matrix": _net(
        lambda: Wired(_triangular, a=nn.Linear(2, 4), mix=(4, 4), head=nn.Linear(4, 1)),
        "i = 2  a = 4  b = 4  o = 1",
        """
        mix: b, a
        a.weight: a, i
        a.bias: a
        head.weight: o, b
        head.bias: o
        """,
    ),
    "a fixed scale of each channel": _net(
        lambda: Wired(
            lambda m, x: m.head(torch.tanh(F.linear(torch.tanh(m.a(x)), m.mix * m.scale))),
            a=nn.Linear(2, 4),
            mix=(5, 4),
            head=nn.Linear(5, 1),
            scale=constant([1.0, 2.0, 3.0, 4.0]),
        ),
        "i = 2  a = 4  b = S(5)  o = 1",
        """
        mix: b, a
        a.weight: a, i
        a.bias: a
        head.weight: o, b
        head.bias: o
        """,
    ),
    "a fixed mask": _net(
        lambda: Wired(
            lambda m, x: m.head(torch.tanh(m.a(x)) * m.mask + torch.sin(m.a(x))),
            a=nn.Linear(2, 5),
            head=nn.Linear(5, 3),
            mask=constant([1.0, 1.0, 0.0, 0.0, 0.0]),
        ),
        "i = 2  a = S(2)  b = S(3)  o = 3",
        """
        a.weight: a + b, i
        a.bias: a + b
        head.weight: o, a + b
        head.bias: o
        """,
    ),
    "a mask that is kept": _net(
        lambda: Wired(
            lambda m, x: m.head(torch.tanh(m.a(x)) * m.mask),
            a=nn.Linear(2, 4),
            head=nn.Linear(4, 3),
            mask=nn.Buffer(torch.ones(4)),
        ),
        "i = 2  a = S(4)  o = 3",
        """
        mask: a
        a.weight: a, i
        a.bias: a
        head.weight: o, a
        head.bias: o
        """,
    ),
    "a matrix of low rank added": _net(
        lambda: Wired(
            lambda m, x: m.head(torch.tanh(F.linear(x, m.a + m.up @ m.down))),
            a=(4, 3),
            up=(4, 2),
            down=(2, 3),
            head=nn.Linear(4, 1),
        ),
        "i = 3  a = S(4)  rank = S(2)  o = 1",
        """
        a: a, i
        up: a, rank
        down: rank, i
        head.weight: o, a
        head.bias: o
        """,
        inputs=((3,),),
    ),
    "layer norm over tokens and channels": _net(
        lambda: Wired(
            lambda m, x: m.head(torch.tanh(m.norm(m.a(x))).mean(1)),
            a=nn.Linear(2, 4),
            norm=nn.LayerNorm((3, 4)),
            head=nn.Linear(4, 1),
        ),
        "i = 2  a = S(4)  token = 3  o = 1",
        """
        a.weight: a, i
        a.bias: a
        norm.weight: token, a
        norm.bias: token, a
        head.weight: o, a
        head.bias: o
        """,
        inputs=((3, 2),),
    ),
    "layer norm over a grid of channels": _net(
        lambda: Wired(
            lambda m, x: m.head(torch.tanh(m.norm(m.a(x).unflatten(1, (3, 2)))).flatten(1)),
            a=nn.Linear(2, 6, bias=False),
            norm=nn.LayerNorm((3, 2)),
            head=nn.Linear(6, 1),
        ),
        "i = 2  g = S(3)  a = S(2) in g  o = 1",
        """
        a.weight: (g a), i
        norm.weight: g, a
        norm.bias: g, a
        head.weight: o, (g a)
        head.bias: o
        """,
    ),
}


# --- Steps -----------------------------------------------------------------------------------------------


def _steps(m: Any, x: Tensor) -> Tensor:
    state = x.new_zeros(len(x), 3), x.new_zeros(len(x), 3)
    for step in x.unbind(1):
        state = m.cell(step, state)
    out: Tensor = m.head(state[0])
    return out


def _by_hand(m: Any, x: Tensor) -> Tensor:
    h = x.new_zeros(len(x), 4)
    for step in range(x.shape[1]):
        h = torch.tanh(m.a(x[:, step]) + m.b(h))
    out: Tensor = m.head(h)
    return out


def _recurrent(layer: nn.Module, width: int) -> nn.Module:
    return Wired(lambda m, x: m.head(m.cell(x)[0].mean(1)), cell=layer, head=nn.Linear(width, 2))


def _ends(name: str, rows: str, columns: str, hidden: str) -> str:
    return f"""
    cell.weight_ih_{name}: {rows}, {columns}
    cell.weight_hh_{name}: {rows}, {hidden}
    """


def _biases(name: str, rows: str) -> str:
    return f"""
    cell.bias_ih_{name}: {rows}
    cell.bias_hh_{name}: {rows}
    """


STEPS: Mapping[str, Adversarial] = {
    "lstm": _net(
        lambda: _recurrent(cell(nn.LSTM, 2, 3), 3),
        "i = 2  gate = 4  h = S(3)  o = 2",
        f"""
        {_ends("l0", "(gate h)", "i", "h")}
        {_biases("l0", "(gate h)")}
        head.weight: o, h
        head.bias: o
        """,
        inputs=((4, 2),),
    ),
    "lstm, two layers in both directions": _net(
        lambda: _recurrent(cell(nn.LSTM, 1, 2, num_layers=2, bidirectional=True, bias=False), 4),
        "i = 1  gate = 4  h = S(2)  b = S(2)  u = S(2)  v = S(2)  o = 2",
        f"""
        {_ends("l0", "(gate h)", "i", "h")}
        {_ends("l0_reverse", "(gate b)", "i", "b")}
        {_ends("l1", "(gate u)", "h + b", "u")}
        {_ends("l1_reverse", "(gate v)", "h + b", "v")}
        head.weight: o, u + v
        head.bias: o
        """,
        inputs=((4, 1),),
    ),
    "gru in both directions": _net(
        lambda: _recurrent(cell(nn.GRU, 1, 2, bidirectional=True), 4),
        "i = 1  gate = 3  h = S(2)  b = S(2)  o = 2",
        f"""
        {_ends("l0", "(gate h)", "i", "h")}
        {_biases("l0", "(gate h)")}
        {_ends("l0_reverse", "(gate b)", "i", "b")}
        {_biases("l0_reverse", "(gate b)")}
        head.weight: o, h + b
        head.bias: o
        """,
        inputs=((4, 1),),
    ),
    "rnn of two layers": _net(
        lambda: _recurrent(cell(nn.RNN, 2, 3, num_layers=2), 3),
        "i = 2  h = S(3)  u = S(3)  o = 2",
        f"""
        {_ends("l0", "h", "i", "h")}
        {_biases("l0", "h")}
        {_ends("l1", "u", "h", "u")}
        {_biases("l1", "u")}
        head.weight: o, u
        head.bias: o
        """,
        inputs=((4, 2),),
    ),
    "lstm with projection": _net(
        lambda: _recurrent(cell(nn.LSTM, 2, 4, proj_size=3, bias=False), 3),
        "i = 2  gate = 4  h = S(4)  p = S(3)  o = 2",
        f"""
        {_ends("l0", "(gate h)", "i", "p")}
        cell.weight_hr_l0: p, h
        head.weight: o, p
        head.bias: o
        """,
        inputs=((4, 2),),
    ),
    "lstm cell": _net(
        lambda: Wired(_steps, cell=nn.LSTMCell(2, 3), head=nn.Linear(3, 1)),
        "i = 2  gate = 4  h = S(3)  o = 1",
        """
        cell.weight_ih: (gate h), i
        cell.weight_hh: (gate h), h
        cell.bias_ih: (gate h)
        cell.bias_hh: (gate h)
        head.weight: o, h
        head.bias: o
        """,
        inputs=((3, 2),),
    ),
    "recurrence by hand": _net(
        lambda: Wired(
            _by_hand, a=nn.Linear(2, 4), b=nn.Linear(4, 4, bias=False), head=nn.Linear(4, 1)
        ),
        "i = 2  h = S(4)  o = 1",
        """
        a.weight: h, i
        a.bias: h
        b.weight: h, h
        head.weight: o, h
        head.bias: o
        """,
        inputs=((3, 2),),
    ),
}


# --- What is mixed, and what is told by number -----------------------------------------------------------


def _number_of_largest(m: Any, x: Tensor) -> Tensor:
    return torch.tanh(m.a(x)).argmax(1, keepdim=True).to(x.dtype)


def _in_the_order_of_numbers(m: Any, x: Tensor) -> Tensor:
    index = m.score(x).topk(2, 1).indices.sort(1).values
    out: Tensor = m.head(torch.tanh(m.a(x)).gather(1, index))
    return out


def _inverse_permutation(m: Any, x: Tensor) -> Tensor:
    ranks = m.a(x).argsort(1).argsort(1)
    out: Tensor = m.head(torch.sin(ranks.to(x.dtype) + 1))
    return out


class Unpooled(nn.Module):
    """SegNet: values go back to where the largest stood."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b, self.c = nn.Conv2d(2, 4, 1), nn.Conv2d(4, 4, 1), nn.Conv2d(4, 1, (1, 2))
        self.pool, self.unpool = nn.MaxPool2d((1, 2), return_indices=True), nn.MaxUnpool2d((1, 2))

    def forward(self, x: Tensor) -> Tensor:
        h, index = self.pool(torch.tanh(self.a(x)))
        return self.c(self.unpool(torch.sin(self.b(h)), index))  # type: ignore[no-any-return]


def _as_complex(m: Any, x: Tensor) -> Tensor:
    h = torch.view_as_complex(torch.stack([m.a(x), torch.tanh(m.b(x))], -1))
    out: Tensor = m.head(torch.view_as_real(h * h * h).flatten(1))
    return out


def _talking(m: Any, x: Tensor) -> Tensor:
    """The results of heads are mixed, and added to what they were."""
    query, key, value = _heads(m.q(x), 2), _heads(m.k(x), 2), _heads(m.v(x), 2)
    found = F.scaled_dot_product_attention(query, key, value)
    found = torch.tanh(found + torch.einsum("gh,bhtv->bgtv", m.talk, found))
    out: Tensor = m.o(found.transpose(1, 2).flatten(2))
    return out


def _mixed_hidden(mix: Callable[[Any, Tensor], Tensor]) -> nn.Module:
    """Experts, between whose hidden channels `(batch, expert, hidden)` something is done."""

    def says(m: Any, x: Tensor) -> Tensor:
        hidden = mix(m, torch.einsum("bi,ehi->beh", x, m.up))
        return torch.einsum("beh,eoh->bo", torch.tanh(hidden), m.down)

    return Wired(says, up=(3, 4, 2), down=(3, 2, 4))


EXPERTS_ALONE = """
    up: expert, hidden, in
    down: expert, out, hidden
"""


def _stack_of_two(change: Callable[[Tensor], Tensor]) -> nn.Module:
    """Two layers stacked, and something done along the stack."""
    return Wired(
        lambda m, x: m.head(torch.tanh(change(torch.stack([m.a(x), m.b(x)], 1))).flatten(1)),
        a=nn.Linear(2, 4),
        b=nn.Linear(2, 4),
        head=nn.Linear(8, 1),
    )


STACK_OF_TWO = """
    a.weight: a, i
    a.bias: a
    b.weight: b, i
    b.bias: b
    head.weight: o, a + b
    head.bias: o
"""

STACK_MIXED = STACK_OF_TWO.replace(": b", ": a").replace("+ b", "+ a")


def _rows_reversed(m: Any, x: Tensor) -> Tensor:
    first, second = m.p.flip(0).unbind(0)
    out: Tensor = torch.tanh(m.a(x) * first) @ m.u + torch.sin(m.b(x) * second) @ m.v
    return out


def _gram(kind: Callable[[Tensor], Tensor]) -> nn.Module:
    return Wired(
        lambda m, x: m.head(torch.tanh(F.linear(torch.tanh(m.a(x)), kind(m.w)))),
        a=nn.Linear(2, 4),
        w=(4, 3),
        head=nn.Linear(4, 1),
    )


GRAM = """
    w: a, rank
    a.weight: a, i
    a.bias: a
    head.weight: o, a
    head.bias: o
"""


def _low_rank_form(m: Any, x: Tensor) -> Tensor:
    h = torch.tanh(m.a(x))
    return torch.einsum("bi,ij,bj->b", h, m.u @ m.v.T, h).unsqueeze(1)


def _masked_in_place(h: Tensor) -> Tensor:
    h = torch.sin(h)
    h[h < 0] = 0.5
    return h


def _winners(h: Tensor) -> Tensor:
    return h * (h >= h.topk(2, 1).values[:, -1:])


class Sentences(nn.Module):
    """Windows of words as wide as their embedding."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(5, 3)
        self.conv = nn.Conv2d(1, 4, (2, 3))
        self.fc = nn.Linear(4, 2)

    def forward(self, words: Tensor) -> Tensor:
        h = torch.relu(self.conv(self.embed(words).unsqueeze(1))).squeeze(3)
        return self.fc(F.max_pool1d(h, h.shape[2]).squeeze(2))  # type: ignore[no-any-return]


MIXING: Mapping[str, Adversarial] = {
    "the number of the largest": _net(
        lambda: Wired(_number_of_largest, a=nn.Linear(2, 4)),
        "i = 2  a = 4",
        """
        a.weight: a, i
        a.bias: a
        """,
        batch=24,
    ),
    "the number of the largest, read": _net(
        lambda: Wired(
            lambda m, x: m.head(m.a(x).argmax(1, keepdim=True).to(x.dtype)),
            a=nn.Linear(2, 4),
            head=nn.Linear(1, 3),
        ),
        "i = 2  a = 4  one = 1  o = 3",
        """
        a.weight: a, i
        a.bias: a
        head.weight: o, one
        head.bias: o
        """,
        batch=24,
    ),
    "picked in the order of numbers": _net(
        lambda: Wired(
            _in_the_order_of_numbers, score=nn.Linear(2, 4), a=nn.Linear(2, 4), head=nn.Linear(2, 1)
        ),
        "i = 2  a = 4  rank = 2  o = 1",
        """
        score.weight: a, i
        score.bias: a
        a.weight: a, i
        a.bias: a
        head.weight: o, rank
        head.bias: o
        """,
        batch=24,
    ),
    "ranks": _net(
        lambda: Wired(_inverse_permutation, a=nn.Linear(2, 4), head=nn.Linear(4, 3)),
        "i = 2  a = S(4)  o = 3",
        HIDDEN,
        batch=24,
    ),
    "unpooled": _net(
        Unpooled,
        "i = 2  a = S(4)  j = 1  k = 2  o = 1",
        """
        a.weight: a, i, j, j
        a.bias: a
        b.weight: a, a, j, j
        b.bias: a
        c.weight: o, a, j, k
        c.bias: o
        """,
        inputs=((2, 1, 6),),
    ),
    "complex numbers": _net(
        lambda: Wired(_as_complex, a=nn.Linear(2, 4), b=nn.Linear(2, 4), head=nn.Linear(8, 1)),
        "i = 2  a = S(4)  two = 2  o = 1",
        """
        a.weight: a, i
        a.bias: a
        b.weight: a, i
        b.bias: a
        head.weight: o, (a two)
        head.bias: o
        """,
    ),
    "rows of parameters in a cell": _net(
        lambda: Wired(
            lambda m, x: m.head(torch.tanh(m.a(x)) * m.cell(m.given, m.state).mean(0)),
            a=nn.Linear(2, 3),
            given=(5, 2),
            state=(5, 3),
            cell=nn.RNNCell(2, 3),
            head=nn.Linear(3, 1),
        ),
        "i = 2  row = S(5)  a = S(3)  b = S(2)  c = S(3)  o = 1",
        """
        given: row, b
        state: row, c
        a.weight: a, i
        a.bias: a
        cell.weight_ih: a, b
        cell.weight_hh: a, c
        cell.bias_ih: a
        cell.bias_hh: a
        head.weight: o, a
        head.bias: o
        """,
    ),
    "heads that talk": _net(
        lambda: _separate(_talking, talk=(2, 2)),
        "head = S(2)  key = S(4) in head  value = S(3)  in = 2  out = 2",
        "talk: head, head" + SEPARATE,
        inputs=((3, 2),),
    ),
    "softmax over experts": _net(
        lambda: _mixed_hidden(lambda m, h: h.softmax(1)),
        "expert = S(3)  hidden = S(4)  in = 2  out = 2",
        EXPERTS_ALONE,
    ),
    "norm over experts": _net(
        lambda: _mixed_hidden(lambda m, h: F.layer_norm(h.mT, (3,)).mT),
        "expert = S(3)  hidden = S(4)  in = 2  out = 2",
        EXPERTS_ALONE,
    ),
    "instance norm over experts": _net(
        lambda: _mixed_hidden(lambda m, h: F.instance_norm(h.mT).mT),
        "expert = S(3)  hidden = S(4)  in = 2  out = 2",
        EXPERTS_ALONE,
    ),
    "softmax of each expert": _net(
        lambda: _mixed_hidden(lambda m, h: h.softmax(2)),
        "expert = S(3)  hidden = S(4) in expert  in = 2  out = 2",
        EXPERTS_ALONE,
    ),
    "a stack, reversed": _net(
        lambda: _stack_of_two(lambda h: h.flip(1)),
        "i = 2  a = S(4)  b = S(4)  o = 1",
        STACK_OF_TWO.replace("a + b", "b + a"),
    ),
    "a stack, summed up": _net(
        lambda: _stack_of_two(lambda h: h.cumsum(1)), "i = 2  a = S(4)  o = 1", STACK_MIXED
    ),
    "a stack and its softmax": _net(
        lambda: _stack_of_two(lambda h: h.softmax(1) + h), "i = 2  a = S(4)  o = 1", STACK_MIXED
    ),
    "rows of a parameter, reversed": _net(
        lambda: Wired(
            _rows_reversed, a=nn.Linear(2, 4), b=nn.Linear(2, 4), p=(2, 4), u=(4,), v=(4,)
        ),
        "i = 2  a = S(4)  b = S(4)",
        """
        p: 1, b; 1, a
        u: a
        v: b
        a.weight: a, i
        a.bias: a
        b.weight: b, i
        b.bias: b
        """,
    ),
    "rows of a parameter": _net(
        lambda: Wired(
            lambda m, x: torch.tanh(m.a(x)) @ m.p[0] + torch.sin(m.b(x)) @ m.p[1],
            a=nn.Linear(2, 4),
            b=nn.Linear(2, 4),
            p=(2, 4),
        ),
        "i = 2  a = S(4)  b = S(4)",
        """
        p: 1, a; 1, b
        a.weight: a, i
        a.bias: a
        b.weight: b, i
        b.bias: b
        """,
    ),
    "a state that is learned": _net(
        lambda: Wired(
            lambda m, x: m.head(m.cell(x, m.state.expand(1, len(x), 4).contiguous())[1][0]),
            state=(1, 1, 4),
            cell=nn.GRU(2, 4, batch_first=True, bias=False),
            head=nn.Linear(4, 1),
        ),
        "i = 2  gate = 3  h = S(4)  one = 1  o = 1",
        """
        state: one, one, h
        cell.weight_ih_l0: (gate h), i
        cell.weight_hh_l0: (gate h), h
        head.weight: o, h
        head.bias: o
        """,
        inputs=((3, 2),),
    ),
    "a batch that is learned": _net(
        lambda: Wired(
            lambda m, x: m.head(torch.tanh(m.a(x)) * m.cell(m.given, m.state)[0].mean((0, 1))),
            given=(5, 2, 2),
            state=(1, 5, 3),
            a=nn.Linear(2, 3),
            cell=nn.RNN(2, 3, batch_first=True, bias=False),
            head=nn.Linear(3, 1),
        ),
        "i = 2  row = S(5)  a = S(3)  b = S(2)  step = 2  one = 1  o = 1",
        """
        given: row, step, b
        state: one, row, a
        a.weight: a, i
        a.bias: a
        cell.weight_ih_l0: a, b
        cell.weight_hh_l0: a, a
        head.weight: o, a
        head.bias: o
        """,
    ),
    "a branch that inputs decide": _net(
        lambda: Wired(
            lambda m, x: m.head(torch.cond(x.sum() > 0, torch.tanh, torch.sin, (m.a(x),))),
            a=nn.Linear(2, 4),
            head=nn.Linear(4, 3),
        ),
        "i = 2  a = S(4)  o = 3",
        HIDDEN,
    ),
    "two layers, interleaved": _net(
        lambda: Wired(
            lambda m, x: m.head(torch.stack([m.a(x).tanh(), m.b(x).sin()], 2).flatten(1)),
            a=nn.Linear(2, 4),
            b=nn.Linear(2, 4),
            head=nn.Linear(8, 1),
        ),
        "i = 2  a = S(4)  b = S(4)  o = 1",
        STACK_OF_TWO,
        order={"head.weight": lambda t: t.unflatten(1, (2, 4)).mT.flatten(1)},
    ),
    "a matrix by itself": _net(
        lambda: _gram(lambda w: w @ w.T), "i = 2  a = S(4)  rank = S(3)  o = 1", GRAM
    ),
    "distances of rows": _net(
        lambda: _gram(lambda w: torch.cdist(w, w)), "i = 2  a = S(4)  rank = S(3)  o = 1", GRAM
    ),
    "cosines of rows": _net(
        lambda: _gram(lambda w: F.cosine_similarity(w[:, None], w, dim=2)),
        "i = 2  a = S(4)  rank = S(3)  o = 1",
        GRAM,
    ),
    "attention of rows": _net(
        lambda: _gram(lambda w: F.scaled_dot_product_attention(w[None], w[None], w @ w.T)[0]),
        "i = 2  a = S(4)  rank = S(3)  o = 1",
        GRAM,
    ),
    "a form of low rank": _net(
        lambda: Wired(_low_rank_form, a=nn.Linear(2, 4), u=(4, 3), v=(4, 3)),
        "i = 2  a = S(4)  rank = S(3)",
        """
        u: a, rank
        v: a, rank
        a.weight: a, i
        a.bias: a
        """,
    ),
    "the sum of an inverse": _net(
        lambda: Wired(
            lambda m, x: m.head(torch.tanh(m.a(x)) * m.w.inverse().sum()),
            a=nn.Linear(2, 4),
            w=(3, 3),
            head=nn.Linear(4, 1),
        ),
        "i = 2  a = S(4)  row = S(3)  column = S(3)  o = 1",
        """
        w: row, column
        a.weight: a, i
        a.bias: a
        head.weight: o, a
        head.bias: o
        """,
    ),
    "an identity added": _net(
        lambda: Wired(
            lambda m, x: m.head(
                torch.tanh(F.linear(torch.tanh(m.a(x)), m.w + torch.eye(4, dtype=x.dtype)))
            ),
            a=nn.Linear(2, 4),
            w=(4, 4),
            head=nn.Linear(4, 1),
        ),
        "i = 2  a = S(4)  o = 1",
        GRAM.replace("rank", "a"),
    ),
    "a mask written in place": _net(
        lambda: _hidden(_masked_in_place, 4), "i = 2  a = S(4)  o = 3", HIDDEN
    ),
    "winners": _net(lambda: _hidden(_winners, 4), "i = 2  a = S(4)  o = 3", HIDDEN, batch=16),
    "windows of words": _net(
        Sentences,
        "word = 5  d = S(3)  c = S(4)  one = 1  k = 2  o = 2",
        """
        embed.weight: word, d
        conv.weight: c, one, k, d
        conv.bias: c
        fc.weight: o, c
        fc.bias: o
        """,
        inputs=((4,),),
        words=5,
    ),
    "attention without a batch": _net(
        lambda: Wired(
            lambda m, x: m.head(
                torch.tanh(m.a(x)) * F.scaled_dot_product_attention(m.q, m.k, m.v).mean(0)
            ),
            a=nn.Linear(2, 4),
            q=(3, 2),
            k=(5, 2),
            v=(5, 4),
            head=nn.Linear(4, 1),
        ),
        "i = 2  a = S(4)  s = S(5)  t = S(3)  key = S(2)  o = 1",
        """
        q: t, key
        k: s, key
        v: s, a
        a.weight: a, i
        a.bias: a
        head.weight: o, a
        head.bias: o
        """,
    ),
}


# --- Parts inside a product ------------------------------------------------------------------------------


def _turned(turn: Callable[[Tensor], Tensor], h: Tensor) -> Tensor:
    """Rotary embedding of the first four keys of each head."""
    return torch.cat([turn(h[..., :4]), h[..., 4:]], -1)


def _partly_rotary(turn: Callable[[Tensor], Tensor]) -> nn.Module:
    def says(m: Any, x: Tensor) -> Tensor:
        query, key = (_turned(turn, _heads(h(x), 2)) for h in (m.q, m.k))
        out: Tensor = m.o(_attend(query, key, _heads(m.v(x), 2)))
        return out

    sizes = {"q": (2, 12), "k": (2, 12), "v": (2, 6), "o": (6, 2)}
    return Wired(says, **{n: nn.Linear(*size, bias=False) for n, size in sizes.items()})


def _partly_rotary_fused(m: Any, x: Tensor) -> Tensor:
    """As GPT-NeoX has it."""
    query, key, value = _heads(m.qkv(x), 2).split([6, 6, 3], -1)
    out: Tensor = m.o(_attend(_turned(_by_halves, query), _turned(_by_halves, key), value))
    return out


def _keys_with_values(m: Any, x: Tensor) -> Tensor:
    """As DeepSeek has it: a layer for the keys and the values of each head."""
    key, value = _heads(m.kv(x), 2).split([2, 3], -1)
    out: Tensor = m.o(_attend(_heads(m.q(x), 2), key, value))
    return out


def _slopes_fused(m: Any, x: Tensor) -> Tensor:
    """As Bloom has it: `(head, 3, key)`, and a slope for each head."""
    batch, tokens, _ = x.shape
    fused = m.qkv(x).view(batch, tokens, 2, 3, 3)
    query, key, value = (fused[..., part, :].transpose(1, 2) for part in range(3))
    found = F.scaled_dot_product_attention(query, key, value, attn_mask=_linear_in_distance(m))
    out: Tensor = m.o(found.transpose(1, 2).flatten(2))
    return out


def _gated_by_groups(m: Any, x: Tensor) -> Tensor:
    """In each of three groups two gates, and two channels for each gate."""
    gate, value = m.a(x).unflatten(1, (3, 6)).split([2, 4], 2)
    made = gate.softmax(2) * torch.tanh(value.unflatten(2, (2, 2))).prod(3)
    out: Tensor = m.head(made.flatten(1))
    return out


def _parts_in_parts(m: Any, x: Tensor) -> Tensor:
    """In each of two groups two gates, and for each gate two channels and three others."""
    gate, value = m.a(x).unflatten(1, (2, 12)).split([2, 10], 2)
    few, many = value.unflatten(2, (2, 5)).split([2, 3], 3)
    made = gate.softmax(2) * torch.tanh(few).prod(3) * torch.sin(many).amax(3)
    out: Tensor = m.head(made.flatten(1))
    return out


def _turned_in_place(m: Any, x: Tensor) -> Tensor:
    """In each of two groups three channels are scaled each on its own, the others are not."""
    h = m.a(x).unflatten(1, (2, 5))
    scaled = h[..., :3] * torch.tensor([0.5, 1.0, 2.0], dtype=h.dtype)
    out: Tensor = m.head(torch.cat([scaled, h[..., 3:]], 2).softmax(2).flatten(1))
    return out


def _joined_in_groups(m: Any, x: Tensor) -> Tensor:
    """What two layers make stands side by side in each of two groups."""
    a, b = m.a(x).unflatten(1, (2, 2)), m.b(x).unflatten(1, (2, 3))
    out: Tensor = m.head(torch.tanh(torch.cat([a, b], 2).softmax(2).flatten(1)))
    return out


def _joined_and_cut(m: Any, x: Tensor) -> Tensor:
    """The same, read again as one row of channels that is cut inside a group."""
    a, b = m.a(x).unflatten(1, (2, 2)), m.b(x).unflatten(1, (2, 3))
    whole = torch.cat([a, b], 2).softmax(2).flatten(1)
    out: Tensor = m.head(torch.tanh(whole[:, :7])) + m.last(torch.sin(whole[:, 7:]))
    return out


def _sorted_beside(m: Any, x: Tensor) -> Tensor:
    """In each of three groups channels beside the same sorted, and the groups in another order."""
    h = torch.tanh(m.a(x)).unflatten(1, (3, 4))
    out: Tensor = m.head(
        torch.stack([torch.sin(h), h.sort(2).values], 3).flatten(2).roll(1, 1).flatten(1)
    )
    return out


INSIDE: Mapping[str, Adversarial] = {
    "rotary of a part, halves": _net(
        lambda: _partly_rotary(_by_halves),
        "head = S(2)  turned = 4  key = S(2) in head  value = S(3) in head  in = 2  out = 2",
        """
        q.weight: (head (turned + key)), in
        k.weight: (head (turned + key)), in
        v.weight: (head value), in
        o.weight: out, (head value)
        """,
        inputs=((3, 2),),
    ),
    "rotary of a part, pairs": _net(
        lambda: _partly_rotary(_by_pairs),
        "head = S(2)  turned = 4  key = S(2) in head  value = S(3) in head  in = 2  out = 2",
        """
        q.weight: (head (turned + key)), in
        k.weight: (head (turned + key)), in
        v.weight: (head value), in
        o.weight: out, (head value)
        """,
        inputs=((3, 2),),
    ),
    "rotary of a part, fused by heads": _net(
        lambda: Wired(
            _partly_rotary_fused,
            qkv=nn.Linear(2, 30, bias=False),
            o=nn.Linear(6, 2, bias=False),
        ),
        "head = S(2)  turned = 4  key = S(2) in head  value = S(3) in head  in = 2  out = 2",
        """
        qkv.weight: (head (turned + key + turned + key + value)), in
        o.weight: out, (head value)
        """,
        inputs=((3, 2),),
    ),
    "keys and values of a head": _net(
        lambda: Wired(
            _keys_with_values,
            q=nn.Linear(2, 4, bias=False),
            kv=nn.Linear(2, 10, bias=False),
            o=nn.Linear(6, 2, bias=False),
        ),
        "head = S(2)  key = S(2) in head  value = S(3) in head  in = 2  out = 2",
        """
        q.weight: (head key), in
        kv.weight: (head (key + value)), in
        o.weight: out, (head value)
        """,
        inputs=((4, 2),),
    ),
    "slopes of heads, fused by heads": _net(
        lambda: Wired(
            _slopes_fused, qkv=nn.Linear(2, 18, bias=False), o=nn.Linear(6, 2, bias=False)
        ),
        "k0 = S(3)  k1 = S(3)  v0 = S(3)  v1 = S(3)  in = 2  out = 2",
        """
        qkv.weight: k0 + k0 + v0 + k1 + k1 + v1, in
        o.weight: out, v0 + v1
        """,
        inputs=((3, 2),),
    ),
    "gates in groups": _net(
        lambda: Wired(_gated_by_groups, a=nn.Linear(2, 18), head=nn.Linear(6, 3)),
        "i = 2  group = S(3)  gate = S(2) in group  pair = S(2) in gate  o = 3",
        """
        a.weight: (group (gate + (gate pair))), i
        a.bias: (group (gate + (gate pair)))
        head.weight: o, (group gate)
        head.bias: o
        """,
    ),
    "parts in parts": _net(
        lambda: Wired(_parts_in_parts, a=nn.Linear(2, 24), head=nn.Linear(4, 3)),
        "i = 2  group = S(2)  gate = S(2) in group  few = S(2) in gate  many = S(3) in gate  o = 3",
        """
        a.weight: (group (gate + (gate (few + many)))), i
        a.bias: (group (gate + (gate (few + many))))
        head.weight: o, (group gate)
        head.bias: o
        """,
    ),
    "constants in groups": _net(
        lambda: Wired(_turned_in_place, a=nn.Linear(2, 10), head=nn.Linear(10, 3)),
        "i = 2  group = S(2)  scaled = 3  other = S(2) in group  o = 3",
        """
        a.weight: (group (scaled + other)), i
        a.bias: (group (scaled + other))
        head.weight: o, (group (scaled + other))
        head.bias: o
        """,
    ),
    "sorted beside themselves": _net(
        lambda: Wired(_sorted_beside, a=nn.Linear(2, 12), head=nn.Linear(24, 3)),
        "i = 2  a = 12  rest = 24  o = 3",
        """
        a.weight: a, i
        a.bias: a
        head.weight: o, rest
        head.bias: o
        """,
    ),
    "joined in groups": _net(
        lambda: Wired(
            _joined_in_groups, a=nn.Linear(2, 4), b=nn.Linear(2, 6), head=nn.Linear(10, 3)
        ),
        "i = 2  group = S(2)  a = S(2) in group  b = S(3) in group  o = 3",
        """
        a.weight: (group a), i
        a.bias: (group a)
        b.weight: (group b), i
        b.bias: (group b)
        head.weight: o, (group (a + b))
        head.bias: o
        """,
    ),
    "joined in groups and cut": _net(
        lambda: Wired(
            _joined_and_cut,
            a=nn.Linear(2, 4),
            b=nn.Linear(2, 6),
            head=nn.Linear(7, 3),
            last=nn.Linear(3, 3),
        ),
        "i = 2  a0 = S(2)  a1 = S(2)  b0 = S(3)  b1 = S(3)  o = 3",
        """
        a.weight: a0 + a1, i
        a.bias: a0 + a1
        b.weight: b0 + b1, i
        b.bias: b0 + b1
        head.weight: o, a0 + b0 + a1
        head.bias: o
        last.weight: o, b1
        last.bias: o
        """,
    ),
}


# --- What is compared and may be equal -------------------------------------------------------------------


def _rows(score: Callable[[Any, Tensor], Tensor], **parts: Any) -> nn.Module:
    """The rows of a table by their scores; of those of equal scores the first is the first."""

    def says(m: Any, x: Tensor) -> Tensor:
        scores = score(m, x)
        order = scores.sort(dim=1, stable=True).indices
        ranked = m.table[order] * torch.tensor([[1.0], [2.0], [3.0], [4.0]], dtype=x.dtype)
        return m.table[scores.argmax(1)] + torch.sin(ranked).sum(1)  # type: ignore[no-any-return]

    return Wired(says, **parts, table=(4, 3))


def _wiped(h: Tensor) -> Tensor:
    """Zero for every second input, written through a view."""
    made = h.clone()
    made[::2] = 0
    return made


def _distances(h: Tensor) -> Tensor:
    """From each channel to the nearest other, negative: two have the same, whatever the weights are."""
    return -(h[:, :, None] - h[:, None, :]).square() - 9 * torch.eye(4, dtype=h.dtype)


def _marked_columns(m: Any, x: Tensor) -> Tensor:
    """A one-hot vector as two channels of three columns, of which two are zero, under a convolution."""
    marks = F.one_hot(m.a(x).argmax(1), 6).to(x.dtype).unflatten(1, (2, 3))
    largest, where = F.conv1d(marks, m.kernel).max(1)
    weighed = (2 + largest) * torch.tensor([1.0, 2.0, 3.0], dtype=x.dtype)
    return (m.table[where] * weighed.unsqueeze(2)).sum(1)  # type: ignore[no-any-return]


SCORED = """
    table: e, o
    a.weight: e, i
    a.bias: e
"""

ROUTED = """
    table: e, o
    a.weight: h, i
    a.bias: h
    router.weight: e, h
"""


def _scored(score: Callable[[Tensor, Tensor], Tensor], free: bool) -> Adversarial:
    axes = f"i = 2  e = {'S(4)' if free else 4}  o = 3"
    return _net(
        lambda: _rows(lambda m, x: score(x, m.a(x)), a=nn.Linear(2, 4)), axes, SCORED, batch=64
    )


def _routed(between: Callable[[Tensor], Tensor], free: bool) -> Adversarial:
    """Scores without a bias are all zero where what they are computed from is."""
    axes = f"i = 2  h = S(2)  e = {'S(4)' if free else 4}  o = 3"

    def made() -> nn.Module:
        router = nn.Linear(2, 4, bias=False)
        return _rows(lambda m, x: m.router(between(m.a(x))), a=nn.Linear(2, 2), router=router)

    return _net(made, axes, ROUTED, batch=64)


EQUAL: Mapping[str, Adversarial] = {
    "scores": _scored(lambda x, h: h, free=True),
    "scores above zero": _scored(lambda x, h: (h > 0).to(h.dtype), free=False),
    "scores below a bound": _scored(lambda x, h: h.clamp(max=0.2), free=False),
    "scores or zero": _scored(lambda x, h: h.masked_fill(x[:, :1] > 0, 0), free=False),
    "scores or their mean": _scored(
        lambda x, h: torch.maximum(h, h.mean(1, keepdim=True) + x[:, :1]), free=False
    ),
    "scores less themselves": _scored(lambda x, h: h - h * (x[:, :1] > 0), free=False),
    "scores over their size": _scored(
        lambda x, h: F.normalize(h.unsqueeze(2), dim=2).squeeze(2), free=False
    ),
    "scores wiped through a view": _scored(lambda x, h: _wiped(h), free=False),
    "nearest channels": _scored(lambda x, h: _distances(h).amax(2), free=False),
    "scores of a smooth layer": _routed(torch.tanh, free=True),
    "scores of a relu": _routed(torch.relu, free=False),
    "scores of what a relu leaves": _routed(lambda h: h - torch.relu(h), free=False),
    "scores of a relu, rescaled": _routed(lambda h: F.normalize(torch.relu(h), dim=1), free=False),
    "scores of a relu, with a bias": _net(
        lambda: _rows(
            lambda m, x: m.router(torch.relu(m.a(x))), a=nn.Linear(2, 2), router=nn.Linear(2, 4)
        ),
        "i = 2  h = S(2)  e = S(4)  o = 3",
        f"{ROUTED} router.bias: e",
        batch=64,
    ),
    "scores of a relu beside the input": _net(
        lambda: _rows(
            lambda m, x: m.router(x + m.b(torch.relu(m.a(x)))),
            a=nn.Linear(2, 3),
            b=nn.Linear(3, 2, bias=False),
            router=nn.Linear(2, 4, bias=False),
        ),
        "i = 2  h = S(3)  e = S(4)  o = 3",
        """
        table: e, o
        a.weight: h, i
        a.bias: h
        b.weight: i, h
        router.weight: e, i
        """,
        batch=64,
    ),
    "scores of a norm over one entry": _net(
        lambda: _rows(
            lambda m, x: m.router(F.layer_norm(m.a(x), (1,))),
            a=nn.Linear(2, 1),
            router=nn.Linear(1, 4, bias=False),
        ),
        "i = 2  h = 1  e = 4  o = 3",
        ROUTED,
        degenerate="all scores are zero: nothing but the first row of the table matters",
    ),
    "convolved one-hot vectors": _net(
        lambda: Wired(_marked_columns, a=nn.Linear(2, 6), kernel=(2, 2, 1), table=(2, 3)),
        "i = 2  mark = S(2)  column = 3  c = 2  one = 1  o = 3",
        """
        kernel: c, mark, one
        table: c, o
        a.weight: (mark column), i
        a.bias: (mark column)
        """,
        batch=64,
    ),
}


ADVERSARIAL: Mapping[str, Adversarial] = {
    **ORDER,
    **CHANNELS,
    **ATTENTION,
    **MIXED,
    **PARAMETERS,
    **STEPS,
    **MIXING,
    **INSIDE,
    **EQUAL,
}
