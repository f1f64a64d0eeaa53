"""The two operations of a layer that touch full-size tensors: its first pools, and the product that
writes an output with all that is added to it.

Both are a line of tensor code each, `x.mean(dim)` and `_formula`, and that is what runs under
`torch.compile`, on small tensors and wherever one differentiates twice. A large tensor on a CPU is taken
in slabs that stay in the cache from the first operation on them to the last, forward and backward: a
fresh full-size buffer costs more than the arithmetic, and so does each further pass. A backend may bring
kernels of its own, `KERNELS`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import wraps
from typing import Any, NamedTuple, TypeVar, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .remembered import recall, remember
from .tensors import embed_diagonal

Activation = Callable[[Tensor], Tensor]

Forward = TypeVar("Forward", bound=Callable[..., Any])

KERNELS: dict[tuple[str, str], Callable[..., Any]] = {}
"""By operation and device type: what is asked first, and answers None where it has no kernel."""

SMALL = 1 << 20
"""Elements below which the formulas are as fast: what the slabs save is less than they cost."""

SLAB = 1 << 18
"""Elements of a slab: with what is read beside it, it stays in a core's cache."""


class OnDiagonal(NamedTuple):
    """A term of `mix_spread` that is added where two dimensions of the result agree.

    Dimension `dim` of `x` runs along this diagonal of dimensions `first` and `second`.
    """

    x: Tensor
    dim: int
    first: int
    second: int

    def embedded(self) -> Tensor:
        """The term as a tensor of the result's size, zero elsewhere."""
        return embed_diagonal(*self)


def as_is(x: Tensor) -> Tensor:
    """The activation of a layer that has none."""
    return x


def fused_if_small(forward: Forward) -> Forward:
    """`forward` of a generated layer, which a backend may have a kernel for that computes all of it.

    That kernel reads what the layer's tables say. Where networks are small, what `forward` does takes
    longer to start than to compute.
    """

    @wraps(forward)
    def call(self: Any, x: Any, *given: Activation, **named: Activation) -> Any:
        (activation,) = given or (named.get("activation", as_is),)
        device = next(iter(x.values())).device if isinstance(x, Mapping) else x.device
        kernel = KERNELS.get(("layer", device.type))
        rectified = _rectifies(activation)
        made = None if kernel is None else kernel(self, x, rectified)
        if made is None:
            return forward(self, x, *given, **named)
        if rectified or activation is as_is:
            return made
        if isinstance(made, Tensor):
            return activation(made)
        return {name: activation(each) for name, each in made.items()}

    return cast(Forward, call)


def with_means(x: Tensor, *dims: int) -> tuple[Tensor, ...]:
    """`x`, and its mean over each of the dimensions.

    Read `x` through the first of the results: what its readers send back then meets the gradients of
    the means in one pass.
    """
    if (known := recall(x, dims)) is not None:
        return x, *known
    kernel = KERNELS.get(("with_means", x.device.type))
    found: tuple[Tensor, ...] | None = None if kernel is None else kernel(x, *dims)
    if found is not None:
        return found
    if dims and _large(x):
        return x, *_means(dims, *[x] * len(dims))
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
    *terms: Tensor | OnDiagonal,
    activation: Activation = as_is,
    means: tuple[int, ...] = (),
) -> Tensor:
    """activation(sources @ weight.T + the sum of the terms), `(batch, *axes, out)`.

    Sources are `(batch, *axes, in)`, joined along channels where there are several, and `weight` is
    `(out, in)` for all of them; terms broadcast to the result. Of its result a kernel takes `means` over
    these dimensions at once, where `with_means` finds them.
    """
    parts = sources if isinstance(sources, tuple) else (sources,)
    added = tuple(each for each in terms if isinstance(each, Tensor))
    diagonals = [each for each in terms if isinstance(each, OnDiagonal)]
    apart = len(diagonals) == 1 and _without_gradients(*parts, weight, *added, diagonals[0].x)
    if not apart:
        added = (*added, *(each.embedded() for each in diagonals))
    rectified = _rectifies(activation)
    done = not diagonals and (rectified or activation is as_is)
    total = _by_kernel(parts, weight, added, rectified, means if done else ())
    if total is None:
        large = _large(*parts, weight, *added) and fit(parts, added)
        compute = _in_slabs if large else _formula
        total = compute(weight, rectified, len(parts), *parts, *added)
    if apart:
        _write_diagonal(total, diagonals[0], rectified, parts, weight, added)
    return total if rectified else activation(total)


def _by_kernel(
    parts: tuple[Tensor, ...],
    weight: Tensor,
    terms: tuple[Tensor, ...],
    rectified: bool,
    dims: tuple[int, ...],
) -> Tensor | None:
    """The product by a kernel, if there is one that fits; with the means of it remembered, if it takes them."""
    kernel = KERNELS.get(("mix_with_means", weight.device.type)) if dims else None
    found = None if kernel is None else kernel(parts, weight, terms, rectified, dims)
    if found is not None:
        made: Tensor = found[0]
        remember(made, dims, found[1:])
        return made
    kernel = KERNELS.get(("mix_spread", weight.device.type))
    return None if kernel is None else kernel(parts, weight, terms, rectified)


