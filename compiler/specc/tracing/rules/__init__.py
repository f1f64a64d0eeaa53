"""What each aten operation says of positions: one rule per operation, and none for those that are not known."""

from __future__ import annotations

from . import attention, indices, pointwise, products, recurrent, shapes, windows
from .base import RULES, Call, Result, Rule, without_rule

__all__ = ["RULES", "Call", "Result", "Rule", "rule_of", "without_rule"]

_REGISTERED = (attention, indices, pointwise, products, recurrent, shapes, windows)


def rule_of(name: str, overload: str, is_pointwise: bool) -> Rule:
    """The rule of an operation: by its name and overload, by its name, as one on each entry by itself."""
    plain = name.removesuffix("_") if name.endswith("_") and not name.endswith("__") else name
    for key in (f"{plain}.{overload}", plain):
        if key in RULES:
            return RULES[key]
    return pointwise.pointwise if is_pointwise else without_rule
