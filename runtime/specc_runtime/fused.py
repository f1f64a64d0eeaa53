"""The two operations of a layer that touch full-size tensors: its first pools, and the product that
writes an output. Both are ordinary tensor code here; what they mean is all that callers may rely on.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

Activation = Callable[[Tensor], Tensor]


def pooled(x: Tensor, *dims: int) -> tuple[Tensor, ...]:
    """`x`, and its mean over each of the dimensions.

    Read `x` through the first of the results: what its readers send back then meets the gradients of
    the means in one pass.
    """
    return x, *(x.mean(dim) for dim in dims)


def mix_spread(
    sources: Tensor | tuple[Tensor, ...],
    weight: Tensor,
    *terms: Tensor,
    activation: Activation | None = None,
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
    return total if activation is None else activation(total)
