"""Elements of the group of a space applied to the entries of a state_dict."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from ..reference.stored import put_together, taken_apart
from ..types import Collection, Stored
from ..verification.actions import Element, act
from .written import tensors_of

State = Mapping[str, Tensor]


def moved(
    space: Collection, state: State, element: Element, into: State | None = None
) -> dict[str, Tensor]:
    """The weights with an element of the group applied, written into tensors of their sizes where given.

    Where each dimension moves by itself its positions are taken in their new order; a tensor in which
    what lives in an axis lies along another dimension is taken apart.
    """
    found: dict[str, Tensor] = {}
    for each in tensors_of(space):
        orders = [_order(each, dim, element) for dim in range(len(each.shape))]
        whole = state[each.name]
        if any(order is None for order in orders):
            found[each.name] = _piecewise(each, whole, element)
            continue
        wanted = None if into is None else into[each.name]
        found[each.name] = _reordered(whole, [o for o in orders if o is not None], wanted)
    return found


def _order(tensor: Stored, dim: int, element: Element) -> Tensor | None:
    """Where each position along a dimension is taken from; None where it depends on other dimensions."""
    order = torch.arange(tensor.shape[dim])
    for piece in tensor.pieces:
        each = piece.dims[dim]
        outer = {axis.parent.name for axis in each.axes if axis.parent is not None}
        apart = outer - {axis.name for axis in each.axes}
        if len(tensor.blocks) > 1 or apart & element.keys():
            return None
        sizes = [axis.size for axis in each.axes]
        here = torch.arange(tensor.shape[dim]).as_strided(sizes, each.strides, each.start)
        order[here] = act(element, here.unsqueeze(0), each.axes).squeeze(0)
    return order


def _reordered(whole: Tensor, orders: Sequence[Tensor], into: Tensor | None) -> Tensor:
    """With the positions along every dimension in another order; itself where none moves."""
    moving = [dim for dim, o in enumerate(orders) if not o.equal(torch.arange(len(o)))]
    for dim in moving[:-1]:
        whole = whole.index_select(dim, orders[dim])
    for dim in moving[-1:]:
        whole = torch.index_select(whole, dim, orders[dim], out=into)
    return whole


def _piecewise(tensor: Stored, whole: Tensor, element: Element) -> Tensor:
    """A tensor taken apart, each piece moved, and put together."""
    kind = Collection((), "", (tensor,))
    batched = {tensor.name: whole.unsqueeze(0)}
    pieces = taken_apart(batched, kind)
    axes = {piece.name: piece.axes for piece in tensor.pieces}
    found = {name: act(element, x, axes[name]) for name, x in pieces.items()}
    whole = put_together(found, kind)[tensor.name]
    return whole.squeeze(0)
