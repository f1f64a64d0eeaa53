"""Networks on vectors whose channels are gated, scaled by norms and multiplied, in plain PyTorch."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from .stored import Network

AXES = "axis v = O(3)  axis q = Sp(2)"


class Bend(nn.Module):
    """x sigmoid(<left x, right x> + bias): the mean over three coordinates."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(width))
        self.left = nn.Linear(width, width, bias=False)
        self.right = nn.Linear(width, width, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        scalars = (self.left(x) * self.right(x)).mean(1, keepdim=True)
        return x * torch.sigmoid(scalars + self.bias)


class Squash(nn.Module):
    """x tanh(|x| + bias) / |x|."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(width))

    def forward(self, x: Tensor) -> Tensor:
        norm = (x.square().sum(1, keepdim=True) + 1e-6).sqrt()
        return x * torch.tanh(norm + self.bias) / norm


class Gated(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.a, self.g = nn.Linear(2, 4, bias=False), Bend(4)
        self.out = nn.Linear(4, 2, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.out(self.g(self.a(x)))  # type: ignore[no-any-return]


class Scaled(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.a, self.g = nn.Linear(2, 4, bias=False), Squash(4)
        self.out = nn.Linear(4, 2, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.out(self.g(self.a(x)))  # type: ignore[no-any-return]


class Tensors(nn.Module):
    """All products of two lists of vectors."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Linear(2, 3, bias=False), nn.Linear(2, 4, bias=False)
        self.out = nn.Linear(12, 2, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        products = torch.einsum("nic,njd->nijcd", self.a(x), self.b(x))
        return self.out(products.flatten(-2))  # type: ignore[no-any-return]


class Areas(nn.Module):
    """The symplectic products of a list with itself."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.out = nn.Linear(2, 3, bias=False), nn.Linear(9, 2)

    def forward(self, x: Tensor) -> Tensor:
        a = self.a(x)
        areas = torch.einsum("nc,nd->ncd", a[:, 0], a[:, 1])
        areas = areas - torch.einsum("nc,nd->ncd", a[:, 1], a[:, 0])
        return self.out(areas.flatten(-2))  # type: ignore[no-any-return]


MULTIPLICATIVE: Mapping[str, Network] = {
    "gate": Network(
        Gated,
        f"""{AXES}
        model Net(x: [v; 2]) -> [v; 2] {{
            a = linear(x, 4)
            g = gate(a)
            return linear(g, 2, name = out)
        }}""",
        "h = S(4)  i = 2  o = 2",
        {
            "a.weight": "h, i",
            "g.bias": "h",
            "g.left.weight": "h, h",
            "g.right.weight": "h, h",
            "out.weight": "o, h",
        },
        inputs=((3, 2),),
    ),
    "norm_act": Network(
        Scaled,
        f"""{AXES}
        model Net(x: [v; 2]) -> [v; 2] {{
            a = linear(x, 4)
            g = norm_act(a, act = tanh)
            return linear(g, 2, name = out)
        }}""",
        "h = S(4)  i = 2  o = 2",
        {"a.weight": "h, i", "g.bias": "h", "out.weight": "o, h"},
        inputs=((3, 2),),
    ),
    "outer": Network(
        Tensors,
        f"""{AXES}
        model Net(x: [v; 2]) -> [v, v; 2] {{
            a = linear(x, 3)
            b = linear(x, 4)
            return linear(outer(a, b), 2, name = out)
        }}""",
        "h = S(3)  k = S(4)  i = 2  o = 2",
        {"a.weight": "h, i", "b.weight": "k, i", "out.weight": "o, (h k)"},
        inputs=((3, 2),),
    ),
    "inner": Network(
        Areas,
        f"""{AXES}
        model Net(x: [q; 2]) -> [; 2] {{
            a = linear(x, 3)
            return linear(inner(a, a), 2, name = out)
        }}""",
        "h = S(3)  i = 2  o = 2",
        {"a.weight": "h, i", "out.weight": "o, (h h)", "out.bias": "o"},
        inputs=((2, 2),),
    ),
}
