"""Recurrent networks and their like in plain PyTorch, their specs, and the symmetry of their weights by hand.

Each is a small case of how hidden positions are tied across gates, layers, directions and states.
Nothing of the compiler is imported. Sizes that mean different things differ wherever that is possible.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .stored import Network


class Net(nn.Module):
    """Layers by their names, and what is done with them."""

    def __init__(self, says: Callable[..., Tensor], **layers: nn.Module) -> None:
        super().__init__()
        self.says = says
        for name, layer in layers.items():
            self.add_module(name, layer)

    def forward(self, *inputs: Tensor) -> Tensor:
        return self.says(self, *inputs)


class Table(nn.Module):
    """A parameter alone."""

    def __init__(self, *shape: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(shape))


class Edges(nn.Module):
    """A layer with a function on every edge: straight lines between 3 knots, and a multiple of silu."""

    def __init__(self, width: int, channels: int) -> None:
        super().__init__()
        self.base_weight = nn.Parameter(torch.empty(channels, width))
        self.spline_weight = nn.Parameter(torch.empty(channels, width, 3))

    def forward(self, x: Tensor) -> Tensor:
        knots = torch.tensor([-1.0, 0.0, 1.0], dtype=x.dtype)
        hats = (1 - (x.unsqueeze(-1) - knots).abs()).clamp(min=0)
        edges = torch.einsum("bik,oik->bo", hats, self.spline_weight)
        return edges + F.linear(F.silu(x), self.base_weight)


@dataclass(frozen=True, slots=True)
class Sequential(Network):
    """Weights are small enough that nothing saturates."""

    inputs: tuple[tuple[int, ...], ...] = field(default=((4, 2),), kw_only=True)
    scale: float = field(default=0.7, kw_only=True)


def cell(kind: Any, *sizes: int, **options: Any) -> nn.Module:
    """A recurrent layer of torch's."""
    layer: nn.Module = kind(*sizes, batch_first=True, **options)
    return layer


def of_cell(
    path: str, rows: str, columns: str, hidden: str, end: str = "l0", bias: bool = True
) -> dict[str, str]:
    """The parameters of one layer and direction."""
    found = {
        f"{path}.weight_ih_{end}": f"{rows}, {columns}",
        f"{path}.weight_hh_{end}": f"{rows}, {hidden}",
    }
    if bias:
        found |= {f"{path}.bias_ih_{end}": rows, f"{path}.bias_hh_{end}": rows}
    return found


def of_head(columns: str) -> dict[str, str]:
    return {"head.weight": f"o, {columns}", "head.bias": "o"}


def _net(body: str, given: str = "x: [step; 2]") -> str:
    return f"axis step = 4  axis later = 3  model Net({given}) -> [; 2] {{ {body} }}"


