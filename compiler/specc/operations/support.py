"""`support = 3`: how far the maps of a layer reach along cyclic axes, those of C(n) and D(n)."""

from __future__ import annotations

from collections.abc import Sequence

from ..groups import Cyclic, Dihedral
from ..names import counted
from ..symmetry.folding import Operand
from ..types import Axis
from .refusal import Refusal


def supports(
    numbers: Sequence[int], read: Sequence[Operand], written: Sequence[Operand]
) -> dict[str, int]:
    """How many offsets there are along each cyclic axis that is read and written, by what moves it.

    One number is for all of these axes, several are for them in their order. Raises `Refusal`.
    """
    axes = _cyclic(read, written)
    if len(numbers) not in (1, len(axes)):
        named = ", ".join(f"`{axis.name}`" for axis in axes)
        raise Refusal(
            f"`support` has {counted(len(numbers), 'number')}, and there "
            f"{'is' if len(axes) == 1 else 'are'} {counted(len(axes), 'cyclic axis', 'cyclic axes')}: {named}",
            show_types=True,
        )
    each = tuple(numbers) * len(axes) if len(numbers) == 1 else tuple(numbers)
    for axis, number in zip(axes, each, strict=True):
        _refuse_window(axis, number)
        for operand in (*read, *written):
            indices = sum(other.mover == axis.mover for other in operand.tensor.axes)
            if indices > 1:
                raise Refusal(
                    f"`support` needs one index of `{axis.name}`, and {operand.tensor} has {indices}",
                    show_types=True,
                )
    return {axis.mover: number for axis, number in zip(axes, each, strict=True)}


def _cyclic(read: Sequence[Operand], written: Sequence[Operand]) -> list[Axis]:
    """The cyclic axes that are read and written, in order."""
    made = {axis.mover for operand in written for axis in operand.tensor.axes if not axis.pinned}
    shared = {
        axis.mover: axis
        for operand in reversed(read)
        for axis in reversed(operand.tensor.axes)
        if axis.mover in made and not axis.pinned
    }
    in_order = list(reversed(shared.values()))
    found = [axis for axis in in_order if isinstance(axis.group, Cyclic | Dihedral)]
    if not found and in_order:
        other = in_order[0]
        raise Refusal(
            f"`support` is for cyclic axes, and `{other.name}` is {other.symmetry}",
            "C(n) and D(n) know which positions are neighbours",
            show_types=True,
        )
    if not found:
        raise Refusal(
            "`support` is for cyclic axes, and no such axis is in the input and in the result",
            show_types=True,
        )
    return found


def _refuse_window(axis: Axis, number: int) -> None:
    if number % 2 == 0:
        raise Refusal(
            f"`support` counts as many offsets on either side of 0, so it is odd, not {number}",
            f"`support = {number + 1 if number < axis.size else number - 1}`",
        )
    if number > axis.size:
        raise Refusal(
            f"`support = {number}` is more than `{axis.name}` has positions, {axis.size}",
            "without `support` maps reach everywhere",
            show_types=True,
        )
