"""`fused.with_means` and `fused.mix_spread` by Triton kernels, for tensors on an NVIDIA GPU.

`mix_spread` computes the product, adds what is broadcast over rows and columns, and applies ReLU, in one
kernel that reads its sources once and writes the result once. Its gradient is one kernel as well for up to
128 channels (64 in float32), where time goes to memory: it reads the gradient and the sources and finds
where ReLU was positive by computing the result again, so that nothing is stored or read for it. For more
channels, where time goes to products, it reads the result, in one kernel for the weight and the sums over
rows and columns and one for the sources. `with_means` reads its tensor once for means over two neighbouring
dimensions; all gradients meet in one pass.

float32, bfloat16 and float16, accumulated in float32; float32 as TF32 where torch is told so. Nothing is
added up atomically: equal calls give equal results. What the kernels do not cover is left to tensor code:
other dtypes, mixed dtypes, second derivatives, transforms of `torch.func`. Triton is imported when a kernel is first asked
for. With TRITON_INTERPRET=1 it runs them on the CPU, slowly.
"""

from __future__ import annotations

import importlib.util

import torch
from torch import Tensor

from .. import fused
from ..formulas import transformed

__all__ = ["enable", "mix_spread", "with_means"]

DTYPES = (torch.float32, torch.bfloat16, torch.float16)


def enable(device: str = "cuda") -> bool:
    """Has the kernels asked first for tensors on devices of a type; False where there is no triton."""
    if importlib.util.find_spec("triton") is None:
        return False
    fused.KERNELS["with_means", device] = with_means
    fused.KERNELS["mix_spread", device] = mix_spread
    return True


def with_means(x: Tensor, *dims: int) -> tuple[Tensor, ...] | None:
    """As `fused.with_means`, or None for a dtype without kernels, and under transforms of `torch.func`."""
    if not dims or x.dtype not in DTYPES or transformed():
        return None
    from .pools import with_means

    return with_means(x, tuple(dim % x.ndim for dim in dims))


def mix_spread(
    parts: tuple[Tensor, ...], weight: Tensor, terms: tuple[Tensor, ...], rectified: bool
) -> Tensor | None:
    """As `fused.mix_spread` with ReLU where `rectified`, or None where the dtypes are mixed or have no
    kernels, and under transforms of `torch.func`. Several sources are joined first."""
    if transformed():
        return None
    device = weight.device.type
    if torch.is_autocast_enabled(device):
        dtype = torch.get_autocast_dtype(device)
        parts, weight = tuple(each.to(dtype) for each in parts), weight.to(dtype)
    if weight.dtype not in DTYPES or any(each.dtype != weight.dtype for each in (*parts, *terms)):
        return None
    from .operators import mix_spread

    x = parts[0] if len(parts) == 1 else torch.cat(parts, -1)
    found: Tensor = mix_spread(x, weight, list(terms), rectified)
    return found
