"""The kernels as operators of PyTorch, `specc_triton::*`, with shapes for tracing, derivatives and vmap.

Each has a first derivative by kernels. Derivatives of that, and `vmap`, go by `formulas`, and so does what
a device cannot do.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.library import custom_op
from triton.runtime.errors import OutOfResources

from . import formulas, launch, tuning
from .grid import Grid, arranged


def _apart(tensors: Sequence[Tensor], given: Sequence[Tensor]) -> list[Tensor]:
    """The tensors, copied where they share memory with each other or with those given: the results of
    an operator may not."""
    known = {each.untyped_storage().data_ptr() for each in given}
    results = []
    for tensor in tensors:
        shared = tensor.untyped_storage().data_ptr() in known
        results.append(tensor.clone() if shared else tensor)
        known.add(results[-1].untyped_storage().data_ptr())
    return results


@custom_op("specc_triton::mix_spread", mutates_args=())
def mix_spread(x: Tensor, weight: Tensor, terms: list[Tensor], relu: bool) -> Tensor:
    """relu(x W^T + the sum of the terms): x `(*axes, in)`, weight `(out, in)`, terms that broadcast to
    the result `(*axes, out)`. Without relu where told so."""
    known = arranged(x.shape[:-1], weight.shape[0], terms)
    if not launch.covered(x, weight, known.grid):
        return formulas.mix_spread(x, weight, terms, relu)
    try:
        return launch.product(x.contiguous(), weight, known, relu)
    except OutOfResources:
        return formulas.mix_spread(x, weight, terms, relu)


@mix_spread.register_fake
def _(x: Tensor, weight: Tensor, terms: list[Tensor], relu: bool) -> Tensor:
    return x.new_empty((*x.shape[:-1], weight.shape[0]))


@custom_op("specc_triton::mix_spread_gradient", mutates_args=())
def mix_spread_gradient(
    dy: Tensor,
    y: Tensor | None,
    x: Tensor,
    weight: Tensor,
    terms: list[Tensor],
    relu: bool,
    need: bool,
) -> list[Tensor]:
    """The gradients of `mix_spread`, whose result y is wanted where `relu` and it has many channels:
    of the weight, of each term, and where there is need of x."""
    known = arranged(x.shape[:-1], weight.shape[0], terms)
    if not launch.covered(x, weight, known.grid):
        return _apart(formulas.mix_spread_gradient(dy, x, weight, terms, relu, need), [dy])
    x, dy = x.contiguous(), dy.contiguous()
    try:
        read = None if y is None else y.contiguous()
        dx, dweight, drows, dcolumns = launch.gradient(dy, read, x, weight, known, relu, need)
    except OutOfResources:
        return _apart(formulas.mix_spread_gradient(dy, x, weight, terms, relu, need), [dy])
    dterms = [_term_gradient(term, known.grid, drows, dcolumns) for term in terms]
    return _apart([dweight, *dterms, *([] if dx is None else [dx])], [dy])


def _term_gradient(
    term: Tensor, grid: Grid, drows: Tensor | None, dcolumns: Tensor | None
) -> Tensor:
    """The gradient of one of the terms, from the sums over rows or columns that it was added to."""
    shape = (*(1 for _ in range(len(grid.axes) + 1 - term.ndim)), *term.shape)[:-1]
    sums, axes = (drows, grid.row_shape) if grid.is_row(shape) else (dcolumns, grid.column_shape)
    assert sums is not None
    return formulas.summed_to(sums.reshape(*axes, sums.shape[-1]), term).to(term.dtype)


@mix_spread_gradient.register_fake
def _(
    dy: Tensor,
    y: Tensor | None,
    x: Tensor,
    weight: Tensor,
    terms: list[Tensor],
    relu: bool,
    need: bool,
) -> list[Tensor]:
    like = [weight, *terms, x] if need else [weight, *terms]
    return [each.new_empty(each.shape) for each in like]


def _save(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    x, weight, terms, ctx.relu = inputs
    outs, ins = weight.shape
    read = [output] if ctx.relu and not tuning.whole(ins, outs, x.dtype) else []
    ctx.terms = len(terms)
    ctx.save_for_backward(x, weight, *terms, *read)


def _backward(ctx: Any, dy: Tensor) -> tuple[Tensor | None, Tensor, list[Tensor], None]:
    x, weight, *others = ctx.saved_tensors
    terms, read = others[: ctx.terms], others[ctx.terms :]
    need = ctx.needs_input_grad[0]
    y = read[0] if read else None
    dweight, *dterms = mix_spread_gradient(dy, y, x, weight, terms, ctx.relu, need)
    dx = dterms.pop() if need else None
    return dx, dweight, dterms, None


def _save_gradient(ctx: Any, inputs: tuple[Any, ...], output: list[Tensor]) -> None:
    dy, _, x, weight, terms, ctx.relu, ctx.need = inputs
    ctx.save_for_backward(dy, x, weight, *terms)


def _second(ctx: Any, weights: list[Tensor | None]) -> tuple[Any, ...]:
    """The derivative of the gradient, by its formula."""

    def gradient(dy: Tensor, x: Tensor, weight: Tensor, *terms: Tensor) -> list[Tensor]:
        return formulas.mix_spread_gradient(dy, x, weight, terms, ctx.relu, ctx.need)

    results, pull, *_ = torch.func.vjp(gradient, *ctx.saved_tensors)
    pairs = zip(weights, results, strict=True)
    known = [torch.zeros_like(result) if each is None else each for each, result in pairs]
    dy, x, weight, *terms = pull(known)
    return dy, None, x, weight, terms, None, None


def _mapped(
    info: Any, dims: tuple[Any, ...], x: Tensor, weight: Tensor, terms: list[Tensor], relu: bool
) -> tuple[Tensor, int]:
    count, ndim = info.batch_size, x.ndim - (dims[0] is not None)
    front = formulas.in_front
    x, weight = front(x, dims[0], count), front(weight, dims[1], count)
    terms = [front(each, d, count, ndim) for each, d in zip(terms, dims[2], strict=True)]
    return formulas.mix_spread(x, weight, terms, relu, mapped=True), 0


def _mapped_gradient(
    info: Any,
    dims: tuple[Any, ...],
    dy: Tensor,
    y: Tensor | None,
    x: Tensor,
    weight: Tensor,
    terms: list[Tensor],
    relu: bool,
    need: bool,
) -> tuple[list[Tensor], list[int]]:
    count, ndim = info.batch_size, dy.ndim - (dims[0] is not None)
    front = formulas.in_front
    dy, x, weight = (
        front(dy, dims[0], count),
        front(x, dims[2], count),
        front(weight, dims[3], count),
    )
    long = [front(each, d, count, ndim) for each, d in zip(terms, dims[4], strict=True)]
    found = formulas.mix_spread_gradient(dy, x, weight, long, relu, need, mapped=True)
    for index, (term, dim) in enumerate(zip(terms, dims[4], strict=True), 1):
        found[index] = found[index].reshape(formulas.in_front(term, dim, count).shape)
    return found, [0] * len(found)


mix_spread.register_autograd(_backward, setup_context=_save)
mix_spread_gradient.register_autograd(_second, setup_context=_save_gradient)
mix_spread.register_vmap(_mapped)
mix_spread_gradient.register_vmap(_mapped_gradient)
