"""`fused.pooled` and `fused.mix_spread` by Triton kernels, for tensors on an NVIDIA GPU.

`mix_spread` computes the product, adds what is broadcast over rows and columns, and applies ReLU, in one
kernel that reads its sources once and writes the result once. Its gradient is one kernel as well for up to
128 channels, where time goes to memory: it reads the gradient and the sources and finds where ReLU was
positive by computing the result again, which nothing needs to be stored or read for. For more channels,
where time goes to products, it reads the result, in one kernel for the weights and sums over rows
and columns and one for the sources. `pooled` reads its tensor once for means over two neighbouring
dimensions; all gradients meet in one pass.

float32, bfloat16 and float16, accumulated in float32; float32 as TF32 where torch is told so. Nothing is
added up atomically: equal calls give equal results. What the kernels do not cover goes back to tensor
code: other dtypes, mixed dtypes, double backward, `vmap`. With TRITON_INTERPRET=1, set before triton is
imported, they run on the CPU, slowly.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from . import formulas, operators, pools

__all__ = ["mix_spread", "pooled"]

DTYPES = (torch.float32, torch.bfloat16, torch.float16)

Activation = Callable[[Tensor], Tensor]


def is_relu(activation: Activation | None) -> bool:
    """Whether an activation is ReLU, which the kernels apply."""
    return isinstance(activation, nn.ReLU) or activation in (F.relu, torch.relu, Tensor.relu)


def pooled(x: Tensor, *dims: int) -> tuple[Tensor, ...]:
    """As `fused.pooled`."""
    if not dims or x.dtype not in DTYPES:
        return x, *formulas.means(x, dims)
    return pools.Pooled.apply(x, tuple(dim % x.ndim for dim in dims))


def mix_spread(
    sources: Tensor | tuple[Tensor, ...],
    weight: Tensor,
    *terms: Tensor,
    activation: Activation | None = None,
) -> Tensor:
    """As `fused.mix_spread`; several sources are joined first."""
    x = torch.cat(sources, -1) if isinstance(sources, tuple) else sources
    if torch.is_autocast_enabled(x.device.type):
        dtype = torch.get_autocast_dtype(x.device.type)
        x, weight = x.to(dtype), weight.to(dtype)
    relu = is_relu(activation)
    if x.dtype in DTYPES and all(each.dtype == x.dtype for each in (weight, *terms)):
        y = operators.mix_spread(x, weight, list(terms), relu)
    else:
        y = formulas.mix_spread(x, weight, terms, relu)
    return y if relu or activation is None else activation(y)
