"""Tensors of which some axes are attended over, flattened row-major, while the others count as batch.

Queries and keys are brought to `(batch, *others, *attended, channels)`, where the others are those of
the queries: in code, and in the reference meaning.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..types import Axis, Tensor, Type
from .base import Refusal
from .brackets import Binding, bracketed
from .broadcast import told_apart, unsqueezed
from .masks import mask_axes, mask_name, presence


@dataclass(frozen=True, slots=True)
class Attended:
    """`over` are the places of the attended axes; `others` those of the axes that count as batch.

    A place is None where the queries have an axis that this tensor has not.
    """

    tensor: Tensor
    over: tuple[int, ...]
    others: tuple[int | None, ...]

    @property
    def axes(self) -> tuple[Axis, ...]:
        """The attended axes."""
        return tuple(self.tensor.axes[place] for place in self.over)

    @property
    def batch(self) -> list[str]:
        """The names of the other axes, of a tensor that lacks nothing."""
        return [self.tensor.axes[place].name for place in self.others if place is not None]

    @property
    def _places(self) -> tuple[int | None, ...]:
        return (*self.others, *self.over)

    @property
    def _order(self) -> list[int]:
        """The dimensions of a value in the order in which it is arranged."""
        known = (place for place in self._places if place is not None)
        return [0, *(1 + place for place in known), 1 + len(self.tensor.axes)]

    @property
    def _missing(self) -> list[int]:
        return [1 + i for i, place in enumerate(self._places) if place is None]

    # --- Code

    def arranged(self, code: str) -> str:
        """`(batch, *axes, channels)` as `(batch, *others, *attended, channels)`."""
        permuted = _permuted(code, self._order)
        missing = self._missing
        return unsqueezed(bracketed(permuted, Binding.ATOM), missing) if missing else permuted

    def as_before(self, code: str) -> str:
        """The inverse of `arranged`, for a tensor that lacks nothing."""
        return _permuted(code, _inverse(self._order))

    def mask(self) -> str:
        """Which positions are there, broadcasting to `(batch, *others, *attended)`; empty if all are."""
        masks: list[str] = []
        for place in self.over:
            axis = self.tensor.axes[place]
            if axis.masked:
                dims = {1 + self._places.index(each) for each in self._lineage(place)}
                missing = [1 + i for i in range(len(self._places)) if 1 + i not in dims]
                masks.append(unsqueezed(mask_name(axis), missing))
        if not masks:
            return ""
        return masks[0] + "".join(f".logical_and({mask})" for mask in masks[1:])

    def _lineage(self, place: int) -> tuple[int, ...]:
        """The places of the axes that one lives in, outermost first, and its own."""
        names = [axis.name for axis in self.tensor.axes[: place + 1]]
        outer = mask_axes(self.tensor.axes[place])
        return tuple(len(names) - 1 - names[::-1].index(axis.name) for axis in outer)

    # --- Reference

    def sequence(self, value: Any) -> Any:
        """The value as `(batch, *others, attended positions, channels)`."""
        value = value.permute(*self._order)
        for dim in self._missing:
            value = value.unsqueeze(dim)
        return value.flatten(-1 - len(self.over), -2)

    def unsequenced(self, value: Any) -> Any:
        """The inverse of `sequence`, for a tensor that lacks nothing."""
        sizes = [axis.size for axis in self.axes]
        return value.unflatten(-2, sizes).permute(*_inverse(self._order))

    def present(self, value: Any, masks: Mapping[str, Any]) -> Any:
        """Which positions are there: `(batch, *others, attended positions)`, all of them without masks."""
        found = value.new_ones(value.shape[:-1]).unsqueeze(-1).bool()
        for place in self.over:
            mask = presence(value, self.tensor.axes, 1 + place, masks)
            found = found if mask is None else found & mask
        return self.sequence(found).squeeze(-1)


def queries(value: Type, over: Sequence[str]) -> Attended:
    """A tensor that attends over some of its axes."""
    tensor = _tensor(value)
    places = _attended_places(tensor, over)
    return Attended(tensor, places, tuple(i for i in range(len(tensor.axes)) if i not in places))


def keys(value: Type, over: Sequence[str] | None, asking: Attended) -> Attended:
    """A tensor that is attended to along `over`, by default along what the queries attend over or lack."""
    tensor = _tensor(value)
    places = _attended_places(tensor, over or _default(tensor, asking))
    others: list[int | None] = [None] * len(asking.others)
    for place, axis in enumerate(tensor.axes):
        if place not in places:
            others[_batch_place(axis.name, tensor, asking)] = place
    return Attended(tensor, places, tuple(others))


def _batch_place(name: str, memory: Tensor, asking: Attended) -> int:
    """Which of the queries' other axes an axis of the memory is."""
    batch = asking.batch
    if batch.count(name) == 1:
        return batch.index(name)
    if name in batch:
        raise Refusal(
            f"`{name}` stands twice in {asking.tensor}, so it is ambiguous which of the two the memory "
            f"{memory} has",
            show_types=True,
        )
    has = "attends over" if name in (axis.name for axis in asking.axes) else "does not have"
    raise Refusal(
        f"the memory {memory} is not attended along `{name}`, which {asking.tensor} {has}",
        f"`memory_over = [{', '.join(axis.name for axis in memory.axes)}]` attends along all its axes",
        show_types=True,
    )


