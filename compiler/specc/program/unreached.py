"""Why no linear map leads from some tensors to another: which group has none, and what would lead there."""

from __future__ import annotations

from collections.abc import Sequence

from ..groups import DUAL, Linear, Orthogonal, Signed, Symplectic
from ..types import Axis, Tensor


def reason_and_hint(inputs: Sequence[Tensor], target: Tensor) -> tuple[str, str | None]:
    """What stands after "no linear map leads from ... to ...", and a way out; empty where none is known."""
    movers = dict.fromkeys(axis.mover for each in (*inputs, target) for axis in each.axes)
    for mover in movers:
        sides = [[a for a in each.axes if a.mover == mover] for each in (*inputs, target)]
        axes = [axis for side in sides for axis in side]
        if any(isinstance(axis.group, Linear) for axis in axes):
            found = _unbalanced(sides[:-1], sides[-1], axes[0])
        else:
            found = _odd(sides[:-1], sides[-1], axes[0])
        if found is not None:
            return found
    return "", None


def _odd(
    inputs: Sequence[Sequence[Axis]], target: Sequence[Axis], axis: Axis
) -> tuple[str, str | None] | None:
    """Groups with -1 keep no tensor with an odd number of indices that change sign."""
    pairs = isinstance(axis.group, Orthogonal) and not axis.group.special
    if not (pairs or isinstance(axis.group, Symplectic | Signed)):
        return None
    written = _signed(target)
    totals = [_signed(each) + written for each in inputs]
    if not totals or any(total % 2 == 0 for total in totals):
        return None
    numbers = " or ".join(map(str, dict.fromkeys(totals)))
    hints = [] if written % 2 else ["`outer(x, x)` has twice as many indices"]
    if pairs and any(total >= axis.size and (total - axis.size) % 2 == 0 for total in totals):
        special = axis.group.notation(axis.size).replace("O(", "SO(")
        hints.append(f"under `{special}` the determinant is a map")
    return (
        f": under {axis.group.notation(axis.size)} the number of indices has to be even, "
        f"and here it is {numbers}",
        "; ".join(hints) or None,
    )


def _signed(axes: Sequence[Axis]) -> int:
    """How many of the indices change sign with -1."""
    return sum(not axis.permuted for axis in axes)


def _unbalanced(
    inputs: Sequence[Sequence[Axis]], target: Sequence[Axis], axis: Axis
) -> tuple[str, str | None] | None:
    """GL(n) pairs vectors with duals, where those of the input count as the opposite kind."""
    written = _excess(target)
    if any(_excess(each) == written for each in inputs):
        return None
    name = axis.mover
    return (
        f": under {axis.group.notation(axis.size)} every index `{name}` has to meet a `{name}` on the "
        f"other side, or a `dual({name})` on its own",
        f"`[dual({name})]` is a linear form on `{name}`",
    )


def _excess(axes: Sequence[Axis]) -> int:
    """By how many the vectors are more than the duals."""
    return sum(
        -1 if axis.group.kind == DUAL else 1 for axis in axes if isinstance(axis.group, Linear)
    )
