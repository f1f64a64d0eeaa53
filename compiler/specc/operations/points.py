"""Points and displacements over E(n): what a combination of them weighs.

A translation moves a point and leaves a displacement as it is. So a sum of points, each times a number,
is a point where the numbers sum to one (it weighs one), a displacement where they sum to zero, and
neither otherwise. Along the coordinates the group acts on displacements by its linear part.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from math import prod

from ..types import Axis, Collection, Tensor, Type, tensor_named, tensors_of
from .refusal import Refusal

_NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")

Points = Callable[[Sequence[Tensor]], bool]
"""Whether a combination of tensors is of points; raises `Refusal` where it is neither."""


def refuse_points(word: str, inputs: Sequence[Type]) -> None:
    """Raises `Refusal` where a value is of points: for what only displacements have."""
    for value in inputs:
        for _, tensor in tensors_of(value):
            if tensor.coordinates is not None:
                axis = tensor.axes[tensor.coordinates]
                raise Refusal(
                    f"`{word}` of points depends on where the origin is, and {axis.symmetry} moves"
                    f" it along `{axis.name}`",
                    f"{_centred(tensor)} is a displacement",
                    show_types=True,
                )


def _centred(tensor: Tensor) -> str:
    """How a displacement is made of points."""
    several = [axis for axis in tensor.axes if axis.permuted and axis.size > 1]
    return f"`x - mean[{several[0].name}](x)`" if several else "a difference `x - y` of points"


def with_points(result: Type, inputs: Sequence[Type], points: Points) -> Type:
    """The type of a combination, tensor by tensor, of points where `points` says so.

    A combination without E(n), because one value has less symmetry, has no points.
    """

    def marked(name: str, tensor: Tensor) -> Tensor:
        if not any(axis.affine for axis in tensor.axes):
            return tensor
        return replace(tensor, points=points([tensor_named(value, name) for value in inputs]))

    if isinstance(result, Tensor):
        return marked("", result)
    tensors = tuple((name, marked(name, tensor)) for name, tensor in result.tensors)
    return Collection(tensors, result.label, result.stored)


def summed_points(tensors: Sequence[Tensor]) -> bool:
    """`x + y`: a point and a displacement make a point."""
    weight = sum(tensor.points for tensor in tensors)
    if weight > 1:
        raise _weighs(weight)
    return weight == 1


def subtracted_points(tensors: Sequence[Tensor]) -> bool:
    """`x - y`: two points make a displacement, a point and a displacement a point."""
    first, second = tensors
    if second.points and not first.points:
        raise Refusal(
            "a displacement minus a point is not a point under translation: it weighs -1",
            "`x - v` with the point `x` first is a point",
            show_types=True,
        )
    return first.points and not second.points


def joined_points(tensors: Sequence[Tensor]) -> bool:
    """`concat(x, y)`: all channels are points, or all are displacements."""
    if len({tensor.points for tensor in tensors}) > 1:
        raise Refusal(
            "`concat` would put points and displacements into one tensor, and translations move only"
            " the points",
            "`equivariant((x, v), c)` mixes the two",
            show_types=True,
        )
    return tensors[0].points


def totalled_points(reduced: Sequence[Axis]) -> Points:
    """`sum[a](x)`: of more than one point neither a point nor a displacement."""

    def points(tensors: Sequence[Tensor]) -> bool:
        count = prod(axis.size for axis in reduced)
        if tensors[0].points and (count > 1 or any(axis.masked for axis in reduced)):
            raise _weighs(count)
        return tensors[0].points

    return points


def kept_points(tensors: Sequence[Tensor]) -> bool:
    """`mean[a](x)`: points make a point."""
    return tensors[0].points


def _weighs(count: int) -> Refusal:
    number = _NUMBERS[count] if count < len(_NUMBERS) else str(count)
    return Refusal(
        f"a sum of points is not a point under translation ({number} points weigh {count})",
        "`mean[axis](x)` is a point, and a difference `x - y` a displacement",
        show_types=True,
    )
