"""Group elements and what they do to tensors, from the definition of the action.

An element is a table for each axis: where each position is taken from. For an axis that lives in
another the table has a row for each position of that one (a wreath product).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

import torch
from torch import Tensor

from ..operations.masks import mask_axes
from ..types import Axis

Element = Mapping[str, Tensor]


def random_element(axes: Iterable[Axis], generator: torch.Generator) -> Element:
    """A random permutation for each symmetric axis, one for each place where it lives in another."""
    element: dict[str, Tensor] = {}
    for axis in axes:
        if axis.pinned or axis.name in element:
            continue
        shape = outer_sizes(axis)
        scores = torch.rand(*shape, axis.size, generator=generator, dtype=torch.float64)
        element[axis.name] = scores.argsort(-1)
    return element


def generators(axes: Sequence[Axis]) -> Iterator[Element]:
    """Elements that generate the group: a swap and a rotation for each axis, of one place at a time."""
    still = {axis.name: _still(axis) for axis in axes if not axis.pinned}
    for axis in axes:
        if axis.pinned:
            continue
        for moved in (_swap(axis.size), torch.arange(axis.size).roll(1)):
            table = still[axis.name].clone()
            table.view(-1, axis.size)[0] = moved
            yield {**still, axis.name: table}


def act(element: Element, x: Tensor, axes: Sequence[Axis]) -> Tensor:
    """The element on `(batch, *axes, ...)`."""
    index: list[slice | Tensor] = [slice(None)]
    for place, axis in enumerate(axes):
        shape = [1] * len(axes)
        if axis.name not in element:
            shape[place] = x.shape[1 + place]
            index.append(torch.arange(x.shape[1 + place]).reshape(shape))
            continue
        table = element[axis.name]
        for dim, each in zip(table.shape, _places(axes, place), strict=True):
            shape[each] = dim
        index.append(table.reshape(shape))
    return x[tuple(index)] if axes else x


def act_on_mask(element: Element, mask: Tensor, axis: Axis) -> Tensor:
    """The element on a mask `(batch, *axes of the mask)`."""
    return act(element, mask, mask_axes(axis))


def outer_sizes(axis: Axis) -> tuple[int, ...]:
    """The sizes of the axes that an axis lives in, outermost first."""
    if axis.parent is None:
        return ()
    return (*outer_sizes(axis.parent), axis.parent.size)


def _places(axes: Sequence[Axis], place: int) -> list[int]:
    """Where the axes that one lives in stand, outermost first, and itself."""
    parent = axes[place].parent
    if parent is None:
        return [place]
    outer = next(i for i in range(place - 1, -1, -1) if axes[i].name == parent.name)
    return [*_places(axes, outer), place]


def _still(axis: Axis) -> Tensor:
    return torch.arange(axis.size).expand(*outer_sizes(axis), axis.size)


def _swap(size: int) -> Tensor:
    order = torch.arange(size)
    if size > 1:
        order[:2] = torch.tensor([1, 0])
    return order
