"""Random scales of the positions of weights, of which a model with `scales = true` must see nothing."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from ..types import Scale, Type, tensor_named

STRETCH = 0.7
"""The standard deviation of the logarithms of random scales."""


def rescaled(
    tensors: Mapping[str, Tensor], kind: Type, scale: Scale, generator: torch.Generator
) -> dict[str, Tensor]:
    """Tensors `(batch, *axes, ...)` of a type with what a scale multiplies, and divides, by random factors."""
    result = dict(tensors)
    name, dim = scale.measured[0]
    size = tensor_named(kind, name).axes[dim].size
    logarithms = torch.randn(size, generator=generator, dtype=torch.float64)
    factors = (STRETCH * logarithms).exp()
    for dimensions, by in ((scale.multiplied, factors), (scale.divided, 1 / factors)):
        for name, dim in dimensions:
            after = result[name].dim() - dim - 2
            result[name] = result[name] * by.reshape(-1, *[1] * after)
    return result
