"""What torch must know of the C++ operators to trace and to vmap them: shapes, and batches of batches."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import torch
from torch import Tensor

Dims = Any
"""Where `torch.vmap` has its dimension: for each argument a number or None, for lists a list of them."""


@cache
def register_rules() -> None:
    """Registers the rules with torch; once in a process."""
    for rule in (
        pool,
        mix,
        mix_with_means,
        mix_forward,
        mix_backward,
        layer,
        layer_products,
        layer_backward,
    ):
        torch.library.register_fake(f"specc_native::{rule.__name__}", rule)
    torch.library.register_vmap("specc_native::pool", pool_batched)
    torch.library.register_vmap("specc_native::mix", mix_batched)
    torch.library.register_vmap("specc_native::mix_with_means", mix_with_means_batched)
    torch.library.register_vmap("specc_native::layer", layer_batched)


def pool(x: Tensor, dims: Sequence[int]) -> list[Tensor]:
    return [x.new_empty([*x.shape[:dim], *x.shape[dim + 1 :]]) for dim in dims]


def mix(
    sources: Sequence[Tensor], weight: Tensor, terms: Sequence[Tensor], rectify: bool
) -> Tensor:
    return weight.new_empty([*sources[0].shape[:-1], weight.shape[0]])


def mix_with_means(
    sources: Sequence[Tensor],
    weight: Tensor,
    terms: Sequence[Tensor],
    rectify: bool,
    dims: Sequence[int],
) -> list[Tensor]:
    out = mix(sources, weight, terms, rectify)
    return [out, *pool(out, dims)]


def mix_forward(
    sources: Sequence[Tensor],
    weight: Tensor,
    terms: Sequence[Tensor],
    rectify: bool,
    masked: bool,
    dims: Sequence[int],
) -> list[Tensor]:
    rows = math.prod(sources[0].shape[:-1]) if masked else 0
    width = torch.ops.specc_native.mask_bytes(weight.shape[0])
    out, *means = mix_with_means(sources, weight, terms, rectify, dims)
    return [out, weight.new_empty([rows, width], dtype=torch.uint8), *means]


def mix_backward(
    grad: Tensor,
    added: Sequence[Tensor],
    mask: Tensor,
    sources: Sequence[Tensor],
    weight: Tensor,
    shapes: Sequence[int],
    needed: Sequence[bool],
) -> list[Tensor]:
    dims = grad.dim()
    starts = range(0, len(shapes), dims)
    return [
        weight.new_empty(weight.shape),
        *(
            torch.empty_like(each) if need else each.new_empty([0])
            for each, need in zip(sources, needed, strict=True)
        ),
        *(grad.new_empty(list(shapes[start : start + dims])) for start in starts),
    ]


def layer(
    inputs: Sequence[Tensor],
    weights: Sequence[Tensor],
    biases: Sequence[Tensor],
    program: str,
    sizes: Sequence[int],
    rectify: bool,
    adjoint: bool,
) -> list[Tensor]:
    of_inputs, of_outputs, _ = _read(program)
    made, start = [], 0
    for axes in of_inputs if adjoint else of_outputs:
        made.append(inputs[0].new_empty([inputs[0].shape[0], *sizes[start : start + axes + 1]]))
        start += axes + 1
    return made


def layer_products(grads: Sequence[Tensor], inputs: Sequence[Tensor], program: str) -> list[Tensor]:
    levels = _read(program)[2]
    weights = [inputs[0].new_empty([rows, columns]) for columns, rows, _ in levels]
    return [*weights, *(inputs[0].new_empty([rows]) for _, rows, biased in levels if biased)]


def layer_backward(
    grads: Sequence[Tensor],
    outputs: Sequence[Tensor],
    inputs: Sequence[Tensor],
    weights: Sequence[Tensor],
    program: str,
    of_inputs: bool,
) -> list[Tensor]:
    of = [each.new_empty(each.shape) for each in inputs] if of_inputs else []
    return [*of, *layer_products(grads, inputs, program)]


def _read(program: str) -> tuple[list[int], list[int], list[tuple[int, int, bool]]]:
    """The numbers of axes of a layer's inputs and outputs; columns, rows and bias of each level."""
    numbers = map(int, program.split())

    def take() -> int:
        return next(numbers)

    of_inputs = [take() for _ in range(take())]
    of_outputs = [take() for _ in range(take())]
    levels = []
    for _ in range(take()):
        _, biased = take(), take()
        widths = [0, 0]
        for side, axes in enumerate((of_inputs, of_outputs)):
            for _ in range(take()):
                tensor, width = take(), take()
                widths[side] += width
                for _ in range(axes[tensor]):
                    take()
        levels.append((widths[0], widths[1], bool(biased)))
    return of_inputs, of_outputs, levels