def check_causal(asking: Attended, asked: Attended) -> None:
    """Positions are compared along one and the same axes, all of whose positions are there."""
    _check_there("causal", (*asking.axes, *asked.axes))
    names = [[axis.name for axis in each.axes] for each in (asking, asked)]
    if names[0] != names[1]:
        over, memory_over = (", ".join(f"`{name}`" for name in each) for each in names)
        raise Refusal(
            f"`causal` compares positions along {over} with positions along {memory_over}: they are "
            "of different axes",
            show_types=True,
        )


def check_rotary(asking: Attended, asked: Attended) -> None:
    """Positions turn keys and queries, so all of them have to be there."""
    _check_there("rotary", (*asking.axes, *asked.axes))


def _check_there(option: str, axes: Sequence[Axis]) -> None:
    for axis in axes:
        if axis.masked:
            raise Refusal(
                f"`{option}` reads the positions of `{axis.name}`, and some may not be there",
                f"`axis {axis.name} = {axis.size}` has all of them",
                show_types=True,
            )
        told_apart(axis, option)


def _default(tensor: Tensor, asking: Attended) -> tuple[str, ...]:
    over = [axis.name for axis in asking.axes]
    names = [a.name for a in tensor.axes if a.name in over or a.name not in asking.batch]
    if sorted(names) == sorted(over):
        return tuple(over)
    if len(names) == 1:
        return tuple(names)
    if not names:
        raise Refusal(f"the memory {tensor} has no axis to attend along", show_types=True)
    raise Refusal(
        f"the memory {tensor} could be attended along {' or '.join(f'`{n}`' for n in names)}",
        f"say which: `memory_over = {names[-1]}`",
        show_types=True,
    )


def _tensor(value: Type) -> Tensor:
    if not isinstance(value, Tensor):
        raise Refusal(
            f"`attention` works on tensors, and {value} is a collection",
            f"take one out of it: `x.{value.names[0]}`",
            show_types=True,
        )
    return value


def _attended_places(tensor: Tensor, over: Sequence[str]) -> tuple[int, ...]:
    if not over:
        raise Refusal("`attention` needs an axis to attend over", "`over = token`")
    names = [axis.name for axis in tensor.axes]
    for name in over:
        if name not in names:
            raise Refusal(f"{tensor} has no axis `{name}`", show_types=True)
        if names.count(name) > 1:
            raise Refusal(
                f"`{name}` stands twice in {tensor}, so it is ambiguous which of the two is meant",
                show_types=True,
            )
    places = tuple(names.index(name) for name in over)
    for axis in tensor.axes:
        if axis.parent is not None and not axis.pinned and not axis.parent.pinned:
            _check_inner(axis.name, axis.parent.name, over)
    return places


def _check_inner(inner: str, outer: str, over: Sequence[str]) -> None:
    """Positions that move separately are matched neither as batch nor in another order."""
    if outer not in over:
        return
    if inner not in over:
        raise Refusal(
            f"attention over `{outer}` would match positions of `{inner}` that move separately in "
            f"each `{outer}`",
            f"attend over both: `[{outer}, {inner}]`",
            show_types=True,
        )
    if over.index(inner) < over.index(outer):
        raise Refusal(f"`{inner}` lives in `{outer}` and has to follow it", f"`[{outer}, {inner}]`")


def _permuted(code: str, order: Sequence[int]) -> str:
    if list(order) == sorted(order):
        return code
    return f"{bracketed(code, Binding.ATOM)}.permute({', '.join(map(str, order))})"


def _inverse(order: Sequence[int]) -> list[int]:
    return [order.index(dim) for dim in range(len(order))]
