"""Means that a product took of its result while that was in the cache, for the layer that reads it next.

They are kept beside the tensor, as long as it lives, and given out only where they are still its means:
it was not written to since, and has the place among what is differentiated that it had.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.utils.weak import WeakTensorKeyDictionary


class _Remembered(NamedTuple):
    of_dims: dict[int, Tensor]
    version: int
    made_by: Any
    """The node of autograd that made the tensor and its means, or None."""


_OF_TENSORS = WeakTensorKeyDictionary()


def remember(x: Tensor, dims: Sequence[int], means: Sequence[Tensor]) -> None:
    """Keeps the means of `x` over each of the dimensions, which were made together with it."""
    if not x.is_inference():  # writing to such a tensor leaves no trace
        held = dict(zip(dims, means, strict=True))
        _OF_TENSORS[x] = _Remembered(held, x._version, x.grad_fn)


def recall(x: Tensor, dims: Sequence[int]) -> list[Tensor] | None:
    """The means of `x` over the dimensions, in their order, if all are there; a view of all of it has them, too."""
    if torch.compiler.is_compiling() or not _OF_TENSORS:
        return None
    base = x if x._base is None else x._base
    held: _Remembered | None = _OF_TENSORS.get(base)
    if (
        held is None
        or base._version != held.version
        or base.grad_fn is not held.made_by
        or base.requires_grad != (held.made_by is not None)
        or not _is_whole(x, base)
    ):
        return None
    return [held.of_dims[dim] for dim in dims] if held.of_dims.keys() >= set(dims) else None


def _is_whole(x: Tensor, base: Tensor) -> bool:
    """Whether a view has the elements of its base at the same places, and its gradients go there."""
    return x is base or (
        x.shape == base.shape
        and x.stride() == base.stride()
        and x.storage_offset() == base.storage_offset()
        and x.dtype == base.dtype
        and (x.grad_fn is None) == (base.grad_fn is None)
    )
