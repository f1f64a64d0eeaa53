"""Broadcasting by axis name: which type several values share, and the code that brings one to it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

from ..types import Axis, Collection, Tensor, Type, tensor_named
from .base import Refusal
from .brackets import Binding, bracketed
from .representations import product_axis

Width = Callable[[Sequence[Tensor]], int | None]
"""The channels of a combination of tensors."""

Axes = Callable[[Sequence[Tensor]], tuple[Axis, ...]]
"""The axes of a combination of tensors."""


def meet(first: Axis, second: Axis) -> Axis:
    """The axis with the symmetry that both have."""
    if first.size != second.size:
        raise Refusal(
            f"axis `{first.name}` has {first.size} positions in one value and {second.size} in another",
            show_types=True,
        )
    if first == second:
        return first
    return first.pin()


def told_apart(axis: Axis, word: str) -> Axis:
    """The axis as an operation sees it that reads positions: refused where a group moves them.

    Those of a coded axis are distinct where the axis was declared.
    """
    if not axis.pinned and not axis.coded:
        raise Refusal(
            f"`{word}` tells the positions of `{axis.name}` apart, and {axis.symmetry} moves them",
            f"`axis {axis.name} = {axis.size}`, without a group, if their order matters",
            show_types=True,
        )
    return axis.pin()


def meet_with(axis: Axis, tensor: Tensor) -> Axis:
    """The axis with the symmetry that it also has in a tensor, if it stands there."""
    for other in tensor.axes:
        if other.name == axis.name:
            axis = meet(axis, other)
    return axis


def common_axes(tensors: Sequence[Tensor]) -> tuple[Axis, ...]:
    """The axes of the broadcast value: those of the value with most, then those only others have."""
    longest = max(tensors, key=lambda tensor: len(tensor.axes))
    with_axes = [tensor for tensor in tensors if tensor.axes]  # the others go with any axes
    if all(_names(tensor) == _names(longest) for tensor in with_axes):
        columns = zip(*(tensor.axes for tensor in with_axes), strict=True)
        return tuple(_meet_all(column) for column in columns)
    for tensor in tensors:
        repeated = [a for a in tensor.axes if tensor.axes.count(a) > 1]
        if repeated:
            raise Refusal(
                f"`{repeated[0].name}` stands twice in {tensor}, so it is ambiguous which of the two is meant",
                "index notation says which: `z[i, j] = x[i, j] + y[j]`",
                show_types=True,
            )
    by_name: dict[str, list[Axis]] = {axis.name: [] for axis in longest.axes}
    for tensor in tensors:
        for axis in tensor.axes:
            by_name.setdefault(axis.name, []).append(axis)
    axes = tuple(_meet_all(same) for same in by_name.values())
    return keep_enclosed(axes)


def keep_enclosed(axes: tuple[Axis, ...]) -> tuple[Axis, ...]:
    """Pins axes whose enclosing axis does not stand before them with its symmetry, and those that have
    lost others with which a group moves them jointly."""
    kept: list[Axis] = []
    for place, axis in enumerate(axes):
        apart = axis.joint is not None and not stands_together(axes, place)
        if apart or (axis.parent is not None and axis.parent not in kept):
            axis = replace(axis, parent=None).pin()
        kept.append(axis)
    return tuple(kept)


def stands_together(axes: Sequence[Axis], place: int) -> bool:
    """Whether the axes that a group moves jointly with one follow each other, in their order."""
    joint = axes[place].joint
    assert joint is not None
    first = place - joint.place
    around = axes[max(first, 0) : first + len(joint.axes)]
    return tuple(axis.name for axis in around if axis.joint) == joint.axes


def summed(word: str) -> Axes:
    """The axes of a sum, or of channels side by side: along what is more than permuted none is repeated."""

    def axes(tensors: Sequence[Tensor]) -> tuple[Axis, ...]:
        common = common_axes(tensors)
        for axis in common:
            if not axis.permuted:
                _refuse_repeated(word, axis, tensors)
        return common

    return axes


def _refuse_repeated(word: str, axis: Axis, tensors: Sequence[Tensor]) -> None:
    for tensor in tensors:
        if axis.name not in _names(tensor):
            raise Refusal(
                f"`{word}` would repeat {tensor} along `{axis.name}`, and "
                f"{axis.group.notation(axis.size)} leaves nothing as it is that is constant there",
                "a product with an invariant scales: `x * g`",
                show_types=True,
            )


def multiplied(word: str) -> Axes:
    """The axes of a product, position by position: signs cancel, coordinates do not multiply."""

    def axes(tensors: Sequence[Tensor]) -> tuple[Axis, ...]:
        met = common_axes(without_signs(tensors))
        columns = (
            [[each.axes[place] for each in tensors if each.axes] for place in range(len(met))]
            if _repeats(met)
            else [
                [
                    axis
                    for each, plain in zip(tensors, without_signs(tensors), strict=True)
                    for axis, own in zip(each.axes, plain.axes, strict=True)
                    if own.name == common.name
                ]
                for common in met
            ]
        )
        return tuple(map(partial(product_axis, word), met, columns))

    return axes


def without_signs(tensors: Sequence[Tensor]) -> list[Tensor]:
    """The tensors with `abs(s)` for `s`, so that the two meet; as they are where this is ambiguous."""
    plain = [replace(each, axes=tuple(a.absolute() for a in each.axes)) for each in tensors]
    alike = len({_names(each) for each in plain if each.axes}) < 2
    return plain if alike or not any(_repeats(each.axes) for each in plain) else list(tensors)


def _repeats(axes: Sequence[Axis]) -> bool:
    return len({axis.name for axis in axes}) < len(axes)


def common_width(tensors: Sequence[Tensor]) -> int | None:
    """The channels of the broadcast value; one channel goes with any number."""
    widths = list(dict.fromkeys(tensor.width for tensor in tensors if tensor.width != 1))
    if len(widths) > 1:
        shown = " and ".join(str(tensor) for tensor in tensors)
        raise Refusal(
            f"{shown} do not go together: {widths[0]} channels meet {widths[1]}",
            "`linear(x, c)` changes the number of channels",
            show_types=True,
        )
    if widths:
        return widths[0]
    return None if all(tensor.channels is None for tensor in tensors) else 1


def total_width(tensors: Sequence[Tensor]) -> int | None:
    """The channels of all values one after the other."""
    return sum(tensor.width for tensor in tensors)


def broadcast(inputs: Sequence[Type], axes: Axes, width: Width = common_width) -> Type:
    """The type of a combination position by position, by its axes and its number of channels."""
    collections = [value for value in inputs if isinstance(value, Collection)]
    if not collections:
        tensors = [value for value in inputs if isinstance(value, Tensor)]
        return _combined(tensors, axes, width)
    first = collections[0]
    for other in collections[1:]:
        if other.names != first.names:
            raise Refusal(
                f"{first} and {other} are different collections of tensors", show_types=True
            )
    combined = tuple(
        (
            name,
            _combine(name, [tensor_named(value, name) for value in inputs], axes, width),
        )
        for name in first.names
    )
    return Collection(combined, first.label, first.stored)


def _combine(name: str, tensors: Sequence[Tensor], axes: Axes, width: Width) -> Tensor:
    try:
        return _combined(tensors, axes, width)
    except Refusal as refusal:
        raise Refusal(f"tensor `{name}`: {refusal.message}", refusal.hint, True) from None


def _combined(tensors: Sequence[Tensor], axes: Axes, width: Width) -> Tensor:
    """The type of one combination; complex where a value is."""
    return Tensor(axes(tensors), width(tensors), complex=any(each.complex for each in tensors))


def aligned(value: str, tensor: Tensor, axes: Sequence[Axis]) -> str:
    """Code that brings `(batch, *tensor.axes, channels)` to dimensions that broadcast along `axes`."""
    have = _names(tensor)
    want = tuple(axis.name for axis in axes)
    if have == want:
        return value
    value = bracketed(value, Binding.ATOM)
    order = [name for name in want if name in have]
    if order != list(have):
        places = [0, *(1 + have.index(name) for name in order), 1 + len(have)]
        value = f"{value}.permute({', '.join(map(str, places))})"
    return unsqueezed(value, [1 + i for i, name in enumerate(want) if name not in have])


def unsqueezed(value: str, dims: Sequence[int]) -> str:
    """Code that inserts dimensions of size one at `dims` (places in the result, ascending)."""
    if not dims:
        return value
    index = ["None" if i in dims else ":" for i in range(max(dims) + 1)]
    return f"{value}[{', '.join(index)}]"


def _names(tensor: Tensor) -> tuple[str, ...]:
    return tuple(axis.name for axis in tensor.axes)


def _meet_all(axes: Sequence[Axis]) -> Axis:
    found = axes[0]
    for axis in axes[1:]:
        found = meet(found, axis)
    return found
