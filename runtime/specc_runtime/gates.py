"""Activations of what a group mixes, and products of it: gates, functions of norms, pairs of channels.

Values are `(batch, *axes, channels)`; dimensions count from the batch, which is 0.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from .forms import lower, lower_symplectic


class Gate(nn.Module):
    """x act(s), with a scalar s for each channel: the mean, over the entries along `dims`, of left(x)
    times right(x), and a bias.

    `facing` are the dimensions of right(x) that those along `dims` of left(x) are multiplied with, and
    `forms` those of them that a form is put before: diag(1, ..., 1, -1, ..., -1) with so many -1, or with
    None [[0, 1], [-1, 0]].
    """

    mixing: ClassVar[type[nn.Linear]] = nn.Linear

    def __init__(
        self,
        width: int,
        act: nn.Module,
        dims: Sequence[int] = (),
        facing: Sequence[int] = (),
        forms: Mapping[int, int | None] | None = None,
        **options: Any,
    ) -> None:
        super().__init__()
        self.left = self.mixing(width, width, bias=False, **options)
        self.right = self.mixing(width, width, bias=False, **options)
        self.bias = nn.Parameter(torch.zeros(width, **options))
        self.act = act
        self.dims = tuple(dims)
        self.facing = tuple(facing) or self.dims
        self.forms = dict(forms or {})

    def reset_parameters(self) -> None:
        """Draws the matrices as `nn.Linear` does; the bias starts at zero."""
        self.left.reset_parameters()
        self.right.reset_parameters()
        nn.init.zeros_(self.bias)

    def forward(self, x: Tensor) -> Tensor:
        gated: Tensor = x * self.act(self._scalars(x) + self.bias)
        return gated

    def _scalars(self, x: Tensor) -> Tensor:
        left, right = self.left(x), self.right(x)
        for dim, negative in self.forms.items():
            right = (
                lower_symplectic(right, dim) if negative is None else lower(right, dim, negative)
            )
        if self.facing != self.dims:
            right = right.movedim(self.facing, self.dims)
        products = self._product(left, right)
        return products.mean(self.dims, keepdim=True) if self.dims else products

    def _product(self, left: Tensor, right: Tensor) -> Tensor:
        return left * right

    def extra_repr(self) -> str:
        return f"{self.bias.shape[0]}, dims={self.dims}"


class SelfGate(nn.Module):
    """x act(x): a scalar is its own gate."""

    def __init__(self, act: nn.Module) -> None:
        super().__init__()
        self.act = act

    def forward(self, x: Tensor) -> Tensor:
        gated: Tensor = x * self.act(x)
        return gated


class NormAct(nn.Module):
    """x act(n + bias) / n, where n is the norm over the entries along `dims`: n^2 = sum |x|^2 + eps.

    Of complex x the norm is real, and so is the bias.
    """

    def __init__(
        self,
        width: int,
        act: nn.Module,
        dims: Sequence[int] = (),
        eps: float = 1e-6,
        bias: bool = True,
        **options: Any,
    ) -> None:
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(width, **options)) if bias else None
        self.act = act
        self.dims = tuple(dims)
        self.eps = eps

    def reset_parameters(self) -> None:
        """The bias starts at zero."""
        if self.bias is not None:
            nn.init.zeros_(self.bias)

    def forward(self, x: Tensor) -> Tensor:
        squares = x.real.square() + x.imag.square() if x.is_complex() else x.square()
        if self.dims:
            squares = squares.sum(self.dims, keepdim=True)
        norm = (squares + self.eps).sqrt()
        shifted = norm if self.bias is None else norm + self.bias
        scaled: Tensor = x * (self.act(shifted) / norm)
        return scaled

    def extra_repr(self) -> str:
        return f"dims={self.dims}, eps={self.eps}"


def outer(x: Tensor, y: Tensor) -> Tensor:
    """All pairs of channels, those of x first; the other dimensions broadcast."""
    return (x.unsqueeze(-1) * y.unsqueeze(-2)).flatten(-2)


def inner(x: Tensor, y: Tensor, summed: int) -> Tensor:
    """All pairs of channels, summed over so many dimensions before the channels; the others broadcast."""
    first, second = (each.flatten(-1 - summed, -2) for each in (x, y))
    return (first.mT @ second).flatten(-2)
