"""What each aten operation says of positions: one rule per operation, and none for those that are not known."""

from __future__ import annotations

from ..values import Facts, Value
from . import attention, indices, pointwise, products, recurrent, shapes, windows
from .base import READS_NUMBERS, RULES, Call, Result, Rule, pin_numbers, values_in, without_rule

__all__ = ["RULES", "Call", "Result", "Rule", "applied", "values_in", "without_rule"]

_REGISTERED = (attention, indices, pointwise, products, recurrent, shapes, windows)


OF_FEW_VALUES = frozenset(
    (
        "relu", "relu6", "hardtanh", "threshold", "hardsigmoid", "hardswish", "hardshrink", "softshrink",
        "sign", "sgn", "round", "floor", "ceil", "trunc", "heaviside", "one_hot", "argmax", "argmin",
        "bucketize", "searchsorted",
    )
)  # fmt: skip
"""Operations whose results may well be equal at several positions, exactly."""


def applied(facts: Facts, call: Call, overload: str, is_pointwise: bool) -> Result:
    """What is known of an operation's results, by its rule.

    That is found by name and overload, by name, or is the one of operations on each entry by itself.
    """
    keys = (f"{call.name}.{overload}", call.name)
    key = next((key for key in keys if key in RULES), None)
    if key not in READS_NUMBERS:
        pin_numbers(facts, call.tensors(), f"`{call.name}` computes with its positions")
    rule = RULES[key] if key is not None else pointwise.pointwise if is_pointwise else without_rule
    result = rule(facts, call)
    if call.name in OF_FEW_VALUES and isinstance(result, Value):
        facts.copies += result.dims
    return result