def pool_batched(
    info: Any, in_dims: Dims, x: Tensor, dims: Sequence[int]
) -> tuple[list[Tensor], list[int]]:
    """A mapped dimension is one more axis before the others."""
    means = torch.ops.specc_native.pool(x.movedim(in_dims[0], 0), [dim + 1 for dim in dims])
    return means, [0] * len(means)


def mix_batched(
    info: Any,
    in_dims: Dims,
    sources: Sequence[Tensor],
    weight: Tensor,
    terms: Sequence[Tensor],
    rectify: bool,
) -> tuple[Tensor, int]:
    (made,), _ = mix_with_means_batched(info, (*in_dims, None), sources, weight, terms, rectify, [])
    return made, 0


def mix_with_means_batched(
    info: Any,
    in_dims: Dims,
    sources: Sequence[Tensor],
    weight: Tensor,
    terms: Sequence[Tensor],
    rectify: bool,
    dims: Sequence[int],
) -> tuple[list[Tensor], list[int]]:
    """With one weight for all, a mapped dimension is one more axis; else there is a product for each."""
    of_sources, of_weight, of_terms, *_ = in_dims
    parts = [_in_front(x, dim, info) for x, dim in zip(sources, of_sources, strict=True)]
    added = [_in_front(x, dim, None) for x, dim in zip(terms, of_terms, strict=True)]
    compute: Callable[..., list[Tensor]] = torch.ops.specc_native.mix_with_means
    if of_weight is None:
        made = compute(parts, weight, added, rectify, [dim + 1 for dim in dims])
        return made, [0] * len(made)
    each = [
        compute(
            [part[i] for part in parts],
            weight.select(of_weight, i),
            [term[i % len(term)] for term in added],
            rectify,
            dims,
        )
        for i in range(info.batch_size)
    ]
    made = [torch.stack(some) for some in zip(*each, strict=True)]
    return made, [0] * len(made)


def layer_batched(
    info: Any,
    in_dims: Dims,
    inputs: Sequence[Tensor],
    weights: Sequence[Tensor],
    biases: Sequence[Tensor],
    *rest: Any,
) -> tuple[list[Tensor], list[int]]:
    """With one set of weights for all, a mapped dimension is more networks; else there is a layer for each."""
    of_inputs, of_weights, of_biases, *_ = in_dims
    mapped = [_in_front(x, dim, info) for x, dim in zip(inputs, of_inputs, strict=True)]
    compute: Callable[..., list[Tensor]] = torch.ops.specc_native.layer
    if all(dim is None for dim in (*of_weights, *of_biases)):
        made = compute([x.flatten(0, 1) for x in mapped], weights, biases, *rest)
        return [each.unflatten(0, (info.batch_size, -1)) for each in made], [0] * len(made)
    own = [
        [_in_front(x, dim, info) for x, dim in zip(some, dims, strict=True)]
        for some, dims in ((weights, of_weights), (biases, of_biases))
    ]
    each = [
        compute([x[i] for x in mapped], *([x[i] for x in some] for some in own), *rest)
        for i in range(info.batch_size)
    ]
    made = [torch.stack(some) for some in zip(*each, strict=True)]
    return made, [0] * len(made)


def _in_front(x: Tensor, dim: int | None, info: Any) -> Tensor:
    """The mapped dimension first: of size 1 where `x` has none, or of full size given `info`."""
    if dim is not None:
        return x.movedim(dim, 0)
    return x[None] if info is None else x[None].expand(info.batch_size, *x.shape)
