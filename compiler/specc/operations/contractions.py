"""Which indices of two values are multiplied with a form of their group between."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..groups import Form, Structure, pairing
from ..types import Axis, Tensor


@dataclass(frozen=True, slots=True)
class Pair:
    """Indices of two values, by their places: x_i form_ij y_j is summed."""

    left: int
    right: int
    form: Form


def mixed(tensor: Tensor) -> list[int]:
    """The places of the axes whose group mixes coordinates, or scales them."""
    kinds = (Structure.POSITIVE, Structure.MONOMIAL, Structure.OTHER)
    return [i for i, axis in enumerate(tensor.axes) if axis.structure in kinds]


def pairs(
    first: Tensor, lefts: Sequence[int], second: Tensor, rights: Sequence[int]
) -> list[Pair] | Axis:
    """Each of some indices of the first with one of the second, in order; or one that has no partner."""
    free = list(rights)
    found = []
    for left in lefts:
        forms = {right: paired(first.axes[left], second.axes[right]) for right in free}
        right, form = next(((r, f) for r, f in forms.items() if f is not None), (None, None))
        if right is None or form is None:
            return first.axes[left]
        free.remove(right)
        found.append(Pair(left, right, form))
    return second.axes[free[0]] if free else found


def paired(first: Axis, second: Axis) -> Form | None:
    """The invariant form of two indices, if one element moves both and there is one."""
    if first.pinned and first == second:
        return Form(0)
    if first.mover != second.mover or first.size != second.size or first.parent != second.parent:
        return None
    return pairing(first.group, second.group, first.size)
