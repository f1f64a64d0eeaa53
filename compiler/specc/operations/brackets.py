"""Brackets where Python's precedence needs them, and none where it does not."""

from __future__ import annotations

import ast
from enum import IntEnum


class Binding(IntEnum):
    """How tightly an expression holds together, as a sum up to a name or call."""

    ANY = 0
    SUM = 1
    PRODUCT = 2
    SIGN = 3
    POWER = 4
    ATOM = 5


def bracketed(code: str, least: Binding) -> str:
    """The expression, in brackets if it binds less tightly than its place asks for."""
    return f"({code})" if least > Binding.ANY and _binding(code) < least else code


def _binding(code: str) -> Binding:
    match ast.parse(code, mode="eval").body:
        case ast.BinOp(op=ast.Add() | ast.Sub()):
            return Binding.SUM
        case ast.BinOp(op=ast.Pow()):
            return Binding.POWER
        case ast.BinOp():
            return Binding.PRODUCT
        case ast.UnaryOp():
            return Binding.SIGN
        case _:
            return Binding.ATOM
