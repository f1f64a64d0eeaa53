"""Group elements and what they do to tensors, from the definition of the action.

An element has for each axis a table of where each position is taken from, or a matrix `(size, size)`
in floating point. For an axis that lives in another a table has a row for each position of that one
(a wreath product). Of E(n) it also has a translation `(size,)`, under `translation(axis)`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

import torch
from torch import Tensor

from ..groups import Symmetric
from ..operations.masks import mask_axes
from ..types import Axis
from ..types import Tensor as TensorType
from .elements import generating_matrices, generating_tables, random_matrices, random_tables

Element = Mapping[str, Tensor]


def random_element(axes: Iterable[Axis], generator: torch.Generator) -> Element:
    """A random element of the group of all axes; in a wreath product one for each place."""
    element: dict[str, Tensor] = {}
    for same in _by_mover(axes).values():
        if _is_permuted(same):
            scores = torch.rand(
                *outer_sizes(same[0]), same[0].size, generator=generator, dtype=torch.float64
            )
            element |= {axis.name: scores.argsort(-1) for axis in same}
        elif (tables := generating_tables(same)) is not None:
            element |= random_tables(tables, generator)
        else:
            element |= random_matrices(same, generator)
        if same[0].affine:
            moved_by = torch.randn(same[0].size, generator=generator, dtype=torch.float64)
            element |= {translation(axis): moved_by for axis in same}
    return element


def translation(axis: Axis) -> str:
    """Where an element has the translation along an axis."""
    return f"translation along {axis.name}"


def moved(element: Element, x: Tensor, tensor: TensorType) -> Tensor:
    """The element on a value `(batch, *axes, ...)` of a type: translations move points."""
    y = act(element, x, tensor.axes)
    index = tensor.coordinates
    shift = None if index is None else element.get(translation(tensor.axes[index]))
    if index is None or shift is None:
        return y
    return y + shift.reshape(-1, *[1] * (y.dim() - 2 - index))


def generators(axes: Sequence[Axis], generator: torch.Generator) -> Iterator[Element]:
    """Elements that generate the group: for each symmetric one a swap and a rotation, of one place at
    a time."""
    movers = _by_mover(axes)
    still = {axis.name: _still(axis) for same in movers.values() for axis in same}
    for same in movers.values():
        if not _is_permuted(same):
            letters = generating_tables(same) or generating_matrices(same, generator)
            for moving in letters:
                yield {**still, **moving}
            continue
        for moved in (_swap(same[0].size), torch.arange(same[0].size).roll(1)):
            table = still[same[0].name].clone()
            table.view(-1, same[0].size)[0] = moved
            yield {**still, **{axis.name: table for axis in same}}


def _by_mover(axes: Iterable[Axis]) -> dict[str, list[Axis]]:
    """The different axes that each group element moves."""
    found: dict[str, list[Axis]] = {}
    for axis in dict.fromkeys(axes):
        if not axis.pinned:
            found.setdefault(axis.mover, []).append(axis)
    return found


def _is_permuted(same: Sequence[Axis]) -> bool:
    return all(isinstance(axis.group, Symmetric) for axis in same)


def act(element: Element, x: Tensor, axes: Sequence[Axis]) -> Tensor:
    """The element on `(batch, *axes, ...)`."""
    index: list[slice | Tensor] = [slice(None)]
    for place, axis in enumerate(axes):
        shape = [1] * len(axes)
        table = element.get(axis.name)
        if table is None or is_matrix(table):
            shape[place] = x.shape[1 + place]
            index.append(torch.arange(x.shape[1 + place]).reshape(shape))
            continue
        for dim, each in zip(table.shape, _places(axes, place), strict=True):
            shape[each] = dim
        index.append(table.reshape(shape))
    x = x[tuple(index)] if axes else x
    for dim, axis in enumerate(axes, start=1):
        matrix = element.get(axis.name)
        if matrix is not None and is_matrix(matrix):
            sizes = axis.joint.sizes if axis.joint else (axis.size,)
            x = x.flatten(dim, dim + len(sizes) - 1).movedim(dim, 0)
            dtype = torch.promote_types(matrix.dtype, x.dtype)
            x = torch.tensordot(matrix.to(dtype), x.to(dtype), 1).movedim(0, dim)
            x = x.unflatten(dim, sizes)
    return x


def is_matrix(table: Tensor) -> bool:
    """Whether it is a matrix, and no table of positions."""
    return table.is_floating_point() or table.is_complex()


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
