"""Networks written by hand in PyTorch, each a small case of how positions are tied or pinned."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

Activation = Callable[[Tensor], Tensor]


class Mlp(nn.Module):
    """fc1, fc2, ... with an activation between."""

    def __init__(self, sizes: Sequence[int], activation: Activation, bias: bool = True) -> None:
        super().__init__()
        self.activation = activation
        for k, (before, after) in enumerate(pairwise(sizes), start=1):
            self.add_module(f"fc{k}", nn.Linear(before, after, bias=bias))

    def forward(self, x: Tensor) -> Tensor:
        first, *others = self.children()
        x = first(x)
        for layer in others:
            x = layer(self.activation(x))
        return x


class Residual(nn.Module):
    """Two blocks that read from and add to one stream."""

    def __init__(self) -> None:
        super().__init__()
        self.start = nn.Linear(3, 4)
        self.up1, self.down1 = nn.Linear(4, 5), nn.Linear(5, 4)
        self.up2, self.down2 = nn.Linear(4, 5), nn.Linear(5, 4)
        self.head = nn.Linear(4, 2)

    def forward(self, x: Tensor) -> Tensor:
        h = self.start(x)
        h = h + self.down1(torch.relu(self.up1(h)))
        h = h + self.down2(torch.relu(self.up2(h)))
        return self.head(h)  # type: ignore[no-any-return]


class InputResidual(nn.Module):
    """A residual sum with the input pins the stream; what is inside the block stays free."""

    def __init__(self) -> None:
        super().__init__()
        self.up, self.down = nn.Linear(4, 5), nn.Linear(5, 4)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.down(torch.tanh(self.up(x)))  # type: ignore[no-any-return]


class Blocks(nn.Module):
    """A residual stream through numbered blocks with a layer each."""

    def __init__(self) -> None:
        super().__init__()
        self.start = nn.Linear(3, 4)
        self.blocks = nn.ModuleList(nn.ModuleDict({"a": nn.Linear(4, 4)}) for _ in range(2))
        self.head = nn.Linear(4, 2)

    def forward(self, x: Tensor) -> Tensor:
        h = self.start(x)
        for block in self.blocks:
            h = h + torch.relu(block.get_submodule("a")(h))
        return self.head(h)  # type: ignore[no-any-return]


class Recurrent(nn.Module):
    """One matrix applied again and again: its two dimensions move together."""

    def __init__(self) -> None:
        super().__init__()
        self.start, self.core, self.head = nn.Linear(3, 4), nn.Linear(4, 4), nn.Linear(4, 2)

    def forward(self, x: Tensor) -> Tensor:
        h = torch.tanh(self.start(x))
        for _ in range(2):
            h = torch.tanh(self.core(h))
        return self.head(h)  # type: ignore[no-any-return]


class AppliedOnce(Recurrent):
    """The same layers, but the square matrix is applied once: its dimensions are independent."""

    def forward(self, x: Tensor) -> Tensor:
        return self.head(torch.tanh(self.core(torch.tanh(self.start(x)))))  # type: ignore[no-any-return]


class Siamese(nn.Module):
    """Two inputs share one encoder; two heads read the two codes: the tie merges their axes."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Linear(3, 4)
        self.left, self.right = nn.Linear(4, 2), nn.Linear(4, 2)

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        return self.left(torch.relu(self.encoder(x))) + self.right(torch.relu(self.encoder(y)))  # type: ignore[no-any-return]


class Branches(nn.Module):
    """Two hidden layers side by side, of equal width but not tied, and a skip to the output."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b, self.skip = nn.Linear(3, 4), nn.Linear(3, 4), nn.Linear(3, 2)
        self.left, self.right = nn.Linear(4, 2), nn.Linear(4, 2)

    def forward(self, x: Tensor) -> Tensor:
        a, b = torch.relu(self.a(x)), torch.sin(self.b(x))
        return self.left(a) + self.right(b) + self.skip(x)  # type: ignore[no-any-return]


class Gated(nn.Module):
    """An elementwise product makes two layers' outputs move together."""

    def __init__(self) -> None:
        super().__init__()
        self.up, self.gate, self.down = nn.Linear(3, 4), nn.Linear(3, 4), nn.Linear(4, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.down(self.up(x) * torch.sigmoid(self.gate(x)))  # type: ignore[no-any-return]


class Normalised(nn.Module):
    """Pre-norm residual blocks: the norms' parameters move with the stream."""

    def __init__(self, norm: Callable[[int], nn.Module]) -> None:
        super().__init__()
        self.start, self.norm1 = nn.Linear(3, 4), norm(4)
        self.up, self.down = nn.Linear(4, 5), nn.Linear(5, 4)
        self.norm2, self.head = norm(4), nn.Linear(4, 2)

    def forward(self, x: Tensor) -> Tensor:
        h = self.start(x)
        h = h + self.down(torch.sin(self.up(self.norm1(h))))
        return self.head(self.norm2(h))  # type: ignore[no-any-return]


class NormalisedInput(nn.Module):
    """A norm of the input and one of the output: both pinned."""

    def __init__(self) -> None:
        super().__init__()
        self.norm1, self.fc1 = nn.LayerNorm(3), nn.Linear(3, 4)
        self.fc2, self.norm2 = nn.Linear(4, 3), nn.LayerNorm(3)

    def forward(self, x: Tensor) -> Tensor:
        return self.norm2(self.fc2(torch.relu(self.fc1(self.norm1(x)))))  # type: ignore[no-any-return]


class SetNetwork(nn.Module):
    """Deep Sets over (batch, node, 3): one small network for all, a mean, another."""

    def __init__(self) -> None:
        super().__init__()
        self.inner1, self.inner2 = nn.Linear(3, 4), nn.Linear(4, 4)
        self.head = nn.Linear(4, 2)

    def forward(self, x: Tensor) -> Tensor:
        h = torch.relu(self.inner2(torch.relu(self.inner1(x))))
        return self.head(h.mean(dim=1))  # type: ignore[no-any-return]


class Sequential(nn.Module):
    """`nn.Sequential`, whose layers torch numbers 0, 2, 4."""

    def __init__(self) -> None:
        super().__init__()
        layers = [nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 2)]
        self.net = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        return self.net(x)  # type: ignore[no-any-return]
