"""What convolutions and pooling share: windows that slide along one, two or three axes.

A window has `kernel` positions, `dilation` apart, and moves by `stride`; `padding` positions are added
at both ends. Each is one number for all axes of `over`, or a list with one for each.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Annotated, Any

from pydantic import Field

from ..names import counted
from ..types import Axis, Collection, Tensor, Type
from .base import Operation, Refusal
from .broadcast import keep_enclosed, told_apart

Positive = Annotated[int, Field(ge=1)]
NotNegative = Annotated[int, Field(ge=0)]


@dataclass(frozen=True, slots=True)
class Window:
    """A window along one axis; `before` and `after` are the positions added at its ends."""

    kernel: int
    stride: int
    before: int
    after: int
    dilation: int

    @property
    def reach(self) -> int:
        """The positions from its first to its last."""
        return self.dilation * (self.kernel - 1) + 1

    def count(self, size: int) -> int:
        """How many windows fit on an axis of this size."""
        return (self.before + size + self.after - self.reach) // self.stride + 1

    def spread(self, size: int) -> int:
        """The length of an axis onto which `size` windows are written, its ends cut off."""
        return self.stride * (size - 1) + self.reach - self.before - self.after


class Windowed(Operation):
    """An operation along the axes `over` of one tensor."""

    over: tuple[str, ...]

    def _tensor(self, inputs: tuple[Type, ...]) -> Tensor:
        """The input, if the operation can work along its axes."""
        tensor = inputs[0]
        if isinstance(tensor, Collection):
            raise Refusal(
                f"`{self.word}` works on one tensor, and this is a collection",
                f"take one out of it: `x.{tensor.names[0]}`",
                show_types=True,
            )
        if not 1 <= len(self.over) <= 3:
            raise Refusal(
                f"`{self.word}` works along one, two or three axes, and `over` has {len(self.over)}"
            )
        for name in self.over:
            axis = axis_named(name, tensor)
            if axis.masked:
                raise Refusal(
                    f"`{self.word}` sees neighbours, and positions of `{name}` may not be there",
                    f"`axis {name} = {axis.size}` has all of them",
                    show_types=True,
                )
        return tensor

    def _dims(self, tensor: Tensor) -> tuple[int, ...]:
        """The run-time dimensions of the axes of `over`, in its order; the batch comes first."""
        names = [axis.name for axis in tensor.axes]
        return tuple(1 + names.index(name) for name in self.over)

    def _sizes(self, tensor: Tensor) -> tuple[int, ...]:
        """The sizes of the axes of `over`, in its order."""
        return tuple(tensor.axes[dim - 1].size for dim in self._dims(tensor))

    def _resized(self, tensor: Tensor, sizes: Sequence[int]) -> tuple[Axis, ...]:
        """The axes with new lengths for those of `over`, whose positions are told apart from here on."""
        axes = list(tensor.axes)
        for dim, size in zip(self._dims(tensor), sizes, strict=True):
            axes[dim - 1] = replace(told_apart(axes[dim - 1], self.word), size=size)
        return keep_enclosed(tuple(axes))

    def _each(self, name: str, numbers: tuple[int, ...]) -> tuple[int, ...]:
        """One number for each axis of `over`."""
        if len(numbers) == 1:
            return numbers * len(self.over)
        if len(numbers) != len(self.over):
            raise Refusal(
                f"`{name}` has {counted(len(numbers), 'number')}, and `over` has "
                f"{counted(len(self.over), 'axis', 'axes')}"
            )
        return numbers

    def _counts(self, tensor: Tensor, windows: Sequence[Window]) -> tuple[int, ...]:
        """How many windows there are along each axis: at least one."""
        counts = []
        for name, size, window in zip(self.over, self._sizes(tensor), windows, strict=True):
            counts.append(window.count(size))
            if window.before + size + window.after < window.reach:
                added = window.before + window.after
                padded = f", and {added} of padding" if added else ""
                raise Refusal(
                    f"a kernel that reaches over {counted(window.reach, 'position')} does not fit on "
                    f"`{name}`, which has {size}{padded}",
                    show_types=True,
                )
        return tuple(counts)


def axis_named(name: str, tensor: Tensor) -> Axis:
    """The axis of a tensor by its name, if it is there once."""
    found = [axis for axis in tensor.axes if axis.name == name]
    if not found:
        raise Refusal(f"{tensor} has no axis `{name}`", show_types=True)
    if len(found) > 1:
        raise Refusal(
            f"`{name}` stands twice in {tensor}, so it is ambiguous which of the two is meant",
            show_types=True,
        )
    return found[0]


def numbers(values: Sequence[int]) -> str:
    """Numbers for all axes as torch takes them: one where they are equal."""
    return str(values[0]) if len(set(values)) == 1 else f"({', '.join(map(str, values))})"


def over_option(dims: Sequence[int]) -> str:
    """Which dimensions a runtime module works along, where those are not the first after the batch."""
    usual = tuple(range(1, 1 + len(dims)))
    return "" if tuple(dims) == usual else f"over={run_time_dims(dims)}, "


def run_time_dims(dims: Sequence[int]) -> str:
    """Dimensions as a tuple in Python."""
    return f"({dims[0]},)" if len(dims) == 1 else f"({', '.join(map(str, dims))})"


def places(windows: Sequence[Window]) -> Iterator[tuple[int, ...]]:
    """Every place in the kernel, by its number along each axis."""
    return product(*(range(window.kernel) for window in windows))


def seen_at(
    place: Sequence[int], dims: Sequence[int], windows: Sequence[Window], counts: Sequence[int]
) -> tuple[slice, ...]:
    """The index of the positions that all windows have at one place of the kernel."""
    index = [slice(None)] * (max(dims) + 1)
    for offset, dim, window, count in zip(place, dims, windows, counts, strict=True):
        first = offset * window.dilation
        index[dim] = slice(first, first + window.stride * (count - 1) + 1, window.stride)
    return tuple(index)


def padded(value: Any, dim: int, before: int, after: int, fill: float) -> Any:
    """The value with positions added at both ends of a dimension, or cut off where there are fewer."""
    shape = list(value.shape)
    shape[dim] += before + after
    result = value.new_full(shape, fill)
    start, stop = max(before, 0), min(before + value.shape[dim], shape[dim])
    whole = (slice(None),) * dim
    result[(*whole, slice(start, stop))] = value[(*whole, slice(start - before, stop - before))]
    return result


def with_ends(value: Any, dims: Sequence[int], windows: Sequence[Window], fill: float) -> Any:
    """The value with the positions that the windows' padding adds."""
    for dim, window in zip(dims, windows, strict=True):
        value = padded(value, dim, window.before, window.after, fill)
    return value
