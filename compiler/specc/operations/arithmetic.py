"""Arithmetic on values, with numbers and with each other, broadcasting by axis name."""

from __future__ import annotations

import operator as python
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar, Literal

from ..symmetry.factors import ALL_FACTORS, NO_FACTORS, Factors
from ..symmetry.terms import Term
from ..types import Axis, Tensor, Type, tensor_named, tensors_of
from .base import Channels, Operation, Rules
from .brackets import Binding
from .broadcast import (
    aligned,
    broadcast,
    common_axes,
    multiplied,
    summed,
    without_signs,
)
from .points import subtracted_points, summed_points, with_points
from .pointwise import passing
from .representations import Algebra, admit, applied

Operator = Literal["+", "-", "*", "/", "^"]

_PYTHON = {"+": "+", "-": "-", "*": "*", "/": "/", "^": "**"}
_BINDING = {
    "+": (Binding.SUM, Binding.PRODUCT),
    "-": (Binding.SUM, Binding.PRODUCT),
    "*": (Binding.PRODUCT, Binding.SIGN),
    "/": (Binding.PRODUCT, Binding.SIGN),
    "^": (Binding.ATOM, Binding.SIGN),
}
_MEANING = {
    "+": python.add,
    "-": python.sub,
    "*": python.mul,
    "/": python.truediv,
    "^": python.pow,
}


class Arithmetic(Operation):
    """`x + y`: values with the same axes, or fewer; one channel goes with any number."""

    word: ClassVar[str] = "arithmetic"
    arity: ClassVar[int | None] = 2
    elementwise: ClassVar[bool] = True

    operator: Operator

    @property
    def algebra(self) -> Algebra | None:
        """Powers are any function; what sums and products are depends on both values."""
        return Algebra.ANY if self.operator == "^" else None

    @property
    def takes_points(self) -> bool:
        return self.operator in ("+", "-")

    @property
    def takes_complex(self) -> bool:
        return True

    def keeps_exchange(self, sign: int) -> bool:
        return True

    def result(self, inputs: tuple[Type, ...]) -> Type:
        match self.operator:
            case "+":
                total = with_points(broadcast(inputs, summed("+")), inputs, summed_points)
                return _exchanged(total, inputs)
            case "-":
                total = with_points(broadcast(inputs, summed("-")), inputs, subtracted_points)
                return _exchanged(total, inputs)
            case "^":
                return broadcast(inputs, summed("^"))
            case "*":
                return broadcast(inputs, multiplied("*"))
            case "/":
                admit("/", Algebra.ODD, inputs[1])
                return broadcast(inputs, multiplied("/"))

    def _aligned(
        self, inputs: tuple[Type, ...], result: Tensor
    ) -> tuple[Sequence[Tensor], tuple[Axis, ...]]:
        """The tensors, and the axes of the result, by names that are the same where positions meet."""
        tensors = [each for each in inputs if isinstance(each, Tensor)]
        if self.operator not in ("*", "/"):
            return tensors, result.axes
        plain = without_signs(tensors)
        return plain, common_axes(plain)

    @property
    def passes(self) -> Factors:
        return NO_FACTORS if self.operator == "^" else ALL_FACTORS

    def symmetry(
        self, rules: Rules, inputs: tuple[Channels, ...], types: tuple[Type, ...], result: Type
    ) -> Channels:
        """Factors are lost where a single channel is added to many, and where channels multiply."""
        merged = merged_channels(rules, inputs, types, result)
        for name, tensor in tensors_of(result):
            wide = [tensor_named(each, name).width == tensor.width for each in types]
            alone = self.operator in ("*", "/") and wide == [True, False]
            alone |= self.operator == "*" and wide == [False, True]
            alone |= self.operator in ("+", "-") and all(wide)
            if not alone:
                rules.restrict(merged[name], NO_FACTORS)
        return merged

    def expression(self, values: tuple[str, ...], inputs: tuple[Type, ...], result: Type) -> str:
        if isinstance(result, Tensor):
            tensors, axes = self._aligned(inputs, result)
            values = tuple(
                aligned(value, tensor, axes) for value, tensor in zip(values, tensors, strict=True)
            )
        return f"{values[0]} {_PYTHON[self.operator]} {values[1]}"

    def binding(self, place: int) -> Binding:
        return _BINDING[self.operator][place]

    def reference(
        self,
        xp: Any,
        values: tuple[Any, ...],
        inputs: tuple[Type, ...],
        result: Type,
        parameters: Mapping[str, Any],
    ) -> Any:
        assert isinstance(result, Tensor)
        tensors, axes = self._aligned(inputs, result)
        left, right = (
            spread_along(xp, value, tensor, Tensor(axes, None))
            for value, tensor in zip(values, tensors, strict=True)
        )
        return _MEANING[self.operator](left, right)

    def __str__(self) -> str:
        return self.operator


