"""Collections of tensors that the groups move together, and what holds of tensors and collections alike."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from .axes import Axis
from .stored import Stored
from .tensors import Tensor


@dataclass(frozen=True, slots=True)
class Scale:
    """Positive factors of the positions of an axis, that leave what the tensors stand for as it is.

    Dimensions of tensors are `multiplied` or `divided` by them. The norm of the `measured` ones at a
    position is multiplied by its factor alone, once those of earlier scales are one.
    """

    axis: str
    measured: tuple[tuple[str, int], ...]
    multiplied: tuple[tuple[str, int], ...]
    divided: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class Collection:
    """Named tensors that the groups move together: a space, the weights of a model, a tuple of values.

    `label` is how the type is written (`weights(Classifier)`); `stored` says how inputs and results of
    the type are kept, where that is not tensor by tensor. `scales` are to be divided out when a value
    comes in. None of the three takes part in equality.
    """

    tensors: tuple[tuple[str, Tensor], ...]
    label: str = field(compare=False)
    stored: tuple[Stored, ...] = field(default=(), compare=False)
    scales: tuple[Scale, ...] = field(default=(), compare=False)

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(name for name, _ in self.tensors)

    def with_channels(self, channels: int | None) -> Collection:
        tensors = tuple((n, t.with_channels(channels)) for n, t in self.tensors)
        return Collection(tensors, self.label, self.stored, self.scales)

    def __str__(self) -> str:
        channels = {tensor.channels for _, tensor in self.tensors}
        if len(channels) != 1 or channels == {None}:
            return self.label
        (count,) = channels
        if self.label.endswith(")"):
            return f"{self.label[:-1]}; {count})"
        return f"{self.label}(; {count})"


Type = Tensor | Collection


def tensors_of(value: Type) -> tuple[tuple[str, Tensor], ...]:
    """The tensors of a type with their names; a single tensor's name is empty."""
    match value:
        case Tensor():
            return (("", value),)
        case Collection():
            return value.tensors


def tensor_named(value: Type, name: str) -> Tensor:
    """The tensor of a collection by its name; a single tensor answers to any."""
    return value if isinstance(value, Tensor) else dict(value.tensors)[name]


def axes_of(value: Type) -> tuple[Axis, ...]:
    """Every axis of a type once, in order of first appearance."""
    return tuple(dict.fromkeys(axis for _, tensor in tensors_of(value) for axis in tensor.axes))


def map_tensors(value: Type, change: Callable[[Tensor], Tensor]) -> Type:
    """The type with `change` applied to each of its tensors."""
    match value:
        case Tensor():
            return change(value)
        case Collection():
            tensors = tuple((n, change(t)) for n, t in value.tensors)
            return replace(value, tensors=tensors)
