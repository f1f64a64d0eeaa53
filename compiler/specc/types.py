"""Types of values: axes with the groups that act on them, tensors, collections of tensors.

Every type is frozen, compares by meaning and prints as the language writes it: `[node, node; 32]`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from math import prod

from .groups import Group, Pinned, Symmetric


@dataclass(frozen=True, slots=True)
class Axis:
    """A named axis with `size` positions. Axes of one name are moved by one and the same group element.

    `parent` is the axis that this one lives in (a wreath product): the positions of `member` are
    permuted separately in each position of its `cloud`. `coded` says that learned codes stand for the
    positions of an axis that is pinned where it was declared.
    """

    name: str
    size: int
    group: Group
    parent: Axis | None = None
    coded: bool = False

    @property
    def pinned(self) -> bool:
        """Whether its positions are all distinct; so is an axis with a single position."""
        return isinstance(self.group, Pinned) or self.size == 1

    @property
    def masked(self) -> bool:
        """Whether a mask says at run time which positions are there."""
        return isinstance(self.group, Symmetric) and self.group.masked

    @property
    def symmetry(self) -> str:
        """The group as written in a spec: `S(32)`, `S(8) in head`, `pinned`."""
        inside = f" in {self.parent.name}" if self.parent else ""
        return self.group.notation(self.size) + inside

    def pin(self) -> Axis:
        """The same axis, asked for less symmetry: every position is distinct."""
        return replace(self, group=Pinned(), parent=None, coded=False)

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True, slots=True)
class Tensor:
    """`[a, b; c]`: at run time `(batch, a, b, c)`; with `channels` None `(batch, a, b)`, which counts as one."""

    axes: tuple[Axis, ...]
    channels: int | None

    @property
    def width(self) -> int:
        """The number of channels, one where there is no channel dimension."""
        return 1 if self.channels is None else self.channels

    @property
    def positions(self) -> int:
        return prod(axis.size for axis in self.axes)

    def with_channels(self, channels: int | None) -> Tensor:
        return replace(self, channels=channels)

    def __str__(self) -> str:
        names = ", ".join(axis.name for axis in self.axes)
        return f"[{names}]" if self.channels is None else f"[{names}; {self.channels}]"


@dataclass(frozen=True, slots=True)
class Collection:
    """Named tensors that the groups move together: a space, the weights of a model, a tuple of values.

    `label` is how the type is written (`weights(Classifier)`); it takes no part in equality.
    """

    tensors: tuple[tuple[str, Tensor], ...]
    label: str = field(compare=False)

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(name for name, _ in self.tensors)

    def with_channels(self, channels: int | None) -> Collection:
        return Collection(
            tuple((n, t.with_channels(channels)) for n, t in self.tensors), self.label
        )

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
            return Collection(tuple((n, change(t)) for n, t in value.tensors), value.label)
