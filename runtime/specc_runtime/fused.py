"""The two operations of a layer that touch full-size tensors: its first pools, and the product that
writes an output. Both are ordinary tensor code here; what they mean is all that callers may rely on.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

Activation = Callable[[Tensor], Tensor]


def as_is(x: Tensor) -> Tensor:
    """The activation of a layer that has none."""
    return x


def with_means(x: Tensor, *dims: int) -> tuple[Tensor, ...]:
    """`x`, and its mean over each of the dimensions.

    Read `x` through the first of the results: what its readers send back then meets the gradients of
    the means in one pass.
    """
    return x, *(x.mean(dim) for dim in dims)


def each_with_means(
    tensors: Sequence[Tensor], *dims: int
) -> tuple[list[Tensor], *tuple[Tensor, ...]]:
    """`with_means` of each tensor: the list of them, and for each dimension all means in one tensor."""
    read, *means = zip(*[with_means(each, *dims) for each in tensors], strict=True)
    return list(read), *(torch.stack(each) for each in means)


def mix_spread(
    sources: Tensor | tuple[Tensor, ...],
    weight: Tensor,
    *terms: Tensor,
    activation: Activation = as_is,
) -> Tensor:
    """activation(sources @ weight.T + the sum of the terms), `(batch, *axes, out)`.

    Sources are `(batch, *axes, in)`, joined along channels where there are several, and `weight` is
    `(out, in)` for all of them; terms broadcast to the result.
    """
    if isinstance(sources, tuple):
        sources = torch.cat(sources, -1)
    total = F.linear(sources, weight)
    for term in terms:
        total = total + term
    return activation(total)
