"""Tensors of a collection as they are stored: several in one, flattened or one after the other."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..types import Collection, Piece

Array = Any
"""A tensor of a library with the interface of torch."""


def taken_apart(value: Mapping[str, Array], kind: Collection) -> dict[str, Array]:
    """The tensors of a collection, from those it is stored in; channels may follow the axes."""
    if not kind.stored:
        return {name: value[name] for name in kind.names}
    return {
        piece.name: _seen(value[each.name], piece) for each in kind.stored for piece in each.pieces
    }


def put_together(value: Mapping[str, Array], kind: Collection) -> dict[str, Array]:
    """The tensors that a collection is stored in: what `taken_apart` was given."""
    if not kind.stored:
        return dict(value)
    found: dict[str, Array] = {}
    for each in kind.stored:
        first = value[each.pieces[0].name]
        after = first.shape[1 + len(each.pieces[0].axes) :]
        whole = first.new_zeros(first.shape[0], *each.shape, *after)
        for piece in each.pieces:
            _seen(whole, piece).copy_(value[piece.name])
        found[each.name] = whole
    return found


def _seen(array: Array, piece: Piece) -> Array:
    """A piece as a view of the tensor that it is in, `(batch, *axes, channels)`."""
    batch, *steps = array.stride()
    rank = len(piece.dims)
    along = list(zip(piece.dims, steps, strict=False))
    sizes = [axis.size for axis in piece.axes]
    strides = [step * stride for each, step in along for stride in each.strides]
    start = array.storage_offset() + sum(step * each.start for each, step in along)
    after = array.shape[1 + rank :]
    shape = (array.shape[0], *sizes, *after)
    return array.as_strided(shape, (batch, *strides, *steps[rank:]), start)