def _exchanged(total: Type, inputs: tuple[Type, ...]) -> Type:
    """A sum as symmetric as all of its terms, where these have the same axes."""
    if not isinstance(total, Tensor):
        return total
    kinds = {(each.axes, each.exchanges) for each in inputs if isinstance(each, Tensor)}
    if len(kinds) != 1:
        return total
    ((_, exchanges),) = kinds
    return replace(total, exchanges=exchanges)


class Constant(Operation):
    """`30 * x`, `x ^ 2`, `1 - x`: a value and a number; `left` says that the number stands first."""

    word: ClassVar[str] = "constant"
    elementwise: ClassVar[bool] = True

    operator: Operator
    number: int | float
    left: bool = False

    @property
    def algebra(self) -> Algebra:
        """`2 * x` and `x / 2` are linear, `2 / x` is odd; a whole power is even or odd as it is, the first linear."""
        match self.operator:
            case "*":
                return Algebra.LINEAR
            case "/":
                return Algebra.ODD if self.left else Algebra.LINEAR
            case "^" if not self.left and self.number == 1:
                return Algebra.LINEAR
            case "^" if not self.left and self.number == int(self.number):
                return Algebra.ODD if self.number % 2 else Algebra.EVEN
            case "^":
                return Algebra.ANY
            case _:
                return Algebra.AFFINE

    @property
    def takes_complex(self) -> bool:
        return True

    def result(self, inputs: tuple[Type, ...]) -> Type:
        return applied(self.algebra, inputs[0])

    @property
    def passes(self) -> Factors:
        return passing(self.algebra)

    def symmetry(
        self, rules: Rules, inputs: tuple[Channels, ...], types: tuple[Type, ...], result: Type
    ) -> Channels:
        return inputs[0]

    def expression(self, values: tuple[str, ...], inputs: tuple[Type, ...], result: Type) -> str:
        number = f"({self.number!r})" if self.number < 0 else repr(self.number)
        left, right = (number, values[0]) if self.left else (values[0], number)
        return f"{left} {_PYTHON[self.operator]} {right}"

    def binding(self, place: int) -> Binding:
        return _BINDING[self.operator][int(self.left)]

    def reference(
        self,
        xp: Any,
        values: tuple[Any, ...],
        inputs: tuple[Type, ...],
        result: Type,
        parameters: Mapping[str, Any],
    ) -> Any:
        meaning = _MEANING[self.operator]
        return meaning(self.number, values[0]) if self.left else meaning(values[0], self.number)

    def __str__(self) -> str:
        return f"{self.number} {self.operator}" if self.left else f"{self.operator} {self.number}"


class Minus(Operation):
    """`-x`."""

    word: ClassVar[str] = "minus"
    elementwise: ClassVar[bool] = True

    @property
    def algebra(self) -> Algebra:
        return Algebra.LINEAR

    @property
    def takes_complex(self) -> bool:
        return True

    def result(self, inputs: tuple[Type, ...]) -> Type:
        return inputs[0]

    @property
    def passes(self) -> Factors:
        return ALL_FACTORS

    def symmetry(
        self, rules: Rules, inputs: tuple[Channels, ...], types: tuple[Type, ...], result: Type
    ) -> Channels:
        return inputs[0]

    def expression(self, values: tuple[str, ...], inputs: tuple[Type, ...], result: Type) -> str:
        return f"-{values[0]}"

    def binding(self, place: int) -> Binding:
        return Binding.SIGN

    def reference(
        self,
        xp: Any,
        values: tuple[Any, ...],
        inputs: tuple[Type, ...],
        result: Type,
        parameters: Mapping[str, Any],
    ) -> Any:
        return -values[0]


def merged_channels(
    rules: Rules, inputs: tuple[Channels, ...], types: tuple[Type, ...], result: Type
) -> Channels:
    """Channels that meet position by position move together; a single channel meets them all."""
    merged: dict[str, Term] = {}
    for name, tensor in tensors_of(result):
        first, *others = [
            channels.get(name) or channels[""]
            for channels, each in zip(inputs, types, strict=True)
            if tensor_named(each, name).width == tensor.width
        ]
        for other in others:
            rules.same(first, other)
        merged[name] = first
    return merged


def spread_along(xp: Any, value: Any, tensor: Type, result: Type) -> Any:
    """A tensor `(batch, *axes, channels)` brought to the axes of the result, sizes of one inserted."""
    assert isinstance(tensor, Tensor) and isinstance(result, Tensor)
    have = [axis.name for axis in tensor.axes]
    want = [axis.name for axis in result.axes]
    if have == want:
        return value
    order = [name for name in want if name in have]
    value = value.permute(0, *(1 + have.index(name) for name in order), value.ndim - 1)
    for place, name in enumerate(want):
        if name not in have:
            value = value.unsqueeze(1 + place)
    return value
