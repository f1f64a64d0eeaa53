"""What each aten operation says of positions: one rule per operation, and none for those that are not known."""

from __future__ import annotations

from ..values import Facts
from . import attention, indices, pointwise, products, recurrent, shapes, windows
from .base import READS_NUMBERS, RULES, Call, Result, Rule, pin_numbers, values_in, without_rule
from .equal import constant, marked

__all__ = ["RULES", "Call", "Result", "Rule", "applied", "constant", "values_in", "without_rule"]

_REGISTERED = (attention, indices, pointwise, products, recurrent, shapes, windows)


def applied(facts: Facts, call: Call, overload: str, is_pointwise: bool) -> Result:
    """What is known of an operation's results, by its rule.

    That is found by name and overload, by name, or is the one of operations on each entry by itself.
    """
    keys = (f"{call.name}.{overload}", call.name)
    key = next((key for key in keys if key in RULES), None)
    if key not in READS_NUMBERS:
        pin_numbers(facts, call.tensors(), f"`{call.name}` computes with its positions")
    rule = RULES[key] if key is not None else pointwise.pointwise if is_pointwise else without_rule
    facts.copies.clear()
    return marked(facts, call, rule(facts, call))