SEQUENTIAL: Mapping[str, Sequential] = {
    "rnn": Sequential(
        lambda: Net(
            lambda m, x: m.head(m.cell(x)[0][:, -1]), cell=cell(nn.RNN, 2, 3), head=nn.Linear(3, 2)
        ),
        _net("cell = rnn(x, 3, over = step, steps = last)  head = linear(cell, 2)  return head"),
        "i = 2  h = S(3)  o = 2",
        {**of_cell("cell", "h", "i", "h"), **of_head("h")},
    ),
    "rnn with relu, all steps": Sequential(
        lambda: Net(
            lambda m, x: m.head(m.cell(x)[0].mean(1)),
            cell=cell(nn.RNN, 2, 3, nonlinearity="relu"),
            head=nn.Linear(3, 2),
        ),
        _net(
            "cell = rnn(x, 3, over = step, act = relu)  head = linear(mean[step](cell), 2)  return head"
        ),
        "i = 2  h = S(3)  o = 2",
        {**of_cell("cell", "h", "i", "h"), **of_head("h")},
    ),
    "gru": Sequential(
        lambda: Net(
            lambda m, x: m.head(m.cell(x)[0][:, -1]), cell=cell(nn.GRU, 2, 4), head=nn.Linear(4, 2)
        ),
        _net("cell = gru(x, 4, over = step, steps = last)  head = linear(cell, 2)  return head"),
        "i = 2  g = 3  h = S(4)  o = 2",
        {**of_cell("cell", "(g h)", "i", "h"), **of_head("h")},
    ),
    "gru without bias": Sequential(
        lambda: Net(
            lambda m, x: m.head(m.cell(x)[0].mean(1)),
            cell=cell(nn.GRU, 2, 4, bias=False),
            head=nn.Linear(4, 2),
        ),
        _net(
            "cell = gru(x, 4, over = step, bias = false)  head = linear(mean[step](cell), 2)  return head"
        ),
        "i = 2  g = 3  h = S(4)  o = 2",
        {**of_cell("cell", "(g h)", "i", "h", bias=False), **of_head("h")},
    ),
    "lstm": Sequential(
        lambda: Net(
            lambda m, x: m.head(m.cell(x)[0].mean(1)),
            cell=cell(nn.LSTM, 2, 3),
            head=nn.Linear(3, 2),
        ),
        _net("cell = lstm(x, 3, over = step)  head = linear(mean[step](cell), 2)  return head"),
        "i = 2  g = 4  h = S(3)  o = 2",
        {**of_cell("cell", "(g h)", "i", "h"), **of_head("h")},
    ),
    "lstm without bias": Sequential(
        lambda: Net(
            lambda m, x: m.head(m.cell(x)[0][:, -1]),
            cell=cell(nn.LSTM, 2, 3, bias=False),
            head=nn.Linear(3, 2),
        ),
        _net(
            "cell = lstm(x, 3, over = step, bias = false, steps = last)  head = linear(cell, 2)  return head"
        ),
        "i = 2  g = 4  h = S(3)  o = 2",
        {**of_cell("cell", "(g h)", "i", "h", bias=False), **of_head("h")},
    ),
    "two directions": Sequential(
        lambda: Net(
            lambda m, x: m.head(torch.cat([m.cell(x)[0][:, -1, :4], m.cell(x)[0][:, 0, 4:]], -1)),
            cell=cell(nn.GRU, 2, 4, bidirectional=True),
            head=nn.Linear(8, 2),
        ),
        _net(
            "cell = gru(x, 4, over = step, bidirectional = true, steps = last)  head = linear(cell, 2)  return head"
        ),
        "i = 2  g = 3  f = S(4)  b = S(4)  o = 2",
        {
            **of_cell("cell", "(g f)", "i", "f"),
            **of_cell("cell", "(g b)", "i", "b", "l0_reverse"),
            **of_head("f + b"),
        },
    ),
    "two layers": Sequential(
        lambda: Net(
            lambda m, x: m.head(m.cell(x)[0][:, -1]),
            cell=cell(nn.LSTM, 2, 3, num_layers=2, bias=False),
            head=nn.Linear(3, 2),
        ),
        _net(
            "cell = lstm(x, 3, over = step, layers = 2, bias = false, steps = last)  head = linear(cell, 2)  return head"
        ),
        "i = 2  g = 4  h = S(3)  k = S(3)  o = 2",
        {
            **of_cell("cell", "(g h)", "i", "h", bias=False),
            **of_cell("cell", "(g k)", "h", "k", "l1", bias=False),
            **of_head("k"),
        },
    ),
    "layers and directions": Sequential(
        lambda: Net(
            lambda m, x: m.head(m.cell(x)[0].mean(1)),
            cell=cell(nn.RNN, 2, 3, num_layers=2, bidirectional=True, bias=False),
            head=nn.Linear(6, 2),
        ),
        _net(
            "cell = rnn(x, 3, over = step, layers = 2, bidirectional = true, bias = false)"
            "  head = linear(mean[step](cell), 2)  return head"
        ),
        "i = 2  f = S(3)  b = S(3)  u = S(3)  v = S(3)  o = 2",
        {
            **of_cell("cell", "f", "i", "f", bias=False),
            **of_cell("cell", "b", "i", "b", "l0_reverse", bias=False),
            **of_cell("cell", "u", "f + b", "u", "l1", bias=False),
            **of_cell("cell", "v", "f + b", "v", "l1_reverse", bias=False),
            **of_head("u + v"),
        },
    ),
    "the state of all layers": Sequential(
        lambda: Net(
            lambda m, x: m.head(torch.cat(list(m.cell(x)[1]), -1)),
            cell=cell(nn.RNN, 2, 3, num_layers=2, bias=False),
            head=nn.Linear(6, 2),
        ),
        _net(
            "cell = rnn(x, 3, over = step, layers = 2, bias = false, steps = state)  head = linear(cell, 2)  return head"
        ),
        "i = 2  h = S(3)  k = S(3)  o = 2",
        {
            **of_cell("cell", "h", "i", "h", bias=False),
            **of_cell("cell", "k", "h", "k", "l1", bias=False),
            **of_head("h + k"),
        },
    ),
    "both states of an lstm": Sequential(
        lambda: Net(
            lambda m, x: m.head(torch.cat([m.cell(x)[1][1][0], m.cell(x)[1][0][0]], -1)),
            cell=cell(nn.LSTM, 2, 3, bias=False),
            head=nn.Linear(6, 2),
        ),
        _net(
            "h, c = lstm(x, 3, over = step, steps = state, bias = false, name = cell)  head = linear(concat(c, h), 2)  return head"
        ),
        "i = 2  g = 4  h = S(3)  o = 2",
        {**of_cell("cell", "(g h)", "i", "h", bias=False), **of_head("h + h")},
    ),
    "encoder and decoder": Sequential(
        lambda: Net(
            lambda m, x, y: m.head(m.decoder(y, m.encoder(x)[1])[0].mean(1)),
            encoder=cell(nn.GRU, 2, 4, bias=False),
            decoder=cell(nn.GRU, 5, 4, bias=False),
            head=nn.Linear(4, 2),
        ),
        _net(
            "state = gru(x, 4, over = step, bias = false, steps = last, name = encoder)"
            "  said = gru(y, 4, over = later, bias = false, initial = state, name = decoder)"
            "  head = linear(mean[later](said), 2)  return head",
            "x: [step; 2], y: [later; 5]",
        ),
        "i = 2  j = 5  g = 3  h = S(4)  o = 2",
        {
            **of_cell("encoder", "(g h)", "i", "h", bias=False),
            **of_cell("decoder", "(g h)", "j", "h", bias=False),
            **of_head("h"),
        },
        inputs=((4, 2), (3, 5)),
    ),
    "encoder and decoder of two layers": Sequential(
        lambda: Net(
            lambda m, x, y: m.head(m.decoder(y, m.encoder(x)[1])[0][:, -1]),
            encoder=cell(nn.LSTM, 2, 3, num_layers=2),
            decoder=cell(nn.LSTM, 5, 3, num_layers=2),
            head=nn.Linear(3, 2),
        ),
        _net(
            "h, c = lstm(x, 3, over = step, layers = 2, steps = state, name = encoder)"
            "  said = lstm(y, 3, over = later, layers = 2, initial = (h, c), steps = last, name = decoder)"
            "  head = linear(said, 2)  return head",
            "x: [step; 2], y: [later; 5]",
        ),
        "i = 2  j = 5  g = 4  h = S(3)  k = S(3)  o = 2",
        {
            **of_cell("encoder", "(g h)", "i", "h"),
            **of_cell("encoder", "(g k)", "h", "k", "l1"),
            **of_cell("decoder", "(g h)", "j", "h"),
            **of_cell("decoder", "(g k)", "h", "k", "l1"),
            **of_head("k"),
        },
        inputs=((4, 2), (3, 5)),
    ),
    "a state made of the input": Sequential(
        lambda: Net(
            lambda m, x, y: m.head(m.cell(x, torch.stack(m.first(y).split(3, -1)))[0][:, -1]),
            first=nn.Linear(5, 6),
            cell=cell(nn.RNN, 2, 3, num_layers=2, bias=False),
            head=nn.Linear(3, 2),
        ),
        _net(
            "first = linear(y, 6)  cell = rnn(x, 3, over = step, layers = 2, bias = false, initial = first, steps = last)"
            "  head = linear(cell, 2)  return head",
            "x: [step; 2], y: [; 5]",
        ),
        "i = 2  j = 5  h = S(3)  k = S(3)  o = 2",
        {
            "first.weight": "h + k, j",
            "first.bias": "h + k",
            **of_cell("cell", "h", "i", "h", bias=False),
            **of_cell("cell", "k", "h", "k", "l1", bias=False),
            **of_head("k"),
        },
        inputs=((4, 2), (5,)),
    ),
    "a state that is given": Sequential(
        lambda: Net(
            lambda m, x, y: m.head(m.cell(x, y[None])[0][:, -1]),
            cell=cell(nn.RNN, 2, 3),
            head=nn.Linear(3, 2),
        ),
        _net(
            "cell = rnn(x, 3, over = step, initial = y, steps = last)  head = linear(cell, 2)  return head",
            "x: [step; 2], y: [; 3]",
        ),
        "i = 2  h = 3  o = 2",
        {**of_cell("cell", "h", "i", "h"), **of_head("h")},
        inputs=((4, 2), (3,)),
    ),
    "one cell used twice": Sequential(
        lambda: Net(
            lambda m, x: m.head(m.cell(m.cell(m.start(x))[0])[0][:, -1]),
            start=nn.Linear(2, 3),
            cell=cell(nn.GRU, 3, 3, bias=False),
            head=nn.Linear(3, 2),
        ),
        _net(
            "start = linear(x, 3)  once = gru(start, 3, over = step, bias = false, name = cell)"
            "  twice = gru(once, 3, over = step, bias = false, steps = last, name = cell)  head = linear(twice, 2)  return head"
        ),
        "i = 2  g = 3  h = S(3)  o = 2",
        {
            "start.weight": "h, i",
            "start.bias": "h",
            **of_cell("cell", "(g h)", "h", "h", bias=False),
            **of_head("h"),
        },
    ),
    "a residual sum": Sequential(
        lambda: Net(
            lambda m, x: m.head((m.start(x) + m.cell(m.start(x))[0]).mean(1)),
            start=nn.Linear(2, 3),
            cell=cell(nn.RNN, 3, 3, bias=False),
            head=nn.Linear(3, 2),
        ),
        _net(
            "start = linear(x, 3)  cell = rnn(start, 3, over = step, bias = false)"
            "  head = linear(mean[step](start + cell), 2)  return head"
        ),
        "i = 2  h = S(3)  o = 2",
        {
            "start.weight": "h, i",
            "start.bias": "h",
            **of_cell("cell", "h", "h", "h", bias=False),
            **of_head("h"),
        },
    ),
    "words": Sequential(
        lambda: Net(
            lambda m, x: m.head(m.cell(m.embed(x))[0][:, -1]),
            embed=nn.Embedding(6, 3),
            cell=cell(nn.GRU, 3, 4, bias=False),
            head=nn.Linear(4, 2),
        ),
        _net(
            "embed = embedding(x, 3)  cell = gru(embed, 4, over = step, bias = false, steps = last)"
            "  head = linear(cell, 2)  return head",
            "x: [step; index 6]",
        ),
        "w = 6  e = S(3)  g = 3  h = S(4)  o = 2",
        {
            "embed.weight": "w, e",
            **of_cell("cell", "(g h)", "e", "h", bias=False),
            **of_head("h"),
        },
        inputs=((4,),),
        words=6,
    ),
    "tied words and positions": Sequential(
        lambda: Net(
            lambda m, x: F.linear(
                torch.tanh(m.middle(m.embed(x) + m.place.weight)).mean(1), m.embed.weight
            ),
            embed=nn.Embedding(6, 4),
            place=Table(4, 4),
            middle=nn.Linear(4, 4),
        ),
        """axis step = 4  model Net(x: [step; index 6]) -> [; 6] {
            z = embedding(x, 4, name = embed) + positions(step, 4, name = place)
            middle = linear(z, 4)
            return linear(mean[step](tanh(middle)), 6, bias = false, name = embed)
        }""",
        "w = 6  e = S(4)  p = 4",
        {
            "embed.weight": "w, e",
            "place.weight": "p, e",
            "middle.weight": "e, e",
            "middle.bias": "e",
        },
        inputs=((4,),),
        words=6,
    ),
    "positions on a grid": Sequential(
        lambda: Net(
            lambda m, x: m.head(torch.tanh(m.start(x) + m.place.weight).mean((1, 2))),
            start=nn.Linear(2, 5),
            place=Table(3, 4, 5),
            head=nn.Linear(5, 2),
        ),
        """axis y = 3  axis x = 4  model Net(image: [y, x; 2]) -> [; 2] {
            start = linear(image, 5)  place = positions([y, x], 5)
            head = linear(mean[y, x](tanh(start + place)), 2)
            return head
        }""",
        "i = 2  y = 3  x = 4  e = S(5)  o = 2",
        {"start.weight": "e, i", "start.bias": "e", "place.weight": "y, x, e", **of_head("e")},
        inputs=((3, 4, 2),),
    ),
    "sines of positions": Sequential(
        lambda: Net(
            lambda m, x: m.head(torch.tanh(m.start(x) + sines(4, 3, x)).mean(1)),
            start=nn.Linear(2, 3),
            head=nn.Linear(3, 2),
        ),
        _net(
            "start = linear(x, 3)  head = linear(mean[step](tanh(start + sinusoidal(step, 3))), 2, name = head)  return head"
        ),
        "i = 2  e = 3  o = 2",
        {"start.weight": "e, i", "start.bias": "e", **of_head("e")},
    ),
    "bilinear": Sequential(
        lambda: Net(
            lambda m, x: m.head(torch.tanh(m.form(torch.tanh(m.a(x)), torch.tanh(m.b(x))))),
            a=nn.Linear(2, 3),
            b=nn.Linear(2, 4),
            form=nn.Bilinear(3, 4, 5),
            head=nn.Linear(5, 2),
        ),
        """model Net(x: [; 2]) -> [; 2] {
            a = linear(x, 3)  b = linear(x, 4)  form = bilinear(tanh(a), tanh(b), 5)
            head = linear(tanh(form), 2)  return head
        }""",
        "i = 2  a = S(3)  b = S(4)  c = S(5)  o = 2",
        {
            "a.weight": "a, i",
            "a.bias": "a",
            "b.weight": "b, i",
            "b.bias": "b",
            "form.weight": "c, a, b",
            "form.bias": "c",
            **of_head("c"),
        },
        inputs=((2,),),
    ),
    "bilinear in one value": Sequential(
        lambda: Net(
            lambda m, x: m.head(m.form(torch.tanh(m.a(x)), torch.tanh(m.a(x)))),
            a=nn.Linear(2, 3),
            form=nn.Bilinear(3, 3, 4, bias=False),
            head=nn.Linear(4, 2),
        ),
        """model Net(x: [; 2]) -> [; 2] {
            a = linear(x, 3)  form = bilinear(tanh(a), tanh(a), 4, bias = false)
            head = linear(form, 2)  return head
        }""",
        "i = 2  a = S(3)  c = S(4)  o = 2",
        {"a.weight": "a, i", "a.bias": "a", "form.weight": "c, a, a", **of_head("c")},
        inputs=((2,),),
    ),
    "gated": Sequential(
        lambda: Net(
            lambda m, x: m.head(F.silu(m.unit.gate(x)) * m.unit.up(x)),
            unit=nn.ModuleDict({"gate": nn.Linear(2, 3), "up": nn.Linear(2, 3)}),
            head=nn.Linear(3, 2),
        ),
        "model Net(x: [; 2]) -> [; 2] { unit = gated(x, 3, act = silu)  head = linear(unit, 2)  return head }",
        "i = 2  h = S(3)  o = 2",
        {
            "unit.gate.weight": "h, i",
            "unit.gate.bias": "h",
            "unit.up.weight": "h, i",
            "unit.up.bias": "h",
            **of_head("h"),
        },
        inputs=((2,),),
    ),
    "fused gates": Sequential(
        lambda: Net(
            lambda m, x: m.head(F.glu(m.unit(x), -1)), unit=nn.Linear(2, 6), head=nn.Linear(3, 2)
        ),
        "model Net(x: [; 2]) -> [; 2] { unit = gated(x, 3, fused = true)  head = linear(unit, 2)  return head }",
        "i = 2  h = S(3)  o = 2",
        {"unit.weight": "h + h, i", "unit.bias": "h + h", **of_head("h")},
        inputs=((2,),),
    ),
    "functions on edges": Sequential(
        lambda: Net(
            lambda m, x: m.head(m.b(torch.tanh(m.a(x)))),
            a=Edges(2, 4),
            b=Edges(4, 5),
            head=nn.Linear(5, 2),
        ),
        """model Net(x: [; 2]) -> [; 2] {
            a = kan(x, 4, grid = 2, degree = 1)  b = kan(tanh(a), 5, grid = 2, degree = 1)
            head = linear(b, 2)  return head
        }""",
        "i = 2  a = S(4)  b = S(5)  k = 3  o = 2",
        {
            "a.base_weight": "a, i",
            "a.spline_weight": "a, i, k",
            "b.base_weight": "b, a",
            "b.spline_weight": "b, a, k",
            **of_head("b"),
        },
        inputs=((2,),),
    ),
}


def sines(positions: int, channels: int, like: Tensor) -> Tensor:
    """The sinusoidal table, from its definition."""
    rows = [
        [
            np.cos(p / 10000 ** ((c - 1) / channels))
            if c % 2
            else np.sin(p / 10000 ** (c / channels))
            for c in range(channels)
        ]
        for p in range(positions)
    ]
    return torch.tensor(rows, dtype=like.dtype)
