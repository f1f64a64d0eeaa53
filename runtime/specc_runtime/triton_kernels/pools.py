"""Means over several dimensions as operators of PyTorch, `specc_triton::means` and its gradient.

Two neighbouring dimensions take one pass over the tensor. Both operators are linear, and each is the
other's derivative.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from math import prod
from typing import Any

import torch
from torch import Tensor
from torch.library import custom_op

from . import formulas, launch
from .grid import Grid


def passes(dims: Sequence[int]) -> Iterator[tuple[int, ...]]:
    """The dimensions in the order of the tensor, neighbours together in pairs."""
    left = sorted(dims)
    while left:
        size = 2 if left[1:] and left[1] == left[0] + 1 else 1
        yield tuple(left[:size])
        left = left[size:]


def _grid(shape: torch.Size, dims: tuple[int, ...]) -> tuple[Grid, int]:
    """Rows run over the last of the dimensions; where there are two, columns run over the first. All
    that comes after them counts as channels."""
    last = dims[-1]
    axes, channels = tuple(shape[: last + 1]), prod(shape[last + 1 :])
    return Grid(axes, dims[0] if len(dims) == 2 else 0, last), channels


@custom_op("specc_triton::means", mutates_args=())
def means(x: Tensor, dims: list[int]) -> list[Tensor]:
    """The mean of x over each of the dimensions, which are distinct and not negative."""
    if x.numel() == 0:
        return formulas.means(x, dims)
    x = x.contiguous()
    found: dict[int, Tensor] = {}
    for some in passes(dims):
        grid, channels = _grid(x.shape, some)
        totals = launch.sums(x, grid, channels, len(some) == 2)
        found |= {dim: total / x.shape[dim] for dim, total in zip(some[::-1], totals, strict=True)}
    return [found[dim].to(x.dtype).reshape(*x.shape[:dim], *x.shape[dim + 1 :]) for dim in dims]


@means.register_fake
def _(x: Tensor, dims: list[int]) -> list[Tensor]:
    return [x.new_empty((*x.shape[:dim], *x.shape[dim + 1 :])) for dim in dims]


@custom_op("specc_triton::means_gradient", mutates_args=())
def means_gradient(dx: Tensor, dmeans: list[Tensor], dims: list[int]) -> Tensor:
    """dx, and the gradients of the means over the dimensions, each spread over its dimension."""
    if dx.numel() == 0:
        return dx.clone()
    dx = total = dx.contiguous()
    given = {dim: dmean.contiguous() for dim, dmean in zip(dims, dmeans, strict=True)}
    for some in passes(dims):
        grid, channels = _grid(dx.shape, some)
        columns = given[some[0]] if len(some) == 2 else None
        total = launch.spread(total, grid, channels, given[some[-1]], columns)
    return total


@means_gradient.register_fake
def _(dx: Tensor, dmeans: list[Tensor], dims: list[int]) -> Tensor:
    return dx.new_empty(dx.shape)


def _save(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
    *_, ctx.dims = inputs
    ctx.shape = inputs[0].shape


def _backward(ctx: Any, dmeans: list[Tensor | None]) -> tuple[Tensor, None]:
    pairs = [(dim, each) for dim, each in zip(ctx.dims, dmeans, strict=True) if each is not None]
    known = [each for _, each in pairs]
    dims = [dim for dim, _ in pairs]
    return means_gradient(known[0].new_zeros(ctx.shape), known, dims), None


def _second(ctx: Any, dx: Tensor) -> tuple[Tensor, list[Tensor], None]:
    return dx, means(dx, ctx.dims), None


def _mapped_means(
    info: Any, mapped: tuple[Any, ...], x: Tensor, dims: list[int]
) -> tuple[list[Tensor], list[int]]:
    x = formulas.in_front(x, mapped[0], info.batch_size)
    return means(x, [dim + 1 for dim in dims]), [0] * len(dims)


def _mapped_gradient(
    info: Any, mapped: tuple[Any, ...], dx: Tensor, dmeans: list[Tensor], dims: list[int]
) -> tuple[Tensor, int]:
    count = info.batch_size
    dx = formulas.in_front(dx, mapped[0], count)
    pairs = zip(dmeans, mapped[1], strict=True)
    dmeans = [formulas.in_front(each, dim, count) for each, dim in pairs]
    return means_gradient(dx, dmeans, [dim + 1 for dim in dims]), 0


means.register_autograd(_backward, setup_context=_save)
means.register_vmap(_mapped_means)
means_gradient.register_autograd(_second, setup_context=_save)
means_gradient.register_vmap(_mapped_gradient)


class Pooled(torch.autograd.Function):
    """x and its means over dimensions; the gradients of all of them meet in one pass."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, dims: tuple[int, ...]) -> tuple[Tensor, ...]:
        ctx.dims, ctx.shape = dims, x.shape
        ctx.set_materialize_grads(False)
        return x.view_as(x), *means(x, list(dims))

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> tuple[Tensor | None, None]:
        dx, *dmeans = gradients
        pairs = [(d, each) for d, each in zip(ctx.dims, dmeans, strict=True) if each is not None]
        if not pairs:
            return dx, None
        dims, known = [d for d, _ in pairs], [each for _, each in pairs]
        if dx is None:
            dx = known[0].new_zeros(()).expand(ctx.shape)
            return formulas.means_gradient(dx, known, dims), None
        return means_gradient(dx, known, dims), None


with_means: Callable[[Tensor, tuple[int, ...]], tuple[Tensor, ...]] = Pooled.apply
