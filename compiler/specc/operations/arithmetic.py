"""Arithmetic on values, with numbers and with each other, broadcasting by axis name."""

from __future__ import annotations

import operator as python
from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from ..symmetry.terms import Term
from ..types import Tensor, Type, tensor_named, tensors_of
from .base import Channels, Operation, Rules
from .brackets import Binding
from .broadcast import aligned, broadcast

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

    def result(self, inputs: tuple[Type, ...]) -> Type:
        return broadcast(inputs)

    def symmetry(
        self, rules: Rules, inputs: tuple[Channels, ...], types: tuple[Type, ...], result: Type
    ) -> Channels:
        return merged_channels(rules, inputs, types, result)

    def expression(self, values: tuple[str, ...], inputs: tuple[Type, ...], result: Type) -> str:
        if isinstance(result, Tensor):
            values = tuple(
                aligned(value, tensor, result.axes)
                for value, tensor in zip(values, inputs, strict=True)
                if isinstance(tensor, Tensor)
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
        left, right = (
            spread_along(xp, value, tensor, result)
            for value, tensor in zip(values, inputs, strict=True)
        )
        return _MEANING[self.operator](left, right)

    def __str__(self) -> str:
        return self.operator


class Constant(Operation):
    """`30 * x`, `x ^ 2`, `1 - x`: a value and a number; `left` says that the number stands first."""

    word: ClassVar[str] = "constant"
    elementwise: ClassVar[bool] = True

    operator: Operator
    number: int | float
    left: bool = False

    def result(self, inputs: tuple[Type, ...]) -> Type:
        return inputs[0]

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

    def result(self, inputs: tuple[Type, ...]) -> Type:
        return inputs[0]

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
