"""What the operators compute, in differentiable tensor code: the meaning of the kernels, and what
serves where they do not (second derivatives, `vmap`, empty tensors).

With `mapped`, every tensor has one more dimension in front, over which the operator is mapped.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


def mix_spread(
    x: Tensor, weight: Tensor, terms: Sequence[Tensor], relu: bool, mapped: bool = False
) -> Tensor:
    """relu(x W^T + the sum of the terms), or without relu."""
    y = (_matrix(x, mapped) @ weight.mT).reshape(*x.shape[:-1], weight.shape[-2])
    for term in terms:
        y = y + term
    return y.relu() if relu else y


def mix_spread_gradient(
    dy: Tensor,
    x: Tensor,
    weight: Tensor,
    terms: Sequence[Tensor],
    relu: bool,
    need: bool,
    mapped: bool = False,
) -> list[Tensor]:
    """The gradients of the weight, of each term, and where there is need of x: g^T x, sums of g over the
    axes along which the term is constant, and g W, with g = dy where the result is positive."""
    y = mix_spread(x, weight, terms, True, mapped) if relu else dy
    g = torch.where(y <= 0, 0, dy) if relu else dy
    rows = _matrix(g, mapped)
    found = [rows.mT @ _matrix(x, mapped), *(summed_to(g, term) for term in terms)]
    return [*found, (rows @ weight).reshape(x.shape)] if need else found


def _matrix(x: Tensor, mapped: bool) -> Tensor:
    """Positions by channels."""
    return x.reshape(*x.shape[:mapped], x.shape[mapped:-1].numel(), x.shape[-1])


def summed_to(g: Tensor, term: Tensor) -> Tensor:
    """The sum of g over all axes along which a term that broadcasts to it is constant."""
    shape = (*(1 for _ in range(g.ndim - term.ndim)), *term.shape)
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


def in_front(tensor: Tensor, dim: int | None, count: int, ndim: int = 0) -> Tensor:
    """A tensor under `vmap` with the dimension that is mapped in front, of the given size, and after it
    at least `ndim` dimensions."""
    mapped = tensor.expand(count, *tensor.shape) if dim is None else tensor.movedim(dim, 0)
    more = (1 for _ in range(ndim + 1 - mapped.ndim))
    return mapped.reshape(count, *more, *mapped.shape[1:])
