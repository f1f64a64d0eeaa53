"""Products of two values in all pairs of channels: `outer` with all coordinates, `inner` contracted.

Axes that a group more than permutes are multiplied as indices: those of x, then those of y, or an
invariant form between. All other axes go by name, position by position.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from ..symmetry.terms import product_of
from ..types import Axis, Collection, Tensor, Type
from .base import Channels, Kind, Operation, Refusal, Rules
from .broadcast import keep_enclosed, meet, unsqueezed
from .complex_values import promoted
from .contractions import Pair, pairs
from .representations import Algebra, is_definite

Places = list[int | None]
"""For each dimension of a result the place of the axis in a value; None where it has none."""


@dataclass(frozen=True, slots=True)
class _Shared:
    """The axes of two values that go by name, and where they stand in each."""

    axes: tuple[Axis, ...]
    left: Places
    right: Places


class _Pairs(Operation):
    """What `outer` and `inner` share. `over` are further axes that are multiplied as indices."""

    arity: ClassVar[int | None] = 2
    kinds: ClassVar[Mapping[str, Kind]] = {"over": Kind.AXES}

    over: tuple[str, ...] | None = None

    @property
    def algebra(self) -> Algebra | None:
        """It is linear in each value, and its typing rule says what moves the products."""
        return None

    @property
    def takes_complex(self) -> bool:
        return True

    def _tensors(self, inputs: tuple[Type, ...]) -> tuple[Tensor, Tensor]:
        found = []
        for value in inputs:
            if isinstance(value, Collection):
                raise Refusal(
                    f"`{self.word}` works on two tensors, and one of these is a collection",
                    f"take one out of it: `x.{value.names[0]}`",
                    show_types=True,
                )
            found.append(value)
        first, second = found
        for name in self.over or ():
            if name not in {axis.name for axis in (*first.axes, *second.axes)}:
                raise Refusal(f"neither value has an axis `{name}`", show_types=True)
        return first, second

    def _is_index(self, axis: Axis) -> bool:
        return not axis.permuted or axis.name in (self.over or ())

    def _indices(self, tensor: Tensor) -> list[int]:
        """The places of the axes that are multiplied as indices."""
        return [i for i, axis in enumerate(tensor.axes) if self._is_index(axis)]

    def _shared(self, first: Tensor, second: Tensor) -> _Shared:
        """The other axes: those of x, then those that y alone has."""
        left, right = (
            [i for i in range(len(each.axes)) if i not in self._indices(each)]
            for each in (first, second)
        )
        self._check_shared(first, left, second)
        self._check_shared(second, right, first)
        places = {second.axes[i].name: i for i in right}
        axes = [
            meet(first.axes[i], second.axes[places[first.axes[i].name]])
            if first.axes[i].name in places
            else first.axes[i]
            for i in left
        ]
        names = [first.axes[i].name for i in left]
        alone = [i for i in right if second.axes[i].name not in names]
        return _Shared(
            keep_enclosed((*axes, *(second.axes[i] for i in alone))),
            [*left, *(None for _ in alone)],
            [*(places.get(name) for name in names), *alone],
        )

    def _check_shared(self, tensor: Tensor, places: Sequence[int], other: Tensor) -> None:
        names = [tensor.axes[i].name for i in places]
        for i in places:
            axis = tensor.axes[i]
            if names.count(axis.name) > 1 and axis.name in {each.name for each in other.axes}:
                raise Refusal(
                    f"`{axis.name}` stands twice in {tensor}, so it is ambiguous which of the two is meant",
                    f"`over = {axis.name}` multiplies all of them as indices",
                    show_types=True,
                )
            if axis.parent is not None and axis.parent.name in (self.over or ()):
                raise Refusal(
                    f"`over` has `{axis.parent.name}` and not `{axis.name}`, which lives in it",
                    f"`over = [{axis.parent.name}, {axis.name}]`",
                    show_types=True,
                )

    def symmetry(
        self, rules: Rules, inputs: tuple[Channels, ...], types: tuple[Type, ...], result: Type
    ) -> Channels:
        return {"": product_of([inputs[0][""], inputs[1][""]])}


class Outer(_Pairs):
    """`outer(x, y)`: all products, channels c_x c_y, indices those of x and then those of y."""

    word: ClassVar[str] = "outer"

    def result(self, inputs: tuple[Type, ...]) -> Type:
        first, second = self._tensors(inputs)
        axes = tuple(axis for axis, _, _ in self._layout(first, second))
        made = Tensor(keep_enclosed(axes), first.width * second.width)
        return promoted(made, inputs)

    def _layout(self, first: Tensor, second: Tensor) -> list[tuple[Axis, int | None, int | None]]:
        """The axes of the result: as they stand in x, then those of y that are left."""
        shared = self._shared(first, second)
        together = list(zip(shared.axes, shared.left, shared.right, strict=True))
        by_place = {left: (axis, left, right) for axis, left, right in together}
        found = [by_place.get(i, (axis, i, None)) for i, axis in enumerate(first.axes)]
        alone = {right: axis for axis, left, right in together if left is None}
        met = {right for _, left, right in together if left is not None}
        rest = [i for i in range(len(second.axes)) if i not in met]
        return found + [(alone.get(i, second.axes[i]), None, i) for i in rest]

    def expression(self, values: tuple[str, ...], inputs: tuple[Type, ...], result: Type) -> str:
        first, second = self._tensors(inputs)
        layout = self._layout(first, second)
        x = _laid_out(values[0], first, [left for _, left, _ in layout])
        y = _laid_out(values[1], second, [right for _, _, right in layout])
        return f"outer({x}, {y})"

    def reference(
        self,
        xp: Any,
        values: tuple[Any, ...],
        inputs: tuple[Type, ...],
        result: Type,
        parameters: Mapping[str, Any],
    ) -> Any:
        """Channel by channel."""
        first, second = self._tensors(inputs)
        layout = self._layout(first, second)
        x = _arranged(values[0], [left for _, left, _ in layout])
        y = _arranged(values[1], [right for _, _, right in layout])
        return xp.stack(
            [x[..., i] * y[..., j] for i in range(first.width) for j in range(second.width)], -1
        )


class Inner(_Pairs):
    """`inner(x, y)`: the products of all pairs of channels, contracted with the form of the group.

    The indices of x are paired with those of y in order: <x, y> = sum x_i form_ij y_j. Complex x is
    conjugated, so that the vectors of a unitary group are paired with each other.
    """

    word: ClassVar[str] = "inner"

    def result(self, inputs: tuple[Type, ...]) -> Type:
        first, second = self._tensors(inputs)
        self._contracted(first, second)
        made = Tensor(self._shared(first, second).axes, first.width * second.width)
        return promoted(made, inputs)

    def _contracted(self, first: Tensor, second: Tensor) -> list[Pair]:
        conjugates = first.conjugate()
        found = pairs(conjugates, self._indices(first), second, self._indices(second))
        if isinstance(found, Axis):
            raise Refusal(*_no_partner(found, conjugates, second), show_types=True)
        return found

    def expression(self, values: tuple[str, ...], inputs: tuple[Type, ...], result: Type) -> str:
        first, second = self._tensors(inputs)
        shared, found = self._shared(first, second), self._contracted(first, second)
        x, y = values
        if first.complex:
            x = f"{x}.conj()"
        if found and second.complex and not first.complex:
            x = f"as_complex({x})"
        if found and first.complex and not second.complex:
            y = f"as_complex({y})"
        x = _laid_out(x, first, [*shared.left, *(pair.left for pair in found)])
        for pair in found:
            if not is_definite(pair.form):
                y = _lowered(y, 1 + pair.right, pair.form.negative)
        y = _laid_out(y, second, [*shared.right, *(pair.right for pair in found)])
        return f"inner({x}, {y}, {len(found)})" if found else f"outer({x}, {y})"

    def reference(
        self,
        xp: Any,
        values: tuple[Any, ...],
        inputs: tuple[Type, ...],
        result: Type,
        parameters: Mapping[str, Any],
    ) -> Any:
        """Channel by channel, coordinate by coordinate."""
        first, second = self._tensors(inputs)
        shared, found = self._shared(first, second), self._contracted(first, second)
        given = values[0].conj() if first.complex else values[0]
        x = _arranged(given, [*shared.left, *(pair.left for pair in found)])
        y = _arranged(values[1], [*shared.right, *(pair.right for pair in found)])
        start = 1 + len(shared.axes)
        for place, pair in enumerate(found):
            matrix = xp.tensor(pair.form.matrix(first.axes[pair.left].size), dtype=y.dtype)
            y = xp.tensordot(y, matrix, ([start + place], [1])).movedim(-1, start + place)
        made = []
        for i in range(first.width):
            for j in range(second.width):
                product = x[..., i] * y[..., j]
                made.append(product.flatten(start).sum(-1) if found else product)
        return xp.stack(made, -1)


def _no_partner(axis: Axis, first: Tensor, second: Tensor) -> tuple[str, str]:
    """Why an index is paired with none, and what would be."""
    group = axis.group.notation(axis.size)
    if axis.unitary:
        return (
            f"`inner` conjugates x, and then `{axis.name}` has no partner: {group} keeps the product of "
            "a vector with the conjugate of a vector",
            f"`conj(x)` is of `{axis.dual().name}`",
        )
    if axis.permuted or not (axis in first.axes and axis in second.axes):
        return (
            f"`inner` pairs the indices of x with those of y, and `{axis.name}` is left alone",
            "`equivariant(outer(x, y), TYPE)` has every contraction",
        )
    return (
        f"`inner` needs an invariant form, and {group} has none on `{axis.name}` and `{axis.name}`",
        f"a vector is paired with a dual: `[dual({axis.name})]`",
    )


def _lowered(value: str, dim: int, negative: int | None) -> str:
    if negative is None:
        return f"lower_symplectic({value}, {dim})"
    return f"lower({value}, {dim}, {negative})"


def _laid_out(value: str, tensor: Tensor, places: Places) -> str:
    """Code that brings `(batch, *axes, channels)` to dimensions at these places, of size one at None."""
    order = [0, *(1 + place for place in places if place is not None), 1 + len(tensor.axes)]
    if order != sorted(order):
        value = f"{value}.permute({', '.join(map(str, order))})"
    return unsqueezed(value, [1 + i for i, place in enumerate(places) if place is None])


def _arranged(value: Any, places: Places) -> Any:
    """The same on a value."""
    order = [0, *(1 + place for place in places if place is not None), value.ndim - 1]
    value = value.permute(order)
    for i, place in enumerate(places):
        if place is None:
            value = value.unsqueeze(1 + i)
    return value
