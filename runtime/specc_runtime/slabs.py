"""The operations on full-size tensors slab by slab, in tensor code: each slab stays in the cache from the first
operation on it to the last, forward and backward. A fresh full-size buffer costs more than the
arithmetic, and so does each further pass.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor, nn

from .formulas import Gradients, formula, gradients_of_formula, passed_back

SMALL = 1 << 20
"""Elements below which the formulas are as fast: what the slabs save is less than they cost."""

SLAB = 1 << 18
"""Elements of a slab: with what is read beside it, it stays in a core's cache."""


def taken_in_slabs(x: Tensor, *others: Tensor) -> bool:
    """Whether `x` is to be taken in slabs: real, on a CPU, dense and large, outside of any tracing."""
    return (
        not torch.compiler.is_compiling()
        and x.numel() >= SMALL
        and x.dtype in (torch.float32, torch.float64)
        and x.device.type == "cpu"
        and not torch.is_autocast_enabled("cpu")
        and all(
            type(each) in (Tensor, nn.Parameter) and each.dtype == x.dtype for each in (x, *others)
        )
    )


def _slabs(*shape: int) -> Iterator[tuple[slice, slice]]:
    """Cuts `(batch, axis, ...)` into pieces of at most `SLAB` elements where the two sizes allow."""
    batch, axis, *rest = shape
    row = max(1, torch.Size(rest).numel())
    width = max(1, min(axis, SLAB // row))
    height = max(1, SLAB // (axis * row)) if width == axis else 1
    for first in range(0, batch, height):
        for second in range(0, axis, width):
            yield slice(first, first + height), slice(second, second + width)


def _restricted(x: Tensor, slab: tuple[slice, slice]) -> Tensor:
    """The part of `x` that meets a slab; a dimension of size 1 meets all of them."""
    whole = slice(None)
    return x[tuple(cut if n > 1 else whole for cut, n in zip(slab, x.shape, strict=False))]


class _Means(torch.autograd.Function):
    """Means over one dimension each of as many copies of a tensor.

    Each copy gets a broadcast view for its gradient, which the engine adds to others in place: no
    gradient of full size is made for a mean.
    """

    generate_vmap_rule = True

    @staticmethod
    def forward(dims: tuple[int, ...], *copies: Tensor) -> tuple[Tensor, ...]:
        return tuple(_mean(x, dim) for x, dim in zip(copies, dims, strict=True))

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]) -> None:
        dims, x, *_ = inputs
        ctx.dims, ctx.shape = dims, x.shape
        ctx.set_materialize_grads(False)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor | None) -> tuple[Tensor | None, ...]:
        return None, *(
            None if grad is None else (grad / ctx.shape[dim]).unsqueeze(dim).expand(ctx.shape)
            for grad, dim in zip(grads, ctx.dims, strict=True)
        )

    @staticmethod
    def jvp(ctx: Any, _: None, *tangents: Tensor) -> tuple[Tensor, ...]:
        return tuple(x.mean(dim) for x, dim in zip(tangents, ctx.dims, strict=True))


means_of_copies: Callable[..., tuple[Tensor, ...]] = _Means.apply


def _mean(x: Tensor, dim: int) -> Tensor:
    """The mean over a dimension: a product with ones where its rows are long, which reads fastest."""
    before, n, after = x.shape[:dim], x.shape[dim], x.shape[dim + 1 :]
    if not x.is_contiguous() or n * after.numel() < SLAB // 128:
        return x.mean(dim)
    rows = x.reshape(before.numel(), n, after.numel())
    return torch.bmm(x.new_full((1, 1, n), 1 / n).expand(len(rows), 1, n), rows).view(
        *before, *after
    )


class _MixSpread(torch.autograd.Function):
    """`formula` slab by slab, forward and backward; keeps the sources, the weight and the result."""

    @staticmethod
    def forward(weight: Tensor, rectified: bool, count: int, *tensors: Tensor) -> Tensor:
        parts, terms = tensors[:count], tensors[count:] or (weight.new_zeros(1),)
        blocks = weight.t().split([each.shape[-1] for each in parts])
        out = weight.new_empty(*parts[0].shape[:-1], len(weight))
        for slab in _slabs(*out.shape):
            first, *rest = (_restricted(each, slab) for each in terms)
            total = out[slab].copy_(first)
            for term in rest:
                total += term
            for part, block in zip(parts, blocks, strict=True):
                total.view(-1, len(weight)).addmm_(part[slab].reshape(-1, len(block)), block)
            if rectified:
                total.relu_()
        return out

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        weight, ctx.rectified, ctx.count, *tensors = inputs
        ctx.shapes = [each.shape for each in tensors[ctx.count :]]
        kept = weight, *tensors[: ctx.count], *([output] if ctx.rectified else [])
        ctx.save_for_backward(*kept)
        ctx.save_for_forward(*kept)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        weight, *parts = ctx.saved_tensors
        out = parts.pop() if ctx.rectified else None
        compute = gradients_of_formula if torch.is_grad_enabled() else _gradients_in_slabs
        needed = ctx.needs_input_grad[3 : 3 + ctx.count]
        of_weight, of_parts, of_terms = compute(grad, out, weight, parts, ctx.shapes, needed)
        return of_weight, None, None, *of_parts, *of_terms

    @staticmethod
    def vmap(info: Any, in_dims: tuple[Any, ...], *inputs: Any) -> tuple[Tensor, int]:
        return torch.vmap(formula, in_dims)(*inputs), 0

    @staticmethod
    def jvp(ctx: Any, of_weight: Tensor, _: None, __: None, *tangents: Tensor) -> Tensor:
        weight, *parts = ctx.saved_tensors
        out = parts.pop() if ctx.rectified else None
        change = formula(weight, False, ctx.count, *tangents)
        return passed_back(change + formula(of_weight, False, ctx.count, *parts), out)


mixed_in_slabs: Callable[..., Tensor] = _MixSpread.apply


def _gradients_in_slabs(
    grad: Tensor,
    out: Tensor | None,
    weight: Tensor,
    parts: list[Tensor],
    shapes: list[torch.Size],
    needed: tuple[bool, ...],
) -> Gradients:
    """`gradients_of_formula`, and each slab of `grad` is masked, multiplied and summed while it is in the cache."""
    of_weight, of_terms = torch.zeros_like(weight), [weight.new_zeros(each) for each in shapes]
    of_parts = [
        each.new_empty(each.shape) if need else None
        for each, need in zip(parts, needed, strict=True)
    ]
    widths = [each.shape[-1] for each in parts]
    blocks = list(zip(weight.split(widths, 1), of_weight.split(widths, 1), strict=True))
    for slab in _slabs(*grad.shape):
        piece = passed_back(grad[slab], None if out is None else out[slab])
        rows = piece.reshape(-1, len(weight))
        for of_term in (_restricted(each, slab) for each in of_terms):
            of_term += piece.sum_to_size(of_term.shape)
        for part, of_part, (block, of_block) in zip(parts, of_parts, blocks, strict=True):
            of_block.addmm_(rows.t(), part[slab].reshape(len(rows), -1))
            if of_part is not None:
                torch.mm(rows, block, out=of_part[slab].view(len(rows), -1))
    return of_weight, of_parts, of_terms
