"""The two operations of a layer that touch full-size tensors: its first pools, and the product that
writes an output with all that is added to it.

Both are a line of tensor code each, `x.mean(dim)` and `formula`. A large tensor on a CPU is taken in slabs, and a
backend may bring kernels of its own, `KERNELS`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from typing import Any, NamedTuple, TypeVar, cast

import torch
from torch import Tensor
from torch.nn import functional as F

from .formulas import formula, transformed
from .remembered import recall, remember
from .slabs import means_of_copies, mixed_in_slabs, taken_in_slabs
from .tensors import embed_diagonal

Activation = Callable[[Tensor], Tensor]

Forward = TypeVar("Forward", bound=Callable[..., Any])

KERNELS: dict[tuple[str, str], Callable[..., Any]] = {}
"""By operation and device type: what is asked first, and answers None where it has no kernel."""


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
    if dims and taken_in_slabs(x):
        return x, *means_of_copies(dims, *[x] * len(dims))
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
        large = taken_in_slabs(*parts, weight, *added) and fit(parts, added)
        compute = mixed_in_slabs if large else formula
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
    return taken_in_slabs(*tensors) and not asked and not transformed()


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
    along(total).copy_(formula(weight, rectified, len(parts), *map(along, parts), *own))


def fit(parts: tuple[Tensor, ...], terms: tuple[Tensor, ...]) -> bool:
    """Whether the sources have one shape but for channels, to which the terms broadcast."""
    axes = parts[0].shape[:-1]
    return len(axes) > 1 and all(
        each.dim() == len(axes) + 1
        and all(n in (1, size) for n, size in zip(each.shape, axes, strict=False))
        for each in terms
    )
