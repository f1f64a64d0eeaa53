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
    for rule in (pool, mix, mix_forward, mix_backward):
        torch.library.register_fake(f"specc_native::{rule.__name__}", rule)
    torch.library.register_vmap("specc_native::pool", pool_batched)
    torch.library.register_vmap("specc_native::mix", mix_batched)


def pool(x: Tensor, dims: Sequence[int]) -> list[Tensor]:
    return [x.new_empty([*x.shape[:dim], *x.shape[dim + 1 :]]) for dim in dims]


def mix(
    sources: Sequence[Tensor], weight: Tensor, terms: Sequence[Tensor], rectify: bool
) -> Tensor:
    return weight.new_empty([*sources[0].shape[:-1], weight.shape[0]])


def mix_forward(
    sources: Sequence[Tensor], weight: Tensor, terms: Sequence[Tensor], rectify: bool, masked: bool
) -> tuple[Tensor, Tensor]:
    rows = math.prod(sources[0].shape[:-1]) if masked else 0
    width = torch.ops.specc_native.mask_bytes(weight.shape[0])
    out = mix(sources, weight, terms, rectify)
    return out, weight.new_empty([rows, width], dtype=torch.uint8)


def mix_backward(
    grad: Tensor,
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
    """With one weight for all, a mapped dimension is one more axis; else there is a product for each."""
    of_sources, of_weight, of_terms, _ = in_dims
    parts = [_in_front(x, dim, info) for x, dim in zip(sources, of_sources, strict=True)]
    added = [_in_front(x, dim, None) for x, dim in zip(terms, of_terms, strict=True)]
    compute: Callable[..., Tensor] = torch.ops.specc_native.mix
    if of_weight is None:
        return compute(parts, weight, added, rectify), 0
    each = [
        compute(
            [part[i] for part in parts],
            weight.select(of_weight, i),
            [term[i % len(term)] for term in added],
            rectify,
        )
        for i in range(info.batch_size)
    ]
    return torch.stack(each), 0


def _in_front(x: Tensor, dim: int | None, info: Any) -> Tensor:
    """The mapped dimension first: of size 1 where `x` has none, or of full size given `info`."""
    if dim is not None:
        return x.movedim(dim, 0)
    return x[None] if info is None else x[None].expand(info.batch_size, *x.shape)
