"""What the operators compute, in differentiable tensor code: the meaning of the kernels, and what
serves where they do not (second derivatives, `vmap`, empty tensors)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F


def mix_spread(x: Tensor, weight: Tensor, terms: Sequence[Tensor], relu: bool) -> Tensor:
    """relu(x W^T + the sum of the terms), or without relu."""
    y = F.linear(x, weight)
    for term in terms:
        y = y + term
    return y.relu() if relu else y


def mix_spread_gradient(
    dy: Tensor, x: Tensor, weight: Tensor, terms: Sequence[Tensor], relu: bool
) -> list[Tensor]:
    """The gradients of x, of the weight, and of each term: g W, g^T x, and sums of g over the axes
    along which the term is constant, with g = dy where the result is positive."""
    g = torch.where(mix_spread(x, weight, terms, True) > 0, dy, 0) if relu else dy
    dweight = torch.tensordot(g, x, [list(range(x.ndim - 1))] * 2)
    return [g @ weight, dweight, *(summed_to(g, term) for term in terms)]


def summed_to(g: Tensor, term: Tensor) -> Tensor:
    """The sum of g over all axes along which a term that broadcasts to it is constant."""
    more = g.ndim - term.ndim
    shape = (*(1 for _ in range(more)), *term.shape)
    axes = [axis for axis, size in enumerate(shape) if size == 1 and g.shape[axis] != 1]
    return (g.sum(axes, keepdim=True) if axes else g).reshape(term.shape)


def means(x: Tensor, dims: Sequence[int]) -> list[Tensor]:
    """The mean over each of the dimensions, each one alone."""
    return [x.mean(dim) for dim in dims]


def means_gradient(dx: Tensor, dmeans: Sequence[Tensor], dims: Sequence[int]) -> Tensor:
    """dx, and the gradients of the means spread over what they are means of."""
    for dmean, dim in zip(dmeans, dims, strict=True):
        dx = dx + dmean.unsqueeze(dim) / dx.shape[dim]
    return dx
