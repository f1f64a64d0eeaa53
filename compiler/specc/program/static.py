"""Numbers known before any tensor is: arithmetic on build parameters, wherever a size stands."""

from __future__ import annotations

import operator
from collections.abc import Callable
from math import isfinite
from typing import assert_never

from ..errors import SpecError
from ..text import syntax

Static = int | float | bool | str

Lookup = Callable[[syntax.Name], Static]

_OPERATORS: dict[str, Callable[[float, float], float]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "//": operator.floordiv,
    "%": operator.mod,
}

LARGEST = 2**63 - 1
"""Whole numbers lie between this and its negative."""

_HINTS: dict[type[syntax.Expression], str] = {
    syntax.Bracket: "this is a type; `equivariant(x, TYPE)` maps to one",
    syntax.Product: "numbers are separated by commas",
    syntax.Call: "a size cannot depend on what an operation gives",
}
"""What stands in the place of a number, by its syntax."""


def evaluate(expression: syntax.Expression, lookup: Lookup) -> Static:
    """The number, boolean or string that an expression stands for."""
    match expression:
        case syntax.Number():
            return _within_limits(expression.value, expression)
        case syntax.Boolean() | syntax.String():
            return expression.value
        case syntax.Name():
            return lookup(expression)
        case syntax.Negative():
            return -number(expression.operand, lookup)
        case syntax.Binary():
            left = number(expression.left, lookup)
            right = number(expression.right, lookup)
            return combine(expression, left, right)
        case (
            syntax.Attribute()
            | syntax.Indexed()
            | syntax.Bracket()
            | syntax.Product()
            | syntax.Tuple()
            | syntax.Call()
        ):
            raise SpecError(
                "a number is needed here", expression.span, _HINTS.get(type(expression))
            )
        case _:
            assert_never(expression)


def number(expression: syntax.Expression, lookup: Lookup) -> int | float:
    """Like `evaluate`, where only a number will do."""
    value = evaluate(expression, lookup)
    if isinstance(value, bool | str):
        raise SpecError(f"a number is needed here, and this is {show(value)}", expression.span)
    return value


def size(expression: syntax.Expression, lookup: Lookup, what: str, least: int = 1) -> int:
    """A whole number of at least `least`; `what` says of what, for the message."""
    value = evaluate(expression, lookup)
    if isinstance(value, bool | str | float):
        hint = "`//` divides without a remainder" if isinstance(value, float) else None
        raise SpecError(
            f"{what} is a whole number, and this is {show(value)}", expression.span, hint
        )
    if value < least:
        raise SpecError(f"{what} is at least {least}, and this is {value}", expression.span)
    _within_limits(value, expression)
    return value


def combine(expression: syntax.Binary, left: int | float, right: int | float) -> int | float:
    """Two numbers under an operator; `/` of whole numbers stays whole where it can."""
    try:
        value = _combine(expression.operator, left, right)
    except ZeroDivisionError:
        raise SpecError("division by zero", expression.span) from None
    except OverflowError:
        raise SpecError("this number is too large", expression.span) from None
    if isinstance(value, complex):
        raise SpecError("a root of a negative number is not a real number", expression.span)
    return _within_limits(value, expression)


def _within_limits(value: int | float, expression: syntax.Expression) -> int | float:
    """A whole number of 64 bits, or a finite one."""
    if not (abs(value) <= LARGEST if isinstance(value, int) else isfinite(value)):
        raise SpecError("this number is too large", expression.span)
    return value


def _combine(sign: str, left: int | float, right: int | float) -> int | float:
    if sign == "^":
        if abs(right) > 64 and abs(left) > 1:
            raise OverflowError
        power: int | float = left**right
        return power
    if sign == "/":
        exact = isinstance(left, int) and isinstance(right, int) and left % right == 0
        return left // right if exact else left / right
    return _OPERATORS[sign](left, right)


def show(value: Static) -> str:
    """A static value as a spec writes it."""
    match value:
        case bool():
            return str(value).lower()
        case str():
            return f'"{value}"'
        case _:
            return str(value)
