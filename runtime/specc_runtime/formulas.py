"""What a product with all that is added to it is, and its gradients, in a line of tensor code each.

That is what runs under `torch.compile`, on small tensors and wherever one differentiates twice.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F


def formula(weight: Tensor, rectified: bool, count: int, *tensors: Tensor) -> Tensor:
    """The product of the first `count` tensors, plus the others; negative values zero if `rectified`."""
    total = F.linear(tensors[0] if count == 1 else torch.cat(tensors[:count], -1), weight)
    for term in tensors[count:]:
        total = total + term
    return _rectify(total) if rectified else total


def _rectify(total: Tensor) -> Tensor:
    """ReLU, with the derivative that Inductor is fast with where it compiles for a CPU."""
    traced = torch.compiler.is_compiling() and not torch.compiler.is_exporting()
    if traced and total.device.type == "cpu" and not transformed():
        return _rectified(total)
    return F.relu(total)


def transformed() -> bool:
    """Whether a transform of `torch.func` is at work."""
    functorch = torch._C._functorch
    return isinstance(functorch.peek_interpreter_stack(), functorch.CInterpreter)


class _Rectified(torch.autograd.Function):
    """ReLU whose derivative is the sign of its result.

    The usual one compares the result with 0, and torch.compile keeps the answers from forward to
    backward as bytes; to pack and unpack these takes Inductor longer than the rest of a layer.
    """

    @staticmethod
    def forward(total: Tensor) -> Tensor:
        return F.relu(total)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor], output: Tensor) -> None:
        ctx.save_for_backward(output)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        (positive,) = ctx.saved_tensors
        return grad * torch.sign(positive)


_rectified: Callable[[Tensor], Tensor] = _Rectified.apply


Gradients = tuple[Tensor, list[Tensor | None], list[Tensor]]
"""Of the weight, of each source that needs one, and of each term."""


def gradients_of_formula(
    grad: Tensor,
    out: Tensor | None,
    weight: Tensor,
    parts: list[Tensor],
    shapes: list[torch.Size],
    needed: tuple[bool, ...],
) -> Gradients:
    """The gradients of `formula` where its result got `grad`, in operations that have gradients too."""
    grad = passed_back(grad, out)
    rows = grad.flatten(0, -2)
    blocks = weight.split([each.shape[-1] for each in parts], 1)
    of_parts = [grad @ each if need else None for each, need in zip(blocks, needed, strict=True)]
    of_weight = torch.cat([rows.t() @ each.flatten(0, -2) for each in parts], 1)
    return of_weight, of_parts, [grad.sum_to_size(each) for each in shapes]


def passed_back(grad: Tensor, out: Tensor | None) -> Tensor:
    """What passes back through the rectifier whose result is `out`; None is none."""
    return grad if out is None else torch.ops.aten.threshold_backward(grad, out, 0)