def _rectifies(activation: Activation) -> bool:
    return activation is F.relu or activation is torch.relu


def _without_gradients(*tensors: Tensor) -> bool:
    """Whether these are large tensors that nothing is differentiated by, outside of any tracing."""
    asked = torch.is_grad_enabled() and any(each.requires_grad for each in tensors)
    return _large(*tensors) and not asked and not transformed()


def _write_diagonal(
    total: Tensor,
    term: OnDiagonal,
    rectified: bool,
    parts: tuple[Tensor, ...],
    weight: Tensor,
    terms: tuple[Tensor, ...],
) -> None:
    """Computes the diagonal once more with what is added there: less than a pass over the whole."""

    def along(x: Tensor) -> Tensor:
        whole = x.expand(*total.shape[:-1], x.shape[-1])
        return whole.diagonal(0, term.first, term.second).movedim(-1, -2)

    own = (*map(along, terms), term.x.movedim(term.dim, -2))
    along(total).copy_(_formula(weight, rectified, len(parts), *map(along, parts), *own))


def _large(x: Tensor, *others: Tensor) -> bool:
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


def fit(parts: tuple[Tensor, ...], terms: tuple[Tensor, ...]) -> bool:
    """Whether the sources have one shape but for channels, to which the terms broadcast."""
    axes = parts[0].shape[:-1]
    return len(axes) > 1 and all(
        each.dim() == len(axes) + 1
        and all(n in (1, size) for n, size in zip(each.shape, axes, strict=False))
        for each in terms
    )


def _formula(weight: Tensor, rectified: bool, count: int, *tensors: Tensor) -> Tensor:
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


_means: Callable[..., tuple[Tensor, ...]] = _Means.apply


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
    """`_formula` slab by slab, forward and backward; keeps the sources, the weight and the result."""

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
        compute = _gradients if torch.is_grad_enabled() else _gradients_in_slabs
        needed = ctx.needs_input_grad[3 : 3 + ctx.count]
        of_weight, of_parts, of_terms = compute(grad, out, weight, parts, ctx.shapes, needed)
        return of_weight, None, None, *of_parts, *of_terms

    @staticmethod
    def vmap(info: Any, in_dims: tuple[Any, ...], *inputs: Any) -> tuple[Tensor, int]:
        return torch.vmap(_formula, in_dims)(*inputs), 0

    @staticmethod
    def jvp(ctx: Any, of_weight: Tensor, _: None, __: None, *tangents: Tensor) -> Tensor:
        weight, *parts = ctx.saved_tensors
        out = parts.pop() if ctx.rectified else None
        change = _formula(weight, False, ctx.count, *tangents)
        return _masked(change + _formula(of_weight, False, ctx.count, *parts), out)


_in_slabs: Callable[..., Tensor] = _MixSpread.apply

Gradients = tuple[Tensor, list[Tensor | None], list[Tensor]]
"""Of the weight, of each source that needs one, and of each term."""


def _gradients(
    grad: Tensor,
    out: Tensor | None,
    weight: Tensor,
    parts: list[Tensor],
    shapes: list[torch.Size],
    needed: tuple[bool, ...],
) -> Gradients:
    """The gradients of `_formula` where its result got `grad`, in operations that have gradients too."""
    grad = _masked(grad, out)
    rows = grad.flatten(0, -2)
    blocks = weight.split([each.shape[-1] for each in parts], 1)
    of_parts = [grad @ each if need else None for each, need in zip(blocks, needed, strict=True)]
    of_weight = torch.cat([rows.t() @ each.flatten(0, -2) for each in parts], 1)
    return of_weight, of_parts, [grad.sum_to_size(each) for each in shapes]


def _gradients_in_slabs(
    grad: Tensor,
    out: Tensor | None,
    weight: Tensor,
    parts: list[Tensor],
    shapes: list[torch.Size],
    needed: tuple[bool, ...],
) -> Gradients:
    """`_gradients`, and each slab of `grad` is masked, multiplied and summed while it is in the cache."""
    of_weight, of_terms = torch.zeros_like(weight), [weight.new_zeros(each) for each in shapes]
    of_parts = [
        each.new_empty(each.shape) if need else None
        for each, need in zip(parts, needed, strict=True)
    ]
    widths = [each.shape[-1] for each in parts]
    blocks = list(zip(weight.split(widths, 1), of_weight.split(widths, 1), strict=True))
    for slab in _slabs(*grad.shape):
        piece = _masked(grad[slab], None if out is None else out[slab])
        rows = piece.reshape(-1, len(weight))
        for of_term in (_restricted(each, slab) for each in of_terms):
            of_term += piece.sum_to_size(of_term.shape)
        for part, of_part, (block, of_block) in zip(parts, of_parts, blocks, strict=True):
            of_block.addmm_(rows.t(), part[slab].reshape(len(rows), -1))
            if of_part is not None:
                torch.mm(rows, block, out=of_part[slab].view(len(rows), -1))
    return of_weight, of_parts, of_terms


def _masked(grad: Tensor, out: Tensor | None) -> Tensor:
    """What passes back through the rectifier whose result is `out`; None is none."""
    return grad if out is None else torch.ops.aten.threshold_backward(grad, out, 0)
